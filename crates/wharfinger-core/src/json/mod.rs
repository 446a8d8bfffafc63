//! Strict JSON, read one order at a time.
//!
//! Why not a library: a batch must survive a fault inside one of its orders. A repeated name, half a surrogate
//! pair, 100,000 levels of nesting or a 400-digit number costs that order its place and no other, and is told with its
//! path; numbers keep their spelling; the bytes of each order are kept as they came; and the content hash is made
//! in the same pass. The parsers of the ecosystem stop at the first of these, or silently pass over it. What they accept and
//! refuse as a whole is the measure all the same: a property test holds this reader against `serde_json`.
//!
//! [`Reader`] walks the envelope and hands out an [`Entry`] per order; a [`Value`] is a view of one parsed value,
//! borrowing text from the body wherever it has no escapes.

mod decimal;
mod hash;
mod lines;
mod parser;
mod reader;
mod scan;
mod tape;

pub use decimal::{DIGITS_MAX, Decimal};
pub use lines::{Content, Line, Lines};
pub use parser::Rules;
pub use reader::{Entry, Envelope, Reader};
pub use tape::{Kind, Object, Value};

/// How member names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCase {
    /// Letter by letter.
    Exact,
    /// Without regard to the case of ASCII letters.
    Ignored,
}

impl NameCase {
    /// Whether two names are the same.
    #[must_use]
    #[inline]
    pub fn same(self, left: &[u8], right: &[u8]) -> bool {
        match self {
            Self::Exact => left == right,
            // Most senders write them as the vendor does, which compares faster.
            Self::Ignored => left == right || left.eq_ignore_ascii_case(right),
        }
    }
}

/// The text as a whole cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line of the fault, from 1.
    pub line: usize,
    /// The byte of that line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "line {} column {}: {}",
            self.line, self.column, self.reason
        )
    }
}

impl Malformed {
    /// A fault at a byte offset of `text`.
    #[must_use]
    pub fn at(text: &[u8], offset: usize, reason: impl Into<String>) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n');
        Self {
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + before.len() - line_start.map_or(0, |newline| newline + 1),
            reason: reason.into(),
        }
    }
}
