//! Room on the disk, and how long to wait for it.

use std::time::Duration;

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// Bytes below which no new orders are taken.
    pub reserve_bytes: u64,
}

impl Room {
    /// Whether less is left than is to be kept free.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.free_bytes < self.reserve_bytes
    }
}

impl std::fmt::Display for Room {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "the disk has {} bytes left, and the reserve is {} bytes",
            self.free_bytes, self.reserve_bytes
        )
    }
}

/// How long a caller should wait when the disk is full: until somebody makes room.
pub const DISK_RETRY_AFTER: Duration = Duration::from_secs(10);

/// How long a caller should wait when the store is overloaded.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
