//! Whether a text is JSON, and where it is not.

use serde::de::IgnoredAny;

/// Whether a text is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(without_mark(text)).is_ok()
}

/// Where a text is no JSON: the place of its first fault, and the reason with its line. `None` if it is JSON.
pub(crate) fn fault_at(text: &str) -> Option<(usize, String)> {
    let read = without_mark(text);
    let error = serde_json::from_str::<IgnoredAny>(read).err()?;
    let line = error.line().saturating_sub(1);
    let before: usize = read.split_inclusive('\n').take(line).map(str::len).sum();
    let mut at =
        (before + error.column().saturating_sub(1)).min(read.len()) + (text.len() - read.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    Some((at, error.to_string()))
}

/// A text without its byte order mark.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_has_a_place() {
        let at = |text: &str| fault_at(text).map(|(at, _)| text[at..].to_owned());
        assert_eq!(at("{\n \"a\": 'b'}").as_deref(), Some("'b'}"));
        assert_eq!(at("\u{feff}{\"é\": x}").as_deref(), Some("x}"));
        assert_eq!(at("{\"a\":1} ]").as_deref(), Some("]"));
        assert!(at("{\"a\":").is_some());
        assert!(at("").is_some());
        assert_eq!(at("\u{feff}{\"a\":1.50}"), None);
    }

    #[test]
    fn no_depth_is_a_danger() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert!(is_json(&deep));
    }
}
