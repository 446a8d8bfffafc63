//! What destinations cost intake: orders into a server without any, into one that delivers them, and into one whose receiver is down.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::seen::Counter;
use crate::destinations::Destinations;
use crate::measurements::{Measurements, Round, as_f64, median};
use crate::process;
use crate::report::Finding;
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::served::Served;
use crate::verdict::{TIMES, Verdict};
use crate::works::compare::{Case, Requests};
use crate::{LARGE_BATCH, first_dialect};

/// Events in a delivery.
const BATCH: u32 = 100;
/// Connections that send single orders, as in p3.
const SINGLE_CONNECTIONS: usize = 64;
/// Rounds are short, and the machine's speed varies between them.
const BAR: f64 = 0.95;
/// Longest wait for what is delivered after a round.
const REST_WITHIN: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(5);

/// A server that takes orders, and perhaps delivers them.
struct Side {
    served: Served,
    sender: Sender,
    counter: Option<Counter>,
    /// Events in its feed: of orders, and of batches.
    events: u64,
    /// CPU time of the receiver while orders were sent, and events that arrived meanwhile, in each round.
    receiver_cpu: Vec<Duration>,
    arrived: u64,
}

/// Measures p1 and p3 beside destinations.
pub(super) fn beside(schedule: &Schedule) -> Result<Vec<Finding>> {
    let large = Case::batches(first_dialect(), LARGE_BATCH);
    let singles = Case {
        requests: Requests::Singles,
        connections: SINGLE_CONNECTIONS,
        ..large
    };
    [large, singles]
        .iter()
        .map(|case| compare(schedule, case))
        .collect()
}

fn compare(schedule: &Schedule, case: &Case<'_>) -> Result<Finding> {
    let what = format!("{}, beside a destination", case.in_words());
    let counter = Counter::start()?;
    let url = counter.receiver.url("/");
    let mut none = Side::start(case, None)?;
    let mut delivering = Side::start(case, Some(&url))?;
    delivering.counter = Some(counter);
    let mut down = Side::start(case, Some(&closed_url()?))?;
    let [alone, beside, beside_down] = schedule.take_turns(&what, |length| {
        Ok([
            none.round(length)?,
            delivering.round(length)?,
            down.round(length)?,
        ])
    })?;
    // The first round was not counted.
    let receiver_cpu = &delivering.receiver_cpu[1..];
    let verdicts = verdicts([&alone, &beside, &beside_down], receiver_cpu)?;
    let of = |rounds: &[Round]| Measurements::of(rounds, None);
    Ok(Finding::new("onward", what)
        .side("no destination", of(&alone))
        .side("one that delivers", of(&beside))
        .side("one that is down", of(&beside_down))
        .fact("delivered while sending", as_f64(delivering.arrived))
        .verdicts(verdicts))
}

/// Compares the rounds of no destination, one that delivers and one that is down.
///
/// Delivery may take from intake what it uses of the processors, and no more. It uses the CPU time of the receiver, and that of the
/// server beyond what as many orders cost alone.
fn verdicts(
    [alone, beside, down]: [&[Round]; 3],
    receiver_cpu: &[Duration],
) -> Result<Vec<Verdict>> {
    let cores = as_f64(u64::try_from(available_parallelism()?.get())?);
    let mut of_what_is_left = Vec::new();
    let (mut down_rates, mut down_costs) = (Vec::new(), Vec::new());
    for (round, alone) in alone.iter().enumerate() {
        let (beside, down) = (&beside[round], &down[round]);
        let own_cost = cost(alone);
        let own_s = own_cost * as_f64(beside.orders);
        let used_s = cpu_s(beside) - own_s + receiver_cpu[round].as_secs_f64();
        let left = 1.0 - used_s.max(0.0) / (cores * beside.duration.as_secs_f64());
        of_what_is_left.push(rate(beside) / (rate(alone) * left));
        down_rates.push(rate(down) / rate(alone));
        down_costs.push(cost(down) / own_cost);
    }
    let ratio = |ratios: &mut Vec<f64>| (median(ratios).unwrap_or_default(), TIMES);
    let of_left = ratio(&mut of_what_is_left);
    let (down_rate, down_cost) = (ratio(&mut down_rates), ratio(&mut down_costs));
    Ok(vec![
        Verdict::at_least("onward", "rate by the CPU left", of_left, BAR, None),
        Verdict::at_least("onward", "rate, one is down", down_rate, BAR, None),
        Verdict::at_most("onward", "CPU, one is down", down_cost, 1.0 / BAR, None),
    ])
}

