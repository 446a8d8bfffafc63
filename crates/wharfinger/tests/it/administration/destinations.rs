//! Destinations over HTTP: created, shown, changed, replayed and deleted.

use serde_json::{Value, json};

use super::{Office, assert_errors, column, request};
use crate::support::v1::{order, submit};

pub(super) const ALL: &str = "/v1/destinations";
/// A name that nobody can look up.
pub(super) const URL: &str = "https://receiver.invalid/hook";

impl Office {
    /// Creates a destination. Returns what was answered.
    pub(super) fn destination(&self, secret: &str, body: &Value) -> Value {
        let made = self.ask(secret, "POST", ALL, Some(body));
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    /// Changes a destination, which must succeed.
    pub(super) fn done(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
        let done = self.ask(&self.chief, method, target, body);
        assert_eq!(done.status, 200, "{target}: {}", done.text());
        done.json()
    }

    /// Asserts that no destination was created.
    fn has_none(&self) {
        assert_eq!(self.get(&self.chief, ALL)["data"], json!([]));
        let audit = self.get(&self.chief, "/v1/audit");
        let actions = column(&audit, "action");
        assert!(
            !actions
                .iter()
                .any(|action| action.starts_with("destination"))
        );
    }
}

/// Where a destination is.
pub(super) fn target(destination: &Value, action: &str) -> String {
    let id = destination["id"].as_str().expect("it has an id");
    format!("{ALL}/{id}{action}")
}

#[test]
fn a_destination_is_made_shown_changed_and_deleted() {
    let office = Office::open();
    let body = json!({
        "kind": "webhook", "url": URL, "organisations": ["TRK001", "TRK002"],
        "events": ["order.accepted", "order.cancelled"], "form": "native",
        "batch": {"max_events": 100, "max_wait_ms": 20}, "parallel": 4, "order": "all", "timeout_s": 7,
    });
    let mut made = office.destination(&office.chief, &body);
    let secret = made["secret"]
        .as_str()
        .expect("it is shown once")
        .to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() > 40);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(made["state"], "active");
    assert_eq!(made["all_organisations"], false);
    assert_eq!(
        (&made["delivered"], &made["parked"]),
        (&json!(0), &json!(0))
    );
    made.as_object_mut().unwrap().remove("secret");
    let mut shown = office.get(&office.chief, &target(&made, ""));
    assert_eq!(shown, made);
    assert_eq!(office.get(&office.chief, ALL)["data"], json!([made]));

    let patch = json!({"events": null, "form": null, "batch": {"max_events": 1}, "url": format!("{URL}/2")});
    let changed = office.done("PATCH", &target(&made, ""), Some(&patch));
    shown["events"] = Value::Null;
    shown["form"] = Value::Null;
    shown["batch"]["max_events"] = 1.into();
    shown["url"] = format!("{URL}/2").into();
    assert_eq!(changed, shown);
    assert_eq!(office.get(&office.chief, &target(&made, "")), shown);

    let paused = office.done("POST", &target(&made, "/pause"), None);
    assert_eq!(paused["state"], "paused");
    assert_eq!(paused["hint"]["what"], "the destination is paused");
    let resumed = office.done("POST", &target(&made, "/resume"), None);
    assert_eq!(
        (&resumed["state"], &resumed["hint"]),
        (&json!("active"), &Value::Null)
    );

    let rotated = office.done("POST", &target(&made, "/rotate"), None);
    assert_ne!(rotated["secret"], json!(secret));
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_"));
    office.done(
        "POST",
        &target(&made, "/replay"),
        Some(&json!({"from": "failed"})),
    );

    office.done("DELETE", &target(&made, ""), None);
    office_gone(&office, &made);
    let entries = office.get(&office.chief, "/v1/audit?limit=7");
    let done = [
        "deleted", "replayed", "rotated", "resumed", "paused", "changed", "created",
    ];
    assert_eq!(
        column(&entries, "action"),
        done.map(|verb| format!("destination.{verb}"))
    );
    let id = made["id"].as_str().unwrap();
    assert_eq!(column(&entries, "subject"), [id; 7]);
}

