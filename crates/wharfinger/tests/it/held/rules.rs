//! Setting and testing rules.

use serde_json::{Value, json};

use super::{DEAR, Site, priced, rule, text};
use crate::support::client::Request;
use crate::support::server::run;
use crate::support::stored::rows;
use crate::support::v1::get;

const RULES: &str = "/v1/organisations/TRK001/rules";
const TEST: &str = "/v1/organisations/TRK001/rules/test";

#[test]
fn the_documented_rules_hold_orders() {
    let site = Site::start();
    let abroad =
        "order.total > 1000 && order.shipping_address.country != order.billing_address.country";
    site.set(
        "TRK001",
        &[
            ("abroad", abroad),
            ("long", "size(order.lines) > 50"),
            ("test", r#"order.customer.email.endsWith("@example.test")"#),
        ],
    );
    let mut abroad = priced("A", "1000.50");
    abroad["billing_address"] = json!({"country": "GB"});
    let mut long = priced("B", "1");
    long["lines"] = Value::from(vec![json!({"sku": "S"}); 51]);
    let mut test = priced("C", "1");
    test["customer"] = json!({"email": "a@example.test"});
    let mut free = test.clone();
    free["key"] = "D".into();
    free["customer"]["email"] = "a@example.com".into();
    let results = site.submit(&[abroad, long, test, free, priced("E", "1")]);
    let held: Vec<_> = results.iter().map(|result| text(&result["rule"])).collect();
    assert_eq!(held, ["abroad", "long", "test", "", "test"]);
    // The last one has no address, so the rule fails, and says so.
    let failed = site.order(&text(&results[4]["order_id"]));
    let why = text(&failed["held"]["error"]);
    assert!(why.starts_with("order.customer.email is absent"), "{why}");
}

#[test]
fn rules_that_do_not_compile_are_refused_and_the_old_ones_stay() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let nested = format!("{}1{}", "(".repeat(900), ")".repeat(900));
    let many: Vec<_> = (0..51).map(|at| rule(&at.to_string(), "true")).collect();
    for (rules, pointer, message) in [
        (
            json!([rule("a", "order.totl > 1")]),
            "/rules/0/when",
            "line 1 column 6: unknown attribute `totl`, did you mean `total`?",
        ),
        (
            json!([rule("a", "true"), rule("a", "true")]),
            "/rules/1/name",
            "name of an earlier rule",
        ),
        (json!([rule("a", &nested)]), "/rules/0/when", "more than"),
        (
            json!([rule("a", &format!("true{}", " && true".repeat(300)))]),
            "/rules/0/when",
            "longer than 2000",
        ),
        (
            json!([rule("a", r"order.key.matches('(a{1,1000}){1,1000}')")]),
            "/rules/0/when",
            "too large",
        ),
        (json!(many), "/rules", "more than 50"),
    ] {
        let answer = site.admin("PUT", RULES, &json!({"rules": rules}));
        assert_eq!(answer.status, 422, "{message}: {}", answer.text());
        let fault = &answer.json()["errors"][0];
        assert_eq!(fault["pointer"], pointer, "{fault}");
        assert!(
            text(&fault["message"]).contains(message),
            "{message}: {fault}"
        );
    }
    for body in [
        json!({}),
        json!({"rules": null}),
        json!({"rules": [{"name": "a"}]}),
        json!({"rules": [{"name": "a", "when": "true", "sentence": "x", "more": 1}]}),
    ] {
        assert_eq!(site.admin("PUT", RULES, &body).status, 422, "{body}");
    }
    let shown = site.admin("GET", RULES, &json!({})).json();
    assert_eq!(shown["rules"], json!([rule("dear", DEAR)]));
    assert_eq!(
        site.admin("GET", "/v1/organisations/NOBODY/rules", &json!({}))
            .status,
        404
    );
}

#[test]
fn hostile_rules_do_not_stop_the_server() {
    let site = Site::start();
    site.set(
        "TRK001",
        &[
            ("regex", "order.instructions.matches('(a*)*b')"),
            ("loops", "order.lines.all(line, line.sku == 'S') && false"),
        ],
    );
    let mut huge = priced("A", "1");
    huge["instructions"] = "a".repeat(200_000).into();
    huge["lines"] = Value::from(vec![json!({"sku": "S"}); 20_000]);
    let results = site.submit(&[huge]);
    let shown = site.order(&text(&results[0]["order_id"]));
    assert_eq!(shown["held"]["rule"], "loops");
    assert_eq!(
        shown["held"]["error"],
        "the order is too large for this rule"
    );
}

