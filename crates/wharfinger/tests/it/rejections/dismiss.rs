//! Dismissing a rejected order.

use serde_json::{Value, json};

use super::{dismiss, good, rejected, resubmit, seen, shown};
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::stored::rows;
use crate::support::v1::request;

#[test]
fn a_dismissed_order_is_closed_with_a_note_and_may_still_be_sent_again() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    let done = dismiss(&server, "one", &id, r#"{"note":"a test of the shop"}"#);
    assert_eq!(done.status, 200, "{}", done.text());
    let item = done.json();
    assert_eq!(
        (&item["id"], &item["status"]),
        (&json!(id), &json!("dismissed"))
    );
    assert_eq!(item["dismissed"]["key_id"], "one");
    assert_eq!(item["dismissed"]["note"], "a test of the shop");
    let listed = seen(&server, "full", "/v1/rejections");
    assert_eq!(item.as_object().unwrap().len(), 3, "{item}");
    assert_eq!(listed["data"][0]["dismissed"], item["dismissed"]);
    // The first dismissal stays.
    for same in ["", r#"{"note":"a test of the shop"}"#] {
        assert_eq!(dismiss(&server, "full", &id, same).json(), item);
    }
    let other = dismiss(&server, "full", &id, r#"{"note":"another"}"#);
    assert_eq!(other.status, 409, "{}", other.text());
    let at = item["dismissed"]["at"].as_str().unwrap();
    assert!(other.text().contains(at), "{}", other.text());
    let item = shown(&server, &id);
    let receipt = seen(
        &server,
        "one",
        &format!("/v1/batches/{}", item["batch_id"].as_str().unwrap()),
    );
    assert_eq!(
        (&receipt["rejected"], &receipt["mended"]),
        (&json!(1), &json!(0))
    );
    let mended = resubmit(&server, "one", &id, &good("A"));
    assert_eq!(mended.status, 200, "{}", mended.text());
    let item = shown(&server, &id);
    assert_eq!(item["status"], "mended");
    assert_eq!(item.get("dismissed"), None);
    let late = dismiss(&server, "one", &id, "");
    assert_eq!(late.status, 409, "{}", late.text());
    let order = mended.json()["results"][0]["order_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(late.text().contains(&order), "{}", late.text());
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_refused_dismissal_changes_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    let unknown = "019a0000-0000-7000-8000-000000000001";
    let before = rows(data.path());
    let long = json!({"note": "n".repeat(1_001)}).to_string();
    for (key, id, body, status) in [
        ("other", id.as_str(), "", 404),
        ("reader", id.as_str(), "", 403),
        ("one", unknown, "", 404),
        ("one", id.as_str(), r#"{"nota":"x"}"#, 400),
        ("one", id.as_str(), r#"{"note":["x"]}"#, 422),
        ("one", id.as_str(), long.as_str(), 422),
        ("one", id.as_str(), "[]", 400),
        ("one", id.as_str(), "{", 400),
    ] {
        let answer = dismiss(&server, key, id, body);
        assert_eq!(
            answer.status,
            status,
            "{key} {id} {body}: {}",
            answer.text()
        );
    }
    let target = format!("/v1/rejections/{id}/dismiss?dry_run=true");
    assert_eq!(server.send(&request("POST", &target, "one")).status, 400);
    assert_eq!(rows(data.path()), before, "nothing was stored");
}

#[test]
fn a_repeated_dismissal_gets_the_same_answer() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    let send = || {
        let target = format!("/v1/rejections/{id}/dismiss");
        let request = request("POST", &target, "one").header("idempotency-key", "once");
        server.send(&request.body(r#"{"note":"n"}"#))
    };
    let once = send();
    assert_eq!(resubmit(&server, "one", &id, &good("A")).status, 200);
    let again = send();
    assert_eq!(once.text(), again.text());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[test]
fn the_audit_log_names_who_closed_an_order() {
    let data = fixture::data_directory();
    let administrator = crate::support::changes::administrator(data.path());
    let server = Server::start(data.path());
    let ids = ["A", "B"].map(|key| rejected(&server, "TRK001", key));
    assert_eq!(
        dismiss(&server, "one", &ids[0], r#"{"note":"secret"}"#).status,
        200
    );
    assert_eq!(resubmit(&server, "one", &ids[1], &good("B")).status, 200);
    let ask = crate::support::client::Request::new("GET", "/v1/audit")
        .header("authorization", format!("Bearer {administrator}"));
    let log = server.send(&ask);
    let entries = log.json()["data"].as_array().unwrap().clone();
    let of = |action: &str| -> Value {
        let mut entries = entries.iter();
        let found = entries.find(|entry| entry["action"] == action);
        found
            .unwrap_or_else(|| panic!("{action}: {}", log.text()))
            .clone()
    };
    for (action, id) in [
        ("rejection.dismissed", &ids[0]),
        ("rejection.resubmitted", &ids[1]),
    ] {
        let entry = of(action);
        assert_eq!(
            (&entry["who"], &entry["subject"]),
            (&json!("one"), &json!("TRK001"))
        );
        assert_eq!(entry["details"]["rejection"], json!(id));
    }
    assert!(!log.text().contains("secret"), "{}", log.text());
}
