//! Destinations: who delivers, how far it is, and changes.

use std::sync::Arc;

use uuid::Uuid;
use wharfinger::store::{
    Attempt, Change, DeliveryOrder, Destination, DestinationChange, DestinationPatch,
    DestinationState, DestinationStatus, FeedPlace, HeldLease, Lease, Parked, Progress, ReadAudit,
    ReplayFrom, Report, SigningSecret, Store,
};
use wharfinger_core::order::organisation::OrgAccess;

use super::deliveries::{delivered, events, fill};
use super::support::*;

/// A destination of all events.
pub(super) fn destination() -> Destination {
    Destination {
        id: Uuid::from_bytes([7; 16]),
        created_by: KEY.into(),
        created_at_ms: 1,
        reach: OrgAccess::All,
        kinds: None,
        form: None,
        order: DeliveryOrder::Key,
        max_events: 1,
        max_wait_ms: 0,
        parallel: 16,
        timeout_s: 15,
        settings: "{\"kind\":\"webhook\"}".into(),
        secrets: vec![SigningSecret {
            secret: "whsec_1".into(),
            until_ms: None,
        }],
        state: DestinationState::Active,
        state_since_ms: 1,
        reason: None,
        begins: None,
        begins_ms: None,
        version: 1,
        replays: 0,
    }
}

async fn change(store: &Store, change: DestinationChange) {
    let change = Change::Destination(change);
    let changed = store.administer("me", change, None).await;
    assert_eq!(changed, Ok(None));
}

async fn create(store: &Store, destination: &Destination) {
    let create = DestinationChange::Create(Box::new(destination.clone()));
    change(store, create).await;
}

async fn status(store: &Store, destination: &Destination) -> DestinationStatus {
    let found = store.destination(destination.id).await.expect("read");
    found.expect("there is one")
}

