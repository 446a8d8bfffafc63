//! The name of the file on a receipt.

use super::good;
use crate::support::client::Request;
use crate::support::fixture::{self, basic};
use crate::support::server::{Server, run};
use crate::support::stored::rows;
use crate::support::v1::{batch_id, get, request};

#[test]
fn a_receipt_names_the_file() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let send = |name: Option<&str>| {
        let sent = request("POST", "/v1/batches?organisation=TRK001", "one").body(good("A"));
        server.send(&match name {
            Some(name) => sent.header("wharfinger-file-name", name),
            None => sent,
        })
    };
    let named = send(Some("Auftr%C3%A4ge%202026+1.ndjson"));
    assert_eq!(named.status, 200, "{}", named.text());
    let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&named)));
    assert_eq!(receipt["file_name"], "Aufträge 2026+1.ndjson");
    assert_eq!(
        get(&server, "/v1/batches")["data"][0]["file_name"],
        "Aufträge 2026+1.ndjson"
    );
    let unnamed = send(None);
    let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&unnamed)));
    assert_eq!(receipt.get("file_name"), None);
    // A vendor's route takes it too.
    let vendor = Request::new("POST", "/v4/organisations/TRK001/customer_order")
        .header("authorization", basic("full"))
        .header("wharfinger-file-name", "r.json")
        .body(r#"{"order_ref":"R-1"}"#);
    server.send(&vendor);
    assert_eq!(
        get(&server, "/v1/batches?key_id=full")["data"][0]["file_name"],
        "r.json"
    );
    assert_eq!(
        get(&server, "/v1/batches?key_id=one")["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let before = rows(data.path());
    let long = "n".repeat(256);
    for wrong in [
        "",
        "%FF",
        "a%0Ab",
        "%00",
        "%",
        "%zz",
        "a%E2%80%AEb",
        "%E2%81%A6",
        long.as_str(),
    ] {
        let refused = send(Some(wrong));
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
        assert!(
            refused.text().contains("Wharfinger-File-Name"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(rows(data.path()), before, "nothing was stored");
    assert_eq!(send(Some(&"%C3%A4".repeat(255))).status, 200);
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}
