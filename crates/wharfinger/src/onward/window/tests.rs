//! Tests of the window.

use proptest::prelude::*;

use super::model::{Shape, Told, World};
use super::{EVENTS_MAX, Failure, What};
use crate::store::DeliveryOrder;

const SINGLE: Shape = Shape {
    order: DeliveryOrder::Key,
    max_events: 1,
    max_wait_ms: 0,
    parallel: 4,
};

fn world(shape: Shape, keys: &[u64]) -> World {
    let mut world = World::new(shape);
    for key in keys {
        world.add(1, *key);
    }
    world
}

fn all(_: &Told) -> bool {
    true
}

/// The positions that were received, by their order.
fn received(world: &World) -> Vec<u64> {
    let received = world.received.iter();
    received.map(|told| told.place.position).collect()
}

#[test]
fn events_of_one_key_wait_for_each_other_and_for_the_report() {
    let mut world = world(SINGLE, &[1, 1, 2]);
    world.read(10);
    while world.send() {}
    // The first of each key.
    assert_eq!(world.under_way.len(), 2);
    world.take(0, 1);
    assert!(!world.send(), "what was taken is not reported yet");
    assert!(world.report() && !world.send());
    assert!(world.commit() && world.send());
    assert_eq!(world.events_of(&world.under_way[1])[0].place.position, 2);
}

#[test]
fn a_lane_is_free_again_after_the_report() {
    let mut world = world(SINGLE, &[1, 2, 3, 4, 5, 6]);
    world.read(10);
    while world.send() {}
    assert_eq!(world.under_way.len(), 4);
    world.take(0, 1);
    assert!(!world.send());
    world.report();
    // Taken while the report is under way: in the next one.
    world.take(0, 1);
    world.commit();
    assert!(world.send() && !world.send());
}

#[test]
fn a_refused_key_parks_with_its_later_events_and_the_rest_flows() {
    let mut world = world(SINGLE, &[1, 2, 1, 3, 1, 2]);
    world.settle(|told| told.key != 1);
    assert_eq!(received(&world), [2, 4, 6]);
    let [row] = &world.parked()[..] else {
        panic!("one key is parked")
    };
    assert_eq!(
        (row.positions.as_slice(), row.next_at_ms),
        (&[1, 3, 5][..], None)
    );
    assert_eq!((row.attempts, &*row.label), (10, "K-1"));
    // All attempts were by the schedule, so they took some three days.
    let hours = world.now_ms / 3_600_000;
    assert!((60..=92).contains(&hours), "{hours}");
    // The cursor is behind what is parked.
    assert_eq!(world.progress().cursor.as_ref().unwrap().to, 6);
    assert_eq!(world.progress().done, []);
}

#[test]
fn a_parked_key_delivers_its_events_in_order_once_the_first_is_taken() {
    let mut world = world(SINGLE, &[1, 1, 1, 2]);
    world.read(10);
    world.send();
    world.fail(0, Failure::default());
    world.settle(all);
    assert_eq!(received(&world), [4, 1, 2, 3]);
    assert_eq!(world.parked(), []);
    // The second attempt, and then the list of the latest attempts.
    assert!((4_000..=7_000).contains(&world.now_ms), "{}", world.now_ms);
}

#[test]
fn a_failed_batch_is_taken_apart_by_key() {
    let shape = Shape {
        max_events: 10,
        parallel: 1,
        ..SINGLE
    };
    let mut world = world(shape, &[1, 2, 1, 3]);
    world.read(10);
    assert!(world.send());
    assert_eq!(world.events_of(&world.under_way[0]).len(), 4);
    world.fail(0, Failure::default());
    world.report();
    world.commit();
    let rows = world.parked().into_iter().map(|row| row.positions);
    assert_eq!(Vec::from_iter(rows), [vec![1, 3], vec![2], vec![4]]);
    world.settle(all);
    assert_eq!(world.received.len(), 4);
    world.check();
}

#[test]
fn the_rest_of_a_batch_that_was_taken_in_part_follows_at_once() {
    let shape = Shape {
        max_events: 3,
        max_wait_ms: 1_000,
        parallel: 1,
        ..SINGLE
    };
    let mut world = world(shape, &[1, 2, 1]);
    world.read(10);
    assert!(world.send());
    world.take(0, 2);
    world.report();
    world.commit();
    assert!(world.send(), "it does not wait for more events");
    assert_eq!(world.events_of(&world.under_way[0])[0].place.position, 3);
    assert_eq!(world.parked(), []);
}

