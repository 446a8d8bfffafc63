//! Readers of the feed, while several processes write to one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharfinger::store::{Options, Store};
use wharfinger_core::order::ids::OrganisationId;

use super::feed::Reader;
use super::support::*;
use crate::support::database::{Database, open_store};
use crate::support::fixture::{DataDirectory, empty_directory, empty_postgres_directory};
use crate::support::seed::{Random, storm};

const ORGANISATIONS: u32 = 12;
const STORES: usize = 3;
const WRITERS: usize = 6;
const ROUNDS: usize = 40;
const READERS: usize = 4;

fn all() -> Vec<OrganisationId> {
    Vec::from_iter((1..=ORGANISATIONS).map(OrganisationId))
}

/// Submits batches over some organisations each. Some are so large that they are committed alone.
async fn write(store: Arc<Store>, writer: usize, mut random: Random) {
    for round in 0..ROUNDS {
        let mut orders = Vec::new();
        for organisation in all() {
            let count = match random.below(10) {
                0..8 => 0,
                8 => 1,
                _ => 30,
            };
            let of = |at| order(&format!("{writer}-{round}-{at}"), "x").of(organisation);
            orders.extend((0..count).map(of));
        }
        submit(&store, &orders).await;
    }
}

/// Reads pages of any size from any of the stores, until all writers have ended and there is nothing more.
async fn follow(
    stores: [Arc<Store>; STORES],
    writing: Arc<AtomicUsize>,
    mut random: Random,
) -> Reader {
    let mut reader = Reader::new(all());
    loop {
        let is_over = writing.load(Ordering::SeqCst) == 0;
        let limit = 1 + random.below(40);
        let store = &stores[random.below(STORES)];
        if !reader.read(store, limit).await && is_over {
            return reader;
        }
    }
}

#[test]
fn readers_lose_nothing_while_several_processes_write() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    storm(1, |seed| runtime.block_on(round(seed)));
}

async fn round(seed: u64) {
    let data: DataDirectory = empty_directory();
    let open = || Arc::new(open_store(data.path(), &Options::default()));
    let stores = [(); STORES].map(|()| open());
    // The first writes of each, which lock the whole store.
    for store in &stores {
        submit(store, &[order("first", "x")]).await;
    }
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let mut seeds = (1_u64..).map(|at| Random::new(seed.wrapping_mul(1_000) + at));
    let mut random = || seeds.next().expect("seeds do not end");
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let following = follow(stores.clone(), Arc::clone(&writing), random());
        readers.push(tokio::spawn(following));
    }
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (store, writing) = (Arc::clone(&stores[writer % STORES]), Arc::clone(&writing));
        let writes = write(store, writer, random());
        writers.push(tokio::spawn(async move {
            writes.await;
            writing.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    for writer in writers {
        writer.await.expect("it writes");
    }
    let mut ends = Vec::new();
    for organisation in all() {
        let events = stores[0].events(organisation, 0, usize::MAX).await;
        ends.push((organisation, events.expect("events").len() as u64));
    }
    for reader in readers {
        let reader = reader.await.expect("it reads");
        assert_eq!(Vec::from_iter(reader.ends()), ends);
    }
    let report = stores[0].check().await.expect("it is checked");
    assert_eq!(report.faults, Vec::<String>::new());
    for store in stores {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_late_is_read_after_what_overtook_it() {
    let data: DataDirectory = empty_postgres_directory();
    let open = || Arc::new(open_store(data.path(), &Options::default()));
    let (slow, fast) = (open(), open());
    for store in [&slow, &fast] {
        submit(store, &[order("first", "x")]).await;
    }
    let mut reader = Reader::new(vec![HERE, THERE]);
    while reader.read(&fast, 10).await {}
    assert_eq!(reader.events.len(), 3);
    // The receipt of this batch waits for another session, which is about to write one with the same id.
    let batch = batch_id();
    let digits = Vec::from_iter(batch.to_bytes().iter().map(|byte| format!("{byte:02x}")));
    let mut other = Database::of(data.path());
    other.run(&format!(
        "begin; insert into batches (id, key_id, dialect, operation, received_at_ms, duration_ms, shares) \
         values ('\\x{}', '{KEY}', 1, 'submit', 0, 0, '[]')",
        digits.concat()
    ));
    let ready = submission(&slow, batch, DIALECT, &[order("late", "x")]);
    let late = tokio::spawn({
        let slow = Arc::clone(&slow);
        async move { admit(&slow, ready).await }
    });
    while other.count("pg_locks where not granted") == 0 {}
    submit(&fast, &[order("early", "x").of(THERE)]).await;
    while reader.read(&fast, 10).await {}
    other.run("rollback");
    late.await.expect("it is stored");
    while reader.read(&fast, 10).await {}
    let ends = [(HERE, 5), (THERE, 2)];
    assert_eq!(Vec::from_iter(reader.ends()), ends);
    slow.close().await;
    fast.close().await;
}
