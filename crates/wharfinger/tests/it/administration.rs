//! Organisations, keys and the audit log over HTTP. Nobody can gain powers through them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::database::{self, Database};
use crate::support::fixture;
use crate::support::server::{Server, run};

/// A server and the keys of its administrators.
struct Office {
    server: Server,
    data: fixture::DataDirectory,
    /// Can access everything, and has every scope.
    chief: String,
    /// Administers TRK001 and TRK002, and reads their orders.
    clerk: String,
}

/// Creates a key with the command. Returns its secret.
fn key(data: &Path, arguments: &[&str]) -> String {
    let all = [&["key", "create", "--json"], arguments].concat();
    let output = run(data, &all);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("a key is printed");
    printed["secret"].as_str().unwrap().to_owned()
}

const ALL_SCOPES: [&str; 6] = [
    "--scope",
    "admin",
    "--scope",
    "orders:write",
    "--scope",
    "orders:read",
];

impl Office {
    fn open() -> Self {
        let data = fixture::data_directory();
        let chief = key(data.path(), &[&["--all-orgs"], &ALL_SCOPES[..]].concat());
        let clerk = [
            "--org",
            "TRK001",
            "--org",
            "TRK002",
            "--scope",
            "admin",
            "--scope",
            "orders:read",
            "--expires",
            "30d",
            "--requests-per-second",
            "1000",
        ];
        let clerk = key(data.path(), &clerk);
        Self {
            server: Server::start(data.path()),
            data,
            chief,
            clerk,
        }
    }

    fn ask(&self, secret: &str, method: &str, target: &str, body: Option<&Value>) -> Response {
        self.server.send(&request(secret, method, target, body))
    }

    fn get(&self, secret: &str, target: &str) -> Value {
        let answer = self.ask(secret, "GET", target, None);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }
}

fn request(secret: &str, method: &str, target: &str, body: Option<&Value>) -> Request {
    let request = Request::new(method, target).header("authorization", format!("Bearer {secret}"));
    match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    }
}

/// One attribute of each entry on a page.
fn column(page: &Value, name: &str) -> Vec<String> {
    let rows = page["data"].as_array().expect("a page has data");
    let values = rows.iter().map(|row| row[name].as_str().unwrap_or("-"));
    values.map(str::to_owned).collect()
}

/// Pointers and codes of the problems of a body.
fn errors(answer: &Response) -> Vec<(String, String)> {
    assert_eq!(answer.status, 422, "{}", answer.text());
    let json = answer.json();
    let errors = json["errors"].as_array().expect("it is told what is wrong");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = errors.iter();
    errors
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect()
}

