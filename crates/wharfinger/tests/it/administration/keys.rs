//! API keys: created, used, rotated and revoked. Their secrets are stored nowhere.

use serde_json::{Value, json};

use super::{Office, assert_errors, column, request};
use crate::support::database::{self, Database};

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
