//! The server and the receiver are killed under load. Every event arrives, in the order of its order, and what comes twice was under
//! way at a kill.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::check::{Feed, check, has_all};
use super::{Site, definition_with};
use crate::support::client::{Connection, Request};
use crate::support::database::is_on_postgres;
use crate::support::fixture::secret_of;
use crate::support::receiver::{Delivered, Receiver, Reply};
use crate::support::seed::{Random, storm};
use crate::support::v1::order;

/// Requests at the same time.
const PARALLEL: usize = 8;
/// Orders whose versions are sent.
const KEYS: usize = 24;

/// How long to wait for a request before the clock is moved.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often the clock is moved before the test has failed.
const WAITS_MAX: usize = 600;

/// A server, a receiver, and what was received before the latest kill of the receiver.
struct Storm {
    site: Option<Site>,
    receiver: Option<Receiver>,
    address: SocketAddr,
    taken: Vec<Delivered>,
    kills: usize,
    batch: usize,
    clock: PathBuf,
    offset_ms: i64,
    _files: tempfile::TempDir,
}

fn willing(_: &Delivered) -> Reply {
    Reply::Status(200)
}

impl Storm {
    fn start(batch: usize) -> Self {
        let files = tempfile::tempdir().unwrap();
        let clock = files.path().join("offset");
        let variables = vec![("WHARFINGER_TEST_CLOCK", clock.clone())];
        let options = ["--destinations-allow", "127.0.0.0/8"];
        let site = Site::start_with(&options, variables);
        let receiver = Receiver::willing();
        let more = json!({"parallel": PARALLEL, "batch": {"max_events": batch}});
        site.create(&definition_with(&receiver.url(), &more));
        Self {
            site: Some(site),
            address: receiver.address,
            receiver: Some(receiver),
            taken: Vec::new(),
            kills: 0,
            batch,
            clock,
            offset_ms: 0,
            _files: files,
        }
    }

    /// Lets time pass, so that what has failed is tried again.
    fn pass(&mut self, ms: i64) {
        self.offset_ms += ms;
        let new = self.clock.with_extension("new");
        std::fs::write(&new, self.offset_ms.to_string()).unwrap();
        std::fs::rename(new, &self.clock).unwrap();
    }

    /// Sends orders, and kills the server or the receiver while they are delivered.
    fn round(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        let orders = 20 + random.below(40);
        let is_server = random.chance(50);
        let after = 1 + random.below(orders / self.batch);
        let receiver = self.receiver.take().expect("it lives");
        let site = self.site.take().expect("it lives");
        let before = receiver.arrived().len();
        let address = site.server.address;
        let mut of_writer = Random::new(seed + 1_000);
        let writer = std::thread::spawn(move || write(address, &mut of_writer, orders));
        let mut waits = 0;
        while !receiver.has_arrived(before + after, LOOK_EVERY) {
            // What has failed at an earlier kill is waited for.
            self.pass(10_000);
            waits += 1;
            assert!(waits < WAITS_MAX, "nothing arrives any more");
        }
        self.kills += 1;
        if is_server {
            self.site = Some(site.kill());
            self.receiver = Some(receiver);
        } else {
            self.taken.extend(receiver.kill());
            let address = self.address.to_string();
            self.receiver = Some(Receiver::start_at(&address, None, willing));
            self.site = Some(site);
            self.pass(10_000);
        }
        writer.join().expect("the writer ends");
    }

    /// Waits until everything has arrived, then checks it.
    fn settle(mut self) {
        let all = |_: &Value| true;
        let feed = Feed::of(&self.site.as_ref().expect("it lives").server);
        let mut waits = 0;
        let taken = loop {
            let receiver = self.receiver.as_ref().expect("it lives");
            let taken = [self.taken.clone(), receiver.taken()].concat();
            if has_all(&taken, &feed, all) {
                break taken;
            }
            let more = receiver.arrived().len() + 1;
            if !receiver.has_arrived(more, LOOK_EVERY) {
                // What has failed is waited for.
                self.pass(60_000);
                waits += 1;
                assert!(waits < WAITS_MAX, "something is lost");
            }
        };
        let repeated = check(&taken, &feed, all);
        let at_most = self.kills * PARALLEL * self.batch;
        assert!(repeated <= at_most, "{repeated} came again, of {at_most}");
        assert!(feed.events.len() > 20 * self.kills / 2);
        let data = self.site.as_ref().expect("it lives").data.path();
        let report = crate::support::stored::check(data);
        assert_eq!(report.faults, Vec::<String>::new());
    }
}

/// Sends new orders and new versions of them until all are sent or the server is gone.
pub(super) fn write(address: SocketAddr, random: &mut Random, orders: usize) {
    let mut connection = Connection::open(address);
    for number in 0..orders {
        let mut order = order(&format!("K-{}", random.below(KEYS)));
        order["instructions"] = format!("Version {number} {}", random.below(1_000_000)).into();
        let secret = format!("Bearer {}", secret_of("full"));
        let request = Request::new("POST", "/v1/batches?organisation=TRK001");
        let request = request.header("authorization", secret);
        let body = json!([order]).to_string();
        let Some(answer) = connection.exchange(&request.body(body)) else {
            return;
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn kills() -> u64 {
    // There, the lease of a killed server has to end first.
    if is_on_postgres() { 4 } else { 20 }
}

#[test]
fn storm_of_kills_keeps_the_order_and_loses_nothing() {
    let mut world = Storm::start(1);
    storm(kills(), |seed| world.round(seed));
    world.settle();
}

#[test]
fn storm_of_kills_with_batches_keeps_the_order_and_loses_nothing() {
    let mut world = Storm::start(7);
    storm(kills() / 2, |seed| world.round(seed));
    world.settle();
}
