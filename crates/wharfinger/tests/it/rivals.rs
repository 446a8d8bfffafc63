//! Several clients write the same few keys at once. On PostgreSQL they use two servers.

use std::collections::BTreeMap;
use std::path::Path;

use wharfinger::store::RecordedOutcome;

use crate::support::client::{Connection, Request, Response};
use crate::support::database::is_on_postgres;
use crate::support::fixture::{self, basic};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;

/// The results must be consistent with some sequential order of the submissions.
#[test]
fn storm_of_rivals_is_as_if_they_had_come_one_after_the_other() {
    storm(2, |seed| {
        let data = fixture::data_directory();
        let count = if is_on_postgres() { 2 } else { 1 };
        let servers: Vec<_> = (0..count).map(|_| Server::start(data.path())).collect();
        let sent: Vec<Vec<(String, String, Response)>> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let server = &servers[client % count];
                    let seed = seed * 8 + client as u64;
                    scope.spawn(move || rival(server.address, seed))
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        // Content by key and revision, from the responses. Each revision was made by a single submission.
        let mut revisions = BTreeMap::<(String, u32), String>::new();
        let mut repeats = Vec::new();
        for (key, content, response) in sent.into_iter().flatten() {
            let (what, revision) = outcome(data.path(), &response);
            let place = (key, revision);
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

/// The outcome of the only order in a response, and its revision.
fn outcome(data: &Path, response: &Response) -> (&'static str, u32) {
    let results = stored::results_of(data, response);
    match &results[0].outcome {
        RecordedOutcome::Accepted(_) => ("accepted", 1),
        RecordedOutcome::Updated(_, revision) => ("updated", *revision),
        RecordedOutcome::Unchanged(_, revision) => ("unchanged", *revision),
        other @ (RecordedOutcome::Rejected(_) | RecordedOutcome::Withheld) => {
            panic!("a good order is {other:?}")
        }
    }
}

/// Sends single orders with few keys and contents. Returns what was sent and the responses.
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
