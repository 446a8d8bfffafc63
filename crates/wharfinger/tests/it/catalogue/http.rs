//! The routes that load and list a catalogue.

use serde_json::{Value, json};

use super::{audited, done, lines};
use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::Server;

/// A server, a key that administers everything, and one that administers TRK001.
struct Office {
    data: fixture::DataDirectory,
    server: Server,
    chief: String,
    clerk: String,
}

const PRODUCTS: &str = "/v1/organisations/TRK001/products";
const CUSTOMERS: &str = "/v1/organisations/TRK001/customers";

impl Office {
    fn open() -> Self {
        let data = fixture::data_directory();
        let key = |reach: &[&str]| {
            let create = [&["key", "create", "--json", "--scope", "admin"], reach].concat();
            let made = lines(&done(data.path(), &create)).remove(0);
            format!("Bearer {}", made["secret"].as_str().unwrap())
        };
        Self {
            chief: key(&["--all-orgs"]),
            clerk: key(&["--org", "TRK001"]),
            server: Server::start(data.path()),
            data,
        }
    }

    fn send(&self, request: Request) -> Response {
        self.server
            .send(&request.header("authorization", self.clerk.clone()))
    }

    fn post(&self, target: &str, body: &Value) -> Response {
        self.send(Request::new("POST", target).body(body.to_string()))
    }

    fn get(&self, target: &str) -> Value {
        let answer = self.send(Request::new("GET", target));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }
}

#[test]
fn each_entry_is_loaded_by_itself_and_told_of() {
    let office = Office::open();
    let body = json!([
        {"id": 1, "sku": "A", "stock": 5, "price": "5.10", "currency": "SEK"},
        {"id": 2, "sku": "A"},
        {"stock": "many", "nmae": "x"},
        {"sku": "B"},
        {"sku": "B", "stock": 0},
        7,
    ]);
    let answer = office.post(PRODUCTS, &body);
    assert_eq!(answer.status, 207, "{}", answer.text());
    let error = |pointer: &str, code: &str, message: &str| json!({"pointer": pointer, "code": code, "message": message});
    let known =
        "id, sku, ean, active, warehouse, stock, price, currency, name, markets, pricelists";
    let unknown = format!("unknown attribute \"nmae\"; known attributes: {known}");
    let told = json!({
        "status": "partial", "received": 6, "created": 2, "updated": 0, "unchanged": 1, "rejected": 3, "withheld": 0,
        "results": [
            {"index": 0, "outcome": "created"},
            {"index": 1, "outcome": "rejected", "errors": [error("/sku", "taken", "sku belongs to the product with id 1")]},
            {"index": 2, "outcome": "rejected", "errors": [
                error("/stock", "not_integer", "stock must be a whole number"),
                error("/nmae", "unknown_attribute", &unknown),
            ]},
            {"index": 3, "outcome": "created"},
            {"index": 4, "outcome": "unchanged"},
            {"index": 5, "outcome": "rejected", "errors": [error("", "not_object", "the line must be an object")]},
        ],
    });
    assert_eq!(answer.json(), told);
    let listed = office.get(PRODUCTS);
    assert_eq!(listed["next"], Value::Null);
    let named: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| &product["sku"])
        .collect();
    assert_eq!(named, ["A", "B"]);
    // The listed entries can be loaded again.
    let again = office.post(PRODUCTS, &listed["data"]);
    assert_eq!((again.status, &again.json()["unchanged"]), (200, &2.into()));

    let rejected = office
        .post(&format!("{PRODUCTS}?results=rejected"), &body)
        .json();
    assert_eq!(rejected["results"].as_array().unwrap().len(), 3);
    let none = office.post(&format!("{PRODUCTS}?results=none"), &json!({"stock": 1}));
    assert_eq!(none.status, 422);
    assert_eq!(none.json().get("results"), None);
}

#[test]
fn all_or_nothing_withholds_the_good_entries() {
    let office = Office::open();
    let target = format!("{PRODUCTS}?policy=all_or_nothing");
    // Once with an unreadable entry, and once with an entry that the store refuses.
    for bad in [
        json!({"sku": "B", "stock": -1}),
        json!({"id": 8, "sku": "A"}),
    ] {
        let body = json!([{"id": 7, "sku": "A"}, bad]);
        let answer = office.post(&target, &body);
        assert_eq!(answer.status, 422, "{}", answer.text());
        let told = answer.json();
        assert_eq!(
            (&told["rejected"], &told["withheld"]),
            (&1.into(), &1.into())
        );
        assert_eq!(
            told["results"][0],
            json!({"index": 0, "outcome": "withheld"})
        );
        assert_eq!(told["results"][1]["outcome"], "rejected");
        // With an idempotency key too. Nothing was done, so nothing is saved.
        let named = || {
            Request::new("POST", &target)
                .header("idempotency-key", "k")
                .body(body.to_string())
        };
        for _ in 0..2 {
            let answer = office.send(named());
            assert_eq!(
                (answer.status, answer.header("idempotent-replayed")),
                (422, None)
            );
        }
    }
    assert_eq!(office.get(PRODUCTS)["data"], json!([]));
    assert_eq!(audited(office.data.path()), []);
}

