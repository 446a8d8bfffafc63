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
