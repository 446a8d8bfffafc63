//! Properties that hold in every dialect for any request. The requests of the golden cases are the seeds.

#[expect(
    dead_code,
    reason = "playing whole cases is the business of another test"
)]
mod support;

#[expect(dead_code, reason = "the reader is proved by another test")]
#[path = "support/json.rs"]
mod json;

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::value::RawValue;
use support::case::{self, Exchange, KEYS, Step};
use support::play::{self, Answered, World, secret_of};
use wharfinger_core::dialect::{Action, Dialect};
use wharfinger_core::dialects;
use wharfinger_core::json::{Envelope, NameCase, Reader};

/// Larger bodies test limits. Here they would only slow the tests down.
const SEED_BYTES_MAX: usize = 20_000;

/// A request of a case, and its dialect.
struct Seed {
    dialect: &'static dyn Dialect,
    exchange: Exchange,
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (method, target) = (&self.exchange.method, &self.exchange.target);
        let body = self.exchange.body();
        let body = String::from_utf8_lossy(&body);
        write!(out, "{method} {target} {body}")
    }
}

static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialects");
    let mut seeds = Vec::new();
    for case in case::read_all(&root).into_iter().flatten() {
        let Some(dialect) = dialects::find(&case.dialect) else {
            continue;
        };
        for step in case.steps {
            match step {
                Step::Exchange(exchange)
                    if !exchange.needs_server() && exchange.body().len() <= SEED_BYTES_MAX =>
                {
                    seeds.push(Seed { dialect, exchange });
                }
                Step::Exchange(_) | Step::Command(_) => {}
            }
        }
    }
    seeds
});

/// Selects a seed. `None` if there are no cases.
fn seed() -> impl Strategy<Value = Option<&'static Seed>> {
    any::<prop::sample::Index>()
        .prop_map(|index| (!SEEDS.is_empty()).then(|| index.get(SEEDS.as_slice())))
}

/// Removes what errors quote from the order as it was written: its members may come in another order there.
fn without_sent_texts(mut answer: serde_json::Value) -> serde_json::Value {
    let results = answer.get_mut("results").and_then(|all| all.as_array_mut());
    for result in results.into_iter().flatten() {
        let errors = result.get_mut("errors").and_then(|all| all.as_array_mut());
        for error in errors.into_iter().flatten() {
            error.as_object_mut().expect("an error").remove("value");
        }
    }
    answer
}