/// Asserts that a destination is not found by any request about it.
fn office_gone(office: &Office, destination: &Value) {
    for secret in [&office.chief, &office.clerk] {
        for (method, action) in [
            ("GET", ""),
            ("GET", "/deliveries"),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/rotate"),
            ("POST", "/replay"),
        ] {
            let target = target(destination, action);
            let answer = office.ask(secret, method, &target, Some(&json!({})));
            assert_eq!(answer.status, 404, "{method} {target}: {}", answer.text());
        }
    }
}

#[test]
fn what_cannot_be_a_destination_is_refused_and_nothing_is_stored() {
    let office = Office::open();
    let post = |body: &Value| office.ask(&office.chief, "POST", ALL, Some(body));
    assert_errors(&post(&json!({})), &[("/kind", "required")]);
    assert_errors(
        &post(&json!({"kind": "carrier pigeon"})),
        &[("/kind", "not_one_of")],
    );
    assert_errors(&post(&json!({"kind": "webhook"})), &[("/url", "required")]);
    let faulty = json!({
        "kind": "webhook", "url": "ftp://receiver.invalid", "signature": "v2",
        "organisations": ["TRK001", "NOWHERE"], "events": ["order.lost"], "form": "latin",
        "order": "none", "parallel": 0, "batch": {"max_events": 0, "max_wait_ms": "soon"},
        "timeout_s": 1_000_000, "start": "yesterday",
    });
    assert_errors(
        &post(&faulty),
        &[
            ("/url", "not_of_form"),
            ("/signature", "not_one_of"),
            ("/organisations/1", "unknown_organisation"),
            ("/events/0", "not_of_form"),
            ("/form", "not_of_form"),
            ("/order", "not_one_of"),
            ("/parallel", "below_minimum"),
            ("/batch/max_events", "below_minimum"),
            ("/batch/max_wait_ms", "not_integer"),
            ("/timeout_s", "above_maximum"),
            ("/start", "not_of_form"),
        ],
    );
    // An empty list is not the same as all.
    let empty = json!({"kind": "webhook", "url": URL, "organisations": [], "events": []});
    let wanted = [
        ("/organisations", "not_of_form"),
        ("/events", "not_of_form"),
    ];
    assert_errors(&post(&empty), &wanted);
    for url in [
        "https://ann:secret@receiver.invalid",
        "https://receiver.invalid/#here",
        "receiver.invalid",
    ] {
        let body = json!({"kind": "webhook", "url": url});
        assert_errors(&post(&body), &[("/url", "not_of_form")]);
    }
    for (unknown, words) in [
        (
            json!({"kind": "webhook", "url": URL, "uri": URL}),
            "\"uri\"; known attributes: kind, start",
        ),
        (
            json!({"kind": "webhook", "url": URL, "batch": {"events": 5}}),
            "\"batch.events\"; known attributes: max_events",
        ),
    ] {
        let answer = post(&unknown);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(
            answer.text().contains(&words.replace('"', "\\\"")),
            "{}",
            answer.text()
        );
    }
    office.has_none();
}

#[test]
fn addresses_of_private_networks_are_refused() {
    let office = Office::open();
    for url in [
        "http://127.0.0.1:9/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://localhost/hook",
        "https://10.1.2.3/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/latest/meta-data",
        "https://[::ffff:192.168.0.1]/hook",
        "https://0x7f.1/hook",
    ] {
        let body = json!({"kind": "webhook", "url": url});
        let answer = office.ask(&office.chief, "POST", ALL, Some(&body));
        assert_eq!(answer.status, 400, "{url}: {}", answer.text());
        assert!(
            answer.text().contains("--destinations-allow"),
            "{}",
            answer.text()
        );
    }
    office.has_none();
    let made = office.destination(&office.chief, &json!({"kind": "webhook", "url": URL}));
    let patch = json!({"url": "https://127.0.0.1/hook"});
    let refused = office.ask(&office.chief, "PATCH", &target(&made, ""), Some(&patch));
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(office.get(&office.chief, &target(&made, ""))["url"], URL);
}

