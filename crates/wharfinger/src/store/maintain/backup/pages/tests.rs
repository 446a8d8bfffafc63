//! Copies beside a process that writes and checkpoints all the time.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::{PageHashes, Path, PathBuf, Plan, copy_pages};

/// The rows of the table, and the sum that each transaction keeps of them.
fn invariant(connection: &Connection) -> (i64, i64, i64) {
    let one = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    (
        one("select count(*) from t"),
        one("select coalesce(sum(length(x)), 0) from t"),
        one("select value from total"),
    )
}

fn connect(file: &Path) -> Connection {
    let connection = Connection::open(file).unwrap();
    connection
        .execute_batch(
            "pragma journal_mode = wal; pragma wal_autocheckpoint = 0; pragma synchronous = off",
        )
        .unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    connection
}

/// Writes, deletes and checkpoints until it is told to stop.
fn write_until(file: &Path, stop: &AtomicBool) {
    let connection = connect(file);
    let mut state = 1_u32;
    let mut random = move || {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    while !stop.load(Ordering::Relaxed) {
        let length = 1 + random() % 9_000;
        connection
            .execute_batch(&format!(
                "begin immediate; insert into t (x) values (randomblob({length})); \
                 delete from t where id <= (select max(id) from t) - 400; update total set value = (select sum(length(x)) from t); commit"
            ))
            .unwrap();
        match random() % 40 {
            0 => connection.execute_batch("pragma wal_checkpoint(truncate)"),
            1 => connection.execute_batch("pragma wal_checkpoint(restart)"),
            2..=8 => connection.execute_batch("pragma wal_checkpoint(passive)"),
            _ => Ok(()),
        }
        .unwrap();
    }
}

#[test]
fn copies_beside_a_writer_are_whole_and_of_one_moment() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders.db");
    let connection = connect(&file);
    connection
        .execute_batch(
            "create table t (id integer primary key, x blob); create table total (value); insert into total values (0); \
             insert into t (x) with recursive n (i) as (select 1 union all select i + 1 from n where i < 400) select randomblob(8000) from n; \
             update total set value = (select sum(length(x)) from t)",
        )
        .unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write_until(&file, &stop));
        let mut base: Option<(PathBuf, PageHashes)> = None;
        for round in 0..15 {
            let into = directory.path().join(round.to_string());
            std::fs::create_dir(&into).unwrap();
            let is_whole = round % 3 == 0;
            let plan = Plan {
                file: &file,
                into: &into,
                base: base.as_ref().map(|(_, hashes)| hashes),
                is_whole,
            };
            let before = invariant(&connection).0;
            let copy = copy_pages(&plan, &mut |_, _| {}, |held| {
                Ok(invariant(held.sqlite().unwrap()))
            })
            .unwrap();
            assert!(before > 0);
            let copied = into.join("orders.db");
            if let (false, Some((earlier, hashes))) = (is_whole, &base) {
                lay_over(earlier, &copied, &copy.hashes.changed_since(hashes));
            }
            let opened = Connection::open(&copied).unwrap();
            let check: String = opened
                .query_row("pragma integrity_check", [], |row| row.get(0))
                .unwrap();
            assert_eq!(check, "ok", "round {round}");
            let found = invariant(&opened);
            assert_eq!(found, copy.read, "round {round}");
            assert_eq!(found.1, found.2, "round {round}");
            drop(opened);
            for rest in ["orders.db-wal", "orders.db-shm"] {
                drop(std::fs::remove_file(into.join(rest)));
            }
            base = Some((copied, copy.hashes));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Puts the pages that did not change into the holes of a copy.
fn lay_over(earlier: &Path, copied: &Path, changed: &[u32]) {
    let mut whole = std::fs::read(copied).unwrap();
    let before = std::fs::read(earlier).unwrap();
    for (at, page) in whole.chunks_mut(4_096).enumerate() {
        let number = u32::try_from(at + 1).unwrap();
        if !changed.contains(&number) {
            page.copy_from_slice(&before[at * 4_096..][..4_096]);
        }
    }
    std::fs::write(copied, whole).unwrap();
}
