//! Inspects a data directory while a server may be running on it.

use std::path::Path;
use std::sync::Arc;

use wharfinger::store::{CheckReport, ReadOrders, ReadResults, Recorded, Store, Visible};
use wharfinger::store::{EmailRuns, Options};
use wharfinger_core::dialect::{OrderQuery, StoredOrder};
use wharfinger_core::order::ids::BatchId;

use super::client::Response;
use super::database::{Cell, Database, is_on_postgres, open_store};

/// Opens the store while `look` runs.
pub(crate) fn look<T>(data: &Path, look: impl AsyncFnOnce(&Store) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open_store(data, &Options::default());
        let seen = look(&store).await;
        store.close().await;
        seen
    })
}

/// The database of a data directory, with everything in the tables that all stores have: no change is left in the log of recent
/// changes, and no block in a pack.
pub(crate) fn settled(data: &Path) -> Database {
    // On a thread of its own, because the caller's may be one of a runtime.
    let make_plain = || look(data, async |store| store.make_plain().await);
    let made = std::thread::scope(|scope| scope.spawn(make_plain).join());
    made.unwrap().expect("recent changes can be merged");
    Database::of(data)
}

/// As [`settled`], but blocks stay in packs.
pub(crate) fn merged(data: &Path) -> Database {
    let merge = || look(data, async |store| store.settle().await);
    std::thread::scope(|scope| scope.spawn(merge).join()).unwrap();
    Database::of(data)
}

/// Builds the e-mail index of everything stored so far.
pub(crate) fn build_runs(data: &Path, email_runs: EmailRuns) {
    let options = Options {
        email_runs: Some(email_runs),
        ..Options::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open_store(data, &options);
        store.settle().await;
        store.close().await;
    });
}

/// The batch named in a response.
pub(crate) fn batch_of(response: &Response) -> BatchId {
    let id = response.header("wharfinger-batch-id");
    let id = id.expect("a submission's answer names its batch");
    BatchId::from_bytes(uuid::Uuid::parse_str(id).unwrap().into_bytes())
}

/// The outcome of each order of a response's batch, from its receipt.
pub(crate) fn results_of(data: &Path, response: &Response) -> Vec<Recorded> {
    let request = ReadResults {
        batch: batch_of(response),
        visible: Visible::All,
        only: None,
        after: None,
        limit: 1_000,
    };
    look(data, async |store| store.results(request).await.unwrap()).results
}

/// The report of `check`.
pub(crate) fn check(data: &Path) -> CheckReport {
    look(data, async |store| store.check().await.unwrap())
}

/// All orders of an organisation and dialect, in any state, in order of creation.
pub(crate) fn all_orders(data: &Path, code: &str, dialect: &'static str) -> Vec<StoredOrder> {
    look(data, async |store| {
        let directory = store.directory(None).await.unwrap().unwrap();
        let organisation = directory.organisations[code].id;
        let query = Arc::new(OrderQuery::first(1_000));
        let mut orders = Vec::new();
        let mut after = None;
        loop {
            let query = Arc::clone(&query);
            let request = ReadOrders {
                organisation,
                dialect,
                query,
                after,
            };
            let page = store.orders(request).await.unwrap();
            orders.extend(page.orders);
            match page.next {
                Some(next) => after = Some(next),
                None => return orders,
            }
        }
    })
}

/// Tables that a server changes by itself: times of last use, deliveries, and statistics, which are rolled up.
const OF_THE_SERVER: [&str; 8] = [
    "merges",
    "keys",
    "destination_progress",
    "parked_orders",
    "delivery_attempts",
    "stats",
    "stats_log",
    "error_causes",
];

/// Every row of every table except those that a server changes by itself.
pub(crate) fn rows(data: &Path) -> Vec<(String, Vec<Vec<Cell>>)> {
    // On PostgreSQL, recent changes are merged when nobody writes.
    let mut database = match is_on_postgres() {
        true => merged(data),
        false => Database::of(data),
    };
    let mut tables = Vec::new();
    for name in database.tables() {
        if !OF_THE_SERVER.contains(&name.as_str()) {
            let mut rows = database.rows(&format!("select * from {name}"));
            rows.sort();
            tables.push((name, rows));
        }
    }
    assert!(tables.len() > 10, "what is read is the store");
    tables
}
