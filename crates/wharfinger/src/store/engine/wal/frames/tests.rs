//! Tests with logs written by SQLite itself, then damaged and cut.

use tempfile::TempDir;

use super::*;

/// The page size of these logs.
const PAGE: usize = 512;
const FRAME: usize = FRAME_HEADER + PAGE;

/// A database in WAL mode with five transactions of several frames in its log, and a copy of the log.
fn log() -> (TempDir, PathBuf, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("live.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection
        .execute_batch("pragma page_size = 512; pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (x)")
        .unwrap();
    // Leaves frames of earlier generations behind the current ones.
    for _ in 0..9 {
        connection
            .execute_batch("insert into t values (randomblob(1500))")
            .unwrap();
    }
    connection
        .execute_batch("pragma wal_checkpoint(restart)")
        .unwrap();
    for _ in 0..5 {
        connection
            .execute_batch("insert into t values (randomblob(1500))")
            .unwrap();
    }
    let copy = directory.path().join("orders.db");
    std::fs::copy(&database, &copy).unwrap();
    let log = std::fs::read(path(&database)).unwrap();
    (directory, copy, log)
}

/// The frames of the newest generation, and the position of the first frame of the last transaction.
fn newest(log: &[u8]) -> (usize, usize) {
    let frames = log[HEADER..].chunks_exact(FRAME);
    let is_newest = |frame: &&[u8]| frame[8..16] == log[16..24];
    let frames: Vec<_> = frames.take_while(is_newest).collect();
    let is_commit = |frame: &&[u8]| number(frame, 4) != 0;
    let before_last = &frames[..frames.len() - 1];
    let last = before_last.iter().rposition(is_commit).unwrap() + 1;
    (frames.len(), last)
}

fn damage_of(database: &Path, log: &[u8]) -> Option<Damage> {
    std::fs::write(path(database), log).unwrap();
    damage(database).unwrap()
}

#[test]
fn a_flipped_bit_before_the_last_transaction_is_damage() {
    let (_directory, database, log) = log();
    let (frames, last) = newest(&log);
    assert_eq!(damage_of(&database, &log), None);
    for at in (0..HEADER + last * FRAME).step_by(29) {
        let mut flipped = log.clone();
        flipped[at] ^= 1 << (at % 8);
        let found = damage_of(&database, &flipped);
        let frame = at.checked_sub(HEADER).map_or(0, |at| at / FRAME + 1);
        let within = at.saturating_sub(HEADER) % FRAME;
        if frame == last && (8..FRAME_HEADER).contains(&within) {
            continue;
        }
        let found = found.unwrap_or_else(|| panic!("byte {at} in frame {frame}"));
        assert_eq!(found.frame, frame as u64);
        assert!(found.lost as usize >= frames - frame, "{found:?}");
        assert!(found.commits > 0);
    }
}

#[test]
fn what_a_power_cut_leaves_is_not_damage() {
    let (_directory, database, log) = log();
    let (frames, last) = newest(&log);
    for end in 0..log.len() {
        if end % 61 == 0 {
            assert_eq!(damage_of(&database, &log[..end]), None, "cut at {end}");
        }
    }
    // Each subset of the last transaction's frames is on disk. The others are as before, or empty.
    for written in 0..1_u32 << (frames - last) {
        for before in [0, 7] {
            let mut torn = log.clone();
            for frame in (last..frames).filter(|frame| written & 1 << (frame - last) == 0) {
                let begins = HEADER + frame * FRAME;
                torn[begins..begins + FRAME].fill(before);
            }
            assert_eq!(damage_of(&database, &torn), None, "subset {written:b}");
        }
    }
}

#[test]
fn a_log_that_is_empty_or_not_there_has_no_damage() {
    let (_directory, database, log) = log();
    assert_eq!(damage(&database).unwrap(), None);
    assert_eq!(damage_of(&database, &[]), None);
    assert_eq!(damage_of(&database, &vec![0; log.len()]), None);
}