#[test]
fn a_batch_waits_for_more_events_but_not_for_longer_than_it_may() {
    let shape = Shape {
        max_events: 3,
        max_wait_ms: 1_000,
        parallel: 1,
        ..SINGLE
    };
    let mut world = world(shape, &[1, 2]);
    world.read(10);
    assert!(!world.send());
    assert_eq!(world.window.wake_at_ms(), Some(1_000));
    world.now_ms = 999;
    assert!(!world.send());
    world.now_ms = 1_000;
    assert!(world.send());
    world.add(1, 3);
    for key in [1, 2, 3] {
        world.add(1, key);
    }
    world.take(0, 2);
    world.report();
    world.commit();
    world.read(10);
    assert!(world.send(), "a complete batch does not wait");
}

#[test]
fn if_all_events_follow_each_other_the_first_waits_and_nothing_is_parked() {
    let shape = Shape {
        order: DeliveryOrder::All,
        ..SINGLE
    };
    let mut world = world(shape, &[1, 2, 3]);
    world.read(10);
    world.send();
    world.fail(0, Failure::default());
    world.report();
    world.commit();
    assert!(!world.send());
    assert_eq!(world.parked(), []);
    let at_ms = world.window.wake_at_ms().unwrap();
    assert!((4_000..=6_000).contains(&at_ms), "{at_ms}");
    world.now_ms = at_ms;
    assert!(world.send());
    assert_eq!(world.under_way[0].attempt, 2);
    world.take(0, 1);
    world.settle(all);
    assert_eq!(received(&world), [1, 2, 3]);
}

#[test]
fn the_breaker_keeps_new_events_back_and_a_success_makes_parked_keys_due() {
    let mut world = world(SINGLE, &Vec::from_iter(1..=20));
    world.read(100);
    for _ in 0..5 {
        assert!(world.send());
        world.fail(0, Failure::default());
        world.report();
        world.commit();
    }
    assert!(world.window.is_failing());
    assert!(!world.send());
    assert_eq!(world.window.parked(), 5);
    world.now_ms = world.window.wake_at_ms().unwrap();
    assert!(world.send(), "one request finds out");
    assert!(!world.send(), "and only one");
    world.take(0, 1);
    assert!(!world.window.is_failing());
    let now_ms = world.now_ms;
    world.settle(all);
    assert_eq!(world.received.len(), 20);
    assert_eq!(world.parked(), []);
    // Nobody waited for the schedule any more.
    assert!(world.now_ms <= now_ms + 2_000, "{now_ms} {}", world.now_ms);
}

#[test]
fn attempts_go_on_while_the_destination_takes_nothing_until_it_is_given_up() {
    let mut world = world(SINGLE, &Vec::from_iter(1..=40));
    let day_ms = 24 * 60 * 60 * 1_000;
    while world.now_ms < 4 * day_ms {
        world.read(100);
        while world.send() {}
        while !world.under_way.is_empty() {
            world.fail(0, Failure::default());
        }
        world.report();
        world.commit();
        world.now_ms = world.window.wake_at_ms().unwrap().max(world.now_ms + 1);
    }
    let mut rows = world.parked().into_iter();
    assert!(rows.all(|row| row.next_at_ms.is_some()));
    assert!(!world.window.is_over());
    world.settle(|_| false);
    assert!(world.window.is_over());
    assert!(world.now_ms < 6 * day_ms, "{}", world.now_ms / day_ms);
}

#[test]
fn a_destination_that_is_gone_gets_nothing_more() {
    let mut world = world(SINGLE, &[1, 2]);
    world.read(10);
    world.send();
    let failure = Failure {
        is_gone: true,
        ..Failure::default()
    };
    world.fail(0, failure);
    assert!(world.window.is_over() && !world.send());
    let report = world.window.report(0).unwrap();
    assert!(report.disable.unwrap().contains("410"));
}

#[test]
fn the_time_that_a_receiver_asks_for_is_given() {
    let mut world = world(SINGLE, &[1]);
    world.read(10);
    world.send();
    let failure = Failure {
        retry_after_ms: Some(3_600_000),
        slows: true,
        ..Failure::default()
    };
    world.fail(0, failure);
    world.report();
    world.commit();
    assert_eq!(world.window.wake_at_ms(), Some(3_600_000));
}

#[test]
fn what_is_not_the_receivers_fault_is_no_attempt() {
    let mut world = world(SINGLE, &[1]);
    world.read(10);
    world.send();
    world.postpone(0);
    world.report();
    world.commit();
    assert!(!world.send());
    world.now_ms = world.window.wake_at_ms().unwrap();
    assert!(world.send());
    assert_eq!(world.under_way[0].attempt, 1);
    assert_eq!(world.parked(), []);
}

