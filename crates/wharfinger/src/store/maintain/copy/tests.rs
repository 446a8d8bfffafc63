//! Tests of copying in slices of a few rows, between two stores in memory.

use std::path::PathBuf;

use super::*;
use crate::store::engine::schema::in_memory;

/// Fills three tables: one with a key of one column, one with a key of two columns, and one with texts of different lengths.
const FILL: &str = "
    with recursive n (n) as (select 1 union all select n + 1 from n where n < 40)
        insert into stock (organisation, product, pieces) select 1, n, n * 7 from n;
    with recursive n (n) as (select 0 union all select n + 1 from n where n < 40)
        insert into customers (organisation, id, wants_new_password) select n / 12, n % 12, n % 2 from n;
    with recursive n (n) as (select 1 union all select n + 1 from n where n < 40)
        insert into admissions (organisation, block, orders) select 1, n, zeroblob(n * n) from n;
    insert into order_leaves (first, organisation, entries, orders)
        values (x'312e', 1, 1, x'00'), (x'312e00', 1, 3, x'01'), (x'312ec3a9', 1, 1, x'02')";
const ROWS: u64 = 40 + 41 + 40 + 3 + 10;

fn source() -> Connection {
    let source = in_memory();
    source.execute_batch(FILL).expect("it is filled");
    source
}

fn copied(
    source: &Connection,
    target: &Connection,
    max: SliceMax,
    tell: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Copied, StoreError> {
    let copying = Copying {
        from: &Location::Directory(PathBuf::from("here")),
        source,
        to: &Location::Directory(PathBuf::from("there")),
        target,
        max,
        tell,
    };
    copying.run()
}

/// The bytes of a table's rows, as they are stored.
fn dump(connection: &Connection, table: &str) -> Vec<Vec<rows::Cell>> {
    let select = format!("select * from {table} order by 1, 2");
    let columns = connection
        .sqlite()
        .expect("it is in memory")
        .prepare(&select)
        .expect("it is a table")
        .column_count();
    let mut select = connection.prepare_cached(&select).expect("it is a table");
    select
        .query_map((), |row| {
            (0..columns).map(|column| row.get(column)).collect()
        })
        .expect("it is read")
}

#[test]
fn slices_of_any_size_are_the_whole() {
    let source = source();
    for (rows, bytes) in [(1, 1), (2, 100), (7, 2_000), (41, 1), (4_096, 8 << 20)] {
        let target = in_memory();
        let max = SliceMax { rows, bytes };
        let mut told = Vec::new();
        let copied = copied(&source, &target, max, &mut |stage, done, all| {
            told.push((stage, done, all));
        });
        assert_eq!(copied.expect("it is copied").rows, ROWS);
        for table in [
            "stock",
            "customers",
            "admissions",
            "order_leaves",
            "settings",
        ] {
            assert_eq!(dump(&target, table), dump(&source, table), "{table}");
        }
        assert!(
            told.iter()
                .all(|(_, done, all)| *done <= ROWS && *all == ROWS)
        );
        let steps = told
            .windows(2)
            .map(|pair| pair[1].1.saturating_sub(pair[0].1));
        assert!(
            steps.max() <= Some(rows),
            "no slice has more than {rows} rows"
        );
    }
}

#[test]
fn a_slice_ends_in_front_of_what_is_too_long() {
    let source = source();
    let tables = tables::list(&source).expect("they are listed");
    let table = tables.iter().find(|table| table.name == "admissions");
    let max = SliceMax {
        rows: 100,
        bytes: 500,
    };
    let mut walk = Walk::new(&source, table.expect("it is listed"), max);
    let mut lengths = Vec::new();
    loop {
        let rows = walk.next(u64::MAX).expect("it is read");
        if rows.is_empty() {
            break;
        }
        lengths.push(rows.len());
    }
    // 1 + 4 + … + 121 is 506 bytes. From 23 * 23 on each text is longer than a slice.
    assert_eq!(lengths.first(), Some(&10));
    assert_eq!(lengths.iter().sum::<usize>(), 40);
    assert!(lengths.ends_with(&[1; 18]), "{lengths:?}");
}

#[test]
fn what_is_there_already_is_not_copied_again_wherever_it_ends() {
    let source = source();
    let max = SliceMax {
        rows: 3,
        bytes: 1_000,
    };
    for last in 0..=ROWS {
        let target = in_memory();
        let stop = format!(
            "create trigger stop before update on copying when new.copied > {last} \
             begin select raise(abort, 'stopped'); end"
        );
        target.execute_batch(&stop).expect("it is stopped");
        let broken_off = copied(&source, &target, max, &mut |_, _, _| {});
        assert_eq!(broken_off.is_err(), last < ROWS);
        if last == ROWS {
            return;
        }
        target
            .execute_batch("drop trigger stop")
            .expect("it goes on");
        let mut copied_rows = 0;
        let mut resumed_at = 0;
        let whole = copied(&source, &target, max, &mut |stage, done, _| match stage {
            Stage::Resuming => resumed_at = done,
            Stage::Copying => copied_rows = done - resumed_at,
            Stage::ReadingBack | Stage::Checking => {}
        });
        let whole = whole.expect("it is copied");
        assert_eq!((whole.rows, whole.resumed), (ROWS, resumed_at));
        assert_eq!(copied_rows, ROWS - resumed_at);
        assert!(
            resumed_at <= last && last - resumed_at < 3,
            "{resumed_at} of {last}"
        );
    }
}

#[test]
fn two_copies_do_not_write_to_the_same_store() {
    let (source, target) = (source(), in_memory());
    let max = SliceMax {
        rows: 3,
        bytes: 1_000,
    };
    // As if another copy had written a slice between two slices of this one.
    let interfere = "create trigger interfere after insert on order_leaves begin update copying set copied = copied + 3; end";
    target.execute_batch(interfere).expect("it is a trigger");
    let refused = copied(&source, &target, max, &mut |_, _, _| {});
    let why = refused.expect_err("another one is at work").to_string();
    assert!(why.starts_with("there: another copy"), "{why}");
}