#[test]
fn a_key_administers_destinations_of_its_organisations_only() {
    let office = Office::open();
    let body = |organisations: Value| json!({"kind": "webhook", "url": URL, "organisations": organisations});
    let others = body(json!(["TRK001", "OFF001"]));
    assert_errors(
        &office.ask(&office.clerk, "POST", ALL, Some(&others)),
        &[("/organisations/1", "unknown_organisation")],
    );
    office.has_none();
    // What is left out is what the key reaches.
    let own = office.destination(&office.clerk, &body(Value::Null));
    assert_eq!(own["organisations"], json!(["TRK001", "TRK002"]));
    let hidden = [
        office.destination(&office.chief, &body(Value::Null)),
        office.destination(&office.chief, &others),
    ];
    assert_eq!(hidden[0]["organisations"], Value::Null);
    assert_eq!(
        column(&office.get(&office.clerk, ALL), "id"),
        [own["id"].as_str().unwrap()]
    );
    assert_eq!(column(&office.get(&office.chief, ALL), "id").len(), 3);
    for destination in &hidden {
        for (method, action) in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/pause"),
            ("POST", "/rotate"),
            ("GET", "/deliveries"),
        ] {
            let answer = office.ask(
                &office.clerk,
                method,
                &target(destination, action),
                Some(&json!({})),
            );
            assert_eq!(answer.status, 404, "{}", answer.text());
        }
        assert_eq!(
            office.get(&office.chief, &target(destination, ""))["state"],
            "active"
        );
    }
    let seen = office.get(&office.clerk, "/v1/audit");
    let subjects = column(&seen, "subject");
    assert!(subjects.contains(&own["id"].as_str().unwrap().to_owned()));
    assert!(!subjects.contains(&hidden[0]["id"].as_str().unwrap().to_owned()));

    let reader = json!({"all_organisations": true, "scopes": ["orders:read"]});
    let reader = office
        .ask(&office.chief, "POST", "/v1/keys", Some(&reader))
        .json();
    let reader = reader["secret"].as_str().unwrap();
    for (method, target) in [
        ("GET", ALL.to_owned()),
        ("POST", ALL.to_owned()),
        ("DELETE", target(&own, "")),
    ] {
        assert_eq!(office.ask(reader, method, &target, None).status, 403);
    }
    assert_eq!(
        office.get(&office.clerk, &target(&own, ""))["state"],
        "active"
    );
}

#[test]
fn a_secret_is_answered_again_to_its_caller_and_a_private_key_to_nobody() {
    let office = Office::open();
    let body = json!({"kind": "webhook", "url": URL});
    let post = || {
        let request = request(&office.chief, "POST", ALL, Some(&body));
        office
            .server
            .send(&request.header("idempotency-key", "once"))
    };
    let (first, again) = (post(), post());
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text(), first.text());
    assert_eq!(column(&office.get(&office.chief, ALL), "id").len(), 1);

    let signed = json!({"kind": "webhook", "url": URL, "signature": "v1a"});
    let made = office.destination(&office.chief, &signed);
    assert_eq!(made["signature"], "v1a");
    assert_eq!(made.get("secret"), None);
    let public = made["public_key"].as_str().unwrap().to_owned();
    assert!(public.starts_with("whpk_"));
    let rotated = office.done("POST", &target(&made, "/rotate"), None);
    assert_ne!(rotated["public_key"], json!(public));
    assert_eq!(
        office.get(&office.chief, &target(&made, ""))["public_key"],
        rotated["public_key"]
    );
    let other = json!({"signature": "v1"});
    let refused = office.ask(&office.chief, "PATCH", &target(&made, ""), Some(&other));
    assert_eq!(refused.status, 400, "{}", refused.text());
}

