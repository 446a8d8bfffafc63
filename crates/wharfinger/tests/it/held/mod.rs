//! Rules that hold orders for a person: over HTTP, by commands, in every dialect.

mod dialects;
mod durable;
mod readers;
mod rules;
mod texts;

use serde_json::{Value, json};

use crate::support::changes::administrator;
use crate::support::client::{Request, Response};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::Server;
use crate::support::v1::{self, get, request};

/// Holds orders above 1000.
pub(super) const DEAR: &str = "order.total > 1000";

/// A server, with a key that may set rules.
pub(super) struct Site {
    pub(super) data: DataDirectory,
    pub(super) server: Server,
    admin: String,
}

impl Site {
    pub(super) fn start() -> Self {
        Self::of(fixture::data_directory())
    }

    pub(super) fn of(data: DataDirectory) -> Self {
        let admin = administrator(data.path());
        let server = Server::start(data.path());
        Self {
            data,
            server,
            admin,
        }
    }

    /// The same after its server was killed and started again.
    pub(super) fn killed(self) -> Self {
        self.server.kill();
        let server = Server::start(self.data.path());
        Self { server, ..self }
    }

    pub(super) fn admin(&self, method: &str, target: &str, body: &Value) -> Response {
        let key = format!("Bearer {}", self.admin);
        let request = Request::new(method, target).header("authorization", key);
        self.server.send(&request.body(body.to_string()))
    }

