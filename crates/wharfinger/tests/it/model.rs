//! Random submissions against a simple model of what must become of them.

use std::collections::BTreeMap;
use std::path::Path;

use wharfinger::store::{MoveOrders, RecordedOutcome};
use wharfinger_core::admit::Move;
use wharfinger_core::problem::Code;

use crate::support::client::{Connection, Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;

const KEYS: usize = 6;
const CONTENTS: usize = 3;

/// An order as the model has it.
#[derive(Clone, Debug)]
struct Modelled {
    state: &'static str,
    content: usize,
    revision: u32,
    /// Its place in the order of creation.
    created: usize,
    /// Whether its key may be used again.
    released: bool,
}

#[derive(Default)]
struct Model {
    orders: BTreeMap<String, Modelled>,
    created: usize,
}

impl Model {
    /// What must become of one submitted order.
    fn submit(&mut self, key: &str, content: usize) -> String {
        let fresh = Modelled {
            state: "pending",
            content,
            revision: 1,
            created: self.created,
            released: false,
        };
        match self.orders.get_mut(key) {
            Some(order) if !order.released => match order.state {
                "pending" if order.content == content => format!("unchanged {}", order.revision),
                "pending" => {
                    order.content = content;
                    order.revision += 1;
                    format!("updated {}", order.revision)
                }
                state => format!("rejected {state}"),
            },
            _ => {
                self.created += 1;
                self.orders.insert(key.to_owned(), fresh);
                "accepted".into()
            }
        }
    }

    /// What must become of a move.
    fn move_to(&mut self, key: &str, state: &'static str, releases: bool) -> Result<(), Code> {
        let order = self.orders.get_mut(key).ok_or(Code::UnknownOrder)?;
        match order.state {
            "pending" => {
                order.state = state;
                order.released = releases;
                Ok(())
            }
            "processed" => Err(Code::AlreadyProcessed),
            _ => Err(Code::AlreadyCancelled),
        }
    }

    /// The keys and contents that a listing must give, in order.
    fn listed(&self) -> Vec<(String, usize)> {
        let mut listed: Vec<_> = self.orders.iter().collect();
        listed.retain(|(_, order)| order.state != "cancelled");
        listed.sort_by_key(|(_, order)| order.created);
        let listed = listed
            .into_iter()
            .map(|(key, order)| (key.clone(), order.content));
        listed.collect()
    }
}

fn put(orders: &[(String, usize)]) -> Request {
    let orders: Vec<_> = orders
        .iter()
        .enumerate()
        .map(|(place, (key, content))| {
            // The same content is spelled in two ways.
            if place % 2 == 0 {
                format!(r#"{{"packingslipno":"{key}","consignee":"c{content}"}}"#)
            } else {
                format!(r#"{{ "consignee" : "\u0063{content}", "packingslipno":"{key}" }}"#)
            }
        })
        .collect();
    Request::new("PUT", "/api/customerorders")
        .header("access_key", secret_of("one"))
        .body(format!("[{}]", orders.join(",")))
}

fn outcomes(data: &Path, response: &Response) -> Vec<String> {
    let results = stored::results_of(data, response);
    let outcomes = results.iter().map(|recorded| match &recorded.outcome {
        RecordedOutcome::Accepted(_) => "accepted".into(),
        RecordedOutcome::Updated(_, revision) => format!("updated {revision}"),
        RecordedOutcome::Unchanged(_, revision) => format!("unchanged {revision}"),
        RecordedOutcome::Rejected(rejection) => match rejection.errors[0].code.as_str() {
            "already_processed" => "rejected processed".into(),
            "already_cancelled" => "rejected cancelled".into(),
            other => format!("rejected {other}"),
        },
        RecordedOutcome::Withheld => "withheld".into(),
    });
    outcomes.collect()
}

#[test]
fn storm_of_submissions_ends_as_the_model_says() {
    storm(4, |seed| {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let mut model = Model::default();
        let mut random = Random::new(seed);
        for _ in 0..60 {
            match random.below(10) {
                0 => withdraw(&server, &mut model, &key(&mut random)),
                1 => move_by_hand(data.path(), &mut model, &mut random),
                _ => submit(&server, data.path(), &mut model, &mut random),
            }
        }
        assert_listing(&server, &model);
        assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
    });
}

fn key(random: &mut Random) -> String {
    "K".repeat(1 + random.below(KEYS))
}

fn submit(server: &Server, data: &Path, model: &mut Model, random: &mut Random) {
    let count = 1 + random.below(8);
    let orders: Vec<_> = (0..count)
        .map(|_| (key(random), random.below(CONTENTS)))
        .collect();
    let response = server.send(&put(&orders));
    assert_eq!(response.status, 200, "{}", response.text());
    let expected: Vec<_> = orders
        .iter()
        .map(|(key, content)| model.submit(key, *content))
        .collect();
    assert_eq!(outcomes(data, &response), expected, "{orders:?}");
}

fn withdraw(server: &Server, model: &mut Model, key: &str) {
    let request = Request::new(
        "DELETE",
        &format!("/api/customerorders?packingslipno={key}"),
    );
    let response = server.send(&request.header("access_key", secret_of("one")));
    let answer = response.json()[key].as_str().unwrap().to_owned();
    let expected = match model.move_to(key, "cancelled", true) {
        Ok(()) => "Deleted.",
        Err(Code::AlreadyProcessed) => "Cannot be deleted. Already processed.",
        Err(Code::AlreadyCancelled) => "Cannot be deleted. Already deleted.",
        Err(_) => "Invalid packing slip number",
    };
    assert_eq!(answer, expected, "{key}");
}

/// Another process works on the data directory while the server runs.
fn move_by_hand(data: &Path, model: &mut Model, random: &mut Random) {
    let (wanted, state) = if random.chance(50) {
        (Move::Process, "processed")
    } else {
        (Move::Cancel { release_key: false }, "cancelled")
    };
    let key = key(random);
    let results = stored::look(data, async |store| {
        let directory = store.directory(None).await.unwrap().unwrap();
        let request = MoveOrders {
            organisation: directory.organisations["TRK001"].id,
            dialect: "gosweetspot",
            keys: vec![key.clone()],
            wanted,
            key_id: "test".into(),
            remember: None,
        };
        store.move_orders(request).await.unwrap().results
    });
    assert_eq!(
        results,
        [model.move_to(&key, state, false)],
        "{key} to {state}"
    );
}

fn assert_listing(server: &Server, model: &Model) {
    let request = Request::new("GET", "/api/customerorders").header("access_key", secret_of("one"));
    let listing = server.send(&request).json();
    let results = listing["Results"].as_array().unwrap().iter();
    let found: Vec<_> = results
        .map(|order| {
            let content = order["consignee"].as_str().unwrap()[1..].parse().unwrap();
            (order["packingslipno"].as_str().unwrap().to_owned(), content)
        })
        .collect();
    assert_eq!(found, model.listed());
}

/// Several clients on the same few keys: whatever the order in which they were taken, it must have been one order.
#[test]
fn storm_of_rivals_is_as_if_they_had_come_one_after_the_other() {
    storm(2, |seed| {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let sent: Vec<Vec<(String, String, Response)>> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let address = server.address;
                    scope.spawn(move || rival(address, seed * 8 + client))
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        // Per key: revision → content, from the answers; each revision was made by one submission alone.
        let mut revisions = BTreeMap::<(String, u32), String>::new();
        let mut repeats = Vec::new();
        for (key, content, response) in sent.into_iter().flatten() {
            let outcome = outcomes(data.path(), &response).remove(0);
            let (what, revision) = outcome.split_once(' ').unwrap_or((&outcome, "1"));
            let place = (key, revision.parse().unwrap());
            match what {
                "unchanged" => repeats.push((place, content)),
                _ => assert_eq!(
                    revisions.insert(place.clone(), content),
                    None,
                    "{place:?} twice"
                ),
            }
        }
        for (place, content) in repeats {
            assert_eq!(
                revisions.get(&place),
                Some(&content),
                "{place:?} was said to be unchanged"
            );
        }
        for order in stored::all_orders(data.path(), "TRK001", "reevoo") {
            let last = revisions.range((order.key.clone(), 0)..=(order.key.clone(), u32::MAX));
            assert_eq!(
                last.clone().count(),
                order.revision as usize,
                "no revision is missing"
            );
            let (_, content) = last.last().unwrap();
            assert!(
                order.texts[0].contains(content),
                "{} ends as {content}",
                order.key
            );
        }
        assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
    });
}

/// Sends single orders of few keys and contents; what was sent and answered.
fn rival(address: std::net::SocketAddr, seed: u64) -> Vec<(String, String, Response)> {
    let mut random = Random::new(seed);
    let mut connection = Connection::open(address);
    let mut sent = Vec::new();
    for _ in 0..25 {
        let key = format!("R{}", random.below(3));
        let content = format!("c{}.", random.below(4));
        let body = format!(
            r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"a@example.com","surname":"{content}"}},"order_items":[{{"sku":"S"}}]}}"#
        );
        let request = Request::new("POST", "/v4/organisations/TRK001/customer_order");
        let request = request.header("authorization", basic("full")).body(body);
        let response = connection.exchange(&request).unwrap();
        assert_eq!(response.status, 202, "{}", response.text());
        sent.push((key, content, response));
    }
    sent
}