#[test]
fn an_event_that_is_not_answered_does_not_keep_the_cursor_back() {
    let mut world = world(SINGLE, &[1]);
    for key in 2..5_000 {
        world.add(1, key);
    }
    world.add(1, 1);
    world.read(64);
    assert!(world.send());
    // All but the first are taken, until there are too many behind it.
    for _ in 0..EVENTS_MAX / 2 {
        world.read(64);
        world.send();
        world.take(1, 1);
        world.report();
        world.commit();
    }
    assert_eq!(world.progress().cursor, None);
    assert_eq!(world.progress().done.len(), EVENTS_MAX / 2);
    world.now_ms = 1_000;
    world.send();
    world.report();
    world.commit();
    assert!(world.progress().done.is_empty());
    assert_eq!(world.parked()[0].positions, [1]);
    // It is still under way, and is not sent again when it is answered.
    assert!(matches!(&world.under_way[0].what, What::Events(events) if events.len() == 1));
    world.take(0, 1);
    world.settle(all);
    world.check();
    assert_eq!((world.repeated(), world.parked()), (0, vec![]));
}

/// A random world: a feed that grows, a receiver that takes, refuses or takes in part, kills, and a clock.
fn storm(seed: u64, shape: Shape, kills: bool, purges: bool) -> World {
    let mut state = seed;
    let mut below = move |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut world = World::new(shape);
    for _ in 0..400 {
        match below(20) {
            0..4 => {
                for _ in 0..below(8) {
                    let organisation = u32::try_from(1 + below(2)).unwrap();
                    world.add(organisation, below(6) as u64);
                }
            }
            4..6 => drop(world.read(1 + below(20))),
            6..10 => drop(world.send()),
            10..14 if !world.under_way.is_empty() => {
                let at = below(world.under_way.len());
                world.take(at, 1 + below(20));
            }
            14 if !world.under_way.is_empty() => {
                let at = below(world.under_way.len());
                let failure = Failure {
                    slows: below(3) == 0,
                    ..Failure::default()
                };
                world.fail(at, failure);
            }
            15 if !world.under_way.is_empty() && below(4) == 0 => {
                let at = below(world.under_way.len());
                world.postpone(at);
            }
            16 => drop(world.report()),
            17 => drop(world.commit()),
            18 => world.now_ms += [1, 100, 10_000, 3_600_000][below(4)],
            _ if kills && below(4) == 0 => world.kill(below(2) == 0),
            _ if purges && below(10) == 0 => {
                world.purged = world.purged.max(below(world.feed.len() + 1));
            }
            _ => {}
        }
    }
    // What was answered and not reported is reported, as at an orderly stop.
    world.settle(all);
    world
}

fn shapes() -> impl Strategy<Value = Shape> {
    let order = prop_oneof![Just(DeliveryOrder::Key), Just(DeliveryOrder::All)];
    let max_events = prop_oneof![Just(1_u32), 2_u32..8];
    (order, max_events, 0_u32..50, 1_u32..6).prop_map(
        |(order, max_events, max_wait_ms, parallel)| Shape {
            order,
            max_events,
            max_wait_ms,
            parallel,
        },
    )
}

proptest! {
    #[test]
    fn storms_keep_the_order_of_each_key_and_lose_nothing(
        seed: u64,
        shape in shapes(),
        kills: bool,
        purges: bool,
    ) {
        let world = storm(seed, shape, kills, purges);
        world.check();
        prop_assert_eq!(world.parked(), vec![]);
        let lanes = match shape.order {
            DeliveryOrder::Key => shape.parallel,
            DeliveryOrder::All => 1,
        };
        let at_most = world.kills * usize::try_from(lanes * shape.max_events).unwrap();
        prop_assert!(world.repeated() <= at_most, "{} of {at_most}", world.repeated());
    }

    /// Single events of a key are never received in another order than that of the feed, not even repeated ones.
    #[test]
    fn a_repeated_event_is_the_latest_of_its_key(seed: u64, parallel in 1_u32..6) {
        let world = storm(seed, Shape { parallel, ..SINGLE }, true, false);
        for (at, told) in world.received.iter().enumerate() {
            let mut earlier = world.received[..at].iter().filter(|of| {
                of.key == told.key && of.place.organisation == told.place.organisation
            });
            prop_assert!(earlier.all(|of| of.place.position <= told.place.position));
        }
    }
}
