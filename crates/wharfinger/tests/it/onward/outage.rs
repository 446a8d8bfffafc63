//! A receiver that is down for days, by the clock of the tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::check::{Feed, check, has_all, text};
use super::{Site, definition_with};
use crate::support::receiver::{Receiver, Reply};

const HOUR_MS: i64 = 3_600_000;
/// The waits before the attempts after the first one, in milliseconds.
const WAITS_MS: [i64; 9] = [
    5_000,
    300_000,
    HOUR_MS / 2,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];

fn all(_: &Value) -> bool {
    true
}

/// A server whose clock is moved.
struct Clock {
    file: PathBuf,
    offset_ms: i64,
    _files: tempfile::TempDir,
}

impl Clock {
    fn start() -> (Self, Site) {
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("offset");
        let options = ["--destinations-allow", "127.0.0.0/8"];
        let site = Site::start_with(&options, vec![("WHARFINGER_TEST_CLOCK", file.clone())]);
        let clock = Self {
            file,
            offset_ms: 0,
            _files: files,
        };
        (clock, site)
    }

    fn now_ms(&self) -> i64 {
        wharfinger::clock::now_ms() + self.offset_ms
    }

    /// Moves the clock ahead to this time. It never goes back.
    fn go_to(&mut self, at_ms: i64) {
        self.offset_ms += (at_ms - self.now_ms()).max(0);
        let new = self.file.with_extension("new");
        std::fs::write(&new, self.offset_ms.to_string()).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }
}

fn at_ms(value: &Value) -> i64 {
    let at: jiff::Timestamp = text(value).parse().expect("a time");
    at.as_millisecond()
}

/// The time of the next attempt for a parked order, once `requests` have arrived and their outcomes are stored.
fn next_attempt(site: &Site, id: &str, requests: usize) -> i64 {
    let told = site.until(
        id,
        "/deliveries?limit=500",
        "the outcomes are stored",
        |told| {
            let attempts = told["attempts"].as_array().unwrap().len();
            (attempts >= requests).then(|| told.clone())
        },
    );
    let parked = told["parked"].as_array().unwrap().iter();
    let times = parked.filter(|row| !row["next_at"].is_null());
    let times = times.map(|row| at_ms(&row["next_at"]));
    times
        .min()
        .unwrap_or_else(|| panic!("none is tried again: {told}"))
}

#[test]
fn a_receiver_that_is_down_for_three_days_then_gets_everything_in_order() {
    let (mut clock, site) = Clock::start();
    let receiver = Receiver::start(|_| Reply::Status(503));
    let began_ms = clock.now_ms();
    let keys = ["A", "B", "C", "D", "E", "F"];
    site.take(&keys);
    let definition = definition_with(&receiver.url(), &json!({"parallel": 1}));
    let id = text(&site.create(&definition)["id"]);
    for version in 1..4 {
        for key in keys {
            site.update(key, version);
        }
    }
    let feed = Feed::of(&site.server);
    let mut requests = receiver.wait_arrived(5).len();
    while clock.now_ms() < began_ms + 72 * HOUR_MS {
        let next_ms = next_attempt(&site, &id, requests);
        clock.go_to(next_ms);
        requests = receiver.wait_arrived(requests + 1).len();
    }
    next_attempt(&site, &id, requests);
    let failed = site.show(&id, "/deliveries?limit=500");
    assert_schedule(&failed);
    assert_eq!(site.show(&id, "")["state"], "active");
    receiver.behave(|_| Reply::Status(200));
    let next_ms = next_attempt(&site, &id, requests);
    clock.go_to(next_ms);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0, "each event once");
    // The last outcome is stored after it was seen here.
    site.until(
        &id,
        "",
        "nothing waits, and each event counts once",
        |told| (told["parked"] == 0 && told["delivered"] == feed.events.len()).then_some(()),
    );
}

/// The attempts for each event follow the schedule, give or take a fifth.
fn assert_schedule(told: &Value) {
    let mut times = BTreeMap::<u64, BTreeMap<u64, i64>>::new();
    for attempt in told["attempts"].as_array().unwrap() {
        let of_it = times
            .entry(attempt["position"].as_u64().unwrap())
            .or_default();
        of_it.insert(attempt["attempt"].as_u64().unwrap(), at_ms(&attempt["at"]));
    }
    assert!(times.len() >= 5, "{times:?}");
    for of_it in times.values() {
        let numbers = Vec::from_iter(of_it.keys().copied());
        assert_eq!(numbers, Vec::from_iter(1..=of_it.len() as u64));
        let at = Vec::from_iter(of_it.values().copied());
        for (pair, wait_ms) in at
            .windows(2)
            .zip(WAITS_MS.into_iter().chain([24 * HOUR_MS]))
        {
            // The clock jumps exactly to the time of one attempt; another may be due a little before, and waits for its turn.
            let waited_ms = pair[1] - pair[0];
            let least = wait_ms - wait_ms / 5;
            assert!(
                waited_ms >= least,
                "{waited_ms} instead of {wait_ms}: {told}"
            );
        }
    }
    let first = times.values().next().unwrap();
    assert!(first.len() >= 8, "{times:?}");
}

#[test]
fn a_destination_that_fails_for_five_days_is_disabled_and_can_be_resumed() {
    let (mut clock, site) = Clock::start();
    let receiver = Receiver::start(|_| Reply::Status(500));
    let began_ms = clock.now_ms();
    let keys = Vec::from_iter((0..6).map(|number| format!("K-{number}")));
    site.take(&Vec::from_iter(keys.iter().map(String::as_str)));
    let id = site.create_for(&receiver);
    let feed = Feed::of(&site.server);
    let mut requests = receiver.wait_arrived(5).len();
    while site.show(&id, "")["state"] == "active" {
        assert!(clock.now_ms() < began_ms + 7 * 24 * HOUR_MS);
        let next_ms = next_attempt(&site, &id, requests);
        clock.go_to(next_ms);
        requests = receiver.wait_arrived(requests + 1).len();
        site.until(
            &id,
            "/deliveries?limit=500",
            "the outcome is stored",
            |told| (told["attempts"].as_array().unwrap().len() >= requests).then_some(()),
        );
    }
    assert!(clock.now_ms() >= began_ms + 5 * 24 * HOUR_MS, "not before");
    let audit = site.server.send(&site.administer("GET", "/v1/audit"));
    assert!(
        audit.text().contains("destination.disabled"),
        "{}",
        audit.text()
    );
    receiver.behave(|_| Reply::Status(200));
    site.act(&id, "resume", &json!({}));
    site.act(&id, "replay", &json!({"from": "failed"}));
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
}
