//! Requests that change something: one for each such route of every dialect.
//!
//! A vendor's requests are the steps of a golden case, so that a new dialect brings its own. Those of the native API name ids
//! that only a running server gives, so they are built here.

use std::path::Path;

use serde_json::{Value, json};
use wharfinger::http::dialect_routes;
use wharfinger_core::dialect::{Action, Operation, Reply};
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;

use super::case::{self, Case, Exchange, Step};
use super::client::{Request, Response};
use super::fixture::{basic, secret_of};
use super::server::{Server, run};
use super::v1::{self, order, order_id, submit};

/// The case of each vendor's dialect that has a request for each route that changes something. The last step for a route is its
/// change. All others are sent first.
const CASE: &str = "9000-every-route-that-changes-something";

/// A request that changes something.
#[derive(Clone)]
pub(crate) struct Change {
    /// The dialect in whose form it is answered.
    pub(crate) dialect: &'static str,
    /// Method and path template, as in the route table.
    pub(crate) route: (&'static str, &'static str),
    /// Whether it submits orders, so that it supports dry runs.
    pub(crate) submits: bool,
    pub(crate) target: String,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Change {
    fn new(
        dialect: &str,
        (method, target): (&str, &str),
        headers: Vec<(String, String)>,
        body: &str,
    ) -> Self {
        let dialect = dialects::find(dialect).expect("a dialect has this name");
        let path = target.split('?').next().unwrap_or_default();
        let mut routes = dialect_routes().into_iter();
        let route = routes.find(|&(of, template, name)| {
            (of, name) == (method, dialect.id()) && fits(path, template)
        });
        let (method, template, _) =
            route.unwrap_or_else(|| panic!("{method} {target} is not a route"));
        // Sending a rejected order again is a submission too, and so is replacing the text of one.
        let resubmits = template.ends_with("/resubmit") || template.ends_with("/text");
        let submits = |operation: &Operation| {
            (operation.method, operation.path) == (method, template)
                && matches!(operation.action, Action::Submit { .. })
        };
        Self {
            dialect: dialect.id(),
            route: (method, template),
            submits: resubmits || dialect.operations().iter().any(submits),
            target: target.to_owned(),
            body: body.to_owned(),
            headers,
        }
    }

    /// The same request with key `full`, which can access several organisations. A request of an administrator stays as it is.
    pub(crate) fn request_of_full(&self) -> Request {
        let by_full = |value: &str| {
            let value = value.replace(&basic("one"), &basic("full"));
            value.replace(&secret_of("one"), &secret_of("full"))
        };
        let request = Request::new(self.route.0, &self.target).body(self.body.clone());
        let headers = self.headers.iter();
        headers.fold(request, |request, (name, value)| {
            request.header(name, by_full(value))
        })
    }

    pub(crate) fn request(&self) -> Request {
        self.request_to(&self.target)
    }

    /// The same request to another path or query.
    pub(crate) fn request_to(&self, target: &str) -> Request {
        let request = Request::new(self.route.0, target).body(self.body.clone());
        let headers = self.headers.iter();
        headers.fold(request, |request, (name, value)| {
            request.header(name, value.clone())
        })
    }

    /// The same request with one more query parameter.
    pub(crate) fn request_with(&self, parameter: &str) -> Request {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        self.request_to(&format!("{}{mark}{parameter}", self.target))
    }
}

/// Whether a path is one of a template. Some clients write paths in another case.
fn fits(path: &str, template: &str) -> bool {
    let mut steps = path.split('/');
    let fits = template.split('/').all(|of_template| {
        let step = steps.next().unwrap_or_default();
        of_template.starts_with('{') && !step.is_empty() || step.eq_ignore_ascii_case(of_template)
    });
    fits && steps.next().is_none()
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {} {}", self.dialect, self.route.0, self.route.1)
    }
}

/// The secret of a new administrator key, created by a command.
pub(crate) fn administrator(data: &std::path::Path) -> String {
    let scopes = ["admin", "orders:read", "orders:write"].map(|scope| ["--scope", scope]);
    let arguments = [
        &["key", "create", "--all-orgs", "--json"],
        scopes.as_flattened(),
    ]
    .concat();
    let output = run(data, &arguments);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("a key is printed");
    printed["secret"].as_str().unwrap().to_owned()
}

/// One request for each route that changes something, after creating what they need. Imports are excluded, because they are
/// resumed in another way. In batches, an order is valid, one is faulty and one is repeated.
pub(crate) fn changes(server: &Server, administrator: &str) -> Vec<Change> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wharfinger-core/src/dialects");
    let cases = case::read_all(&root).into_iter();
    let cases = cases.map(|case| case.expect("a case can be read"));
    let mut changes: Vec<Change> = cases
        .filter(|case| case.name == CASE)
        .flat_map(|case| of_vendor(server, &case))
        .collect();
    changes.extend(of_orders(server));
    changes.extend(of_held_orders(server, administrator));
    changes.extend(of_administration(server, administrator));
    changes
}

