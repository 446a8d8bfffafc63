//! Stock with many concurrent buyers and a server that is killed: no piece is sold twice or lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::support::case::ENFORCED;
use crate::support::client::{Connection, Request};
use crate::support::fixture::{self, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::{Server, load_products, run};
use crate::support::{stored, v1};

/// The pieces that the buyers compete for.
const PIECES: u64 = 100;
const BUYERS: u64 = 64;

/// Initial stock and warehouse of each product, as in the fixture.
const PRODUCTS: [(&str, u64, Option<&str>); 4] = [
    ("KETTLE", 10, Some("North")),
    ("LAMP", 5, Some("South")),
    ("GONE", 0, None),
    ("PLAIN", 1000, None),
];

fn post(target: &str, body: &Value) -> Request {
    let target = format!("/centra/{ENFORCED}/{target}");
    Request::new("POST", &target)
        .header("api-authorization", secret_of("shop"))
        .body(body.to_string())
}

fn order(products: &Value) -> Value {
    json!({"address": {"email": "eva@example.com", "country": "SE"}, "products": products})
}

/// Sets a product's stock with the command.
fn load(data: &Path, sku: &str, pieces: u64) {
    load_products(data, &format!("sku,stock\n{sku},{pieces}\n"));
}

/// Stock by product code.
fn pieces(data: &Path) -> BTreeMap<String, u64> {
    let output = run(data, &["products", "list", "--org", ENFORCED, "--json"]);
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let products = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    products
        .map(|product| {
            let sku = product["sku"].as_str().unwrap().to_owned();
            (sku, product["stock"].as_u64().unwrap())
        })
        .collect()
}

/// A client that buys single pieces until none is left.
struct Buyer {
    /// The next order's number. An unanswered order is sent again.
    number: u64,
    bought: u64,
    is_done: bool,
}

impl Buyer {
    /// Buys until none is left or the server is gone.
    fn buy(&mut self, mut connection: Connection, answered: &mpsc::Sender<()>) {
        while !self.is_done {
            let mut order = order(&json!([{"sku": "PLAIN", "qty": 1}]));
            order["orderNumber"] = self.number.into();
            let Some(answer) = connection.exchange(&post("order", &order)) else {
                return;
            };
            let answer = answer.json();
            match answer["code"].as_i64() {
                // The number exists, so the order was accepted before the server was killed.
                None | Some(-5) => {
                    self.bought += 1;
                    self.number += 1;
                }
                Some(-2) => self.is_done = true,
                Some(_) => panic!("{answer}"),
            }
            // An error means that nobody counts any more.
            let _ = answered.send(());
        }
    }
}

fn buyers() -> Vec<Buyer> {
    let buyer = |at: u64| Buyer {
        number: at * 1_000 + 1,
        bought: 0,
        is_done: false,
    };
    (1..=BUYERS).map(buyer).collect()
}

fn assert_sold_out(data: &Path, buyers: &[Buyer]) {
    let bought: u64 = buyers.iter().map(|buyer| buyer.bought).sum();
    assert_eq!(bought, PIECES);
    assert_eq!(pieces(data)["PLAIN"], 0);
    let orders = stored::all_orders(data, ENFORCED, "centra");
    assert_eq!(orders.len() as u64, PIECES);
    assert_eq!(stored::check(data).faults, Vec::<String>::new());
}

#[test]
fn buyers_at_once_get_the_last_hundred_pieces_and_no_more() {
    let data = fixture::data_directory_with_catalogue();
    load(data.path(), "PLAIN", PIECES);
    let server = Server::start(data.path());
    let mut buyers = buyers();
    let (answered, _) = mpsc::channel();
    std::thread::scope(|threads| {
        for buyer in &mut buyers {
            let connection = Connection::open(server.address);
            threads.spawn(|| buyer.buy(connection, &answered));
        }
    });
    assert_sold_out(data.path(), &buyers);
}

#[test]
fn storm_of_buyers_and_kills_sells_each_piece_once() {
    storm(2, |seed| {
        let mut random = Random::new(seed);
        let data = fixture::data_directory_with_catalogue();
        load(data.path(), "PLAIN", PIECES);
        let mut buyers = buyers();
        while buyers.iter().any(|buyer| !buyer.is_done) {
            let server = Server::start(data.path());
            let (answered, answers) = mpsc::channel();
            let lives_for = 1 + random.below(60);
            std::thread::scope(|threads| {
                for buyer in &mut buyers {
                    let connection = Connection::open(server.address);
                    let answered = answered.clone();
                    threads.spawn(move || buyer.buy(connection, &answered));
                }
                drop(answered);
                // Ends early when all responses have arrived.
                let _ = answers.iter().take(lives_for).count();
                server.kill();
            });
        }
        assert_sold_out(data.path(), &buyers);
    });
}

/// Expected stock, as plain counts.
#[derive(Clone)]
struct Plain {
    pieces: BTreeMap<&'static str, u64>,
    /// Stock taken by open orders and sub-orders, by number.
    taken: BTreeMap<u64, Vec<Took>>,
    /// Drafts, which are split only when they are placed.
    drafts: Vec<u64>,
}

/// Product and quantity that a line has taken.
type Took = (&'static str, u64);

/// An order to be sent.
struct Asked {
    body: Value,
    lines: Vec<Took>,
    is_draft: bool,
    is_forced: bool,
    takes: bool,
}

impl Asked {
    fn random(random: &mut Random) -> Self {
        let line = |random: &mut Random| {
            let (sku, ..) = PRODUCTS[random.below(PRODUCTS.len())];
            (sku, 1 + random.below(3) as u64)
        };
        let lines: Vec<Took> = (0..=random.below(3)).map(|_| line(random)).collect();
        let products: Vec<Value> = lines
            .iter()
            .map(|(sku, qty)| json!({"sku": sku, "qty": qty}))
            .collect();
        let asked = Self {
            body: order(&products.into()),
            lines,
            is_draft: random.chance(25),
            is_forced: random.chance(15),
            takes: !random.chance(15),
        };
        let mut body = asked.body;
        body["createOnly"] = asked.is_draft.into();
        body["forceCreate"] = asked.is_forced.into();
        body["adjustStock"] = asked.takes.into();
        Self { body, ..asked }
    }
}

impl Plain {
    fn new() -> Self {
        let pieces = PRODUCTS.iter().map(|(sku, pieces, _)| (*sku, *pieces));
        Self {
            pieces: pieces.collect(),
            taken: BTreeMap::new(),
            drafts: Vec::new(),
        }
    }

    /// Checks the response to an order, and records what it took.
    fn admit(&mut self, asked: &Asked, answer: &Value) {
        let mut left = self.pieces.clone();
        let mut took = Vec::new();
        let mut is_short = false;
        for &(sku, quantity) in &asked.lines {
            let pieces = left.get_mut(sku).unwrap();
            let is_there = quantity <= *pieces;
            is_short |= asked.takes && !is_there;
            let taken = if asked.takes && is_there { quantity } else { 0 };
            *pieces -= taken;
            took.push((sku, taken));
        }
        if is_short && !asked.is_forced {
            assert_eq!(answer["code"], -2, "{answer}");
            return;
        }
        self.pieces = left;
        assert_eq!(answer["status"], "ok", "{answer}");
        if asked.is_draft {
            let number = answer["order"].as_u64().unwrap();
            self.drafts.push(number);
            self.taken.insert(number, took);
        } else {
            let numbers = answer["orders"].as_array().unwrap();
            let numbers = numbers.iter().map(|number| number.as_u64().unwrap());
            self.split(took, &numbers.collect::<Vec<_>>());
        }
    }

    /// Sub-orders are in the order in which their warehouses first appear. Products without a warehouse go with the first.
    fn split(&mut self, took: Vec<Took>, numbers: &[u64]) {
        let warehouse = |sku: &str| PRODUCTS.iter().find(|(known, ..)| *known == sku).unwrap().2;
        let first = took.iter().find_map(|(sku, _)| warehouse(sku));
        let mut places = Vec::new();
        for (sku, taken) in took {
            let place = warehouse(sku).or(first);
            let at = places.iter().position(|known| *known == place);
            let at = at.unwrap_or_else(|| {
                places.push(place);
                places.len() - 1
            });
            self.taken
                .entry(numbers[at])
                .or_default()
                .push((sku, taken));
        }
        assert_eq!(numbers.len(), places.len());
    }

    fn place(&mut self, number: u64, answer: &Value) {
        let numbers = answer["orders"].as_array().unwrap();
        let numbers = numbers.iter().map(|number| number.as_str().unwrap());
        let numbers: Vec<u64> = numbers.map(|number| number.parse().unwrap()).collect();
        self.drafts.retain(|draft| *draft != number);
        let took = self.taken.remove(&number).unwrap();
        self.split(took, &numbers);
    }

    fn cancel(&mut self, number: u64) {
        self.drafts.retain(|draft| *draft != number);
        for (sku, taken) in self.taken.remove(&number).unwrap() {
            *self.pieces.get_mut(sku).unwrap() += taken;
        }
    }
}

/// Sends a request with its own idempotency key. If the server was killed meanwhile, sends it again and gets the original
/// response.
fn send(data: &Path, server: &mut Option<Server>, request: &Request, kill: bool) -> Value {
    let running = server.take().unwrap_or_else(|| Server::start(data));
    if kill {
        let mut connection = Connection::open(running.address);
        connection.write(&request.bytes());
        running.kill();
        let running = Server::start(data);
        let answer = running.send(request).json();
        *server = Some(running);
        return answer;
    }
    let answer = running.send(request).json();
    *server = Some(running);
    answer
}

#[test]
fn storm_of_orders_completions_cancellations_and_loads_leaves_what_plain_counts_say() {
    storm(3, |seed| {
        let mut random = Random::new(seed);
        let data = fixture::data_directory_with_catalogue();
        let mut server = None;
        let mut plain = Plain::new();
        for step in 0..60 {
            let kill = random.chance(8);
            let name = format!("step-{step}");
            let under = |request: Request| request.header("idempotency-key", name.clone());
            let numbers: Vec<u64> = plain.taken.keys().copied().collect();
            match random.below(10) {
                0 if !plain.drafts.is_empty() => {
                    let number = plain.drafts[random.below(plain.drafts.len())];
                    let request = under(post(&format!("order/{number}"), &json!({})));
                    let answer = send(data.path(), &mut server, &request, kill);
                    plain.place(number, &answer);
                }
                1 | 2 if !numbers.is_empty() => {
                    let number = numbers[random.below(numbers.len())];
                    let target = format!("/v1/orders?organisation={ENFORCED}&number={number}");
                    let found = v1::request("GET", &target, "shop");
                    let found = send(data.path(), &mut server, &found, false);
                    let id = found["data"][0]["id"].as_str().unwrap();
                    let target = format!("/v1/orders/{id}/cancel");
                    let request = under(v1::request("POST", &target, "shop"));
                    send(data.path(), &mut server, &request, kill);
                    plain.cancel(number);
                }
                3 => {
                    let (sku, ..) = PRODUCTS[random.below(PRODUCTS.len())];
                    let count = random.below(12) as u64;
                    load(data.path(), sku, count);
                    plain.pieces.insert(sku, count);
                }
                _ => {
                    let asked: Vec<_> = (0..=random.below(4))
                        .map(|_| Asked::random(&mut random))
                        .collect();
                    let bodies = asked.iter().enumerate();
                    let batch: serde_json::Map<String, Value> = bodies
                        .map(|(at, asked)| (at.to_string(), asked.body.clone()))
                        .collect();
                    let request = under(post("orders", &batch.into()));
                    let answer = send(data.path(), &mut server, &request, kill);
                    for (at, asked) in asked.iter().enumerate() {
                        plain.admit(asked, &answer[at.to_string()]);
                    }
                }
            }
            let found = pieces(data.path());
            for (sku, expected) in &plain.pieces {
                assert_eq!(found[*sku], *expected, "{sku} after step {step}");
            }
        }
        drop(server);
        assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
    });
}

#[test]
fn what_many_products_have_sold_is_brought_into_the_table_and_counts_as_before() {
    const PRODUCTS: usize = 20_000;
    const LINES: usize = 1_000;
    let data = fixture::data_directory_with_catalogue();
    let lines: String = (0..PRODUCTS).map(|at| format!("M-{at},9\n")).collect();
    load_products(data.path(), &format!("sku,stock\n{lines}"));
    // Each product is ordered four times, alternately two and three pieces. The stock does not suffice for the last three.
    for round in 0..4 {
        let server = Server::start(data.path());
        for first in (0..PRODUCTS).step_by(LINES) {
            let line = |at: usize| json!({"sku": format!("M-{at}"), "qty": 2 + round % 2});
            let products: Vec<Value> = (first..first + LINES).map(line).collect();
            let answer = server.send(&post("order", &order(&products.into())));
            let code = answer.json()["code"].as_i64();
            assert_eq!(code, (round == 3).then_some(-2), "{}", answer.text());
        }
        server.kill();
    }
    let found = pieces(data.path());
    let many = found.iter().filter(|(sku, _)| sku.starts_with("M-"));
    assert!(many.clone().count() == PRODUCTS && many.clone().all(|(_, pieces)| *pieces == 2));
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}
