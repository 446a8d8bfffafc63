//! Text that comes from outside, and patterns of names.

use std::borrow::Cow;

/// Escapes control characters for a terminal.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let escape = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(escape).collect::<String>().into()
}

/// A value as one line of JSON. Terminals obey control characters that JSON lets pass, so these are escaped.
///
/// # Errors
/// The value cannot be written as JSON.
pub(crate) fn json_line(value: &impl serde::Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let escape = |letter: char| match letter.is_control() {
        true => format!("\\u{:04x}", u32::from(letter)),
        false => letter.to_string(),
    };
    Ok(text.chars().map(escape).collect())
}

/// Whether a name matches a pattern, in which `*` stands for any text and `?` for one character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Which beginnings of the name match the pattern so far.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for letter in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match letter {
                '*' => reached[at] || at > 0 && next[at - 1],
                '?' => at > 0 && reached[at - 1],
                _ => at > 0 && reached[at - 1] && name[at - 1] == letter,
            };
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("0001-*", "0001-a-case", true),
            ("*batch*", "0020-a-batch-of-good", true),
            ("00?1-a", "0011-a", true),
            ("0001", "0001-a", false),
            ("*", "", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "abb", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