fn of_vendor(server: &Server, case: &Case) -> Vec<Change> {
    let steps = case.steps.iter().map(|step| match step {
        Step::Exchange(exchange) => of_step(&case.dialect, exchange),
        Step::Command(_) => panic!("{}/{CASE} has a command", case.dialect),
    });
    let steps: Vec<Change> = steps.collect();
    let mut changes = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let is_last = !steps[at + 1..]
            .iter()
            .any(|later| later.route == step.route);
        if is_last {
            changes.push(step.clone());
        } else {
            let answer = server.send(&step.request());
            assert!(answer.status < 300, "{step}: {}", answer.text());
        }
    }
    changes
}

fn of_step(dialect: &str, exchange: &Exchange) -> Change {
    let headers = exchange
        .headers(&secret_of)
        .expect("a case names known keys");
    let body = exchange.body();
    let body = std::str::from_utf8(&body).expect("a case's body is text");
    Change::new(dialect, (&exchange.method, &exchange.target), headers, body)
}

/// A change by native API, with this secret.
fn native(secret: &str, route: (&str, &str), body: &str) -> Change {
    let key = ("authorization".to_owned(), format!("Bearer {secret}"));
    Change::new("native", route, vec![key], body)
}

fn of_orders(server: &Server) -> Vec<Change> {
    let orders: Vec<_> = (0..5).map(|number| order(&format!("M-{number}"))).collect();
    let (_, ids) = submit(server, "TRK001", &orders);
    let change =
        |method, target: &str, body: &str| native(&secret_of("one"), (method, target), body);
    let (good, bad) = (order("B-1"), r#"{"key":"B-2"}"#);
    let faulty = [json!({"key": "B-3"}), json!({"key": "B-4"})];
    let (rejected, _) = submit(server, "TRK001", &faulty);
    let of_rejection =
        |at: usize, action: &str| format!("/v1/rejections/{}/{action}", order_id(&rejected, at));
    let of_order = |at: usize, action: &str| format!("/v1/orders/{}/{action}", ids[at]);
    let many = |at: usize| format!(r#"{{"ids":["{}"]}}"#, ids[at]);
    vec![
        change(
            "POST",
            "/v1/batches?organisation=TRK001",
            &format!("[{good},{bad},{good}]"),
        ),
        change(
            "POST",
            &of_rejection(0, "resubmit"),
            &order("B-3").to_string(),
        ),
        change("POST", &of_rejection(1, "dismiss"), r#"{"note":"a test"}"#),
        change("POST", &of_order(0, "process"), ""),
        change("POST", &of_order(1, "cancel"), ""),
        change("POST", "/v1/orders/process", &many(2)),
        change("POST", "/v1/orders/cancel", &many(3)),
        change("PUT", &of_order(4, "fulfilment"), r#"{"status":"picked"}"#),
    ]
}

/// Changes of orders that a rule holds, and of rules.
fn of_held_orders(server: &Server, administrator: &str) -> Vec<Change> {
    let rules = json!({"rules": [{"name": "held", "when": "order.key.startsWith('HELD-')", "sentence": "For a test."}]});
    let set = native(
        administrator,
        ("PUT", "/v1/organisations/TRK001/rules"),
        &rules.to_string(),
    );
    let answer = server.send(&set.request());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let orders: Vec<_> = (0..3)
        .map(|number| order(&format!("HELD-{number}")))
        .collect();
    let (_, ids) = submit(server, "TRK001", &orders);
    let change = |(method, action): (&str, &str), at: usize, body: &str| {
        let target = format!("/v1/orders/{}/{action}", ids[at]);
        native(&secret_of("one"), (method, &target), body)
    };
    let mut mended = order("HELD-2");
    mended["instructions"] = "mended".into();
    vec![
        set,
        change(("POST", "release"), 0, r#"{"note":"seen"}"#),
        change(("POST", "refuse"), 1, ""),
        change(("PUT", "text"), 2, &mended.to_string()),
    ]
}

fn of_administration(server: &Server, administrator: &str) -> Vec<Change> {
    let change = |method, target: &str, body: &str| native(administrator, (method, target), body);
    let new_key = change(
        "POST",
        "/v1/keys",
        r#"{"organisations":["TRK001"],"scopes":["orders:read"]}"#,
    );
    let make = || {
        let made = server.send(&new_key.request()).json();
        made["id"].as_str().expect("a key is made").to_owned()
    };
    let rotate = format!("/v1/keys/{}/rotate", make());
    let revoke = format!("/v1/keys/{}", make());
    let new_destination = change(
        "POST",
        "/v1/destinations",
        r#"{"kind":"webhook","url":"https://receiver.invalid","organisations":["TRK001"]}"#,
    );
    let of_destination = |action: &str| {
        let made = server.send(&new_destination.request()).json();
        let id = made["id"].as_str().expect("a destination is made");
        format!("/v1/destinations/{id}{action}")
    };
    vec![
        change("PATCH", &of_destination(""), r#"{"parallel":2}"#),
        change("DELETE", &of_destination(""), ""),
        change("POST", &of_destination("/pause"), ""),
        change("POST", &of_destination("/resume"), ""),
        change("POST", &of_destination("/rotate"), ""),
        change(
            "POST",
            &of_destination("/replay"),
            r#"{"from":"beginning"}"#,
        ),
        new_destination,
        change("POST", "/v1/organisations", r#"{"code":"NEW1"}"#),
        change("PATCH", "/v1/organisations/TRK002", r#"{"name":"Renamed"}"#),
        change(
            "POST",
            "/v1/organisations/TRK001/products",
            r#"[{"sku":"S-1","stock":3},{"sku":""},{"sku":"S-1","stock":2}]"#,
        ),
        change(
            "POST",
            "/v1/organisations/TRK001/customers",
            r#"[{"email":"a@example.com"},{"email":"b@example.com"}]"#,
        ),
        new_key,
        change("POST", &rotate, ""),
        change("DELETE", &revoke, ""),
        change(
            "POST",
            "/v1/customers/erase",
            r#"{"organisation":"TRK001","email":"nobody@example.com"}"#,
        ),
    ]
}

/// Asserts a refusal in the form that the dialect gives to one of the refusals with this status.
pub(crate) fn assert_refused(dialect: &str, answer: &Response, status: u16) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{dialect}: {text}");
    let encoder = dialects::find(dialect).expect("a dialect has this name");
    // Each has another path, so that the path is not what they have in common.
    let failures = RequestFailure::examples().into_iter().enumerate();
    let replies: Vec<_> = failures
        .map(|(number, failure)| encoder.refuse(None, &failure, &format!("/{number}")))
        .collect();
    let form_of = |reply: &Reply| serde_json::from_slice(&reply.body).expect("a refusal is JSON");
    let all: Vec<Value> = replies.iter().map(form_of).collect();
    let content_type = answer.header("content-type");
    let of_status = replies
        .iter()
        .zip(&all)
        .filter(|(reply, _)| reply.status == status && Some(reply.content_type) == content_type);
    let json = answer.json();
    let has_form = of_status
        .map(|(_, form)| form)
        .any(|form| has_form(&json, form, &all));
    assert!(has_form, "{dialect}: {text}");
}

/// Whether a refusal has a sentence and no members that the form lacks. Numbers are equal, and so is what all refusals of the
/// dialect have in common. Other members may differ or be left out.
fn has_form(refusal: &Value, form: &Value, all: &[Value]) -> bool {
    let (Some(members), Some(wanted)) = (refusal.as_object(), form.as_object()) else {
        return false;
    };
    let has_sentence = |value: &Value| value.as_str().is_some_and(|text| text.contains(' '));
    let fits = |(name, value): (&String, &Value)| {
        let is_common = || all.iter().all(|other| other.get(name) == Some(value));
        if value.is_number() || is_common() {
            return members.get(name) == Some(value);
        }
        let found = members.get(name).unwrap_or(value);
        std::mem::discriminant(found) == std::mem::discriminant(value)
    };
    members.keys().all(|name| wanted.contains_key(name))
        && members.values().any(has_sentence)
        && wanted.iter().all(fits)
}

#[test]
fn refusals_in_another_form_are_told_apart() {
    let all = [
        json!({"status": "no", "code": -7, "msg": "Not now", "first": "7"}),
        json!({"status": "no", "code": -7, "msg": "Come again"}),
    ];
    let is_one = |refusal: &Value| has_form(refusal, &all[0], &all);
    assert!(is_one(
        &json!({"status": "no", "code": -7, "msg": "Too many", "first": "8"})
    ));
    assert!(is_one(
        &json!({"status": "no", "code": -7, "msg": "Too many"})
    ));
    for other in [
        json!({"status": "no", "code": -6, "msg": "Too many"}),
        json!({"status": "ok", "code": -7, "msg": "Too many"}),
        json!({"status": "no", "code": -7, "msg": 7}),
        json!({"status": "no", "code": -7}),
        json!({"code": -7, "msg": "Too many"}),
        json!({"status": "no", "code": -7, "msg": "Too many", "more": 1}),
        json!("Too many"),
    ] {
        assert!(!is_one(&other), "{other}");
    }
}

/// The code of a native refusal.
pub(crate) fn code(answer: &Response) -> String {
    answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A batch with one order in the native format.
pub(crate) fn one(key: &str) -> Request {
    let target = "/v1/batches?organisation=TRK001";
    v1::request("POST", target, "one").body(order(key).to_string())
}

/// What a client can compare of a response.
pub(crate) fn told(answer: &Response) -> (u16, Option<&str>, &[u8], Option<&str>) {
    (
        answer.status,
        answer.header("content-type"),
        &answer.body,
        answer.header("wharfinger-batch-id"),
    )
}

/// Whether a response was replayed.
pub(crate) fn is_replayed(answer: &Response) -> bool {
    match answer.header("idempotent-replayed") {
        None => false,
        Some(value) => {
            assert_eq!(value, "true");
            true
        }
    }
}
