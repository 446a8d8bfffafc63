//! Additional requirements of the embedded store: detect damage, share its directory, and refuse what it does not understand.

use std::path::Path;
use std::sync::Arc;

use wharfinger::store::{
    Change, EventKind, FeedFilter, ListOrders, Options, ReadFeed, Store, StoreError,
};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::Number;
use wharfinger_core::order::organisation::Organisation;
use wharfinger_core::order::outcome::State;

use super::support::*;
use super::{answers, fulfilments};
use crate::support::database::{self, Database, on_embedded, open_store, try_open_store};
use crate::support::fixture::empty_directory;
use crate::support::index;
use crate::support::stored::settled;

/// Opens the store of a directory.
pub(super) fn open(directory: &Path) -> Arc<Store> {
    Arc::new(open_store(directory, &Options::default()))
}

fn run_sql(directory: &Path, sql: &str) {
    let changed = settled(directory).execute(sql);
    assert!(changed > 0, "{sql} changes nothing");
}

async fn fill(store: &Arc<Store>) {
    let organisation = Organisation::new("SHOP", "");
    let change = Change::CreateOrganisation(organisation);
    store.administer("me", change, None).await.expect("made");
    let first = [order("a", "x"), order("b", "x"), faulty("c")];
    let (first, _) = submit(store, &first).await;
    submit(store, &[order("a", "y"), order("b", "x"), order("d", "x")]).await;
    move_keys(store, Move::Process, &["b"]).await;
    let last = [order("b", "z"), numbered(Number::Next, "n")];
    let last = submission(store, batch_id(), DIALECT, &last);
    admit(
        store,
        last.remembered(answers::save_reply("name", answers::told)),
    )
    .await;
    for report in ["1", "2"] {
        let kept = fulfilments::report(store, first.order(0), report).await;
        assert!(kept.is_ok());
    }
}

/// Changes to the index. Each is a different kind of damage.
const DAMAGES_OF_INDEX: &[fn(&mut Vec<index::Row>)] = &[
    |rows| rows.retain(|row| !row.key.ends_with(".d")),
    |rows| of(rows, ".d").key = "1.1.e".into(),
    |rows| of(rows, ".d").key = "1.2.d".into(),
    |rows| of(rows, ".d").id += 1,
    |rows| {
        let key = "1.1.dx".into();
        let order = index::Row {
            key,
            ..of(rows, ".d").clone()
        };
        rows.push(order);
    },
    |rows| of(rows, ".b").changed = None,
    |rows| of(rows, ".a").changed = of(rows, ".a").place,
    |rows| *of(rows, ".b").changed.as_mut().unwrap() += 1,
    |rows| of(rows, ".d").hash = vec![0; 16],
    |rows| of(rows, ".a").revision = 3,
    |rows| of(rows, ".a").place = None,
    |rows| of(rows, ".b").state = 1,
    |rows| of(rows, ".d").state = 3,
    |rows| of(rows, ".1").number = Some(9),
];

/// The order whose key ends with this text.
fn of<'r>(rows: &'r mut [index::Row], end: &str) -> &'r mut index::Row {
    let mut rows = rows.iter_mut();
    rows.find(|row| row.key.ends_with(end)).unwrap()
}