#[test]
fn a_destination_begins_where_it_is_told() {
    let office = Office::open();
    submit(&office.server, "TRK001", &[order("A"), order("B")]);
    let events = office.get(&office.chief, "/v1/events?organisation=TRK001&limit=1");
    let (middle, at) = (&events["next"], &events["data"][0]["at"]);
    let begin = |start: Value| {
        let body =
            json!({"kind": "webhook", "url": URL, "organisations": ["TRK001"], "start": start});
        // What is asked later may be delivered, or parked, by then.
        office.destination(&office.chief, &body)
    };
    for (start, behind) in [
        (json!("now"), 0),
        (Value::Null, 0),
        (json!("beginning"), 3),
        (middle.clone(), 2),
        (at.clone(), 3),
    ] {
        let made = begin(start.clone());
        assert_eq!(made["lag"]["events"], behind, "{start}");
        assert_eq!(made["cursor"].is_null(), start == "beginning");
    }
    // A cursor of one organisation says nothing about the others.
    let body = json!({"kind": "webhook", "url": URL, "start": middle});
    let refused = office.ask(&office.chief, "POST", ALL, Some(&body));
    assert_errors(&refused, &[("/start", "not_of_form")]);

    let made = begin(json!("now"));
    office.done("POST", &target(&made, "/pause"), None);
    let replay = |from: &Value| {
        let body = json!({ "from": from });
        office.done("POST", &target(&made, "/replay"), Some(&body))
    };
    assert_eq!(replay(middle)["lag"]["events"], 2);
    assert_eq!(replay(&json!("beginning"))["lag"]["events"], 3);
    assert_eq!(replay(at)["lag"]["events"], 3);
    assert_eq!(
        office.get(&office.chief, &target(&made, ""))["lag"]["events"],
        3
    );
    for from in [json!("now"), json!("nowhere"), json!(7)] {
        let body = json!({ "from": from });
        let refused = office.ask(
            &office.chief,
            "POST",
            &target(&made, "/replay"),
            Some(&body),
        );
        assert_errors(&refused, &[("/from", "not_of_form")]);
    }
}

#[test]
fn sinks_are_destinations_too_and_their_passwords_are_not_shown() {
    let office = Office::open();
    let body = json!({
        "kind": "nats", "url": "nats://nats.invalid", "user": "ann", "password": "seCret", "organisations": ["TRK001"],
        "batch": {"max_events": 200},
    });
    let made = office.destination(&office.chief, &body);
    assert_eq!(
        (&made["kind"], &made["user"], &made["stream"]),
        (&json!("nats"), &json!("ann"), &json!("WHARFINGER"))
    );
    assert_eq!(
        (&made["order"], &made["batch"]["max_events"]),
        (&json!("all"), &json!(200))
    );
    let changed = office.done(
        "PATCH",
        &target(&made, ""),
        Some(&json!({"prefix": "orders"})),
    );
    assert_eq!(
        (&changed["prefix"], &changed["user"]),
        (&json!("orders"), &json!("ann"))
    );
    let shown = office.get(&office.chief, &target(&made, ""));
    for shown in [&made, &changed, &shown] {
        assert!(!shown.to_string().contains("seCret"), "{shown}");
        assert_eq!(shown.get("secret"), None);
    }
    let database = json!({"kind": "postgres", "url": "postgres://ann:seCret@db.invalid/orders"});
    let database = office.destination(&office.chief, &database);
    assert!(!database.to_string().contains("seCret"), "{database}");
    assert_eq!(
        (&database["form"], &database["schema"]),
        (&Value::Null, &json!("wharfinger"))
    );
    for (kind, refused, words) in [
        ("nats", json!({"parallel": 3}), "Unknown attribute"),
        ("postgres", json!({"form": "native"}), "Unknown attribute"),
        ("nats", json!({"stream": "a.b"}), "Attribute stream must"),
        ("nats", json!({"user": null}), "Attribute user and password"),
    ] {
        let of = if kind == "nats" { &made } else { &database };
        let answer = office.ask(&office.chief, "PATCH", &target(of, ""), Some(&refused));
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    assert_eq!(
        office.get(&office.chief, &target(&made, ""))["stream"],
        "WHARFINGER"
    );
    for action in ["/rotate", "/test"] {
        let answer = office.ask(&office.chief, "POST", &target(&made, action), None);
        assert_eq!(answer.status, 409, "{}", answer.text());
    }
}