    /// Sets the rules of an organisation: names and expressions.
    pub(super) fn set(&self, organisation: &str, rules: &[(&str, &str)]) {
        let rules: Vec<_> = rules.iter().map(|(name, when)| rule(name, when)).collect();
        let target = format!("/v1/organisations/{organisation}/rules");
        let answer = self.admin("PUT", &target, &json!({"rules": rules}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["rules"], json!(rules));
    }

    /// Submits orders to TRK001. Returns the results.
    pub(super) fn submit(&self, orders: &[Value]) -> Vec<Value> {
        let (answer, _) = v1::submit(&self.server, "TRK001", orders);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["results"].as_array().unwrap().clone()
    }

    pub(super) fn order(&self, id: &str) -> Value {
        get(&self.server, &format!("/v1/orders/{id}"))
    }

    pub(super) fn act(&self, id: &str, action: &str, body: &Value) -> Response {
        let target = format!("/v1/orders/{id}/{action}");
        let method = if action == "text" { "PUT" } else { "POST" };
        let request = request(method, &target, "full");
        self.server.send(&request.body(body.to_string()))
    }

    /// The types of the events of an order, in order.
    pub(super) fn events(&self, id: &str) -> Vec<String> {
        let events = get(&self.server, "/v1/events?limit=1000");
        let events = events["data"].as_array().unwrap().iter();
        let of_order = events.filter(|event| event["order_id"] == id);
        of_order.map(|event| text(&event["type"])).collect()
    }

    pub(super) fn keys(&self, query: &str) -> Vec<String> {
        let found = get(
            &self.server,
            &format!("/v1/orders?organisation=TRK001&{query}"),
        );
        let found = found["data"].as_array().unwrap().iter();
        found.map(|order| text(&order["key"])).collect()
    }
}

pub(super) fn rule(name: &str, when: &str) -> Value {
    json!({"name": name, "when": when, "sentence": format!("Look at it: {name}.")})
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An order with this total.
pub(super) fn priced(key: &str, price: &str) -> Value {
    json!({"key": key, "placed_at": "2026-11-21", "lines": [{"sku": "S-1", "unit_price": price}]})
}

#[test]
fn a_held_order_is_accepted_and_waits_for_a_person() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let results = site.submit(&[priced("A", "1000.01"), priced("B", "1000.00")]);
    assert_eq!(results[0]["outcome"], "accepted");
    assert_eq!(
        (&results[0]["state"], &results[0]["rule"]),
        (&json!("held"), &json!("dear"))
    );
    assert_eq!(results[1]["state"], Value::Null);
    let id = text(&results[0]["order_id"]);
    let shown = site.order(&id);
    assert_eq!(shown["state"], "held");
    let expected =
        json!({"rule": "dear", "sentence": "Look at it: dear.", "at": shown["created_at"]});
    assert_eq!(shown["held"], expected);
    assert_eq!(site.events(&id), ["order.held"]);
    assert_eq!(site.keys("state=held"), ["A"]);
    assert_eq!(site.keys("state=pending"), ["B"]);
    for (action, verb) in [("process", "processed"), ("fulfilment", "fulfilled")] {
        let target = format!("/v1/orders/{id}/{action}");
        let method = if action == "process" { "POST" } else { "PUT" };
        let refused = site
            .server
            .send(&request(method, &target, "full").body(r#"{"status":"x"}"#));
        assert_eq!(refused.status, 409, "{}", refused.text());
        let detail = text(&refused.json()["detail"]);
        assert!(
            detail.contains(&format!("The order is held and cannot be {verb}")),
            "{detail}"
        );
    }
    let released = site.act(&id, "release", &json!({"note": "Called the customer"}));
    assert_eq!(released.status, 200, "{}", released.text());
    let expected = json!({"order_id": id, "outcome": "released", "state": "pending"});
    assert_eq!(released.json(), expected);
    assert_eq!(site.events(&id), ["order.held", "order.released"]);
    let shown = site.order(&id);
    assert_eq!(
        (&shown["state"], &shown["held"]),
        (&json!("pending"), &Value::Null)
    );
    let again = site.act(&id, "release", &json!({}));
    assert_eq!(again.status, 409);
    assert!(
        again
            .text()
            .contains("The order is pending and cannot be released")
    );
    let history = get(&site.server, &format!("/v1/orders/{id}/history"));
    let history = history["data"].as_array().unwrap();
    assert_eq!(history[0]["type"], "order.released");
    assert_eq!(
        (&history[0]["note"], &history[0]["key_id"]),
        (&json!("Called the customer"), &json!("full"))
    );
    assert_eq!(history[1]["type"], "order.held");
    assert_eq!(
        history[1]["held"],
        json!({"rule": "dear", "sentence": "Look at it: dear."})
    );
    assert_eq!(site.act(&id, "process", &json!({})).status, 200);
}

#[test]
fn a_refused_order_is_cancelled_and_keeps_its_key() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let results = site.submit(&[priced("A", "2000"), priced("B", "2000")]);
    let [first, second] = [0, 1].map(|at: usize| text(&results[at]["order_id"]));
    let refused = site.act(&first, "refuse", &json!({"note": "Fraud"}));
    let expected = json!({"order_id": first, "outcome": "refused", "state": "cancelled"});
    assert_eq!((refused.status, refused.json()), (200, expected));
    assert_eq!(site.events(&first), ["order.held", "order.refused"]);
    assert_eq!(site.order(&first)["state"], "cancelled");
    let (again, _) = v1::submit(&site.server, "TRK001", &[priced("A", "1")]);
    assert_eq!(
        again.json()["results"][0]["errors"][0]["code"],
        "already_cancelled"
    );
    // A held order can be cancelled like any other.
    assert_eq!(site.act(&second, "cancel", &json!({})).status, 200);
    assert_eq!(site.events(&second), ["order.held", "order.cancelled"]);
    assert_eq!(site.act(&second, "refuse", &json!({})).status, 409);
    // A note must be a line of text.
    let wrong = site.act(&second, "refuse", &json!({"note": "a\u{1}b"}));
    assert_eq!(wrong.status, 422, "{}", wrong.text());
}

#[test]
fn a_resubmission_is_judged_anew() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let id = text(&site.submit(&[priced("A", "2000")])[0]["order_id"]);
    let same = site.submit(&[priced("A", "2000")]);
    assert_eq!(
        (&same[0]["outcome"], &same[0]["rule"]),
        (&json!("unchanged"), &json!("dear"))
    );
    let still = site.submit(&[priced("A", "3000")]);
    assert_eq!(
        (&still[0]["outcome"], &still[0]["rule"]),
        (&json!("updated"), &json!("dear"))
    );
    assert_eq!(site.events(&id), ["order.held", "order.held"]);
    let free = site.submit(&[priced("A", "10")]);
    assert_eq!(
        (&free[0]["outcome"], &free[0]["state"]),
        (&json!("updated"), &Value::Null)
    );
    assert_eq!(site.order(&id)["state"], "pending");
    assert_eq!(
        site.events(&id),
        ["order.held", "order.held", "order.released"]
    );
    // An order that went on is held when an update matches a rule.
    let again = site.submit(&[priced("A", "5000")]);
    assert_eq!(again[0]["state"], "held");
    assert_eq!(site.keys("state=held"), ["A"]);
    // Without rules, the next change lets it go on.
    site.set("TRK001", &[]);
    let free = site.submit(&[priced("A", "6000")]);
    assert_eq!(free[0]["state"], Value::Null);
    let history = get(&site.server, &format!("/v1/orders/{id}/history"));
    let types: Vec<_> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| text(&entry["type"]))
        .collect();
    assert_eq!(
        types,
        [
            "order.released",
            "order.held",
            "order.released",
            "order.held",
            "order.held"
        ]
    );
    assert_eq!(site.order(&id)["revision"], 5);
}