/// A rule whose work is estimated highly, because an order has a long text and many lines.
fn costly() -> Value {
    let words: Vec<_> = ('a'..='o')
        .map(|word| format!("line.sku.contains('{word}')"))
        .collect();
    rule(
        "costly",
        &format!("order.lines.exists(line, {})", words.join(" || ")),
    )
}

#[test]
fn a_batch_that_uses_up_its_budget_is_held_from_there_on() {
    let site = Site::start();
    let answer = site.admin("PUT", RULES, &json!({"rules": [costly()]}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let orders: Vec<_> = (0..300)
        .map(|number| {
            let mut order = priced(&format!("K-{number:03}"), "1");
            order["instructions"] = "x".repeat(7_000).into();
            order["lines"] = Value::from(vec![json!({"sku": "S"}); 50]);
            order
        })
        .collect();
    let results = site.submit(&orders);
    let is_held = |result: &&Value| result["state"] == "held";
    let first = results.iter().position(|result| is_held(&result)).unwrap();
    assert!((100..300).contains(&first), "{first}");
    assert!(results[first..].iter().all(|result| is_held(&result)));
    let shown = site.order(&text(&results[299]["order_id"]));
    let error = text(&shown["held"]["error"]);
    assert!(
        error.starts_with("the work of rules for this batch is used up"),
        "{error}"
    );
    // The same rules are tested on as many orders as a batch could have.
    let tested = site.admin("POST", TEST, &json!({"last": 300})).json();
    assert_eq!(
        (&tested["tested"], &tested["held"]),
        (&json!(first), &json!(0))
    );
    // A smaller batch has a budget of its own.
    let mut small = orders[299].clone();
    small["key"] = "L".into();
    assert!(!is_held(&&site.submit(&[small])[0]));
}

#[test]
fn rules_are_tested_without_changing_anything() {
    let site = Site::start();
    site.submit(&[priced("A", "2000"), priced("B", "1"), priced("C", "3000")]);
    let tested = site.admin(
        "POST",
        TEST,
        &json!({"rules": [rule("dear", DEAR), rule("all", "order.key != 'B'")], "last": 10}),
    );
    assert_eq!(tested.status, 200, "{}", tested.text());
    let tested = tested.json();
    assert_eq!((&tested["tested"], &tested["held"]), (&json!(3), &json!(2)));
    let of: Vec<_> = tested["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["key"]), one["held_by"].as_array().unwrap().len()))
        .collect();
    assert_eq!(of, [("C".into(), 2), ("B".into(), 0), ("A".into(), 2)]);
    assert_eq!(
        site.admin("GET", RULES, &json!({})).json()["rules"],
        json!([])
    );
    assert_eq!(site.keys("state=pending"), ["A", "B", "C"]);
    site.set("TRK001", &[("dear", DEAR)]);
    let one = site
        .admin("POST", TEST, &json!({"order": priced("X", "1001")}))
        .json();
    assert_eq!(one["data"][0]["key"], "X");
    assert_eq!(
        one["data"][0]["held_by"],
        json!([{"rule": "dear", "sentence": "Look at it: dear."}])
    );
    let of_shop = json!({"order": {"packingslipno": "P-1", "consignee": "c"}, "dialect": "gosweetspot", "rules": [rule("slip", "order.key == 'P-1' && order.dialect == 'gosweetspot'")]});
    assert_eq!(site.admin("POST", TEST, &of_shop).json()["held"], 1);
    for body in [json!({}), json!({"order": {}, "last": 1})] {
        assert_eq!(site.admin("POST", TEST, &body).status, 400, "{body}");
    }
    for body in [
        json!({"last": 0}),
        json!({"last": 501}),
        json!({"order": {}, "dialect": "x"}),
    ] {
        assert_eq!(site.admin("POST", TEST, &body).status, 422, "{body}");
    }
    let answer = site.admin(
        "POST",
        TEST,
        &json!({"last": 1, "rules": [rule("a", "order.x")]}),
    );
    assert_eq!(answer.status, 422);
}

#[test]
fn rules_are_set_tested_and_shown_by_commands() {
    let site = Site::start();
    site.submit(&[priced("A", "2000"), priced("B", "1")]);
    let file = site.data.path().with_extension("rules.json");
    let set = |rules: &Value| {
        std::fs::write(&file, json!({"rules": rules}).to_string()).unwrap();
        run(
            site.data.path(),
            &["rules", "set", "--org", "TRK001", file.to_str().unwrap()],
        )
    };
    let wrong = set(&json!([rule("dear", "order.totl > 1")]));
    assert!(!wrong.status.success());
    let why = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        why.contains("rule 1, when, line 1 column 6: unknown attribute `totl`"),
        "{why}"
    );
    let done = set(&json!([rule("dear", DEAR)]));
    let told = String::from_utf8(done.stdout).unwrap();
    assert_eq!(
        told,
        "1 rule of TRK001 set; a running server uses them within a second\n"
    );
    let shown = run(
        site.data.path(),
        &["rules", "show", "--org", "TRK001", "--json"],
    );
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown, json!({"rules": [rule("dear", DEAR)]}));
    let tested = run(site.data.path(), &["rules", "test", "--org", "TRK001"]);
    let told = String::from_utf8(tested.stdout).unwrap();
    assert_eq!(
        told,
        "A: dear: Look at it: dear.\n1 of the latest 2 orders would be held\n"
    );
    std::fs::remove_file(&file).unwrap();
    let audit = site.admin("GET", "/v1/audit?limit=5", &json!({})).json();
    let entry = &audit["data"][0];
    assert_eq!(
        (&entry["action"], &entry["subject"]),
        (&json!("organisation.rules_set"), &json!("TRK001"))
    );
    let unknown = run(site.data.path(), &["rules", "show", "--org", "NOBODY"]);
    assert!(!unknown.status.success());
}

#[test]
fn changes_of_held_orders_are_replayed() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let results = site.submit(&[priced("A", "2000"), priced("B", "2000")]);
    let [a, b] = [0, 1].map(|at: usize| text(&results[at]["order_id"]));
    for (method, id, action, body) in [
        ("PUT", &a, "text", priced("A", "3000")),
        ("POST", &a, "release", json!({"note": "x"})),
        ("POST", &b, "refuse", json!({})),
    ] {
        let target = format!("/v1/orders/{id}/{action}");
        let send = || {
            let request = crate::support::v1::request(method, &target, "full");
            let request: Request = request.header("idempotency-key", format!("{id}-{action}"));
            site.server.send(&request.body(body.to_string()))
        };
        let first = send();
        assert_eq!(first.status, 200, "{action}: {}", first.text());
        let again = send();
        assert_eq!(
            again.header("idempotent-replayed"),
            Some("true"),
            "{action}"
        );
        assert_eq!(again.body, first.body);
    }
    assert_eq!(site.order(&a)["revision"], 2);
    let held = get(&site.server, "/v1/orders?state=held");
    assert_eq!(held["data"], json!([]));
}