/// Checks that a response is readable JSON with a sensible status.
fn check_reply(told: Result<Answered, String>, request: &str) -> Result<(), TestCaseError> {
    let reply = match told {
        Ok((reply, _)) => reply,
        // A damaged request may miss all of the dialect's routes. The server answers those.
        Err(complaint) if complaint.contains("@server") => return Ok(()),
        Err(complaint) => return Err(TestCaseError::fail(format!("{request}: {complaint}"))),
    };
    let body = String::from_utf8_lossy(&reply.body);
    let json = serde_json::from_slice::<serde_json::Value>(&reply.body);
    prop_assert!(json.is_ok(), "{request}: {body}");
    let is_json = ["application/json", "application/problem+json"].contains(&reply.content_type);
    prop_assert!(is_json, "{request}: {}", reply.content_type);
    prop_assert!(
        (200..500).contains(&reply.status),
        "{request}: {}",
        reply.status
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn damaged_bodies_are_answered(seed in seed(), hits in json::hits()) {
        let Some(Seed { dialect, exchange }) = seed else { return Ok(()) };
        let mut body = exchange.body().into_owned();
        json::damage(&mut body, &hits);
        let headers = exchange.headers(&secret_of).unwrap();
        let told = World::new(*dialect).request(&exchange.method, &exchange.target, &headers, &body);
        check_reply(told, &String::from_utf8_lossy(&body))?;
    }

    #[test]
    fn damaged_heads_are_answered(seed in seed(), hits in json::hits(), value in "\\PC{0,40}", which: prop::sample::Index) {
        let Some(Seed { dialect, exchange }) = seed else { return Ok(()) };
        let mut target = exchange.target.clone().into_bytes();
        json::damage(&mut target, &hits);
        let target = String::from_utf8_lossy(&target).into_owned();
        let mut headers = exchange.headers(&secret_of).unwrap();
        let mut world = World::new(*dialect);
        let told = world.request(&exchange.method, &target, &headers, &exchange.body());
        check_reply(told, &target)?;
        if headers.is_empty() { return Ok(()) }
        let place = which.index(headers.len());
        headers[place].1 = value;
        let told = world.request(&exchange.method, &exchange.target, &headers, &exchange.body());
        check_reply(told, &format!("{headers:?}"))?;
    }

    #[test]
    fn any_body_is_answered(tree in json::tree(), bytes: Vec<u8>, style: u64) {
        let text = json::write(&tree, style);
        let bodies = [text.clone().into_bytes(), format!("[{text},1]").into_bytes(), format!("{{\"x\":{text}}}").into_bytes(), bytes];
        for dialect in dialects::ALL {
            for operation in dialect.operations() {
                let target = operation.path.replace(['{', '}'], "");
                for body in &bodies {
                    for headers in &any_credentials() {
                        let told = World::new(*dialect).request(operation.method, &target, headers, body);
                        check_reply(told, &String::from_utf8_lossy(body))?;
                    }
                }
            }
        }
    }

    #[test]
    fn the_order_of_members_decides_nothing(seed in seed(), style: u64) {
        let Some(Seed { dialect, exchange }) = seed else { return Ok(()) };
        let Some(body) = rewritten(*dialect, exchange, style) else { return Ok(()) };
        let headers = exchange.headers(&secret_of).unwrap();
        let answers = [&*exchange.body(), &body[..]].map(|body| {
            let told = World::new(*dialect).request(&exchange.method, &exchange.target, &headers, body);
            let (reply, _) = told.unwrap();
            (reply.status, without_sent_texts(sorted(serde_json::from_slice(&reply.body).unwrap())))
        });
        prop_assert_eq!(&answers[0], &answers[1], "{}", String::from_utf8_lossy(&body));
    }
}

/// The header fields of every way to present an API key. Two requests, because two of the ways share a header name.
fn any_credentials() -> [Vec<(String, String)>; 2] {
    let secret = secret_of(KEYS[1].id);
    let token = case::basic_token(KEYS[1].id, &secret);
    let bearer = vec![("authorization", format!("Bearer {secret}"))];
    let others = vec![
        ("authorization", format!("Basic {token}")),
        ("api-authorization", secret.clone()),
        ("access_key", secret),
    ];
    [bearer, others].map(|fields| {
        let owned = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        owned.collect()
    })
}

/// The envelope of a request that submits orders. `None` for NDJSON.
fn submit_envelope(dialect: &dyn Dialect, exchange: &Exchange) -> Option<Envelope> {
    let path = exchange.target.split('?').next().unwrap_or_default();
    let (operation, _) = play::route(dialect, &exchange.method, path)?;
    let is_array = exchange.body().trim_ascii_start().starts_with(b"[");
    match operation.action {
        Action::Submit {
            envelope: Envelope::OneOrMany,
            ..
        } => {
            let resolved = if is_array {
                Envelope::Array
            } else {
                Envelope::One
            };
            (!is_lines(exchange)).then_some(resolved)
        }
        Action::Submit { envelope, .. } => Some(envelope),
        Action::List
        | Action::Stream
        | Action::Show
        | Action::Withdraw
        | Action::Resource { .. } => None,
    }
}

fn is_lines(exchange: &Exchange) -> bool {
    let headers = exchange.headers(&secret_of).unwrap();
    let mut media_types = headers.iter().filter(|(name, _)| name == "content-type");
    play::is_lines(media_types.next().map(|(_, value)| value.as_str()))
}

/// Rewrites the orders with members in another order, other white space and other escapes.
///
/// Returns `None` if an order is unreadable, or if there are no orders.
fn rewritten(dialect: &dyn Dialect, exchange: &Exchange, style: u64) -> Option<Vec<u8>> {
    let envelope = submit_envelope(dialect, exchange)?;
    let entries = json::read(&exchange.body(), envelope, dialect.name_case()).ok()?;
    let mut orders = Vec::new();
    for entry in entries {
        if !entry.faults.is_empty() {
            return None;
        }
        let tree = json::tree_of(entry.raw.as_bytes())?;
        let order = json::write(&tree, style);
        orders.push(match entry.name {
            Some(name) => format!("{}:{order}", serde_json::json!(name)),
            None => order,
        });
    }
    let all = orders.join(",");
    Some(match envelope {
        _ if orders.is_empty() => return None,
        Envelope::One | Envelope::OneOrMany => all.into_bytes(),
        Envelope::Array => format!("[{all}]").into_bytes(),
        Envelope::Object | Envelope::ObjectOrArray => format!("{{{all}}}").into_bytes(),
    })
}

/// Sorts arrays of text. Problems in freely named members are reported in the order of the members.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(elements) => {
            let mut elements: Vec<_> = elements.into_iter().map(sorted).collect();
            if elements.iter().all(serde_json::Value::is_string) {
                elements.sort_by_key(ToString::to_string);
            }
            elements.into()
        }
        serde_json::Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            serde_json::Value::Object(members.collect())
        }
        serde_json::Value::String(text) if text.contains("; ") => {
            let mut parts: Vec<&str> = text.split("; ").collect();
            parts.sort_unstable();
            parts.join("; ").into()
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => value,
    }
}

