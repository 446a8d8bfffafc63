//! Free space on the disk, and how long callers should wait.

use std::time::Duration;

/// The free space on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// New orders are refused below this number of free bytes.
    pub reserve_bytes: u64,
}

impl Room {
    /// Whether less is free than the reserve.
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

/// How long a caller should wait when the disk is full.
pub const DISK_RETRY_AFTER: Duration = Duration::from_secs(10);

/// How long a caller should wait when the store is overloaded.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
