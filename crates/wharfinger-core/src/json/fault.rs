//! Faults: what can be wrong with the JSON of one order, while the rest of the body is still readable.

use super::Path;

/// A fault that makes one order unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An object has two members with this name.
    RepeatedName,
    /// The value is nested too deep.
    TooDeep {
        /// The maximum depth. The order itself is level 1.
        depth_max: usize,
    },
    /// The text has an unpaired surrogate.
    LoneSurrogate,
    /// The text has the character `\u0000`.
    NulCharacter,
    /// The number has too many digits before its decimal point.
    TooManyDigits {
        /// The maximum number of digits.
        digits_max: u32,
    },
    /// The order's text is larger than the limit.
    TooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// A line of an NDJSON body is not JSON.
    NotJson {
        /// The line number, from 1.
        line: usize,
        /// The byte position in the line, from 1.
        column: usize,
        /// The reason.
        reason: &'static str,
    },
}

/// A fault, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultAt {
    /// The path to the value or name.
    pub path: Path,
    /// What is wrong with it.
    pub fault: Fault,
}
