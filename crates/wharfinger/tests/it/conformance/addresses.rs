//! The e-mail index: built in the background, verified by `check`, and compared with a plain list.

use std::path::Path;
use std::sync::Arc;

use wharfinger::store::{EmailRuns, Options, OrderCursor, ReadOrders, Store};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::OrderQuery;
use wharfinger_core::order::outcome::State;

use super::support::*;
use crate::support::database::{Database, open_store};
use crate::support::fixture::empty_directory;
use crate::support::seed::{Random, storm};
use crate::support::stored::settled;

/// A store that builds the index, as its concrete type and as a trait object.
fn open(directory: &Path, runs: EmailRuns) -> (Arc<Store>, Arc<Store>) {
    let options = Options {
        email_runs: Some(runs),
        ..Options::default()
    };
    let store = Arc::new(open_store(directory, &options));
    (Arc::clone(&store), store)
}

/// The tiers of an organisation's complete runs, in block order.
fn tiers(directory: &Path) -> Vec<i64> {
    let select =
        "select tier from email_runs where organisation = 1 and is_whole order by first_block";
    let tiers = Database::of(directory).rows(select);
    tiers.iter().map(|row| row[0].number()).collect()
}

fn count(directory: &Path, what: &str) -> i64 {
    Database::of(directory).count(what)
}

async fn assert_sound(store: &Arc<Store>) {
    let report = store.check().await.expect("checked");
    assert_eq!(report.faults, Vec::<String>::new());
}

#[tokio::test]
async fn runs_are_built_and_merged_and_what_they_replace_is_deleted() {
    let directory = empty_directory();
    let (built, store) = open(directory.path(), SMALL_RUNS);
    for at in 0..15 {
        // The first order is repeated unchanged with each of the others. No run contains it twice.
        let keys = [at.to_string(), "0".into()];
        let orders = keys.map(|key| order(&key, "x").by("ann@example.com"));
        submit(&store, &orders).await;
        built.settle().await;
    }
    // Two blocks per run: seven runs of tier 0 are merged into one each of tiers 2, 1 and 0. One block is left.
    assert_eq!(tiers(directory.path()), [2, 1, 0]);
    assert_eq!(count(directory.path(), "email_runs"), 3);
    assert_eq!(
        count(directory.path(), "email_runs where entries in (8, 4, 2)"),
        3
    );
    // Parts of three entries: of eight, four and two entries.
    assert_eq!(count(directory.path(), "email_parts"), 3 + 2 + 1);
    let expected: Vec<_> = (0..15).map(|at| at.to_string()).collect();
    assert_eq!(keys(&store, by_email("ann@example.com")).await, expected);
    assert_sound(&store).await;
    store.close().await;
}

#[tokio::test]
async fn many_events_in_few_blocks_are_enough_for_a_run() {
    let directory = empty_directory();
    let runs = EmailRuns {
        blocks_min: 100,
        ..SMALL_RUNS
    };
    let (built, store) = open(directory.path(), runs);
    let orders: Vec<_> = (0..39).map(|at| order(&at.to_string(), "x")).collect();
    submit(&store, &orders[..38]).await;
    built.settle().await;
    assert_eq!(
        tiers(directory.path()),
        Vec::<i64>::new(),
        "39 events with the batch's own"
    );
    submit(&store, &orders[38..]).await;
    built.settle().await;
    assert_eq!(tiers(directory.path()), [0]);
    assert_eq!(
        count(directory.path(), "email_parts"),
        0,
        "nobody has an address"
    );
    store.close().await;
}

#[tokio::test]
async fn an_address_of_thousands_of_orders_is_found_in_runs_and_behind_them() {
    let directory = empty_directory();
    let runs = EmailRuns {
        events_min: 1_000,
        part_entries: 50,
        ..EmailRuns::default()
    };
    let (built, store) = open(directory.path(), runs);
    let mut expected = Vec::new();
    for batch in 0..23 {
        let orders: Vec<_> = (0..150)
            .map(|at| order(&format!("{batch:02}-{at:03}"), "x"))
            .map(|order| {
                if order.key.ends_with('5') {
                    order.by("bob@example.com")
                } else {
                    order.by("shop@example.com")
                }
            })
            .collect();
        let ours = orders.iter().filter(|order| !order.key.ends_with('5'));
        expected.extend(ours.map(|order| order.key.clone()));
        submit(&store, &orders).await;
    }
    built.settle().await;
    assert_eq!(tiers(directory.path()), [0, 0, 0]);
    assert_eq!(keys(&store, by_email("shop@example.com")).await, expected);
    expected.reverse();
    let newest_first = || OrderQuery {
        newest_first: true,
        ..by_email("shop@example.com")
    };
    assert_eq!(keys(&store, newest_first()).await, expected);
    store.close().await;
    let (_, store) = open(directory.path(), runs);
    assert_eq!(keys(&store, newest_first()).await, expected);
    assert_sound(&store).await;
    store.close().await;
}

