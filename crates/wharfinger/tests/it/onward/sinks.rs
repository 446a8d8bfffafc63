//! Sinks, from submitted orders to what the sink has, while the server and the target are killed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pg_cluster::Cluster;
use serde_json::{Value, json};

use super::Site;
use super::check::{Feed, text};
use super::kills::write;
use crate::postgres::until;
use crate::sinks::files::lines_of;
use crate::sinks::nats::messages;
use crate::sinks::postgres::rows;
use crate::support::cluster::options;
use crate::support::database::is_on_postgres;
use crate::support::nats::NatsServer;
use crate::support::seed::Random;
use crate::support::v1::{get, request};

/// A site with a destination that is a sink.
struct World {
    site: Site,
    id: String,
    clock: PathBuf,
    offset_ms: i64,
    files: tempfile::TempDir,
}

impl World {
    fn start(definition: &Value) -> Self {
        let files = tempfile::tempdir().unwrap();
        let clock = files.path().join("offset");
        let root = files.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let options = [
            "--destinations-allow",
            "127.0.0.0/8",
            "--destinations-files",
            root.to_str().unwrap(),
        ];
        let variables = vec![("WHARFINGER_TEST_CLOCK", clock.clone())];
        let site = Site::start_with(&options, variables);
        let mut definition = definition.clone();
        definition["organisations"] = json!(["TRK001"]);
        definition["start"] = "beginning".into();
        let id = text(&site.create(&definition)["id"]);
        Self {
            site,
            id,
            clock,
            offset_ms: 0,
            files,
        }
    }

    fn root(&self) -> PathBuf {
        self.files.path().join("root")
    }

    /// Lets time pass, so that what has failed is tried again.
    fn pass(&mut self, ms: i64) {
        self.offset_ms += ms;
        let new = self.clock.with_extension("new");
        std::fs::write(&new, self.offset_ms.to_string()).unwrap();
        std::fs::rename(new, &self.clock).unwrap();
    }

    fn delivered(&self) -> u64 {
        self.site.show(&self.id, "")["delivered"].as_u64().unwrap()
    }

    /// Lets time pass until so many events were delivered.
    fn wait_delivered(&mut self, events: u64) {
        let mut passed = 0;
        until("the events are delivered", || {
            // Failed attempts have at most five minutes between them here.
            if passed < 100 {
                passed += 1;
                self.pass(360_000);
            }
            self.delivered() >= events
        });
    }

    /// Orders are sent, while now the server is killed and now the target.
    fn disturb(mut self, mut kill_target: impl FnMut()) -> Self {
        let rounds = if is_on_postgres() { 2 } else { 6 };
        for round in 0..rounds {
            let address = self.site.server.address;
            let before = self.delivered();
            let writer = std::thread::spawn(move || write(address, &mut Random::new(round), 60));
            if round % 2 == 0 {
                self.wait_delivered(before + 1);
                self.site = self.site.kill();
            } else {
                kill_target();
            }
            writer.join().expect("the writer ends");
            self.pass(360_000);
        }
        self.move_orders();
        let events = Feed::of(&self.site.server).events.len();
        self.pass(3_600_000);
        self.wait_delivered(events as u64);
        self
    }

    /// Orders of TRK001, as the API shows them, by id.
    fn orders(&self) -> HashMap<String, Value> {
        let page = get(
            &self.site.server,
            "/v1/orders?organisation=TRK001&limit=500",
        );
        let orders = page["data"].as_array().unwrap().iter();
        orders
            .map(|order| (text(&order["id"]), order.clone()))
            .collect()
    }

    /// Processes one order, cancels one, and reports on one.
    fn move_orders(&self) {
        let mut ids = Vec::from_iter(self.orders().into_keys());
        ids.sort();
        for (method, what, body) in [
            ("POST", "process", json!({})),
            ("POST", "cancel", json!({})),
            ("PUT", "fulfilment", json!({"status": "SHIPPED"})),
        ] {
            let target = format!("/v1/orders/{}/{what}", ids.remove(0));
            let request = request(method, &target, "full").body(body.to_string());
            let answer = self.site.server.send(&request);
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        }
    }
}

