//! Free space on the disk of a SQLite store.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::home::Home;
use crate::store::api::{Room, StoreError};

/// How long a measurement is reused.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Bytes written to find out whether the disk is full: more than file systems reserve for small writes.
const PROBE_BYTES: usize = 256 << 10;
/// The file that the probe writes.
const PROBE_FILE: &str = "room.probe";

/// Measures the free space on the disk of a store.
pub(crate) struct Disk {
    /// The directory of the store. `None` if the store is on another machine.
    directory: Option<PathBuf>,
    reserve_bytes: u64,
    seen: Mutex<Option<(Instant, Room)>>,
}

impl Disk {
    /// The disk of a store, of which `reserve_bytes` are kept free.
    pub(crate) fn of(home: &Home, reserve_bytes: u64) -> Self {
        let directory = match home {
            Home::File(file, _) => file.parent().map(Path::to_owned),
            Home::Server(..) => None,
        };
        Self {
            directory,
            reserve_bytes,
            seen: Mutex::default(),
        }
    }

    /// The free space, at most 100 ms old. `None` if it is unknown.
    pub(crate) fn room(&self) -> Option<Room> {
        let directory = self.directory.as_ref()?;
        // A panic cannot leave the measurement half changed.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, room)) = *seen
            && at.elapsed() < LOOK_EVERY
        {
            return Some(room);
        }
        let found = rustix::fs::statvfs(directory).ok()?;
        let room = Room {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            reserve_bytes: self.reserve_bytes,
        };
        *seen = Some((Instant::now(), room));
        Some(room)
    }

    /// Whether new orders may be written.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`]: less than the reserve is free. The reserve is for transitions, purges and erasures.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.room() {
            Some(room) if room.is_short() => Err(StoreError::DiskFull(room.to_string())),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether a file in a directory cannot grow, because the disk is full or a quota is exceeded.
pub(crate) fn is_full(directory: &Path) -> bool {
    let path = directory.join(PROBE_FILE);
    let write = |mut file: File| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    };
    let written = File::create(&path).and_then(write);
    // If the file cannot be removed, the next probe overwrites it.
    let _ = std::fs::remove_file(&path);
    let kinds = [
        std::io::ErrorKind::StorageFull,
        std::io::ErrorKind::QuotaExceeded,
    ];
    written.is_err_and(|error| kinds.contains(&error.kind()))
}