/// Two people who save rules at the same moment: only one of them replaces what both have seen.
#[test]
fn rules_of_another_revision_than_the_one_that_was_seen_stay() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let seen = site.admin("GET", RULES, &Value::Null).json();
    let revision = text(&seen["revision"]);
    assert_eq!(revision.len(), 16, "{seen}");
    let set = |name: &str, revision: &Value| {
        let rules = json!([rule(name, "true")]);
        site.admin("PUT", RULES, &json!({"rules": rules, "revision": revision}))
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let both = ["mine", "theirs"].map(|name| {
            let (set, revision) = (&set, &revision);
            scope.spawn(move || set(name, &json!(revision)))
        });
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut statuses = Vec::from_iter(answers.iter().map(|answer| answer.status));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let good = answers.iter().find(|answer| answer.status == 200).unwrap();
    let now = site.admin("GET", RULES, &Value::Null).json();
    assert_eq!(now, good.json());
    let before = rows(site.data.path());
    let late = set("late", &json!(revision));
    assert_eq!(late.status, 409);
    let detail = text(&late.json()["detail"]);
    assert!(detail.contains("changed in the meantime"), "{detail}");
    assert!(before == rows(site.data.path()), "nothing was stored");
    // Without a revision, any rules are replaced; and none have a revision too.
    assert_eq!(set("any", &Value::Null).status, 200);
    let none = site.admin("PUT", RULES, &json!({"rules": []})).json();
    let first = set("first", &none["revision"]);
    assert_eq!(first.status, 200, "{}", first.text());
    assert_ne!(first.json()["revision"], none["revision"]);
}