/// Takes the only lease.
async fn lease(store: &Store, owner: &str) -> Lease {
    let mut leases = store.lease(owner, false).await.expect("leased");
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

pub(super) async fn one_server_holds_a_lease_until_it_is_over(store: Arc<Store>) {
    assert_eq!(store.lease("one", true).await, Ok(Vec::new()));
    let destination = destination();
    create(&store, &destination).await;
    let first = lease(&store, "one").await;
    assert_eq!(*first.destination, destination);
    assert_eq!(first.progress, Progress::default());
    assert_eq!(store.lease("two", false).await, Ok(Vec::new()));
    let held = HeldLease {
        id: destination.id,
        number: first.number,
        is_current: true,
    };
    assert_eq!(store.renew_leases("one").await, Ok(vec![held]));
    assert_eq!(store.renew_leases("two").await, Ok(Vec::new()));
    assert!(status(&store, &destination).await.is_leased);
    // A server that is alone knows that the others are gone.
    let taken = store.lease("two", true).await.expect("leased");
    assert_eq!(taken.len(), 1);
    assert!(taken[0].number > first.number);
    assert_eq!(store.renew_leases("one").await, Ok(Vec::new()));
    let report = || Report {
        progress: Progress {
            delivered: 9,
            ..Progress::default()
        },
        ..Report::default()
    };
    let id = destination.id;
    assert_eq!(store.report(id, first.number, report()).await, Ok(false));
    assert_eq!(status(&store, &destination).await.progress.delivered, 0);
    assert_eq!(store.report(id, taken[0].number, report()).await, Ok(true));
    assert_eq!(status(&store, &destination).await.progress.delivered, 9);
    store
        .release_lease(id, first.number)
        .await
        .expect("nothing is done");
    assert_eq!(store.lease("one", false).await, Ok(Vec::new()));
    store
        .release_lease(id, taken[0].number)
        .await
        .expect("released");
    assert_eq!(lease(&store, "one").await.progress.delivered, 9);
}

fn parked(lane_key: u64, positions: &[u64], next_at_ms: Option<i64>) -> Parked {
    Parked {
        organisation: HERE,
        lane_key,
        label: format!("key {lane_key}"),
        positions: positions.to_vec(),
        attempts: 3,
        next_at_ms,
        last_error: "500".into(),
    }
}

pub(super) async fn what_was_reported_is_found_by_the_next_server(store: Arc<Store>) {
    fill(&store).await;
    let destination = destination();
    let id = destination.id;
    create(&store, &destination).await;
    let first = lease(&store, "one").await;
    let page = store.deliveries(&first.destination, None, 4).await;
    let page = page.expect("a page");
    let place = |position| FeedPlace {
        organisation: HERE,
        position,
    };
    let progress = Progress {
        cursor: Some(page.next),
        done: vec![place(6), place(7), place(9)],
        delivered: 7,
        delivered_at_ms: Some(11),
        failing_since_ms: Some(12),
    };
    let report = Report {
        progress: progress.clone(),
        parked: vec![
            parked(u64::MAX, &[2, 8], None),
            parked(5, &[1], Some(50)),
            parked(6, &[4], Some(40)),
        ],
        ..Report::default()
    };
    assert_eq!(store.report(id, first.number, report).await, Ok(true));
    let report = Report {
        progress: progress.clone(),
        parked: vec![parked(5, &[1, 3], Some(30))],
        released: vec![(HERE, 6), (THERE, 5)],
        ..Report::default()
    };
    assert_eq!(store.report(id, first.number, report).await, Ok(true));
    let second = store.lease("two", true).await.expect("leased").remove(0);
    assert_eq!(second.progress, progress);
    let waiting = [
        parked(5, &[1, 3], Some(30)),
        parked(u64::MAX, &[2, 8], None),
    ];
    assert_eq!(second.parked, waiting);
    let shown = status(&store, &destination).await;
    assert_eq!(
        (shown.parked, shown.given_up, shown.next_at_ms),
        (2, 1, Some(30))
    );
    let ends = events(&store, HERE).await.len() + events(&store, THERE).await.len();
    let lag = store
        .delivery_lag(&shown.destination, &progress)
        .await
        .expect("read");
    assert_eq!(lag.events, ends as u64 - 4 - 3);
    assert!(lag.oldest_at_ms.is_some());
}

#[expect(clippy::too_many_lines, reason = "one story, step by step")]
pub(super) async fn a_server_stops_when_its_destination_was_changed(store: Arc<Store>) {
    let destination = destination();
    let id = destination.id;
    create(&store, &destination).await;
    let delivered = |delivered| Report {
        progress: Progress {
            delivered,
            ..Progress::default()
        },
        ..Report::default()
    };
    let mut expected = 0;
    let patch = DestinationPatch {
        id,
        parallel: Some(1),
        ..DestinationPatch::default()
    };
    let rotate = DestinationChange::Rotate {
        id,
        secret: "whsec_2".into(),
        others_until_ms: i64::MAX,
    };
    let pause = DestinationChange::Pause(id);
    for made in [DestinationChange::Change(Box::new(patch)), rotate, pause] {
        let held = lease(&store, "one").await;
        change(&store, made).await;
        let renewed = store.renew_leases("one").await.expect("renewed");
        assert!(!renewed[0].is_current);
        // What was delivered meanwhile is not forgotten.
        expected += 1;
        assert_eq!(
            store.report(id, held.number, delivered(expected)).await,
            Ok(false)
        );
        assert_eq!(
            status(&store, &destination).await.progress.delivered,
            expected
        );
        store
            .release_lease(id, held.number)
            .await
            .expect("released");
    }
    assert_eq!(
        store.lease("one", true).await,
        Ok(Vec::new()),
        "it is paused"
    );
    change(&store, DestinationChange::Pause(id)).await;
    change(&store, DestinationChange::Resume(id)).await;
    let held = lease(&store, "one").await;
    let found = &held.destination;
    assert_eq!((found.parallel, found.version), (1, 5));
    let secrets = found.secrets.iter().map(|secret| secret.secret.as_str());
    assert_eq!(Vec::from_iter(secrets), ["whsec_2", "whsec_1"]);
    ends(&store, &held, delivered).await;
    let audit = ReadAudit {
        kind: None,
        before: None,
        limit: 100,
        about: None,
    };
    let entries = store.audit(audit).await.expect("read").entries;
    let actions = entries
        .iter()
        .map(|entry| entry.action.trim_start_matches("destination."));
    let told = [
        "deleted", "disabled", "resumed", "paused", "rotated", "changed", "created",
    ];
    assert_eq!(Vec::from_iter(actions), told);
    assert_eq!(entries[1].who, "server");
}

/// Disables and deletes a destination that is held.
async fn ends(store: &Store, held: &Lease, delivered: impl Fn(u64) -> Report) {
    let (id, number) = (held.destination.id, held.number);
    let disable = Report {
        disable: Some("410".into()),
        ..delivered(9)
    };
    assert_eq!(store.report(id, number, disable).await, Ok(false));
    let shown = status(store, &held.destination).await;
    assert_eq!(shown.destination.state, DestinationState::Disabled);
    assert_eq!(shown.destination.reason.as_deref(), Some("410"));
    change(store, DestinationChange::Delete(id)).await;
    assert_eq!(store.report(id, number, delivered(10)).await, Ok(false));
    assert_eq!(store.destinations().await, Ok(Vec::new()));
}

pub(super) async fn a_replay_begins_where_it_is_told(store: Arc<Store>) {
    fill(&store).await;
    let now = store.cursor_of_now().await.expect("read");
    let destination = Destination {
        begins: Some(now.clone()),
        ..destination()
    };
    let id = destination.id;
    create(&store, &destination).await;
    let held = lease(&store, "one").await;
    assert_eq!(held.progress.cursor, Some(now.clone()));
    let report = Report {
        progress: held.progress.clone(),
        parked: vec![parked(1, &[2, 8], None), parked(2, &[9], Some(30))],
        ..Report::default()
    };
    assert_eq!(
        store.report(id, held.number, report.clone()).await,
        Ok(true)
    );
    let replay = |from| DestinationChange::Replay { id, from };
    change(&store, replay(ReplayFrom::Failed)).await;
    // A report of a server that does not know of it must not undo it.
    assert_eq!(store.report(id, held.number, report).await, Ok(false));
    let held = lease(&store, "one").await;
    assert!(
        held.parked
            .iter()
            .all(|parked| parked.attempts == 0 && parked.next_at_ms > Some(30))
    );
    assert_eq!(held.destination.begins, Some(now));

    let all = Arc::new(self::destination());
    let page = store.deliveries(&all, None, 5).await.expect("a page");
    change(&store, replay(ReplayFrom::After(page.next.clone(), None))).await;
    let held = lease(&store, "one").await;
    assert_eq!(held.progress.cursor.as_ref(), Some(&page.next));
    assert_eq!(held.destination.begins.as_ref(), Some(&page.next));
    let left = held.parked.iter().map(|parked| parked.positions.as_slice());
    assert_eq!(Vec::from_iter(left), [[2]], "the others come again");
    let again = delivered(&store, &held.destination, 100).await;
    let mut again = again.iter().filter(|of| of.organisation == HERE);
    let first = again.next().expect("events come again");
    assert_eq!((first.event.position, first.previous), (6, None));

    change(&store, replay(ReplayFrom::Beginning)).await;
    let held = lease(&store, "one").await;
    assert_eq!((&held.progress.cursor, held.parked.len()), (&None, 0));
    assert_eq!(
        (&held.destination.begins, held.destination.replays),
        (&None, 2)
    );
}

pub(super) async fn the_latest_attempts_are_kept(store: Arc<Store>) {
    let destination = destination();
    let id = destination.id;
    create(&store, &destination).await;
    let held = lease(&store, "one").await;
    let attempt = |at_ms: i64, result: &str| Attempt {
        at_ms,
        webhook_id: format!("id-{at_ms}"),
        organisation: 1,
        position: 3,
        events: 2,
        attempt: 1,
        result: result.into(),
        status: (result == "refused").then_some(500),
        took_ms: 4,
        answer: "no".into(),
    };
    for first in [0, 600] {
        let failed = (first..first + 600).map(|at| attempt(at, "refused"));
        let report = Report {
            failed: failed.collect(),
            succeeded: Some(vec![attempt(first + 300, "delivered")]),
            ..Report::default()
        };
        assert_eq!(store.report(id, held.number, report).await, Ok(true));
    }
    let found = store.delivery_attempts(id).await.expect("read");
    assert_eq!(found.len(), 1_000);
    assert_eq!(found[0], attempt(1_199, "refused"));
    assert!(found.is_sorted_by_key(|attempt| -attempt.at_ms));
    let delivered = found.iter().filter(|attempt| attempt.result == "delivered");
    assert_eq!(Vec::from_iter(delivered), [&attempt(900, "delivered")]);
}