#[test]
fn entries_one_a_line_are_told_of_by_their_lines() {
    let office = Office::open();
    let body = "{\"email\":\"Ann@example.com\"}\n\n{\"email\":\n{\"id\":7,\"email\":\"ann@example.com\"}\n";
    let request = Request::new("POST", CUSTOMERS).header("content-type", "application/x-ndjson");
    let answer = office.send(request.body(body));
    assert_eq!(answer.status, 207, "{}", answer.text());
    let results = &answer.json()["results"];
    assert_eq!(
        results[0],
        json!({"index": 0, "line": 1, "outcome": "created"})
    );
    assert_eq!(
        (&results[1]["line"], &results[1]["errors"][0]["code"]),
        (&3.into(), &"not_json".into())
    );
    let taken =
        json!([{"pointer": "/email", "code": "taken", "message": "email belongs to customer 1"}]);
    assert_eq!(
        (&results[2]["line"], &results[2]["errors"]),
        (&4.into(), &taken)
    );
    let ann = json!({
        "id": 1, "email": "ann@example.com", "first_name": null, "last_name": null, "wants_new_password": false,
    });
    assert_eq!(
        office.get(&format!("{CUSTOMERS}?email=ANN@example.com"))["data"],
        json!([ann])
    );
    assert_eq!(
        office.get(&format!("{CUSTOMERS}?id=1&email=bo@example.com"))["data"],
        json!([])
    );
    let details = json!({"created": 1, "updated": 0, "unchanged": 0, "rejected": 2});
    let entry = ("organisation.customers_loaded".to_owned(), details);
    assert_eq!(audited(office.data.path()), [entry]);
    // A key that administers only this organisation sees the entry.
    let log = office.get("/v1/audit?limit=1");
    assert_eq!(log["data"][0]["action"], "organisation.customers_loaded");
    assert_eq!(log["data"][0]["subject"], "TRK001");
}

#[test]
fn lists_come_in_pages_and_are_narrowed() {
    let office = Office::open();
    for (target, name) in [(PRODUCTS, "sku"), (CUSTOMERS, "first_name")] {
        let entries: Vec<_> = (0..25)
            .map(|id| json!({"id": id, name: format!("N-{id}")}))
            .collect();
        assert_eq!(office.post(target, &entries.into()).status, 200);
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let page = office.get(&format!("{target}?limit=10{after}"));
            ids.extend(
                page["data"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|entry| entry["id"].as_u64().unwrap()),
            );
            let Some(next) = page["next"].as_str() else {
                break;
            };
            after = format!("&after={next}");
        }
        assert_eq!(ids, (0..25).collect::<Vec<_>>(), "{target}");
        let name_with_zero = match target {
            PRODUCTS => "sku",
            _ => "email",
        };
        let none = office.get(&format!("{target}?{name_with_zero}=x%00"));
        assert_eq!(none["data"], json!([]), "{target}");
        let one = office.get(&format!("{target}?id=24"));
        assert_eq!(
            (&one["data"][0][name], &one["next"]),
            (&"N-24".into(), &Value::Null)
        );
    }
    let both = |sku| {
        office.get(&format!("{PRODUCTS}?id=24&sku={sku}"))["data"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((both("N-24"), both("N-23")), (1, 0));
    for wrong in ["id=-1", "id=x", "limit=0", "after=x", "name=x"] {
        let answer = office.send(Request::new("GET", &format!("{PRODUCTS}?{wrong}")));
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[test]
fn a_load_that_cannot_be_is_refused_whole() {
    let office = Office::open();
    for (body, status) in [
        ("[", 400),
        ("[]", 400),
        ("", 400),
        ("{\"sku\":\"A\"} x", 400),
    ] {
        let answer = office.send(Request::new("POST", PRODUCTS).body(body));
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    let many: Vec<_> = (0..10_001).map(|id| json!({"id": id})).collect();
    assert_eq!(office.post(PRODUCTS, &many.into()).status, 413);
    let wrong = Request::new("POST", PRODUCTS).header("content-type", "text/csv");
    assert_eq!(office.send(wrong.body("sku\nA\n")).status, 415);
    for parameter in ["policy=all", "results=some", "dry_run=true"] {
        let answer = office.post(&format!("{PRODUCTS}?{parameter}"), &json!({"sku": "A"}));
        assert_eq!(answer.status, 400, "{parameter}");
    }
    assert_eq!(office.get(PRODUCTS)["data"], json!([]));
    assert_eq!(audited(office.data.path()), []);
}

#[test]
fn an_organisation_out_of_reach_is_as_none() {
    let office = Office::open();
    for code in ["TRK002", "NONE"] {
        for list in ["products", "customers"] {
            let target = format!("/v1/organisations/{code}/{list}");
            let mut told = Vec::new();
            for answer in [
                office.send(Request::new("GET", &target)),
                office.post(&target, &json!({"id": 1, "sku": "A"})),
            ] {
                assert_eq!(answer.status, 404, "{target}");
                told.push(answer.json()["detail"].clone());
            }
            assert_eq!(told[0], told[1]);
        }
    }
    // A key that may only submit orders can neither load nor read a catalogue.
    for request in [
        Request::new("GET", PRODUCTS),
        Request::new("POST", PRODUCTS).body("[]"),
    ] {
        let secret = format!("Bearer {}", fixture::secret_of("one"));
        let answer = office.server.send(&request.header("authorization", secret));
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    let there = Request::new("GET", "/v1/organisations/TRK002/products");
    let there = office
        .server
        .send(&there.header("authorization", office.chief.clone()));
    assert_eq!(there.json()["data"], json!([]));
}
