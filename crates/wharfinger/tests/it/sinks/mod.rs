//! Sinks with events of the test's own: what they have afterwards, however they and their targets are killed.

pub(crate) mod files;
pub(crate) mod nats;
pub(crate) mod postgres;
mod shown;

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;
use wharfinger::onward::guard::Guard;
use wharfinger::onward::sinks::{Failure, Opening, Outgoing, Sink, SinkSettings, Taken};
use wharfinger::store::{
    Delivery, DeliveryOrder, Destination, DestinationState, Epoch, Event, EventKind, FeedCursor,
    Progress,
};
use wharfinger_core::order::ids::{BatchId, EventId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;

/// The codes of the organisations of these tests, by number.
const CODES: [&str; 3] = ["ORG0", "shop.one", "ORG2"];

/// Runs a test.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test)
}

/// A destination and what opens it.
struct Target {
    destination: Destination,
    settings: SinkSettings,
    progress: Progress,
    lease: i64,
    guard: Guard,
}

impl Target {
    fn new(settings: Value) -> Self {
        let settings = SinkSettings::parse(settings).unwrap();
        Self {
            destination: Destination {
                id: Uuid::now_v7(),
                created_by: "test".into(),
                created_at_ms: 0,
                reach: OrgAccess::All,
                kinds: None,
                form: None,
                order: DeliveryOrder::All,
                max_events: 500,
                max_wait_ms: 0,
                parallel: 1,
                timeout_s: 15,
                settings: settings.stored().to_string(),
                secrets: Vec::new(),
                state: DestinationState::Active,
                state_since_ms: 0,
                reason: None,
                begins: None,
                begins_ms: None,
                version: 1,
                replays: 0,
            },
            settings,
            progress: Progress::default(),
            lease: 0,
            guard: Guard::new(
                ["127.0.0.0/8", "::1/128"]
                    .map(|of| of.parse().unwrap())
                    .to_vec(),
            ),
        }
    }

    /// Opens the sink, as the next holder of the lease.
    async fn open(&mut self, files_root: Option<&Path>) -> Result<Sink, Failure> {
        self.lease += 1;
        let opening = Opening {
            destination: &self.destination,
            progress: &self.progress,
            lease: self.lease,
            guard: &self.guard,
            files_root,
        };
        Sink::open(&self.settings, opening).await
    }
}

/// An event, and what a sink gets with it.
#[derive(Clone)]
struct Given {
    delivery: Delivery,
    id: String,
    body: Bytes,
}

impl Given {
    fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            delivery: &self.delivery,
            code: self.code(),
            id: &self.id,
            body: self.body.clone(),
        }
    }

    fn code(&self) -> &'static str {
        CODES[self.delivery.organisation.0 as usize]
    }

    fn position(&self) -> u64 {
        self.delivery.event.position
    }
}

/// An order of a batch of its own.
fn order_id(number: u32) -> OrderId {
    BatchId::new(u64::from(number), 7).order(0)
}

/// An event about an order. The order's JSON has what the event needs.
fn event(organisation: u32, position: u64, kind: EventKind, order: u32) -> Given {
    let at_ms = 1_796_000_000_000 + i64::try_from(position).unwrap();
    let id = EventId::new(at_ms.unsigned_abs(), OrganisationId(organisation), position);
    let order = order_id(order);
    let body = json!({
        "id": id.to_string(),
        "type": kind.name(),
        "organisation": CODES[organisation as usize],
        "order_id": order.to_string(),
        "position": position,
    });
    Given {
        id: id.to_string(),
        body: body.to_string().into(),
        delivery: Delivery {
            organisation: OrganisationId(organisation),
            event: Event {
                position,
                at_ms,
                kind,
                batch: Some(order.batch()),
                order: Some(order),
                origin: None,
            },
            previous: position.checked_sub(1).filter(|before| *before > 0),
            previous_of_order: None,
            lane_key: 0,
            label: String::new(),
            order: None,
            next: FeedCursor {
                epoch: Epoch(1),
                from: 0,
                to: at_ms,
                next: OrganisationId(organisation),
                lagging: Vec::new(),
                skips_purged: false,
            },
        },
    }
}

/// Events of new orders of an organisation, at these positions.
fn accepted(organisation: u32, positions: std::ops::RangeInclusive<u64>) -> Vec<Given> {
    let events = positions.map(|position| {
        let number = organisation * 1_000_000 + u32::try_from(position).unwrap();
        event(organisation, position, EventKind::OrderAccepted, number)
    });
    events.collect()
}

/// Gives events to a sink.
async fn deliver(sink: &mut Sink, events: &[Given]) -> Result<Taken, Failure> {
    let outgoing = Vec::from_iter(events.iter().map(Given::outgoing));
    sink.deliver(&outgoing).await
}

/// A future that is dropped after it was polled so often. Returns `None` if it had not ended.
async fn cut_off<T>(work: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}
