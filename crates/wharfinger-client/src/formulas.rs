//! Protects table cells that a spreadsheet would run as formulas.
//!
//! Programs such as Excel evaluate a cell that begins with one of [`FORMULA`]. Such text is written with a leading `'`, which
//! is removed when it is read. Text that begins with `'` and one of these characters gets one more `'`, so that every text
//! survives a round trip. Numbers need no protection, because none of them is negative.

use std::borrow::Cow;

/// First characters of formulas. Spreadsheets skip the last three, and a formula may follow them.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];
const GUARD: char = '\'';

/// Encodes text for a table cell.
#[must_use]
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) {
        format!("{GUARD}{text}").into()
    } else {
        text.into()
    }
}

/// Decodes the text of a table cell.
#[must_use]
pub fn unguarded(cell: &str) -> &str {
    let text = cell.strip_prefix(GUARD);
    text.filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Whether a spreadsheet would evaluate the text, ignoring leading guards.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(GUARD).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_guarded_and_nothing_else() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-5", "'-5"),
            ("+46 70", "'+46 70"),
            ("@cmd", "'@cmd"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("", ""),
            ("'", "'"),
            ("'n Sync", "'n Sync"),
            ("TEA-7", "TEA-7"),
        ] {
            assert_eq!(guarded(text), cell);
            assert_eq!(unguarded(cell), text);
        }
        assert_eq!(unguarded("-5"), "-5", "a table written by hand is read too");
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_and_none_is_a_formula(text in "['=+@\t-]{0,4}[a-z0-9]{0,2}") {
            let cell = guarded(&text);
            prop_assert!(!cell.starts_with(FORMULA));
            prop_assert_eq!(unguarded(&cell), text.as_str());
        }
    }
}