fn assert_errors(answer: &Response, expected: &[(&str, &str)]) {
    let found = errors(answer);
    let found: Vec<_> = found
        .iter()
        .map(|(pointer, code)| (pointer.as_str(), code.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn organisations_are_made_shown_changed_and_listed() {
    let office = Office::open();
    let (chief, base) = (&office.chief, "/v1/organisations");
    let new = json!({"code": "NEW-1", "name": "A new one"});
    let made = office.ask(chief, "POST", base, Some(&new));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("location"), Some("/v1/organisations/NEW-1"));
    let told = json!({"code": "NEW-1", "name": "A new one", "customer_orders_enabled": true, "catalogue": "open", "time_zone": "UTC", "list_sort": "desc"});
    assert_eq!(made.json(), told);
    assert_eq!(office.get(chief, "/v1/organisations/NEW-1"), told);

    // Later requests see the change at once.
    let change =
        json!({"name": "Another name", "customer_orders_enabled": false, "catalogue": "enforced"});
    let changed = office.ask(chief, "PATCH", "/v1/organisations/NEW-1", Some(&change));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let told = json!({"code": "NEW-1", "name": "Another name", "customer_orders_enabled": false, "catalogue": "enforced", "time_zone": "UTC", "list_sort": "desc"});
    assert_eq!(changed.json(), told);
    assert_eq!(office.get(chief, "/v1/organisations/NEW-1"), told);
    let submitted = office.ask(
        chief,
        "POST",
        "/v1/batches?organisation=NEW-1",
        Some(&json!([])),
    );
    assert_eq!(submitted.status, 403, "{}", submitted.text());

    let first = office.get(chief, "/v1/organisations?limit=3");
    assert_eq!(column(&first, "code"), ["TRK001", "TRK002", "OFF001"]);
    let after = first["next"].as_str().expect("there is more");
    let second = office.get(chief, &format!("/v1/organisations?limit=3&after={after}"));
    assert_eq!(column(&second, "code"), ["SECRET9", "NEW-1"]);
    assert_eq!(second["next"], Value::Null);
    for wrong in ["after=x", "limit=0", "code=NEW-1"] {
        let answer = office.ask(chief, "GET", &format!("{base}?{wrong}"), None);
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[test]
fn organisations_that_cannot_be_are_refused() {
    let office = Office::open();
    let post = |body: &Value| office.ask(&office.chief, "POST", "/v1/organisations", Some(body));
    let taken = post(&json!({"code": "TRK001"}));
    assert_eq!(taken.status, 409, "{}", taken.text());
    assert!(
        taken
            .text()
            .contains("The organisation TRK001 already exists")
    );
    assert_errors(
        &post(&json!({"code": "with space"})),
        &[("/code", "not_of_form")],
    );
    assert_errors(
        &post(
            &json!({"name": "x".repeat(256), "customer_orders_enabled": "maybe", "catalogue": "shut"}),
        ),
        &[
            ("/code", "required"),
            ("/name", "too_long"),
            ("/customer_orders_enabled", "not_boolean"),
            ("/catalogue", "not_one_of"),
        ],
    );
    let hostile = json!({"code": "A", "name": "\u{1b}]0;owned\u{7}"});
    assert_errors(&post(&hostile), &[("/name", "not_of_form")]);
    let misspelt = post(&json!({"code": "A", "nmae": "B"}));
    assert_eq!(misspelt.status, 400);
    assert!(misspelt.text().contains("nmae"), "{}", misspelt.text());
    assert_eq!(post(&json!([])).status, 400);
    let change = json!({"code": "OTHER"});
    let recoded = office.ask(
        &office.chief,
        "PATCH",
        "/v1/organisations/TRK001",
        Some(&change),
    );
    assert_eq!(recoded.status, 400, "a code is for good");
    let nowhere = office.ask(&office.chief, "PATCH", "/v1/organisations/NOWHERE", None);
    assert_eq!(nowhere.status, 404);
    let listed = office.get(&office.chief, "/v1/organisations");
    assert_eq!(column(&listed, "code").len(), 4, "nothing was made");
    assert_eq!(
        column(&office.get(&office.chief, "/v1/audit"), "who"),
        [
            "command line",
            "command line",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
            "fixture",
        ]
    );
}

#[test]
fn a_key_is_made_used_rotated_and_revoked() {
    let office = Office::open();
    let body = json!({
        "organisations": ["TRK001", "TRK002", "TRK001"],
        "scopes": ["orders:read", "admin"],
        "expires_in": "90d",
        "orders_per_second": 50,
    });
    let made = office.ask(&office.chief, "POST", "/v1/keys", Some(&body));
    assert_eq!(made.status, 201, "{}", made.text());
    let mut made = made.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let first = made["secret"].as_str().unwrap().to_owned();
    assert!(id.starts_with("key_") && first.starts_with("whf_"));
    assert_eq!(made["organisations"], json!(["TRK001", "TRK002"]));
    assert_eq!(made["scopes"], json!(["orders:read", "admin"]));
    assert_eq!(made["all_organisations"], false);
    assert_eq!(made["requests_per_second"], Value::Null);
    assert_eq!(made["orders_per_second"], 50);
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z'));

    // It works at once, and its secret is never shown again.
    let listed = office.get(&first, "/v1/keys");
    let rows = listed["data"].as_array().unwrap();
    assert!(rows.iter().all(|row| row.get("secret").is_none()));
    made.as_object_mut().unwrap().remove("secret");
    assert_eq!(rows.iter().find(|row| row["id"] == *id), Some(&made));

    let target = format!("/v1/keys/{id}/rotate");
    let rotated = office.ask(&office.chief, "POST", &target, None);
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    let second = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!(office.ask(&first, "GET", "/v1/keys", None).status, 401);
    office.get(&second, "/v1/keys");

    let target = format!("/v1/keys/{id}");
    let revoked = office.ask(&office.chief, "DELETE", &target, None);
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    assert!(revoked.json()["revoked_at"].is_string());
    assert_eq!(office.ask(&second, "GET", "/v1/keys", None).status, 401);
    for (method, target) in [
        ("DELETE", target.clone()),
        ("POST", format!("{target}/rotate")),
    ] {
        let again = office.ask(&office.chief, method, &target, None);
        assert_eq!(again.status, 409, "{}", again.text());
    }
    let nobody = office.ask(&office.chief, "DELETE", "/v1/keys/key_0", None);
    assert_eq!(nobody.status, 404);
    let entries = office.get(&office.chief, "/v1/audit?limit=3");
    let done = ["key.revoked", "key.rotated", "key.created"];
    assert_eq!(column(&entries, "action"), done);
    assert_eq!(column(&entries, "subject"), [id.as_str(); 3]);
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let office = Office::open();
    let post = |body: &Value| office.ask(&office.chief, "POST", "/v1/keys", Some(body));
    assert_errors(
        &post(&json!({})),
        &[("/organisations", "required"), ("/scopes", "required")],
    );
    assert_errors(
        &post(&json!({"organisations": ["TRK001", "NOWHERE"], "scopes": ["orders", "admin"]})),
        &[
            ("/organisations/1", "unknown_organisation"),
            ("/scopes/0", "not_one_of"),
        ],
    );
    assert_errors(
        &post(&json!({
            "all_organisations": true, "organisations": ["TRK001"], "scopes": ["admin"],
            "expires_at": "2020-01-01T00:00:00Z", "expires_in": "90",
            "requests_per_second": 0, "orders_per_second": 4_000_000_000_u64,
        })),
        &[
            ("/organisations", "not_of_form"),
            ("/expires_at", "not_of_form"),
            ("/expires_in", "not_of_form"),
            ("/expires_in", "not_of_form"),
            ("/requests_per_second", "below_minimum"),
            ("/orders_per_second", "above_maximum"),
        ],
    );
    let misspelt = json!({"all_organisations": true, "scopes": ["admin"], "expires": "1d"});
    assert_eq!(post(&misspelt).status, 400);
    assert_eq!(
        column(&office.get(&office.chief, "/v1/keys"), "id").len(),
        7
    );
}

#[test]
fn nobody_gains_by_making_keys() {
    let office = Office::open();
    let clerk = &office.clerk;
    let own = |change: Value| {
        let mut body = json!({"organisations": ["TRK001"], "scopes": ["admin", "orders:read"]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        office.ask(clerk, "POST", "/v1/keys", Some(&body))
    };
    let refusals = [
        (
            json!({"organisations": ["OFF001"]}),
            "/organisations/0",
            "unknown_organisation",
        ),
        (
            json!({"organisations": null, "all_organisations": true}),
            "/all_organisations",
            "not_of_form",
        ),
        (
            json!({"scopes": ["orders:write"]}),
            "/scopes/0",
            "not_one_of",
        ),
        (json!({"expires_in": "31d"}), "/expires_in", "not_of_form"),
        (
            json!({"expires_at": "2999-01-01T00:00:00Z"}),
            "/expires_at",
            "not_of_form",
        ),
        (
            json!({"requests_per_second": 1001}),
            "/requests_per_second",
            "above_maximum",
        ),
    ];
    let before = office.get(&office.chief, "/v1/keys");
    for (change, pointer, code) in refusals {
        assert_errors(&own(change), &[(pointer, code)]);
    }
    assert_eq!(
        office.get(&office.chief, "/v1/keys"),
        before,
        "none was made"
    );

    // A key inherits what its request leaves out from its creator.
    let made = own(json!({}));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["requests_per_second"], 1000);
    let keys = office.get(&office.chief, "/v1/keys");
    let rows = keys["data"].as_array().unwrap();
    let makers = rows
        .iter()
        .rfind(|row| row["requests_per_second"] == 1000 && row["id"] != made["id"]);
    assert_eq!(made["expires_at"], makers.unwrap()["expires_at"]);

    // The new organisation would be outside its access. So is one that it does not have.
    let new = office.ask(
        clerk,
        "POST",
        "/v1/organisations",
        Some(&json!({"code": "NEW"})),
    );
    assert_eq!(new.status, 403);
    for method in ["GET", "PATCH"] {
        let other = office.ask(clerk, method, "/v1/organisations/OFF001", Some(&json!({})));
        assert_eq!(other.status, 404, "{method}");
    }
    let listed = office.get(clerk, "/v1/organisations");
    assert_eq!(column(&listed, "code"), ["TRK001", "TRK002"]);
}

#[test]
fn a_key_sees_only_keys_within_its_reach_and_takes_over_none_with_more_powers() {
    let office = Office::open();
    let clerk = &office.clerk;
    // `full` can also access OFF001.
    let seen = column(&office.get(clerk, "/v1/keys"), "id");
    assert_eq!(seen[..4], ["one", "reader", "writer", "other"]);
    assert_eq!(seen.len(), 5, "and itself");
    for (method, target) in [
        ("DELETE", "/v1/keys/full"),
        ("POST", "/v1/keys/full/rotate"),
    ] {
        assert_eq!(office.ask(clerk, method, target, None).status, 404);
    }
    // With the secret of `one` it could write orders. That of `reader` would expire later than its own.
    for id in ["one", "reader"] {
        let answer = office.ask(clerk, "POST", &format!("/v1/keys/{id}/rotate"), None);
        assert_eq!(answer.status, 403, "{id}");
    }
    // Revoking a key gives nobody any powers.
    let revoked = office.ask(clerk, "DELETE", "/v1/keys/one", None);
    assert_eq!(revoked.status, 200, "{}", revoked.text());

    let all = office.get(&office.chief, "/v1/audit");
    let its = office.get(clerk, "/v1/audit");
    let subjects = column(&its, "subject");
    for hidden in ["OFF001", "SECRET9", "full"] {
        assert!(column(&all, "subject").contains(&hidden.to_owned()));
        assert!(!subjects.contains(&hidden.to_owned()), "{hidden}");
    }
    assert_eq!(subjects[0], "one");
    assert_eq!(column(&its, "who")[0], seen[4], "the clerk's own id");
    let first = office.get(clerk, "/v1/audit?limit=1");
    let after = first["next"].as_str().expect("there is more");
    let second = office.get(clerk, &format!("/v1/audit?limit=1&after={after}"));
    assert_eq!(column(&second, "subject"), subjects[1..2]);

    let nobody = key(office.data.path(), &["--org", "TRK001"]);
    for target in ["/v1/organisations", "/v1/keys", "/v1/audit"] {
        // The server sees a key within a second after the command created it.
        let status = loop {
            match office.ask(&nobody, "GET", target, None).status {
                401 | 429 => {}
                status => break status,
            }
        };
        assert_eq!(status, 403, "{target}");
    }
}

#[test]
fn an_answer_with_a_secret_is_given_again_to_its_caller_and_lies_nowhere_in_plain() {
    let office = Office::open();
    let body = json!({"organisations": ["TRK001"], "scopes": ["orders:read"]});
    let post = |target: &str, body: Option<&Value>, name: &str| {
        let request = request(&office.chief, "POST", target, body);
        office.server.send(&request.header("idempotency-key", name))
    };
    let made = post("/v1/keys", Some(&body), "make");
    assert_eq!(made.status, 201, "{}", made.text());
    let again = post("/v1/keys", Some(&body), "make");
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text(), made.text());
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    office.get(&office.chief, "/v1/keys");

    let id = made.json()["id"].as_str().unwrap().to_owned();
    let target = format!("/v1/keys/{id}/rotate");
    let rotated = post(&target, None, "rotate");
    let again = post(&target, None, "rotate");
    assert_eq!(again.text(), rotated.text());
    let second = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert_ne!(second, secret);
    let other = post("/v1/organisations", Some(&json!({"code": "A"})), "rotate");
    assert_eq!(other.status, 422, "the name was used for another request");

    office.server.terminate();
    let data = office.data;
    office.server.wait();
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(data.path()).unwrap() {
        stored.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    if database::url(data.path()).is_some() {
        stored = Database::of(data.path()).contents();
    }
    let holds = |text: &str| {
        let text = text.as_bytes();
        stored.windows(text.len()).any(|bytes| bytes == text)
    };
    assert!(holds(&id), "what was read is the store");
    assert!(!holds(&secret) && !holds(&second));
    let made = [b"secret".as_slice(), id.as_bytes()].concat();
    assert!(!stored.windows(made.len()).any(|bytes| bytes == made));
    assert_eq!(Database::of(data.path()).count("answers"), 2);
}
