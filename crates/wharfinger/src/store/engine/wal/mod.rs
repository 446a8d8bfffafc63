//! SQLite's write-ahead log: its length, damage in it, recovery after an unclean end, and following it from another process.

pub(in crate::store) mod follow;
pub(in crate::store) mod frames;
pub(in crate::store) mod length;
pub(in crate::store) mod recovery;
pub(in crate::store) mod snapshot;
pub(in crate::store) mod write_back;
