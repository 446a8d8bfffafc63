//! A server under load from several clients is killed at random moments. Acknowledged orders are stored exactly once, others at
//! most once. A request that is repeated with its idempotency key gets the response that it would have had.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;

use crate::support::client::{Connection, Request};
use crate::support::database::Database;
use crate::support::fixture::{self, basic, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;

/// Kills per run.
const KILLS: u64 = 24;

/// Seeds of kills after these, at most.
const FURTHER_SEEDS: std::ops::Range<u64> = 1_000_000..1_000_100;

/// How a client sends its orders.
struct Kind {
    dialect: &'static str,
    /// Whether a known order can be sent again.
    resends: bool,
    /// Most orders per request.
    orders_max: usize,
    request: fn(&[(String, u32)]) -> Request,
}

const KINDS: [Kind; 4] = [
    Kind {
        dialect: "reevoo",
        resends: true,
        orders_max: 40,
        request: |orders| {
            let orders = join(orders, |key, version| {
                format!(
                    r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"a@example.com","surname":"v{version}."}},"order_items":[{{"sku":"S"}}]}}"#
                )
            });
            let request = Request::new("POST", "/v4/customer_orders");
            let request = request.header("authorization", basic("full"));
            request.body(format!("[{orders}]"))
        },
    },
    Kind {
        dialect: "gosweetspot",
        resends: true,
        orders_max: 40,
        request: |orders| {
            let orders = join(orders, |key, version| {
                format!(r#"{{"packingslipno":"{key}","consignee":"v{version}."}}"#)
            });
            let request = Request::new("PUT", "/api/customerorders");
            let request = request.header("access_key", secret_of("one"));
            request.body(format!("[{orders}]"))
        },
    },
    Kind {
        dialect: "centra",
        resends: false,
        orders_max: 40,
        request: |orders| {
            let orders = join(orders, |key, version| {
                format!(
                    r#""x{key}":{{"orderNumber":{key},"comment":"v{version}.","address":{{"email":"a@example.com","country":"SE"}},"products":[{{"sku":"S","qty":1}}]}}"#
                )
            });
            let request = Request::new("POST", "/centra/TRK001/orders");
            let request = request.header("api-authorization", secret_of("one"));
            request.body(format!("{{{orders}}}"))
        },
    },
    Kind {
        dialect: "reevoo",
        resends: true,
        orders_max: 1,
        request: |orders| {
            let (key, version) = &orders[0];
            let body = format!(
                r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"a@example.com","surname":"v{version}."}},"order_items":[{{"sku":"S"}}]}}"#
            );
            let request = Request::new("POST", "/v4/organisations/TRK001/customer_order");
            request.header("authorization", basic("full")).body(body)
        },
    },
];

fn join(orders: &[(String, u32)], one: impl Fn(&str, u32) -> String) -> String {
    let texts: Vec<_> = orders
        .iter()
        .map(|(key, version)| one(key, *version))
        .collect();
    texts.join(",")
}

/// A client and its knowledge about each of its orders. Clients use separate keys.
struct Client {
    number: usize,
    kind: &'static Kind,
    random: Random,
    known: HashMap<String, Versions>,
    /// Requests sent so far.
    sent: usize,
    /// A request with an idempotency key that was not answered.
    pending: Option<Sending>,
    /// Replayed responses.
    replayed: usize,
}

/// A request and its orders.
struct Sending {
    request: Request,
    orders: Vec<(String, u32)>,
    is_keyed: bool,
}

/// The versions of one order.
#[derive(Default)]
struct Versions {
    /// The last acknowledged version.
    acknowledged: Option<u32>,
    /// Versions sent since then without a response.
    unanswered: Vec<u32>,
}

impl Client {
    fn next_orders(&mut self) -> Vec<(String, u32)> {
        let count = 1 + self.random.below(self.kind.orders_max);
        let mut orders = Vec::<(String, u32)>::new();
        for _ in 0..count {
            let is_resent = self.kind.resends && self.random.chance(30);
            let number = if is_resent {
                self.random.below(self.known.len().max(1))
            } else {
                self.known.len()
            };
            let key = (self.number * 1_000_000 + 1 + number).to_string();
            if orders.iter().any(|(known, _)| *known == key) {
                continue;
            }
            let versions = self.known.entry(key.clone()).or_default();
            let last = versions
                .unanswered
                .last()
                .copied()
                .or(versions.acknowledged);
            let version = match last {
                Some(last) if self.random.chance(50) => last,
                Some(last) => last + 1,
                None => 1,
            };
            versions.unanswered.push(version);
            orders.push((key, version));
        }
        orders
    }

    /// The unanswered request, to be repeated, or a new one. Every second one has an idempotency key.
    fn next_request(&mut self) -> Sending {
        if let Some(pending) = self.pending.take() {
            for (key, version) in &pending.orders {
                let versions = self.known.entry(key.clone()).or_default();
                versions.unanswered.push(*version);
            }
            return pending;
        }
        let orders = self.next_orders();
        let mut request = (self.kind.request)(&orders);
        self.sent += 1;
        let is_keyed = self.sent.is_multiple_of(2);
        if is_keyed {
            let key = format!("{}-{}", self.number, self.sent);
            request = request.header("idempotency-key", key);
        }
        Sending {
            request,
            orders,
            is_keyed,
        }
    }

