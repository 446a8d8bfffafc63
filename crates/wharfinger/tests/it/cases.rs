//! Runs every golden case against the real server, each on its own store.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharfinger_conformance::encoded;

use crate::support::case::{self, Case, Exchange, Step};
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::{self, Server};

/// Cases run concurrently, because each mostly waits for its server to start.
const PLAYERS: usize = 4;

#[test]
fn every_case_is_answered_by_the_server_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wharfinger-core/src/dialects");
    let cases = case::read_all(&root);
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..PLAYERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = match case {
                        Ok(case) => play(case),
                        Err(complaint) => Err(complaint.clone()),
                    };
                    complaints.lock().unwrap().extend(result.err());
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(
        complaints.is_empty(),
        "{} of {} cases failed\n\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n\n")
    );
}

fn play(case: &Case) -> Result<(), String> {
    let data = fixture::data_directory_with_catalogue();
    let mut server = None;
    for (step, number) in case.steps.iter().zip(1..) {
        let result = match step {
            Step::Exchange(exchange) => {
                let server = server.get_or_insert_with(|| Server::start(data.path()));
                send(server, exchange)
            }
            Step::Command(arguments) => run(data.path(), arguments),
        };
        result.map_err(|complaint| {
            let place = format!("{}/cases/{}", case.dialect, case.name);
            format!("{place}, step {number}:\n{complaint}")
        })?;
    }
    Ok(())
}

fn send(server: &Server, exchange: &Exchange) -> Result<(), String> {
    let mut request = Request::new(&exchange.method, &exchange.target);
    for (name, value) in exchange.headers(&fixture::secret_of)? {
        request = request.header(&name, value);
    }
    let body = encoded(&exchange.body(), exchange.coding).map_err(|error| error.to_string())?;
    let response = server.send(&request.body(body));
    let answer = case::render_response(response.status, &response.headers, &response.body);
    exchange.check(&answer)
}

fn run(data: &Path, arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let output = server::run(data, &arguments);
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
