//! Organisations: created, shown, changed and listed.

use serde_json::{Value, json};

use super::{Office, assert_errors, column};

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
