//! Bytes as hexadecimal digits, and characters that change a text without being seen in it.

use std::fmt::Write as _;

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Whether a character is one that terminals obey and people do not see: it could move the cursor, hide text, or change the order of
/// what is read. Names must have none of them.
#[must_use]
pub fn is_obeyed(letter: char) -> bool {
    // The second part is Unicode's property `Bidi_Control`.
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0, 0xa, 0xff]), "000aff");
    }

    #[test]
    fn letters_and_spaces_are_not_obeyed() {
        assert!("aä字 \u{a0}👍🏽".chars().all(|letter| !is_obeyed(letter)));
        assert!("\u{1b}\u{7f}\u{61c}\u{202e}\u{2069}".chars().all(is_obeyed));
    }
}
