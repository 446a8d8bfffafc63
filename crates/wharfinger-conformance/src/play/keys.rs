//! Order keys of a case that can be replaced wherever they stand.

use std::collections::BTreeSet;

use crate::case::Case;

/// Characters of a key that is replaced. Longer ones are about the limit.
const CHARS_MAX: usize = 64;

/// Words of a response that depend on the length of the request.
const OF_PLACES: [&str; 2] = ["column ", " bytes"];

/// The keys that are letters, digits, hyphens and underscores, with a letter first and a digit, such as `A-1`. `attributes` hold
/// the keys. There are none if a response names a column or a size, because a longer key would change it.
pub(super) fn of(case: &Case, attributes: &[String]) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (_, exchange) in case.exchanges() {
        if exchange
            .golden()
            .is_ok_and(|golden| OF_PLACES.iter().any(|words| golden.body.contains(words)))
        {
            return BTreeSet::new();
        }
        let body = exchange.body();
        let body = String::from_utf8_lossy(&body);
        for attribute in attributes {
            keys.extend(
                values(&body, attribute)
                    .filter(|key| is_plain(key))
                    .map(str::to_owned),
            );
        }
        if !attributes.is_empty() {
            let is_beside = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
            let (_, query) = exchange.target.split_once('?').unwrap_or_default();
            let words = query
                .split(is_beside)
                .filter(|word| word.contains('-') && is_plain(word));
            keys.extend(words.map(str::to_owned));
        }
    }
    keys
}

/// The texts that a member of this name has, in any letter case. The text needs not be JSON: some cases have faults.
fn values<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let name = name.to_owned();
    let mut pieces = text.split('"').peekable();
    std::iter::from_fn(move || {
        loop {
            let piece = pieces.next()?;
            let is_member = piece.eq_ignore_ascii_case(&name);
            if is_member && pieces.peek().is_some_and(|between| between.trim() == ":") {
                pieces.next();
                return pieces.next();
            }
        }
    })
}

fn is_plain(key: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    key.len() <= CHARS_MAX
        && key.bytes().all(is_part)
        && key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_texts_with_faults() {
        let text =
            r#"[{"Ref": "A-1","ref":"A-1"},{"ref":5},{"other":"ref"},{"ref":"x y"}] {"ref":"B7"#;
        let found: Vec<&str> = values(text, "ref").collect();
        assert_eq!(found, ["A-1", "A-1", "x y", "B7"]);
        let plain: Vec<&str> = found.into_iter().filter(|key| is_plain(key)).collect();
        assert_eq!(plain, ["A-1", "A-1", "B7"]);
    }
}