/// Statements. Each does a different kind of damage.
const DAMAGES: &[&str] = &[
    "update order_leaves set orders = x'00'",
    "update order_leaves set entries = entries + 1",
    "update order_leaves set organisation = 2",
    "update order_leaves set first = x'39'",
    "delete from fulfilments",
    "update fulfilments set place = place - 1",
    "insert into fulfilments values (1, 1, 1, '1')",
    "update open_orders set ordinals = x'03' where ordinals = x'01'",
    "delete from open_orders where block & 4294967295 = 2",
    "insert into open_orders values (1, 99, 1, x'01')",
    "update counters set states = x''",
    "update counters set states = x'0100030200'",
    "update counters set states = x'0100020100'",
    "update counters set states = x'0200030100'",
    "update counters set states = cast(states || x'0200010000' as blob)",
    "update counters set states = x'010003'",
    "insert into counters values (9, 1, 1, 1, 0, 0, 0, 0, 0, x'0101000000')",
    "insert into counters values (9, 1, 1, 1, 0, 0, 0, 0, 0, x'01')",
    "update blocks set texts = substr(texts, 1, length(texts) - 1) where id & 4294967295 = 1",
    "update blocks set texts = x'00' where id & 4294967295 = 2",
    "update blocks set slots = x'0002' where id & 4294967295 = 2",
    "update blocks set events = events + 1 where id & 4294967295 = 2",
    "update blocks set first_position = 1 where id & 4294967295 = 2",
    "update blocks set batches = x'000000000000000000000000000000000200' where id & 4294967295 = 2",
    "update blocks set batches = cast(substr(batches, 1, 17) || x'00' as blob) where id & 4294967295 = 2",
    "update blocks set latest_ms = 0 where id & 4294967295 = 2",
    "update blocks set stamp = 0 where id & 4294967295 = 2",
    "update counters set stamp = stamp + 1",
    "delete from blocks where id & 4294967295 = 3",
    "delete from blocks where id & 4294967295 = 4",
    "update counters set next_block = next_block + 1",
    "update counters set next_position = next_position - 1",
    "update batches set shares = replace(shares, '[2,0,0,', '[3,0,0,')",
    "update batches set shares = replace(shares, '[1,1', '[9,1')",
    "update batches set shares = ''",
    "delete from batches where shares like '%[2,0,0,1,0]%'",
    "update open_orders set organisation = 2 where block & 4294967295 = 1",
    "update answers set headers = '{}'",
    "update answers set body = x'01'",
    "update answers set status = -1",
    "update answers set fingerprint = x'00'",
    "update answers set batch = zeroblob(16)",
    "update rejections set kind = 1",
    "update rejections set organisation = 0",
    "delete from rejections",
    "update rejections set orders = x'00'",
    "update rejections set batch = zeroblob(16) where batch = (select batch from rejections order by batch limit 1)",
];

#[tokio::test]
async fn a_check_sees_every_kind_of_damage() {
    for damage in DAMAGES {
        let do_damage = |directory: &Path| run_sql(directory, damage);
        assert!(is_seen(do_damage).await, "not seen: {damage}");
    }
    for (number, damage) in DAMAGES_OF_INDEX.iter().enumerate() {
        let do_damage = |directory: &Path| index::change(directory, damage);
        assert!(is_seen(do_damage).await, "not seen: {number} of the index");
    }
    // Repacking the index in the test does no damage by itself.
    assert!(!is_seen(|directory| index::change(directory, |_| ())).await);
}

/// Whether `check` detects damage to a store that was valid.
async fn is_seen(damage: impl Fn(&Path)) -> bool {
    let directory = empty_directory();
    let store = open(directory.path());
    fill(&store).await;
    let report = store.check().await.expect("checked");
    assert_eq!(report.faults, Vec::<String>::new());
    let counted = (
        report.orders,
        report.revisions,
        report.batches,
        report.events,
    );
    assert_eq!(counted, (4, 5, 3, 11));
    store.close().await;
    damage(directory.path());
    let store = open(directory.path());
    let report = store.check().await.expect("checked");
    store.close().await;
    !report.faults.is_empty()
}

#[tokio::test]
async fn what_was_answered_is_there_when_the_store_is_opened_again() {
    let directory = empty_directory();
    let store = open(directory.path());
    fill(&store).await;
    let events = store.events(HERE, 0, 100).await.expect("events");
    let orders = read(&store, everything()).await.orders;
    store.close().await;
    let store = open(directory.path());
    assert_eq!(store.events(HERE, 0, 100).await, Ok(events));
    assert_eq!(read(&store, everything()).await.orders, orders);
    let outcome = submit_one(&store, numbered(Number::Next, "n")).await;
    assert_eq!(outcome.taken().and_then(|taken| taken.number), Some(2));
}

#[tokio::test]
async fn a_page_looks_at_a_bounded_part_of_the_journal() {
    let directory = empty_directory();
    let store = open(directory.path());
    let mut ids = Vec::new();
    for batch in 0..3 {
        let sent: Vec<_> = (0..50_000)
            .map(|at| order(&format!("{batch}.{at}"), "x"))
            .collect();
        ids.push(submit(&store, &sent).await.0.order(49_999));
    }
    let cancel = Move::Cancel { release_key: false };
    move_keys(&store, cancel, &["2.49999"]).await;
    let request = || ListOrders {
        states: vec![State::Cancelled],
        ..ListOrders::all(vec![HERE], 100)
    };
    let first = store.list(request()).await.expect("a page");
    assert_eq!(first.orders, Vec::new());
    assert!(first.next.is_some());
    let rest = ListOrders {
        after: first.next,
        ..request()
    };
    let second = store.list(rest).await.expect("a page");
    let found: Vec<_> = second.orders.iter().map(|found| found.order.id).collect();
    assert_eq!((found, second.next), (vec![ids[2]], None));
    let cancelled = |after| ReadFeed {
        after,
        organisations: vec![HERE],
        filter: FeedFilter {
            kinds: Some(vec![EventKind::OrderCancelled]),
            since_ms: None,
        },
        limit: 100,
    };
    let first = store.feed(cancelled(None)).await.expect("a page");
    assert_eq!((first.events.len(), first.is_cut), (0, true));
    let second = store.feed(cancelled(Some(first.next))).await;
    let second = second.expect("a page");
    assert_eq!((second.events.len(), second.is_cut), (1, false));
    assert_eq!(second.events[0].event.order, Some(ids[2]));
    store.close().await;
}