#[test]
fn tables_are_as_the_orders_are_whatever_is_killed() {
    let mut cluster = Cluster::start(&options()).unwrap();
    cluster.create_database("analysis").unwrap();
    let url = cluster.url("analysis");
    let definition = json!({"kind": "postgres", "url": url, "batch": {"max_events": 7}});
    let world = World::start(&definition).disturb(|| {
        cluster.kill().unwrap();
        cluster.restart().unwrap();
    });
    let orders = world.orders();
    let found = rows(&url, "orders", "id");
    assert_eq!(found.len(), orders.len());
    let mut states = Vec::new();
    for row in &found {
        let order = &orders[row["id"].as_str().unwrap()];
        for name in [
            "organisation",
            "key",
            "dialect",
            "state",
            "revision",
            "batch_id",
            "instructions",
        ] {
            assert_eq!(row[name], order[name], "{name}");
        }
        for name in ["created_at", "updated_at"] {
            let time = row[name].as_str().unwrap().trim_end_matches("+00:00");
            let shown = order[name].as_str().unwrap();
            assert!(
                shown.starts_with(time.trim_end_matches('0')),
                "{name}: {time} {shown}"
            );
        }
        assert_eq!(row["fulfilment_status"], order["fulfilment"]["status"]);
        assert_eq!(row["line_count"], order["lines"].as_array().unwrap().len());
        states.push(text(&row["state"]));
    }
    for state in ["pending", "processed", "cancelled"] {
        assert!(states.iter().any(|found| found == state), "{state}");
    }
    assert_eq!(rows(&url, "order_lines", "order_id").len(), orders.len());
    // A replay fills them anew, and comes to the same.
    let events = world.delivered();
    let mut world = world;
    world
        .site
        .act(&world.id, "replay", &json!({"from": "beginning"}));
    until("the replay begins", || {
        world.delivered() < events || rows(&url, "orders", "id").len() < found.len()
    });
    let all = Feed::of(&world.site.server).events.len();
    let mut again = Vec::new();
    until("the tables are full again", || {
        world.pass(1_000);
        again = rows(&url, "orders", "id");
        again.len() == found.len() && again == found
    });
    assert!(all > 100, "{all} events");
}

#[test]
fn a_stream_has_each_event_once_whatever_is_killed() {
    let mut nats = NatsServer::start("");
    let url = nats.url();
    let definition = json!({
        "kind": "nats", "url": url, "prefix": "orders", "stream": "ORDERS", "form": "submitted", "batch": {"max_events": 7},
    });
    let world = World::start(&definition).disturb(|| {
        nats.kill();
        nats.begin();
    });
    let feed = Feed::of(&world.site.server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let messages = runtime.unwrap().block_on(messages(&url));
    let ids = messages.iter().map(|message| message.id.clone());
    let wanted = feed.events.iter().map(|event| text(&event["id"]));
    assert_eq!(Vec::from_iter(ids), Vec::from_iter(wanted));
    for (message, event) in messages.iter().zip(&feed.events) {
        assert_eq!(
            message.subject,
            format!("orders.TRK001.{}", event["type"].as_str().unwrap())
        );
        for (name, value) in event.as_object().unwrap() {
            assert_eq!(message.body[name], *value, "{name}");
        }
    }
}

/// The events of all finished files, by name.
fn events_of(directory: &Path) -> Vec<Value> {
    let entries = std::fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    let mut names = Vec::from_iter(names.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("events-") && !name.ends_with(".partial")
    }));
    names.sort();
    names.iter().flat_map(|path| lines_of(path)).collect()
}

#[test]
fn files_have_each_event_once_whatever_is_killed() {
    for compression in ["gzip", "zstd"] {
        let definition = json!({
            "kind": "files", "directory": "shop", "compression": compression, "interval_s": 1,
            "form": "native", "batch": {"max_events": 7},
        });
        let mut world = World::start(&definition).disturb(|| {});
        let directory = world.root().join("shop");
        world.site.act(&world.id, "pause", &json!({}));
        let feed = Feed::of(&world.site.server);
        let mut events = Vec::new();
        until("the files have all events", || {
            world.pass(1_000);
            events = events_of(&directory);
            events.len() >= feed.events.len()
        });
        let ids = events.iter().map(|event| text(&event["id"]));
        let wanted = feed.events.iter().map(|event| text(&event["id"]));
        assert_eq!(Vec::from_iter(ids), Vec::from_iter(wanted));
        let accepted = events
            .iter()
            .find(|event| event["type"] == "order.accepted")
            .unwrap();
        assert_eq!(accepted["order"]["lines"][0]["sku"], "S-1");
    }
}

#[test]
fn what_the_operator_has_not_allowed_is_refused_at_creation() {
    let site = Site::start();
    let definition = json!({"kind": "files", "directory": "shop", "organisations": ["TRK001"]});
    let answer = site.try_create(&definition);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let why = "--destinations-files";
    assert!(answer.text().contains(why), "{}", answer.text());
    let outside = Site::start_with(&[], Vec::new());
    for url in ["postgres://ann@127.0.0.1/db", "nats://169.254.169.254"] {
        let kind = url.split("://").next();
        let definition = json!({"kind": kind, "url": url, "organisations": ["TRK001"]});
        let answer = outside.try_create(&definition);
        assert_eq!(answer.status, 400, "{}", answer.text());
        let why = "--destinations-allow";
        assert!(answer.text().contains(why), "{}", answer.text());
    }
    let list = site
        .server
        .send(&site.administer("GET", "/v1/destinations"));
    assert_eq!(list.json()["data"], json!([]));
}
