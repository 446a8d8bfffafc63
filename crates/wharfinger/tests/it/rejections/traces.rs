//! What purging and erasing leave of closed rejections and file names.

use serde_json::json;

use super::{ask, dismiss, good, rejected, resubmit, shown};
use crate::support::client::Request;
use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::stored::settled;
use crate::support::v1::{request, submit};

#[test]
fn a_purge_takes_what_closed_the_orders_of_a_batch() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = ["A", "B"].map(|key| rejected(&server, "TRK001", key));
    let named = request("POST", "/v1/batches?organisation=TRK001", "one").body(r#"{"key":"N"}"#);
    server.send(&named.header("wharfinger-file-name", "n.json"));
    assert_eq!(dismiss(&server, "one", &ids[0], "").status, 200);
    assert_eq!(resubmit(&server, "one", &ids[1], &good("B")).status, 200);
    let count = |table: &str| {
        Database::of(data.path())
            .rows(&format!("select batch from {table}"))
            .len()
    };
    assert_eq!((count("closed_rejections"), count("batch_files")), (2, 1));
    settled(data.path()).run("update batches set received_at_ms = 946684800000");
    let purged = run(data.path(), &["purge", "--before", "2020-01-01"]);
    assert!(purged.status.success(), "{purged:?}");
    assert_eq!((count("closed_rejections"), count("batch_files")), (0, 0));
    assert_eq!(
        ask(&server, "one", &format!("/v1/rejections/{}", ids[0])).status,
        404
    );
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn an_erased_person_is_in_no_note_and_no_file_name() {
    let data = fixture::data_directory();
    let administrator = crate::support::changes::administrator(data.path());
    let server = Server::start(data.path());
    let email = "jane.doe@example.com";
    let by_note = rejected(&server, "TRK001", "A");
    let (sent, _) = submit(
        &server,
        "TRK001",
        &[json!({"key": "B", "customer": {"email": email}})],
    );
    let by_order = crate::support::v1::order_id(&sent, 0);
    let innocent = rejected(&server, "TRK001", "C");
    let of_other = rejected(&server, "TRK002", "D");
    let mention = json!({"note": format!("asked {email}")}).to_string();
    assert_eq!(dismiss(&server, "one", &by_note, &mention).status, 200);
    assert_eq!(
        dismiss(&server, "one", &by_order, r#"{"note":"Jane called"}"#).status,
        200
    );
    assert_eq!(
        dismiss(&server, "one", &innocent, r#"{"note":"a test"}"#).status,
        200
    );
    assert_eq!(dismiss(&server, "other", &of_other, &mention).status, 200);
    for name in [
        "jane.doe%40example.com.csv",
        "orders-JANE.doe%40example.com-1.csv",
        "orders.json",
    ] {
        let named =
            request("POST", "/v1/batches?organisation=TRK001", "one").body(r#"{"key":"N"}"#);
        server.send(&named.header("wharfinger-file-name", name));
    }
    let erase = Request::new("POST", "/v1/customers/erase")
        .header("authorization", format!("Bearer {administrator}"))
        .body(json!({"organisation": "TRK001", "email": email}).to_string());
    let erased = server.send(&erase);
    assert_eq!(erased.status, 200, "{}", erased.text());
    for (id, note) in [
        (&by_note, None),
        (&by_order, None),
        (&innocent, Some("a test")),
    ] {
        let item = shown(&server, id);
        assert_eq!(item["status"], "dismissed");
        assert_eq!(
            item["dismissed"].get("note").and_then(|note| note.as_str()),
            note
        );
    }
    // Another organisation's notes are not searched.
    assert!(shown(&server, &of_other)["dismissed"]["note"].is_string());
    let names = Database::of(data.path()).rows("select file_name from batch_files");
    assert_eq!(names.len(), 1);
    assert_eq!(names[0][0].text(), "orders.json");
}