#[tokio::test]
async fn what_a_killed_process_left_is_deleted_and_built_anew() {
    let directory = empty_directory();
    let (built, store) = open(directory.path(), SMALL_RUNS);
    for key in ["a", "b"] {
        submit(&store, &[order(key, "x").by("ann@example.com")]).await;
    }
    built.settle().await;
    store.close().await;
    // As if the process had ended before its last job, and another one for the same blocks before its second job.
    let unfinished = "update email_runs set is_whole = false; \
        insert into email_runs (organisation, first_block, last_block, tier, entries, is_whole) values (1, 1, 2, 0, 0, false)";
    Database::of(directory.path()).run(unfinished);
    let (built, store) = open(directory.path(), SMALL_RUNS);
    assert_eq!(keys(&store, by_email("ann@example.com")).await, ["a", "b"]);
    built.settle().await;
    assert_eq!(count(directory.path(), "email_runs"), 1);
    assert_eq!(count(directory.path(), "email_parts"), 1);
    assert_eq!(keys(&store, by_email("ann@example.com")).await, ["a", "b"]);
    assert_sound(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_build_at_a_time() {
    let directory = empty_directory();
    let stores = [
        open(directory.path(), SMALL_RUNS),
        open(directory.path(), SMALL_RUNS),
    ];
    let mut expected = Vec::new();
    for round in 0..20 {
        for (at, (_, store)) in stores.iter().enumerate() {
            let key = format!("{round}-{at}");
            submit(store, &[order(&key, "x").by("ann@example.com")]).await;
            expected.push(key);
        }
    }
    for (built, store) in &stores {
        built.settle().await;
        assert_eq!(keys(store, by_email("ann@example.com")).await, expected);
    }
    let (built, store) = &stores[0];
    built.settle().await;
    assert_eq!(count(directory.path(), "email_runs where not is_whole"), 0);
    assert_sound(store).await;
    for (_, store) in &stores {
        store.close().await;
    }
}

/// The last part of a run with several parts.
const LAST_PART: &str = "(run, first_hash, first_place) = \
    (select run, first_hash, first_place from email_parts order by 1 desc, 2 desc, 3 desc limit 1)";

#[tokio::test]
async fn a_check_sees_every_kind_of_damage_to_the_index_of_addresses() {
    let damages = [
        &format!("delete from email_parts where {LAST_PART}"),
        &format!("update email_parts set entries = substr(entries, 15) where {LAST_PART}"),
        "update email_parts set entries = substr(entries, 2)",
        "update email_parts set entries = zeroblob(length(entries))",
        "update email_parts set first_place = first_place + 1",
        "update email_parts set run = 99",
        "update email_runs set entries = entries + 1",
        "update email_runs set last_block = last_block - 1 where tier = 0",
        "update email_runs set last_block = last_block + 1 where tier = 1",
        "update email_runs set last_block = last_block + 9 where tier = 0",
        "update email_runs set first_block = first_block + 1 where tier = 0",
        "update email_runs set is_whole = false where tier = 1",
        "delete from email_runs where tier = 0",
        "insert into email_runs select 99, organisation, first_block, last_block, tier, entries, true from email_runs where tier = 0",
        "update blocks set emails = zeroblob(length(emails)) where id & 4294967295 = 1",
        "update blocks set emails = null where id & 4294967295 = 5",
        "update blocks set emails = cast(emails || x'0000000000000000' as blob) where id & 4294967295 = 7",
    ];
    for damage in damages {
        let directory = empty_directory();
        let (built, store) = open(directory.path(), SMALL_RUNS);
        for at in 0..7 {
            let orders = [format!("{at}"), format!("{at}x")];
            let orders = orders.map(|key| order(&key, "x").by(&format!("{key}@example.com")));
            submit(&store, &orders).await;
            built.settle().await;
        }
        assert_eq!(tiers(directory.path()), [1, 0]);
        assert_sound(&store).await;
        store.close().await;
        let changed = settled(directory.path()).execute(damage);
        assert!(changed > 0, "{damage} changes nothing");
        let store = open_store(directory.path(), &Options::default());
        let report = store.check().await.expect("checked");
        assert!(!report.faults.is_empty(), "not seen: {damage}");
        store.close().await;
    }
}

/// An order in the plain list.
#[derive(Clone, Debug)]
struct Listed {
    key: String,
    content: usize,
    email: Option<usize>,
    state: State,
    holds_key: bool,
    /// When its latest text was submitted.
    at: usize,
}

#[test]
fn storm_of_addresses_ends_as_the_plain_list_says() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    storm(6, |seed| runtime.block_on(one_storm(seed)));
}

async fn one_storm(seed: u64) {
    let mut random = Random::new(seed);
    let directory = empty_directory();
    let runs = EmailRuns {
        events_min: 10 + random.below(50) as u64,
        blocks_min: u32::try_from(1 + random.below(5)).expect("a small number"),
        fan_in: 2 + random.below(3),
        part_entries: [1, 2, 3, 20][random.below(4)],
    };
    let (mut built, mut store) = open(directory.path(), runs);
    let mut list: Vec<Listed> = Vec::new();
    let mut at = 0;
    for _ in 0..120 {
        match random.below(12) {
            0 => built.settle().await,
            1 => {
                store.close().await;
                (built, store) = open(directory.path(), runs);
            }
            2 | 3 => one_move(&store, &mut random, &mut list).await,
            4..=6 => one_look(&store, &mut random, &list).await,
            _ => one_batch(&store, &mut random, &mut list, &mut at).await,
        }
    }
    built.settle().await;
    one_look(&store, &mut random, &list).await;
    assert_sound(&store).await;
    store.close().await;
}

fn email(number: usize) -> String {
    format!("{number}@example.com")
}

async fn one_batch(
    store: &Arc<Store>,
    random: &mut Random,
    list: &mut Vec<Listed>,
    at: &mut usize,
) {
    let mut orders = Vec::new();
    for _ in 0..1 + random.below(20) {
        let key = random.below(120).to_string();
        let content = random.below(3);
        let address = random.chance(80).then(|| random.below(5));
        let new = order(&key, &content.to_string());
        orders.push(match address {
            Some(address) => new.by(&email(address)),
            None => new,
        });
        *at += 1;
        match list
            .iter_mut()
            .find(|known| known.holds_key && known.key == key)
        {
            Some(known) if known.state != State::Pending => {}
            Some(known) if (known.content, known.email) == (content, address) => {}
            Some(known) => (known.content, known.email, known.at) = (content, address, *at),
            None => list.push(Listed {
                key,
                content,
                email: address,
                state: State::Pending,
                holds_key: true,
                at: *at,
            }),
        }
    }
    submit(store, &orders).await;
}

async fn one_move(store: &Arc<Store>, random: &mut Random, list: &mut [Listed]) {
    let key = random.below(120).to_string();
    let releases = random.chance(50);
    let (wanted, state) = match random.below(2) {
        0 => (Move::Process, State::Processed),
        _ => (
            Move::Cancel {
                release_key: releases,
            },
            State::Cancelled,
        ),
    };
    move_keys(store, wanted, &[&key]).await;
    let mut known = list.iter_mut();
    if let Some(known) = known.find(|known| known.holds_key && known.key == key)
        && known.state == State::Pending
    {
        known.state = state;
        known.holds_key = !(releases && state == State::Cancelled);
    }
}

async fn one_look(store: &Arc<Store>, random: &mut Random, list: &[Listed]) {
    let address = random.below(6);
    let newest_first = random.chance(50);
    let states = match random.below(3) {
        0 => vec![State::Pending],
        1 => vec![State::Processed, State::Cancelled],
        _ => State::ALL.to_vec(),
    };
    let mut expected: Vec<_> = list
        .iter()
        .filter(|order| order.email == Some(address))
        .collect();
    expected.retain(|order| states.contains(&order.state));
    expected.sort_by_key(|order| order.at);
    if newest_first {
        expected.reverse();
    }
    let expected: Vec<_> = expected
        .into_iter()
        .map(|order| order.key.as_str())
        .collect();
    let limit = 1 + random.below(30);
    let query = Arc::new(OrderQuery {
        newest_first,
        states,
        limit: limit as u64,
        count_max: random.chance(30).then_some(1_000),
        ..by_email(&email(address).to_ascii_uppercase())
    });
    let mut found = Vec::new();
    let mut after: Option<OrderCursor> = None;
    loop {
        let request = ReadOrders {
            organisation: HERE,
            dialect: DIALECT,
            query: Arc::clone(&query),
            after,
        };
        let page = store.orders(request).await.expect("orders are read");
        if query.count_max.is_some() {
            assert_eq!(page.total, expected.len() as u64);
        }
        found.extend(page.orders.into_iter().map(|order| order.key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
}
