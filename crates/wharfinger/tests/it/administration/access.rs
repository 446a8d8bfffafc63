//! What a key may see and change: nobody gains powers through these routes.

use serde_json::{Value, json};

use super::{Office, assert_errors, column, key};

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
