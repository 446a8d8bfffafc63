//! How fast events leave a store that has many, for each kind of destination. The receiver runs on the same machine.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::seen::Counter;
use super::watch::watch;
use crate::database::{self, Database};
use crate::destinations::Destinations;
use crate::fill;
use crate::first_dialect;
use crate::measurements::{Measurements, Round, as_f64};
use crate::nats::NatsServer;
use crate::process;
use crate::report::{Finding, grouped};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::verdict::Verdict;

/// The bars, in events per second.
const SINGLES_BAR: u64 = 5_000;
const BATCHES_BAR: u64 = 50_000;
const NATS_BAR: u64 = 30_000;
const POSTGRES_BAR: u64 = 20_000;

/// Requests at the same time, of single webhooks.
const LANES: u32 = 64;
/// Events in a batch of webhooks, and of a sink.
const BATCH: u32 = 100;
const SINK_BATCH: u32 = 1_000;

/// Between two looks at a receiver in this process, and at what the server says.
const PAUSE: Duration = Duration::from_millis(1);
const ASKED_EVERY: Duration = Duration::from_millis(25);

/// A store with events, and its server.
struct Full {
    served: Served,
    destinations: Destinations,
    /// Events in the feed: of orders, and of batches.
    events: u64,
    seconds: u64,
}

/// Measures each kind of destination, from the beginning of the same feed.
pub(super) fn rates(schedule: &Schedule, database_server: Option<&str>) -> Result<Vec<Finding>> {
    schedule.prepare("filling a store");
    let mut full = Full::start(schedule.length())?;
    let mut findings = vec![
        full.singles(schedule)?,
        full.batches(schedule)?,
        full.postgres(schedule, database_server)?,
    ];
    match NatsServer::start()? {
        Some(nats) => findings.push(full.nats(schedule, &nats)?),
        None => {
            let what = "NATS: not measured, because nats-server is not installed";
            findings.push(Finding::new("onward", what));
        }
    }
    full.served.end()?;
    Ok(findings)
}

impl Full {
    /// Fills a store with as many orders as the fastest kind needs for this long at its bar.
    fn start(length: Duration) -> Result<Self> {
        let served = Served::start_for_destinations()?;
        let seconds = length.as_secs().max(1);
        let filled = fill::send(&served.target, first_dialect(), BATCHES_BAR * seconds)?;
        Ok(Self {
            destinations: Destinations::of(&served.target),
            served,
            events: filled.orders + as_u64(filled.latencies.len()),
            seconds,
        })
    }

    /// The events that one kind is given.
    fn events(&self, bar: u64) -> u64 {
        self.events.min(bar * self.seconds)
    }

    fn singles(&mut self, schedule: &Schedule) -> Result<Finding> {
        let definition = json!({"parallel": LANES});
        let what = format!("single webhooks over {LANES} lanes");
        self.webhooks(schedule, (&what, &definition), SINGLES_BAR)
    }

    fn batches(&mut self, schedule: &Schedule) -> Result<Finding> {
        let definition = json!({"batch": {"max_events": BATCH}});
        let what = format!("webhooks with batches of {BATCH} events");
        self.webhooks(schedule, (&what, &definition), BATCHES_BAR)
    }

    /// Measures webhooks with the event alone, and with the order in its own dialect's form.
    fn webhooks(
        &mut self,
        schedule: &Schedule,
        (what, definition): (&str, &Value),
        bar: u64,
    ) -> Result<Finding> {
        let events = self.events(bar);
        let what = format!("{what}, {} events", grouped(as_f64(events)));
        let mut finding = Finding::new("onward", &what);
        let mut verdicts = Vec::new();
        for (side, form) in [("event alone", None), ("with the order", Some("submitted"))] {
            let mut definition = definition.clone();
            if let Some(form) = form {
                definition["form"] = form.into();
            }
            let (server, receiver) = self.webhook(schedule, &what, definition, events)?;
            if form.is_none() {
                verdicts.push(verdict(&server, bar));
            }
            finding = finding.side(side, server).side("receiver", receiver);
        }
        Ok(finding.verdicts(verdicts))
    }