    /// Sends batches until the server is gone.
    fn run(&mut self, address: SocketAddr, answered: &mpsc::Sender<()>) {
        let mut connection = Connection::open(address);
        loop {
            let sending = self.next_request();
            let Some(answer) = connection.exchange(&sending.request) else {
                self.pending = Some(sending).filter(|sending| sending.is_keyed);
                return;
            };
            // If a repeated request were treated as a new one, its order number would be refused as taken.
            let is_yes = [200, 202].contains(&answer.status)
                && !answer.text().contains(r#""status":"no""#)
                && !answer.text().contains(r#""result":false"#);
            assert!(is_yes, "{}: {}", answer.status, answer.text());
            self.replayed += usize::from(answer.header("idempotent-replayed").is_some());
            for (key, version) in sending.orders {
                let versions = self.known.entry(key).or_default();
                versions.acknowledged = Some(version);
                versions.unanswered.clear();
            }
            let _ = answered.send(());
        }
    }
}

#[test]
fn storm_of_kills_loses_nothing_that_was_acknowledged() {
    let data = fixture::data_directory();
    let mut clients: Vec<_> = KINDS
        .iter()
        .enumerate()
        .map(|(number, kind)| Client {
            number: number + 1,
            kind,
            random: Random::new(0),
            known: HashMap::new(),
            sent: 0,
            pending: None,
            replayed: 0,
        })
        .collect();
    let round = |clients: &mut [Client], seed: u64| {
        let mut random = Random::new(seed);
        for client in &mut *clients {
            client.random = Random::new(seed * 100 + u64::try_from(client.number).unwrap());
        }
        run_and_kill(data.path(), clients, 1 + random.below(80));
        assert_nothing_lost(data.path(), clients);
    };
    storm(KILLS, |seed| round(&mut clients, seed));
    // A kill rarely falls between a commit and its answer. The storm goes on until one has.
    let replayed = |clients: &[Client]| clients.iter().map(|client| client.replayed).sum::<usize>();
    let mut further = FURTHER_SEEDS;
    while replayed(&clients) == 0
        && let Some(seed) = further.next()
    {
        round(&mut clients, seed);
    }
    let replayed = replayed(&clients);
    assert!(replayed > 0, "no answer was lost that had been kept");
    // The kills also covered building the e-mail index.
    let select = "select max(tier) from email_runs where is_whole";
    let tier = Database::of(data.path()).number(select);
    assert!(tier > 0, "no run was merged");
}

/// Lets the clients send until this many responses have arrived, then kills the server at once.
fn run_and_kill(data: &Path, clients: &mut [Client], answers: usize) {
    // Every block makes a run, and every sixteen runs are merged, so most kills interrupt the building of the index.
    let server = Server::start_with(data, &["--email-run-blocks", "1"]);
    let address = server.address;
    let (answered, answers_seen) = mpsc::channel();
    std::thread::scope(|scope| {
        for client in clients {
            let answered = answered.clone();
            scope.spawn(move || client.run(address, &answered));
        }
        drop(answered);
        for _ in 0..answers {
            answers_seen
                .recv()
                .expect("the clients go on until the server is gone");
        }
        server.kill();
    });
}

fn assert_nothing_lost(data: &Path, clients: &mut [Client]) {
    assert_eq!(stored::check(data).faults, Vec::<String>::new());
    for dialect in ["reevoo", "gosweetspot", "centra"] {
        let mut found = HashMap::new();
        for order in stored::all_orders(data, "TRK001", dialect) {
            let earlier = found.insert(order.key.clone(), order.texts[0].clone());
            assert_eq!(
                earlier, None,
                "{dialect} order {} is there twice",
                order.key
            );
        }
        for client in clients
            .iter_mut()
            .filter(|client| client.kind.dialect == dialect)
        {
            for (key, versions) in &mut client.known {
                settle(dialect, key, versions, found.remove(key).as_deref());
            }
        }
        let strangers: Vec<_> = found.keys().collect();
        assert!(
            strangers.is_empty(),
            "{dialect} orders that nobody sent: {strangers:?}"
        );
    }
}

/// Compares an order with its client's knowledge. Then records the outcome of the unanswered versions.
fn settle(dialect: &str, key: &str, versions: &mut Versions, text: Option<&str>) {
    let mut possible: Vec<_> = versions.acknowledged.into_iter().collect();
    possible.append(&mut versions.unanswered);
    let Some(text) = text else {
        let lost = versions.acknowledged;
        assert_eq!(
            lost, None,
            "{dialect} order {key} was acknowledged and is gone"
        );
        return;
    };
    let mut possible = possible.into_iter();
    let stored = possible.find(|version| text.contains(&format!("\"v{version}.\"")));
    assert!(
        stored.is_some(),
        "{dialect} order {key} holds what was never sent last: {text}"
    );
    versions.acknowledged = stored;
}
