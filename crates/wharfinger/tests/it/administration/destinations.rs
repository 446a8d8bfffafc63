//! Destinations over HTTP: created, shown, changed, replayed and deleted.

use serde_json::{Value, json};

use super::{Office, assert_errors, column, key, request};
use crate::support::database::Database;
use crate::support::v1::{order, submit};

const ALL: &str = "/v1/destinations";
/// A name that nobody can look up.
const URL: &str = "https://receiver.invalid/hook";

impl Office {
    /// Creates a destination. Returns what was answered.
    fn destination(&self, secret: &str, body: &Value) -> Value {
        let made = self.ask(secret, "POST", ALL, Some(body));
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    /// Changes a destination, which must succeed.
    fn done(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
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
fn target(destination: &Value, action: &str) -> String {
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
            ("/batch/max_wait_ms", "not_number"),
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

    let reader = key(
        office.data.path(),
        &["--all-orgs", "--scope", "orders:read"],
    );
    for (method, target) in [
        ("GET", ALL.to_owned()),
        ("POST", ALL.to_owned()),
        ("DELETE", target(&own, "")),
    ] {
        assert_eq!(office.ask(&reader, method, &target, None).status, 403);
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
        let made = office.destination(&office.chief, &body);
        office.get(&office.chief, &target(&made, ""))
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
fn lists_of_destinations_and_deliveries_come_in_pages() {
    let office = Office::open();
    let body = json!({"kind": "webhook", "url": URL, "organisations": ["TRK001"]});
    let made = Vec::from_iter((0..3).map(|_| office.destination(&office.chief, &body)));
    let (mut found, mut target_of_page) = (Vec::new(), format!("{ALL}?limit=2"));
    loop {
        let page = office.get(&office.chief, &target_of_page);
        found.extend(column(&page, "id"));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target_of_page = format!("{ALL}?limit=2&after={next}");
    }
    assert_eq!(
        found,
        Vec::from_iter(made.iter().map(|made| made["id"].as_str().unwrap()))
    );

    let id = made[0]["id"].as_str().unwrap().replace('-', "");
    let mut database = Database::of(office.data.path());
    for number in 1..=3 {
        database.run(&format!(
            "insert into delivery_attempts (destination, number, is_delivered, at_ms, webhook_id, organisation, position, events, attempt, \
             result, status, took_ms, answer) values ( x'{id}', {number}, 0, {number}, 'w', 1, {number}, 1, 2, 'refused', 500, 3, 'no')"
        ));
    }
    database.run(&format!(
        "insert into parked_orders (destination, organisation, lane_key, label, positions, attempts, next_at_ms, last_error) \
         values ( x'{id}', 1, 5, 'A-1', x'0301', 2, null, 'no')"
    ));
    let first = office.get(
        &office.chief,
        &format!("{}?limit=2", target(&made[0], "/deliveries")),
    );
    assert_eq!(first["state"], "active");
    let attempts = first["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (
            &attempts[0]["position"],
            &attempts[0]["status"],
            &attempts[0]["organisation"]
        ),
        (&json!(3), &json!(500), &json!("TRK001"))
    );
    let parked = json!([{
        "organisation": "TRK001", "key": "A-1", "position": 3, "waiting": 2, "attempts": 2, "next_at": null, "last_error": "no",
    }]);
    assert_eq!(first["parked"], parked);
    let next = first["next"].as_str().unwrap();
    let second = office.get(
        &office.chief,
        &format!("{}?limit=2&after={next}", target(&made[0], "/deliveries")),
    );
    assert_eq!(second["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&second["parked"], &second["next"]),
        (&json!([]), &Value::Null)
    );
    let shown = office.get(&office.chief, &target(&made[0], ""));
    assert_eq!(shown["parked"], 1);
    assert!(shown["hint"]["what"].as_str().unwrap().contains("given up"));
    assert!(shown["hint"]["remedy"].as_str().unwrap().contains("replay"));
}

#[test]
fn erasing_a_person_reaches_the_answers_of_receivers_and_tells_who_has_the_rest() {
    let office = Office::open();
    let body = |code: &str| json!({"kind": "webhook", "url": URL, "organisations": [code]});
    let made = office.destination(&office.chief, &body("TRK001"));
    let other = office.destination(&office.chief, &body("TRK002"));
    let id = made["id"].as_str().unwrap().replace('-', "");
    let mut database = Database::of(office.data.path());
    let names = "no, A. Person";
    for (number, organisation, events) in [(1, 1, 1), (2, 2, 1), (3, 2, 5)] {
        database.run(&format!(
            "insert into delivery_attempts (destination, number, is_delivered, at_ms, webhook_id, organisation, position, events, attempt, \
             result, status, took_ms, answer) values ( x'{id}', {number}, 0, 1, 'w', {organisation}, 1, {events}, 2, 'refused', 500, 3, '{names}')"
        ));
        database.run(&format!(
            "insert into parked_orders (destination, organisation, lane_key, label, positions, attempts, next_at_ms, last_error) \
             values ( x'{id}', {organisation}, {number}, 'A-1', x'0301', 2, null, '{names}')"
        ));
    }
    database.run("update destination_progress set delivered = 4");
    let person = json!({"organisation": "TRK001", "email": "a@example.com"});
    let erased = office.done("POST", "/v1/customers/erase", Some(&person));
    assert_eq!(erased["attempts"], 2);
    assert_eq!(erased["delivered_to"], json!([made["id"]]));
    assert_ne!(made["id"], other["id"]);
    let left = |table: &str, column: &str| {
        let select = format!("select {column} from {table} where {column} <> '' order by 1");
        Database::of(office.data.path()).rows(&select).len()
    };
    // A request with several events may have had some of any organisation.
    assert_eq!(left("delivery_attempts", "answer"), 1);
    assert_eq!(left("parked_orders", "last_error"), 2);
}