#[test]
fn repeats_in_a_batch_and_batches_as_a_whole_are_judged_in_order() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let results = site.submit(&[
        priced("A", "2000"),
        priced("A", "2000"),
        priced("A", "1"),
        priced("B", "1"),
        priced("B", "3000"),
    ]);
    let told: Vec<_> = results
        .iter()
        .map(|result| (text(&result["outcome"]), text(&result["rule"])))
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(outcome, rule)| (outcome.as_str(), rule.as_str()))
        .collect();
    let expected = [
        ("accepted", "dear"),
        ("unchanged", "dear"),
        ("updated", ""),
        ("accepted", ""),
        ("updated", "dear"),
    ];
    assert_eq!(told, expected);
    // A dry run and a batch as a whole decide the same.
    let orders = json!([priced("C", "2000"), priced("C", "2000"), priced("D", "1")]).to_string();
    let target = "/v1/batches?organisation=TRK001&policy=all_or_nothing";
    let send = |target: &str| {
        site.server
            .send(&request("POST", target, "full").body(orders.clone()))
            .json()
    };
    let without_ids = |answer: Value| -> Vec<Value> {
        let mut results = answer["results"].as_array().unwrap().clone();
        results
            .iter_mut()
            .for_each(|result| result["order_id"] = Value::Null);
        results
    };
    let tried = without_ids(send(&format!("{target}&dry_run=true")));
    assert_eq!(site.keys("state=held"), ["B"]);
    assert_eq!(without_ids(send(target)), tried);
    assert_eq!(
        (&tried[0]["state"], &tried[1]["outcome"]),
        (&json!("held"), &json!("unchanged"))
    );
    assert_eq!(site.keys("state=held"), ["B", "C"]);
}

#[test]
fn a_person_can_mend_the_text_of_an_order() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let id = text(&site.submit(&[priced("A", "2000")])[0]["order_id"]);
    let other = site.act(&id, "text", &priced("B", "1"));
    assert_eq!(other.status, 409, "{}", other.text());
    let faulty = site.act(&id, "text", &json!({"key": "A"}));
    assert_eq!(faulty.status, 422);
    assert_eq!(site.order(&id)["revision"], 1);
    let still = site.act(&id, "text", &priced("A", "1500"));
    assert_eq!(still.status, 200, "{}", still.text());
    let still = still.json();
    assert_eq!(
        (&still["outcome"], &still["state"], &still["rule"]),
        (&json!("updated"), &json!("held"), &json!("dear"))
    );
    let receipt = get(
        &site.server,
        &format!("/v1/batches/{}", text(&still["batch_id"])),
    );
    assert_eq!(
        (&receipt["key_id"], &receipt["updated"]),
        (&json!("full"), &json!(1))
    );
    let free = site.act(&id, "text", &priced("A", "1")).json();
    assert_eq!(
        (&free["revision"], &free["state"]),
        (&json!(3), &json!("pending"))
    );
    assert_eq!(
        site.events(&id),
        ["order.held", "order.held", "order.released"]
    );
    assert_eq!(
        site.act(&id, "text", &priced("A", "1")).json()["outcome"],
        "unchanged"
    );
    site.act(&id, "process", &json!({}));
    let late = site.act(&id, "text", &priced("A", "2"));
    assert_eq!(late.status, 409);
    assert!(
        late.text().contains("The order is processed"),
        "{}",
        late.text()
    );
}

#[test]
fn tenants_do_not_share_rules_and_see_only_their_held_orders() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let (there, ids) = v1::submit(&site.server, "TRK002", &[priced("A", "5000")]);
    assert_eq!(there.json()["results"][0]["state"], Value::Null);
    site.set("TRK002", &[("all", "true")]);
    let (_, held) = v1::submit(&site.server, "TRK002", &[priced("B", "1")]);
    let target = |action: &str| format!("/v1/orders/{}/{action}", held[0]);
    for (method, action) in [("POST", "release"), ("POST", "refuse"), ("PUT", "text")] {
        let body = priced("B", "2").to_string();
        let body = if method == "PUT" { body } else { "{}".into() };
        let answer = site
            .server
            .send(&request(method, &target(action), "one").body(body));
        assert_eq!(answer.status, 404, "{action}: {}", answer.text());
    }
    assert_eq!(site.order(&held[0])["state"], "held");
    assert_eq!(site.order(&ids[0])["state"], "pending");
    // A key without the scope of administrators.
    let rules = "/v1/organisations/TRK001/rules";
    let answer = site.server.send(&request("GET", rules, "one"));
    assert_eq!(answer.status, 403, "{}", answer.text());
}
