//! A batch with `mends` closes rejected orders by their keys.

use serde_json::{Value, json};

use super::{dismiss, keys, seen};
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::v1::{batch_id, get, order, order_id, request, submit};

fn statuses(server: &Server, batch: &str) -> Vec<String> {
    let page = seen(server, "full", &format!("/v1/rejections?batch={batch}"));
    let data = page["data"].as_array().unwrap().iter();
    data.map(|item| {
        format!(
            "{} {}",
            item["key"].as_str().unwrap_or("-"),
            item["status"].as_str().unwrap()
        )
    })
    .collect()
}

#[test]
fn accepted_orders_close_the_rejected_ones_with_their_keys() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let faulty = |key: &str| json!({"key": key});
    let bad = [
        faulty("A"),
        faulty("B"),
        faulty("C"),
        faulty("A"),
        json!({}),
        order("D"),
        faulty("E"),
    ];
    let (first, _) = submit(&server, "TRK001", &bad);
    let (other, _) = submit(&server, "TRK002", &[faulty("A")]);
    let batch = batch_id(&first);
    assert_eq!(
        dismiss(&server, "one", &order_id(&first, 2), "").status,
        200
    );
    let send = |organisation: &str, dialect: &str, orders: &[Value]| {
        let target =
            format!("/v1/batches?organisation={organisation}&dialect={dialect}&mends={batch}");
        let body = serde_json::to_vec(orders).unwrap();
        server.send(&request("POST", &target, "full").body(body))
    };
    // Another organisation, another dialect, and one that is rejected again close nothing.
    assert_eq!(send("TRK002", "native", &[order("A")]).status, 200);
    let of_reevoo = json!({"trkref": "TRK001", "order_ref": "A", "order_date": "01-02-2026", "customer": {"email": "a@example.com", "surname": "S"}, "order_items": [{"sku": "S"}]});
    assert_eq!(send("TRK001", "reevoo", &[of_reevoo]).status, 200);
    assert_eq!(send("TRK001", "native", &[faulty("B")]).status, 422);
    let open = [
        "A open",
        "B open",
        "C dismissed",
        "A open",
        "- open",
        "E open",
    ];
    assert_eq!(statuses(&server, batch), open);
    let mending = send(
        "TRK001",
        "native",
        &[order("A"), faulty("B"), order("C"), order("D"), order("X")],
    );
    assert_eq!(mending.status, 207, "{}", mending.text());
    let now = [
        "A mended", "B open", "C mended", "A mended", "- open", "E open",
    ];
    assert_eq!(statuses(&server, batch), now);
    assert_eq!(get(&server, &format!("/v1/batches/{batch}"))["mended"], 3);
    // Unchanged orders count too. What is mended stays as it is.
    let before = seen(
        &server,
        "full",
        &format!("/v1/rejections/{}", order_id(&first, 0)),
    );
    assert_eq!(
        send("TRK001", "native", &[order("A"), order("B")]).status,
        200
    );
    let after = seen(
        &server,
        "full",
        &format!("/v1/rejections/{}", order_id(&first, 0)),
    );
    assert_eq!(before, after);
    assert_eq!(get(&server, &format!("/v1/batches/{batch}"))["mended"], 4);
    assert_eq!(keys(&server, "other", "?open=true"), ["A"]);
    assert_eq!(statuses(&server, batch_id(&other)), ["A open"]);
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn an_all_or_nothing_batch_that_is_refused_closes_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (first, _) = submit(&server, "TRK001", &[json!({"key": "A"})]);
    let batch = batch_id(&first);
    let target = format!("/v1/batches?organisation=TRK001&policy=all_or_nothing&mends={batch}");
    let body = json!([order("A"), {"key": "B"}]).to_string();
    let refused = server.send(&request("POST", &target, "one").body(body));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(statuses(&server, batch), ["A open"]);
    let dry = format!("/v1/batches?organisation=TRK001&dry_run=true&mends={batch}");
    let dry = server.send(&request("POST", &dry, "one").body(order("A").to_string()));
    assert_eq!(dry.status, 200, "{}", dry.text());
    assert_eq!(statuses(&server, batch), ["A open"]);
}
