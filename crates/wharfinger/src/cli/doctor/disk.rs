//! The disk of a data directory: its kind, its speed, and its room.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::finding::{Report, bytes};

/// What is written and synced to measure the disk: a page, as the smallest commit is.
const PAGE: [u8; 4_096] = [0x5a; 4_096];
/// How often.
const SYNCS: usize = 20;
/// Commits that take this long are too slow for any shop.
const SLOW: Duration = Duration::from_millis(100);
/// A disk of today is faster than this.
const SLOWISH: Duration = Duration::from_millis(20);
/// File systems on which a store does not belong, by their numbers in `statfs`.
const KINDS: [(i64, &str); 4] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "SMB"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlayfs"),
];

/// Checks the disk below a data directory. `reserve_bytes` are kept free.
pub(super) fn check(report: &mut Report, directory: &Path, reserve_bytes: u64) {
    kind(report, directory);
    speed(report, directory);
    room(report, directory, reserve_bytes);
}

/// The name of a file system that needs attention.
pub(in super::super) fn unusual_kind(directory: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(directory).ok()?;
    let number = found.f_type & 0xffff_ffff;
    let mut kinds = KINDS.iter();
    kinds.find(|(of, _)| *of == number).map(|(_, name)| *name)
}

fn kind(report: &mut Report, directory: &Path) {
    let check = "file_system";
    match unusual_kind(directory) {
        None => report.ok(check, "the file system is one of a local disk"),
        Some(kind @ ("NFS" | "SMB")) => report.fault(
            check,
            format!("the data directory is on {kind}, where the locks and the shared memory of SQLite do not work"),
            "move the data directory to a local disk, or use PostgreSQL with --database",
        ),
        Some(kind @ "tmpfs") => report.note(
            check,
            format!("the data directory is on {kind}: its content is lost when the machine restarts"),
            "move the data directory to a disk",
        ),
        Some(kind) => report.note(
            check,
            format!("the data directory is on {kind}, the layer of a container: its content is lost with the container"),
            "mount a volume as the data directory",
        ),
    }
}

/// Writes and syncs a file without a name, which is gone when it is closed, however the process ends.
fn speed(report: &mut Report, directory: &Path) {
    let check = "disk_speed";
    let measured = tempfile::tempfile_in(directory).and_then(|mut file| {
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            file.seek(SeekFrom::Start(0))?;
            let began = Instant::now();
            file.write_all(&PAGE)?;
            file.sync_data()?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    });
    let times = match measured {
        Ok(times) => times,
        Err(error) => {
            let remedy =
                "run this as the user of the server, and see whether the disk is full or read-only";
            return report.fault(
                check,
                format!("cannot write to the data directory: {error}"),
                remedy,
            );
        }
    };
    let median = times.get(SYNCS / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    let told = format!(
        "a write of 4 KiB is on disk after {:.2} ms (median of {SYNCS}; the slowest took {:.2} ms)",
        median.as_secs_f64() * 1e3,
        worst.as_secs_f64() * 1e3
    );
    let remedy = "every commit waits for this: use an SSD, and look for other programs that write to the disk";
    if median > SLOW {
        report.fault(check, told, remedy);
    } else if median > SLOWISH {
        report.note(check, told, remedy);
    } else {
        report.ok(check, told);
    }
}

fn room(report: &mut Report, directory: &Path, reserve_bytes: u64) {
    let check = "disk_room";
    let found = match rustix::fs::statvfs(directory) {
        Ok(found) => found,
        Err(error) => {
            let remedy = "check that the data directory exists and can be read";
            return report.fault(check, format!("the free space is unknown: {error}"), remedy);
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let total = found.f_blocks.saturating_mul(found.f_frsize);
    let told = format!(
        "{} of {} are free; the reserve is {}",
        bytes(free),
        bytes(total),
        bytes(reserve_bytes)
    );
    if found.f_files > 0 && found.f_favail == 0 {
        let remedy =
            "delete files that are not needed; the file system has no room for another one";
        report.fault(check, "the file system has no free inodes", remedy);
    } else if free < reserve_bytes {
        let remedy = "new orders are refused: enlarge the disk, or remove other files from it";
        report.fault(check, told, remedy);
    } else if free < reserve_bytes.saturating_mul(2) || free < total / 10 {
        let remedy = "below the reserve new orders are refused: enlarge the disk, or remove other files from it";
        report.note(check, told, remedy);
    } else {
        report.ok(check, told);
    }
}