    /// Delivers to a receiver in this process. Returns the figures of the server and of the receiver.
    fn webhook(
        &mut self,
        schedule: &Schedule,
        what: &str,
        mut definition: Value,
        events: u64,
    ) -> Result<(Measurements, Measurements)> {
        let counter = Counter::start()?;
        definition["kind"] = "webhook".into();
        definition["url"] = counter.receiver.url("/").into();
        let definition = from_the_beginning(definition);
        let (served, destinations) = (&mut self.served, &self.destinations);
        let round = schedule.once(what, |_| {
            served.measure(|| {
                let id = destinations.create(definition)?;
                let round = watch(events, PAUSE, || Ok(counter.events()))?;
                destinations.delete(&id)?;
                Ok(round)
            })
        })?;
        let receiver = Round {
            cpu: Some(counter.receiver.cpu()?),
            written_bytes: None,
            ..round.clone()
        };
        let of = |round| Measurements::of(&[round], None);
        Ok((of(round), of(receiver)))
    }

    /// Delivers into tables of a database of its own.
    fn postgres(&mut self, schedule: &Schedule, server: Option<&str>) -> Result<Finding> {
        let mut database = Database::create(server)?;
        let definition = json!({"kind": "postgres", "url": database.url()});
        let definition = from_the_beginning(with_batches(definition));
        let events = self.events(POSTGRES_BAR);
        let what = format!("tables in PostgreSQL, {} events", grouped(as_f64(events)));
        let process = [self.served.process_id()];
        let round = schedule.once(&what, |_| {
            database.measure(&process, || self.sink(definition, events))
        })?;
        let stored = "select count(*) from wharfinger.orders";
        let mut client = database::connect(database.url())?;
        let orders: i64 = client.query_one(stored, &[])?.try_get(0)?;
        // A few of the events are of batches.
        ensure!(
            as_f64(u64::try_from(orders)?) > 0.9 * as_f64(events),
            "{events} events were delivered, but the tables have {orders} orders"
        );
        let measured = Measurements::of(&[round], None);
        let verdict = verdict(&measured, POSTGRES_BAR);
        Ok(Finding::new("onward", what)
            .side("wharfinger", measured)
            .verdicts([verdict]))
    }

    /// Delivers to a stream of a NATS server.
    fn nats(&mut self, schedule: &Schedule, nats: &NatsServer) -> Result<Finding> {
        let definition = json!({"kind": "nats", "url": nats.url});
        let definition = from_the_beginning(with_batches(definition));
        let events = self.events(NATS_BAR);
        let what = format!("a stream of NATS, {} events", grouped(as_f64(events)));
        let broker_before = process::cpu(nats.process_id())?;
        let round = schedule.once(&what, |_| {
            let process = self.served.process_id();
            let before = process::cpu(process)?;
            let mut round = self.sink(definition, events)?;
            round.cpu = Some(process::cpu(process)?.saturating_sub(before));
            Ok(round)
        })?;
        let broker = Round {
            cpu: Some(process::cpu(nats.process_id())?.saturating_sub(broker_before)),
            ..round.clone()
        };
        let messages = nats.messages()?;
        ensure!(
            messages >= events,
            "{events} events were delivered, but the stream has {messages} messages"
        );
        let measured = Measurements::of(&[round], None);
        let verdict = verdict(&measured, NATS_BAR);
        Ok(Finding::new("onward", what)
            .side("wharfinger", measured)
            .side("nats-server", Measurements::of(&[broker], None))
            .verdicts([verdict]))
    }

    /// Delivers to a sink. The server says how far it is.
    fn sink(&self, definition: Value, events: u64) -> Result<Round> {
        let destinations = &self.destinations;
        let id = destinations.create(definition)?;
        let round = watch(events, ASKED_EVERY, || destinations.delivered(&id))?;
        destinations.delete(&id)?;
        Ok(round)
    }
}

fn from_the_beginning(mut definition: Value) -> Value {
    definition["start"] = "beginning".into();
    definition
}

fn with_batches(mut definition: Value) -> Value {
    definition["batch"] = json!({"max_events": SINK_BATCH});
    definition
}

fn verdict(measured: &Measurements, bar: u64) -> Verdict {
    let rate = (measured.orders_per_s, "/s");
    Verdict::at_least("onward", "events per second", rate, as_f64(bar), None)
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
