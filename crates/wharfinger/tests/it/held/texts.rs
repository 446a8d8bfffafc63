//! Replacing the text of an order: what is refused, and dry runs.

use serde_json::json;

use super::{DEAR, Site, priced, text};
use crate::support::stored::rows;
use crate::support::v1::request;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of refusals")]
fn a_text_that_is_refused_changes_nothing() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let results = site.submit(&[priced("A", "2000"), priced("B", "1"), priced("C", "1")]);
    let ids: Vec<_> = results
        .iter()
        .map(|result| text(&result["order_id"]))
        .collect();
    site.act(&ids[1], "cancel", &json!({}));
    site.act(&ids[2], "process", &json!({}));
    let good = priced("A", "1").to_string();
    let before = rows(site.data.path());
    let put = |id: &str, query: &str, key: &str, body: &str| {
        let target = format!("/v1/orders/{id}/text{query}");
        let answer = site
            .server
            .send(&request("PUT", &target, key).body(body.to_owned()));
        assert!(before == rows(site.data.path()), "{query} {key} {body}");
        answer
    };
    let nobody = "019a0000-0000-7000-8000-000000000001";
    for dry_run in ["", "?dry_run=true"] {
        for (id, key, body, status) in [
            (ids[0].as_str(), "full", "", 400),
            (&ids[0], "full", "[]", 400),
            (&ids[0], "full", &format!("[{good}]"), 400),
            (&ids[0], "full", "7", 400),
            (&ids[0], "full", "{\"key\":", 400),
            (&ids[0], "full", "{\"key\":\"A\"}", 422),
            (&ids[0], "full", &priced("Z", "1").to_string(), 409),
            (&ids[1], "full", &priced("B", "2").to_string(), 409),
            (&ids[2], "full", &priced("C", "2").to_string(), 409),
            (&ids[0], "other", &good, 404),
            (&ids[0], "reader", &good, 403),
            (nobody, "full", &good, 404),
        ] {
            let answer = put(id, dry_run, key, body);
            assert_eq!(
                answer.status,
                status,
                "{dry_run} {key} {body}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(
        put(&ids[0], "?organisation=TRK001", "full", &good).status,
        400
    );
    assert_eq!(put(&ids[0], "?dry_run=perhaps", "full", &good).status, 400);
    // A dry run tells what would become of the order, whatever its key for repetitions is.
    let free = put(&ids[0], "?dry_run=true", "full", &good).json();
    assert_eq!(
        (
            &free["dry_run"],
            &free["outcome"],
            &free["state"],
            &free["revision"]
        ),
        (
            &json!(true),
            &json!("updated"),
            &json!("pending"),
            &json!(2)
        )
    );
    let held = put(
        &ids[0],
        "?dry_run=true",
        "full",
        &priced("A", "3000").to_string(),
    );
    assert_eq!(held.json()["rule"], "dear");
    let same = put(
        &ids[0],
        "?dry_run=true",
        "full",
        &priced("A", "2000").to_string(),
    );
    assert_eq!(same.json()["outcome"], "unchanged");
    assert_eq!(same.header("wharfinger-dry-run"), Some("true"));
    let done = site.act(&ids[0], "text", &priced("A", "1"));
    assert_eq!(done.json()["state"], "pending");
    assert_eq!(done.json().get("dry_run"), None);
}

/// Two people who edit the same order: the second one is told, and nothing of the first is lost.
#[test]
fn a_text_of_another_revision_than_the_one_that_was_seen_is_refused() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let id = text(&site.submit(&[priced("A", "2000")])[0]["order_id"]);
    let put = |query: &str, price: &str| {
        let target = format!("/v1/orders/{id}/text?{query}");
        let request = request("PUT", &target, "full");
        site.server
            .send(&request.body(priced("A", price).to_string()))
    };
    let first = put("revision=1", "3000");
    assert_eq!(first.json()["revision"], 2, "{}", first.text());
    let before = rows(site.data.path());
    for query in ["revision=1", "revision=3", "revision=1&dry_run=true"] {
        let late = put(query, "4000");
        assert_eq!(late.status, 409, "{query}: {}", late.text());
        let detail = text(&late.json()["detail"]);
        assert!(detail.contains("revision 2"), "{detail}");
    }
    for query in ["revision=0", "revision=x", "revision=4294967296"] {
        assert_eq!(put(query, "4000").status, 400, "{query}");
    }
    assert!(before == rows(site.data.path()), "nothing was stored");
    assert_eq!(put("revision=2", "4000").json()["revision"], 3);
    assert_eq!(put("", "1").json()["state"], "pending");
}
