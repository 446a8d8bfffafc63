//! Whether destinations that do not work delay the others: the time from an order to its deliveries at 200 destinations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::StatusCode;
use serde_json::json;

use crate::destinations::Destinations;
use crate::first_dialect;
use crate::measurements::{Measurements, Round};
use crate::receiver::{Received, Receiver, Reply};
use crate::report::Finding;
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::served::Served;
use crate::verdict::{TIMES, Verdict};

/// Destinations, and how many of them do not work.
const DESTINATIONS: usize = 200;
const BAD: usize = 3;
/// Between two orders: slow enough that all deliveries together do not fill the machine.
const ORDER_EVERY: Duration = Duration::from_millis(200);
/// How long a request may take. Short, so that those that hang are tried several times.
const TIMEOUT_S: u32 = 2;
/// The p99 of those that work may grow so much.
const GROWTH_BAR: f64 = 1.2;
/// Longest wait for the last deliveries.
const REST_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// What the receiver of all destinations knows.
struct Arrivals {
    /// Whether some destinations do not work at present.
    is_bad: AtomicBool,
    /// From an event to its delivery, at destinations that always work.
    latencies: Mutex<Vec<Duration>>,
    now_ms: fn() -> i64,
}

/// Measures the deliveries to those that work, while the others work and while they do not.
pub(super) fn neighbours(schedule: &Schedule, now_ms: fn() -> i64) -> Result<Finding> {
    let arrivals = Arc::new(Arrivals {
        is_bad: AtomicBool::new(false),
        latencies: Mutex::default(),
        now_ms,
    });
    let handler = arrivals.clone();
    let receiver = Receiver::start(Arc::new(move |received: &Received<'_>| {
        handler.take(received)
    }))?;
    let served = Served::start_for_destinations()?;
    let destinations = Destinations::of(&served.target);
    for number in 0..DESTINATIONS {
        destinations.create(json!({
            "kind": "webhook",
            "url": receiver.url(&format!("/{number}")),
            "events": ["order.accepted"],
            "timeout_s": TIMEOUT_S,
        }))?;
    }
    let mut singles = served.target.singles(first_dialect(), 1);
    let what = format!("{DESTINATIONS} destinations, of which {BAD} hang, fail or are slow");
    let mut round = |length| arrivals.round(&mut singles, length);
    schedule.warm_up(&mut round)?;
    let before = schedule.once(&what, &mut round)?;
    arrivals.is_bad.store(true, Ordering::Relaxed);
    let beside = schedule.once(&what, &mut round)?;
    let [before, beside] = [before, beside].map(|round| Measurements::of(&[round], None));
    let p99 = |measured: &Measurements| Some(measured.latency_ms?.p99);
    let growth = p99(&beside).zip(p99(&before));
    let verdict = growth.map(|(beside, before)| {
        let growth = (beside / before, TIMES);
        Verdict::at_most("onward", "p99 of the others", growth, GROWTH_BAR, None)
    });
    Ok(Finding::new("onward", what)
        .side("all work", before)
        .side("three do not", beside)
        .verdicts(verdict))
}

impl Arrivals {
    /// Takes a delivery, or does not.
    fn take(&self, received: &Received<'_>) -> Reply {
        let number = received.target.trim_start_matches('/').parse::<usize>();
        let place = DESTINATIONS - 1 - number.unwrap_or_default();
        if place < BAD {
            return self.fail(place);
        }
        let Some(created_ms) = received.header("webhook-id").and_then(created_ms) else {
            return Reply::Status(StatusCode::BAD_REQUEST);
        };
        let took_ms = u64::try_from((self.now_ms)() - created_ms).unwrap_or_default();
        self.latencies().push(Duration::from_millis(took_ms));
        Reply::Status(StatusCode::NO_CONTENT)
    }

    /// The answer of one of those that do not always work.
    fn fail(&self, place: usize) -> Reply {
        if !self.is_bad.load(Ordering::Relaxed) {
            return Reply::Status(StatusCode::NO_CONTENT);
        }
        match place {
            0 => Reply::Never,
            1 => Reply::Status(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Reply::Slowly,
        }
    }

    fn latencies(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an order now and then, and waits for all deliveries to those that work.
    fn round(&self, singles: &mut Sender, length: Duration) -> Result<Round> {
        self.latencies().clear();
        let begin = Instant::now();
        let mut orders = 0;
        while begin.elapsed() < length {
            orders += singles.send_requests(1)?.orders;
            std::thread::sleep(ORDER_EVERY);
        }
        let expected = usize::try_from(orders)? * (DESTINATIONS - BAD);
        let sent_at = Instant::now();
        while self.latencies().len() < expected {
            ensure!(
                sent_at.elapsed() < REST_WITHIN,
                "{} of {expected} deliveries have arrived in time",
                self.latencies().len()
            );
            std::thread::sleep(PAUSE);
        }
        Ok(Round {
            orders,
            duration: begin.elapsed(),
            latencies: std::mem::take(&mut *self.latencies()),
            ..Round::default()
        })
    }
}

/// When an event was committed, in milliseconds since 1970: its id is a UUID version 7.
fn created_ms(id: &str) -> Option<i64> {
    let (high, rest) = id.split_once('-')?;
    let (low, _) = rest.split_once('-')?;
    i64::from_str_radix(&format!("{high}{low}"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_when_its_event_was() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(created_ms(id), Some(0x0189_0a5d_ac96));
        assert_eq!(created_ms("event"), None);
    }
}
