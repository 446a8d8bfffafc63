//! A strict JSON reader that yields one order at a time.
//!
//! Why not a library: a batch must survive a fault inside one of its orders. A repeated name, an unpaired surrogate,
//! 100,000 nesting levels or a 400-digit number rejects only that order, and the problem has its path. Numbers keep
//! their spelling. The bytes of each order are kept as they were sent. The content hash is computed in the same pass.
//! Existing parsers either stop at the first fault or silently ignore it. As a whole, this reader accepts and refuses
//! the same texts as `serde_json`; a property test compares the two.
//!
//! [`Reader`] walks the envelope and returns an [`Entry`] per order. A [`Value`] is a view of one parsed value. It
//! borrows text from the body unless the text has escapes. Imports no other room.

mod decimal;
mod fault;
mod hash;
mod lines;
mod parser;
mod path;
mod reader;
mod scan;
mod tape;

pub use decimal::{DIGITS_MAX, Decimal};
pub use fault::{Fault, FaultAt};
pub use lines::{Content, Line, Lines};
pub use parser::Rules;
pub use path::{Path, Step};
pub use reader::{Entry, Envelope, Reader};
pub use tape::{Kind, Object, Value};

/// How member names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCase {
    /// Byte by byte.
    Exact,
    /// Ignoring the case of ASCII letters.
    Ignored,
}

impl NameCase {
    /// Whether two names are equal.
    #[must_use]
    #[inline]
    pub fn same(self, left: &[u8], right: &[u8]) -> bool {
        match self {
            Self::Exact => left == right,
            // Most senders use the vendor's spelling, so the faster comparison comes first.
            Self::Ignored => left == right || left.eq_ignore_ascii_case(right),
        }
    }
}

/// The body cannot be read any further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line of the fault, from 1.
    pub line: usize,
    /// The byte position in the line, from 1.
    pub column: usize,
    /// The reason.
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
    /// Creates a fault at a byte offset of `text`.
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
