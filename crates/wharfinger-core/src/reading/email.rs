//! Comparison and search of e-mail addresses.

use std::borrow::Cow;

/// Normalises an address for comparison: trims white space and converts ASCII letters to lower case.
///
/// RFC 5321 lets the part before the `@` be case-sensitive. No major provider treats it so, and people type it either
/// way.
#[must_use]
pub fn normal(address: &str) -> Cow<'_, str> {
    let trimmed = address.trim();
    if trimmed.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(trimmed.to_ascii_lowercase())
    } else {
        Cow::Borrowed(trimmed)
    }
}

/// Whether two spellings are the same address.
#[must_use]
pub fn is_same(left: &str, right: &str) -> bool {
    left.trim().eq_ignore_ascii_case(right.trim())
}

/// Whether a text contains an address, in any spelling, and not as part of a longer one.
///
/// JSON escapes are decoded, even if the text is not JSON.
#[must_use]
pub fn is_mentioned(text: &str, address: &str) -> bool {
    let wanted = normal(address);
    if wanted.is_empty() {
        return false;
    }
    stands_in(text, &wanted) || text.contains('\\') && stands_in(&without_escapes(text), &wanted)
}

/// Whether the name of a file, or a note, has an address in it, in any spelling. What stands beside it does not count: names join
/// their parts with points, hyphens and underscores, which addresses contain too.
#[must_use]
pub fn is_beside_anything(text: &str, address: &str) -> bool {
    let wanted = normal(address);
    !wanted.is_empty() && text.to_ascii_lowercase().contains(&*wanted)
}

fn stands_in(text: &str, wanted: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.match_indices(wanted).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let mut behind = text[start + wanted.len()..].chars();
        let goes_on = |next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '@');
        let is_longer_before = before.is_some_and(|last| goes_on(last) || ".+".contains(last));
        let is_longer_behind = match behind.next() {
            Some('.') => behind.next().is_some_and(goes_on),
            next => next.is_some_and(goes_on),
        };
        !is_longer_before && !is_longer_behind
    })
}

/// Decodes JSON escapes. Escaped control characters become spaces, because no address contains one.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut letters = escape.chars();
        match letters.next() {
            Some('u') => {
                let code = letters.as_str().get(..4);
                let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(letter) => {
                        plain.push(letter);
                        letters = escape[5..].chars();
                    }
                    None => plain.push('u'),
                }
            }
            Some('b' | 'f' | 'n' | 'r' | 't') => plain.push(' '),
            other => plain.extend(other),
        }
        rest = letters.as_str();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_have_one_normal_form() {
        for spelling in ["ann@example.com", " Ann@EXAMPLE.com\n"] {
            assert_eq!(normal(spelling), "ann@example.com");
            assert!(is_same(spelling, "ANN@example.com "));
        }
        // Only ASCII letters are converted.
        assert_eq!(normal("Ä@example.com"), "Ä@example.com");
        assert!(!is_same("ann@example.com", "anne@example.com"));
    }

    #[test]
    fn an_address_is_found_in_any_spelling_and_not_in_a_longer_one() {
        for text in [
            "ann@example.com",
            r#"{"email": " Ann@Example.COM"#,
            r#"{"a":"ann\u0040example\u002Ecom"}"#,
            r#""\nann@example.com\t""#,
            r#""<ann@example.com>. And so on"#,
            r"\u00",
            "mailto:ann@example.com",
            "anne@example.com, ann@example.com.",
        ] {
            assert_eq!(
                is_mentioned(text, "Ann@example.com "),
                text != r"\u00",
                "{text}"
            );
        }
        for text in [
            "",
            "joann@example.com",
            "jo.ann@example.com",
            "ann@example.com.au",
            "ann@example.community",
            r#""\u006aann@example.com""#,
            r"ann\",
        ] {
            assert!(!is_mentioned(text, "ann@example.com"), "{text}");
        }
        assert!(!is_mentioned("anything", " "));
    }

    #[test]
    fn an_address_is_found_between_the_parts_of_a_file_name() {
        for name in [
            "ann@example.com",
            "Ann@Example.com.json",
            "orders_ann@example.com-2026.tar.gz",
            "ann@example.com.csv",
            "orders-ANN@EXAMPLE.COM-1.csv",
        ] {
            assert!(is_beside_anything(name, " ann@EXAMPLE.com"), "{name}");
        }
        assert!(!is_beside_anything("ann@example.csv", "ann@example.com"));
        assert!(!is_beside_anything("anything", " "));
    }
}
