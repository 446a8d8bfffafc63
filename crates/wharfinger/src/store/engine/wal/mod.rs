//! SQLite's write-ahead log: its length, damage in it, and recovery after an unclean end.

pub(in crate::store) mod frames;
pub(in crate::store) mod length;
pub(in crate::store) mod recovery;
pub(in crate::store) mod write_back;
