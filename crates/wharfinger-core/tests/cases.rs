//! Plays every golden case of every dialect against a model of a store. `UPDATE_CASES=1` rewrites the expected
//! responses.

mod support;

use std::path::Path;

use support::case::{self, Case, Step};
use support::play::World;
use wharfinger_core::dialects;

#[test]
fn every_case_is_answered_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialects");
    let mut complaints = Vec::new();
    let mut played = 0;
    for case in case::read_all(&root) {
        played += 1;
        let result = case.and_then(|case| play(&case));
        complaints.extend(result.err());
    }
    let wrong = complaints.len();
    assert!(
        complaints.is_empty(),
        "{wrong} of {played} cases failed\n\n{}",
        complaints.join("\n\n")
    );
}

/// Plays a case up to the first step that only a server can answer.
fn play(case: &Case) -> Result<(), String> {
    let place = format!("{}/cases/{}", case.dialect, case.name);
    let dialect = dialects::find(&case.dialect)
        .ok_or_else(|| format!("{place}: no dialect of this name is registered"))?;
    let mut world = World::new(dialect);
    for (step, number) in case.steps.iter().zip(1..) {
        let result = match step {
            Step::Exchange(exchange) if exchange.needs_server() => break,
            Step::Exchange(exchange) => world
                .send(exchange)
                .and_then(|answer| exchange.check(&answer)),
            Step::Command(arguments) => world.run(arguments),
        };
        result.map_err(|complaint| format!("{place}, step {number}:\n{complaint}"))?;
    }
    Ok(())
}

#[test]
fn uuids_are_written_alike() {
    let text = r#"{"id":"019a0c7e-1b2c-7d3e-8f40-000000000001","é":1}"#;
    assert_eq!(case::normalise(text), r#"{"id":"<uuid>","é":1}"#);
}

#[test]
fn an_answer_is_written_as_its_file_has_it() {
    let headers = [
        ("X-Request-Id".to_owned(), "7".to_owned()),
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Allow".to_owned(), "PUT".to_owned()),
    ];
    let text = case::render_response(405, &headers, b"{}");
    assert_eq!(
        text,
        "405\nallow: PUT\ncontent-type: application/json\n\n{}\n"
    );
}
