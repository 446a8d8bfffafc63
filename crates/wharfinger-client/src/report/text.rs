//! A fault as a line for people: `FILE:LINE: KEY /pointer: message ("value"); hint`.

use std::fmt;

use super::{Fault, part_of_line};
use crate::terminal::shown;

/// Characters of a pointer, a message or a hint. They hold names that the sender chose.
const PART_CHARS_MAX: usize = 500;

/// Safe for a terminal: control characters of the sender are escaped.
impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.error;
        let part = |text: &str| part_of_line(text, PART_CHARS_MAX);
        write!(out, "{}:{}: ", shown(&self.place.file), self.line())?;
        if self.is_warning {
            out.write_str("warning: ")?;
        }
        if let Some(key) = self.place.key_shown() {
            write!(out, "{key} ")?;
        }
        if let Some(cell) = &self.cell {
            write!(out, "column \"{}\" ", shown(&cell.column))?;
        }
        if !error.pointer.is_empty() {
            write!(out, "{}: ", part(&error.pointer))?;
        }
        out.write_str(&part(&error.message))?;
        // Most hints begin with the value.
        let hint = error.hint.as_deref();
        if let Some(value) = &error.value
            && !hint.is_some_and(|hint| hint.contains(value))
        {
            write!(out, " (\"{}\")", part(value))?;
        }
        hint.map_or(Ok(()), |hint| write!(out, "; {}", part(hint)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::super::tests::fault;

    #[test]
    fn a_fault_is_one_line() {
        assert_eq!(
            fault("A-1", Some("anna: there is no @")).to_string(),
            "orders.json:12: A-1 /customer/email: customer.email is not an e-mail address; anna: there is no @"
        );
        let mut warning = fault("A-1", None);
        warning.is_warning = true;
        warning.cell = Some(Cell {
            row: 14,
            column: "Email".into(),
        });
        assert_eq!(
            warning.to_string(),
            "orders.json:14: warning: A-1 column \"Email\" /customer/email: customer.email is not an e-mail address (\"anna\")"
        );
    }

    #[test]
    fn what_a_sender_wrote_cannot_move_the_cursor() {
        let mut fault = fault("A\u{1b}[2J\n1", Some("\u{1b}]0;\u{9b}"));
        fault.error.pointer = "/a\rb".into();
        fault.error.value = Some("\u{7}".into());
        fault.place.file = "\u{1b}c".into();
        let line = fault.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
    }

    #[test]
    fn long_parts_are_cut() {
        let mut fault = fault(&"ö".repeat(5000), None);
        assert!(fault.to_string().chars().count() < 300, "{fault}");
        fault.error.pointer = "/x".repeat(100_000);
        fault.error.message.clone_from(&fault.error.pointer);
        assert!(fault.to_string().chars().count() < 1_300, "{fault}");
    }
}
