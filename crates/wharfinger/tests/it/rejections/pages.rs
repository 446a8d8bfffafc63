//! Pages of a thousand rejected orders.

use serde_json::{Value, json};

use super::{keys, seen};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{batch_id, order, request, submit};

/// All items of a list, and the number of its pages.
fn all(server: &Server, key: &str, query: &str) -> (Vec<Value>, usize) {
    let (mut items, mut pages) = (Vec::new(), 0);
    let mut after = String::new();
    loop {
        let page = seen(server, key, &format!("/v1/rejections?{query}{after}"));
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (items, pages),
        }
    }
}

#[test]
fn pages_of_a_thousand_have_each_rejected_order_once() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut expected = Vec::new();
    for batch in 0..3 {
        let organisation = |at: u32| {
            if at.is_multiple_of(3) {
                "TRK002"
            } else {
                "TRK001"
            }
        };
        let orders = (0..1_500)
            .map(|at| json!({"organisation": organisation(at), "key": format!("{batch}-{at}")}));
        let body = serde_json::to_vec(&orders.collect::<Vec<_>>()).unwrap();
        let sent = server.send(&request("POST", "/v1/batches?results=none", "full").body(body));
        assert_eq!(sent.status, 422, "{}", sent.text());
        let (_, _) = submit(&server, "TRK001", &[order(&format!("good-{batch}"))]);
        expected.splice(0..0, (0..1_500).map(|at| format!("{batch}-{at}")));
    }
    let (items, pages) = all(&server, "full", "limit=1000");
    let found: Vec<_> = items
        .iter()
        .map(|item| item["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(pages, 5);
    let (of_one, _) = all(&server, "one", "limit=7");
    assert_eq!(of_one.len(), 3_000);
    assert!(of_one.iter().all(|item| item["organisation"] == "TRK001"));
    let (of_other, _) = all(&server, "full", "limit=1000&organisation=TRK002");
    assert_eq!(of_other.len(), 1_500);
    // A filter that nearly nothing passes ends pages early, and still finds it.
    let (rare, _) = all(&server, "full", "key=0-1499&limit=10");
    assert_eq!(rare.len(), 1);
    assert_eq!(keys(&server, "full", "?limit=2"), ["2-0", "2-1"]);
    // A batch that is mended as a whole is passed over.
    let newest = items[0]["batch_id"].as_str().unwrap();
    let organisation = |at: u32| {
        if at.is_multiple_of(3) {
            "TRK002"
        } else {
            "TRK001"
        }
    };
    let mended = (0..1_500).map(|at| {
        let mut order = order(&format!("2-{at}"));
        order["organisation"] = organisation(at).into();
        order
    });
    let body = serde_json::to_vec(&mended.collect::<Vec<_>>()).unwrap();
    let target = format!("/v1/batches?results=none&mends={newest}");
    let sent = server.send(&request("POST", &target, "full").body(body));
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(keys(&server, "full", "?limit=2&open=true"), ["1-0", "1-1"]);
    let receipt = seen(&server, "other", &format!("/v1/batches/{newest}"));
    assert_eq!(
        (&receipt["rejected"], &receipt["mended"]),
        (&json!(500), &json!(500))
    );
    let (open, _) = all(&server, "full", "limit=1000&open=true");
    assert_eq!(open.len(), 3_000);
    assert_ne!(batch_id(&sent), newest);
}

#[test]
fn long_texts_end_a_page_early() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let long = |key: u32| json!({"key": key.to_string(), "note": "n".repeat(900_000)});
    for batch in 0..4 {
        let orders: Vec<_> = (0..5).map(|at| long(batch * 5 + at)).collect();
        let (sent, _) = submit(&server, "TRK001", &orders);
        assert_eq!(sent.status, 422, "{}", sent.text());
    }
    let (items, pages) = all(&server, "one", "limit=1000");
    assert_eq!(items.len(), 20);
    assert!(pages > 1, "{pages}");
}

/// A page has at most 8 MiB, however many errors its orders have. The next page goes on where it ended.
#[test]
fn many_errors_end_a_page_early() {
    const MAX: usize = 8 << 20;
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let lines = vec![json!({"sku": "S", "quantity": "😀".repeat(100)}); 25];
    let orders: Vec<_> = (0..1_000)
        .map(|key| json!({"key": key.to_string(), "placed_at": "2026-11-21", "lines": lines}))
        .collect();
    let (sent, _) = submit(&server, "TRK001", &orders);
    assert_eq!(sent.status, 422);
    let (mut found, mut sizes, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = super::ask(&server, "one", &format!("/v1/rejections?limit=1000{after}"));
        assert_eq!(page.status, 200, "{}", page.text());
        sizes.push(page.body.len());
        let page = page.json();
        let items = page["data"].as_array().unwrap().iter();
        found.extend(items.map(|item| {
            assert_eq!(item["errors"].as_array().unwrap().len(), 20);
            assert_eq!(item["errors_total"], 25);
            item["key"].as_str().unwrap().parse::<u32>().unwrap()
        }));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, Vec::from_iter(0..1_000));
    assert!(sizes.len() > 1, "{sizes:?}");
    assert!(
        sizes.iter().all(|size| *size < MAX + (64 << 10)),
        "{sizes:?}"
    );
}
