//! The golden cases of every dialect, embedded: their format, and how they are read.

pub mod case;
mod exchange;

pub use self::exchange::{Answer, Sent, Transport, encoded};