#[tokio::test]
async fn the_log_is_written_back_while_orders_come_in() {
    if !on_embedded("is of SQLite's log") {
        return;
    }
    const PAGE_BYTES: u64 = 4096 + 24;
    let directory = empty_directory();
    let options = Options {
        log_pages: 16,
        ..Options::default()
    };
    let store = Store::open(directory.path(), &options).expect("the store opens");
    let store: Arc<Store> = Arc::new(store);
    let mut random = 1_u64;
    let mut digits = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        format!("{random:016x}")
    };
    for number in 0..40 {
        // About 100 KB that compress to half of that at best: more than a dozen pages.
        let content: String = (0..6_000).map(|_| digits()).collect();
        let outcome = submit_one(&store, order(&number.to_string(), &content)).await;
        assert_eq!(outcome.name(), "accepted");
        let log = std::fs::metadata(directory.path().join("orders.db-wal")).expect("a log");
        // Four times the intended length, plus what one commit may add.
        let pages = log.len() / PAGE_BYTES;
        assert!(pages < 4 * 16 + 64, "the log has {pages} pages");
    }
    let file = std::fs::metadata(directory.path().join("orders.db")).expect("a file");
    assert!(file.len() > 1_000_000, "{} bytes", file.len());
    let report = store.check().await.expect("checked");
    assert_eq!((report.faults, report.orders), (Vec::new(), 40));
    store.close().await;
}

#[tokio::test]
async fn two_processes_may_write_in_turn() {
    let directory = empty_directory();
    let stores = [open(directory.path()), open(directory.path())];
    for round in 0..20 {
        for (at, store) in stores.iter().enumerate() {
            let fresh = order(&format!("{round}-{at}"), "x");
            let (_, outcomes) = submit(store, &[fresh, order("same", "x")]).await;
            let expected = if (round, at) == (0, 0) {
                "accepted"
            } else {
                "unchanged"
            };
            assert_eq!(names(&outcomes), ["accepted", expected]);
        }
    }
    let report = stores[0].check().await.expect("checked");
    assert_eq!((report.faults, report.orders), (Vec::new(), 41));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = empty_directory();
    open(directory.path()).close().await;
    let newer = match database::url(directory.path()) {
        Some(_) => "insert into schema_versions (version) values (99)",
        None => "pragma user_version = 99",
    };
    Database::of(directory.path()).run(newer);
    let refused = try_open_store(directory.path(), &Options::default());
    let Err(StoreError::Refused(why)) = refused else {
        panic!("a newer schema is refused");
    };
    assert!(why.contains("schema version 99"), "{why}");
}

#[tokio::test]
async fn after_an_unreadable_file_nothing_is_acknowledged() {
    if !on_embedded("is of a file") {
        return;
    }
    let directory = empty_directory();
    let store = open(directory.path());
    fill(&store).await;
    let file = directory.path().join("orders.db");
    let database = rusqlite::Connection::open(&file).expect("it opens");
    wharfinger::store::register_checksums(&database).expect("functions can be registered");
    let checkpoint = "pragma wal_checkpoint(truncate)";
    database
        .execute_batch(checkpoint)
        .expect("it is written back");
    // Another process changes the file, so that the store reads it again. Then the file is overwritten with garbage.
    let touch = "update settings set value = value + 1";
    database.execute_batch(touch).expect("it is changed");
    database
        .execute_batch(checkpoint)
        .expect("it is written back");
    let length = std::fs::metadata(&file).expect("it is there").len();
    let rubbish = vec![0x55; usize::try_from(length).expect("it is small")];
    std::fs::write(&file, rubbish).expect("it is overwritten");
    let submission = submission(&store, batch_id(), DIALECT, &[order("new", "x")]);
    let error = refusal(&store, submission).await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let reason = tokio::time::timeout(std::time::Duration::from_secs(5), store.failed());
    assert_ne!(reason.await.expect("it says so at once"), "");
    assert!(matches!(
        store.ready().await,
        Err(StoreError::Unavailable(_))
    ));
    store.close().await;
}