fn rate(round: &Round) -> f64 {
    as_f64(round.orders) / round.duration.as_secs_f64()
}

fn cpu_s(round: &Round) -> f64 {
    round.cpu.unwrap_or_default().as_secs_f64()
}

/// CPU seconds per order.
fn cost(round: &Round) -> f64 {
    cpu_s(round) / as_f64(round.orders)
}

impl Side {
    fn start(case: &Case<'_>, url: Option<&str>) -> Result<Self> {
        let served = Served::start_for_destinations()?;
        if let Some(url) = url {
            let definition = json!({"kind": "webhook", "url": url, "batch": {"max_events": BATCH}});
            Destinations::of(&served.target).create(definition)?;
        }
        Ok(Self {
            sender: case.sender(&served.target),
            served,
            counter: None,
            events: 0,
            receiver_cpu: Vec::new(),
            arrived: 0,
        })
    }

    /// Sends orders, and then waits until all of them were delivered, so that the rounds of others are not disturbed.
    fn round(&mut self, length: Duration) -> Result<Round> {
        let process = self.served.process_id();
        let (arrived, receiver_cpu) = self.received()?;
        let before = process::cpu(process)?;
        let mut round = self.sender.send_for(length)?;
        round.cpu = Some(process::cpu(process)?.saturating_sub(before));
        let (arrived_since, receiver_cpu_since) = self.received()?;
        self.receiver_cpu
            .push(receiver_cpu_since.saturating_sub(receiver_cpu));
        self.arrived += arrived_since - arrived;
        self.events += round.orders + u64::try_from(round.latencies.len())?;
        self.wait_for_rest()?;
        process::when_quiet(|| process::cpu(process))?;
        Ok(round)
    }

    /// Events that have arrived, and CPU time of the receiver.
    fn received(&self) -> Result<(u64, Duration)> {
        Ok(match &self.counter {
            Some(counter) => (counter.events(), counter.receiver.cpu()?),
            None => (0, Duration::ZERO),
        })
    }

    fn wait_for_rest(&self) -> Result<()> {
        let Some(counter) = &self.counter else {
            return Ok(());
        };
        let begin = Instant::now();
        while counter.events() < self.events {
            ensure!(
                begin.elapsed() < REST_WITHIN,
                "{} of {} events were delivered in time",
                counter.events(),
                self.events
            );
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// A URL at which nobody listens.
fn closed_url() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(format!("http://{}/", listener.local_addr()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(orders: u64, cpu_ms: u64) -> Round {
        Round {
            orders,
            duration: Duration::from_secs(1),
            cpu: Some(Duration::from_millis(cpu_ms)),
            ..Round::default()
        }
    }

    #[test]
    fn delivery_may_take_what_it_uses() {
        let cores = as_f64(available_parallelism().unwrap().get() as u64);
        // Half of the orders; the other half of all processors went into delivering: a tenth in the receiver.
        let used_ms = (cores * 500.0) as u64;
        let receiver_ms = used_ms / 10;
        let beside = round(500, 50 + used_ms - receiver_ms);
        let receiver = [Duration::from_millis(receiver_ms)];
        let sides = [[round(1_000, 100)], [beside], [round(900, 99)]];
        let [alone, beside, down] = &sides;
        let verdicts = verdicts([alone, beside, down], &receiver).unwrap();
        let figures: Vec<_> = verdicts.iter().map(|verdict| verdict.figure).collect();
        for (figure, expected) in figures.iter().zip([1.0, 0.9, 1.1]) {
            assert!((figure - expected).abs() < 0.01, "{figures:?}");
        }
    }
}