#[test]
fn each_order_has_its_entry() {
    for Seed { dialect, exchange } in SEEDS.iter() {
        let Some(envelope) = submit_envelope(*dialect, exchange) else {
            continue;
        };
        let body = exchange.body();
        let Ok(text) = std::str::from_utf8(&body) else {
            continue;
        };
        let text = text.trim_start_matches('\u{feff}');
        let Ok(entries) = json::read(&exchange.body(), envelope, dialect.name_case()) else {
            continue;
        };
        let raw: Vec<&str> = entries.iter().map(|entry| entry.raw.as_str()).collect();
        match envelope {
            Envelope::One | Envelope::OneOrMany => assert_eq!(raw, [text.trim()]),
            Envelope::Array => {
                let expected: Result<Vec<&RawValue>, _> = serde_json::from_str(text);
                let expected = expected.unwrap_or_default();
                let expected: Vec<&str> = expected.into_iter().map(RawValue::get).collect();
                assert_eq!(raw, expected);
            }
            Envelope::Object | Envelope::ObjectOrArray => {
                let expected: Result<serde_json::Map<_, _>, _> = serde_json::from_str(text);
                let Ok(expected) = expected else { continue };
                let names: Vec<Option<String>> =
                    entries.into_iter().map(|entry| entry.name).collect();
                let expected: Vec<Option<String>> =
                    expected.into_iter().map(|(name, _)| Some(name)).collect();
                assert_eq!(names, expected);
            }
        }
    }
}

/// A response that lists orders lists every order, in request order.
#[test]
fn each_order_has_its_answer() {
    for Seed { dialect, exchange } in SEEDS.iter() {
        let Some(envelope) = submit_envelope(*dialect, exchange) else {
            continue;
        };
        let headers = exchange.headers(&secret_of).unwrap();
        let (method, target) = (&exchange.method, &exchange.target);
        let told = World::new(*dialect).request(method, target, &headers, &exchange.body());
        let (reply, batch) = told.unwrap();
        if batch.is_none() || envelope == Envelope::One {
            continue;
        }
        let entries = json::read(&exchange.body(), envelope, dialect.name_case()).unwrap();
        match serde_json::from_slice(&reply.body).unwrap() {
            serde_json::Value::Array(answers) => assert_eq!(answers.len(), entries.len()),
            serde_json::Value::Object(answers) if envelope == Envelope::ObjectOrArray => {
                let names = entries.iter().filter_map(|entry| entry.name.as_deref());
                assert!(answers.keys().eq(names), "{target}");
            }
            serde_json::Value::Object(_) => {}
            other @ (serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_)) => panic!("{target}: {other}"),
        }
    }
}

/// The number of problems is limited even if every element of a body is invalid.
#[test]
fn the_problems_of_an_order_are_bounded() {
    use wharfinger_core::reading::form::{Form, Need, Notes};
    let body = format!("{{\"a\":[{}0]}}", "0,".repeat(5_000));
    let mut reader =
        Reader::new(body.as_bytes(), Envelope::One, json::rules(NameCase::Exact)).unwrap();
    let entry = reader.next().unwrap().unwrap();
    let mut notes = Notes::default();
    Form::of_order(entry.value, &mut notes).objects("a", Need::Optional, |_| {});
    assert_eq!(
        notes.problems.len(),
        wharfinger_core::limits::PROBLEMS_PER_ORDER_MAX
    );
}

/// The number of warnings is limited even if a batch consists only of unknown attributes.
#[test]
fn the_warnings_of_a_batch_are_bounded() {
    use wharfinger_core::limits::{WARNINGS_PER_BATCH_MAX, WARNINGS_PER_ORDER_MAX};
    let slips: Vec<String> = (0..30).map(|number| format!("\"{number}\":0")).collect();
    let order = format!("{{{}}}", slips.join(","));
    let early = WARNINGS_PER_BATCH_MAX / WARNINGS_PER_ORDER_MAX;
    let body = format!("[{}]", vec![order; early + 2].join(","));
    let native = dialects::find("native").unwrap();
    let [bearer, _] = any_credentials();
    let told = World::new(native).request("POST", "/v1/batches", &bearer, body.as_bytes());
    let (reply, _) = told.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let warnings_of = |index: usize| {
        let warnings = &answer["results"][index]["warnings"];
        warnings.as_array().map_or(0, Vec::len)
    };
    let counts = [0, early - 1, early, early + 1].map(warnings_of);
    assert_eq!(
        counts,
        [WARNINGS_PER_ORDER_MAX, WARNINGS_PER_ORDER_MAX, 1, 1]
    );
}
