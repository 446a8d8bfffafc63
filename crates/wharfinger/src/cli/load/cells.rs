//! Cells of tables that spreadsheets would take for formulas.
//!
//! A program such as Excel runs a cell that begins with one of [`FORMULA`]. So a text that begins with one of them is written with a `'`
//! in front, and read without it. A text that begins with `'` and such a character itself gets one more, so that each text is
//! read back as it was. Numbers are written without it: none of them is below zero.

use std::borrow::Cow;

/// What a formula begins with. The last three are passed over by spreadsheets, and a formula may follow.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];
const GUARD: char = '\'';

/// A text as it is written to a table.
pub(in super::super) fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) {
        format!("{GUARD}{text}").into()
    } else {
        text.into()
    }
}

/// The text of a cell of a table.
pub(super) fn unguarded(cell: &str) -> &str {
    let text = cell.strip_prefix(GUARD);
    text.filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Whether it would be a formula, but for the guards in front of it.
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
