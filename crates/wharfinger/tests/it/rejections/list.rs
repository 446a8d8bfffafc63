//! The list of rejected orders, and single ones.

use serde_json::{Value, json};

use super::{ask, dismiss, good, keys, rejected, resubmit, seen, shown};
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::{batch_id, order, order_id, request, submit};

#[test]
fn each_key_sees_the_rejected_orders_of_its_organisations_newest_batch_first() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = [
        json!({"organisation": "TRK001", "key": "A"}),
        json!({"organisation": "TRK002", "key": "B"}),
        json!({"organisation": "NOBODY", "key": "C", "placed_at": "2026-11-21", "lines": [{"sku": "S"}]}),
    ];
    let body = serde_json::to_vec(&orders).unwrap();
    let mixed = server.send(&request("POST", "/v1/batches", "full").body(body));
    assert_eq!(mixed.status, 422, "{}", mixed.text());
    let later = rejected(&server, "TRK001", "D");
    assert_eq!(keys(&server, "full", ""), ["D", "A", "B", "C"]);
    assert_eq!(keys(&server, "one", ""), ["D", "A"]);
    assert_eq!(keys(&server, "other", ""), ["B"]);
    assert_eq!(keys(&server, "full", "?organisation=TRK002"), ["B"]);
    assert_eq!(
        ask(&server, "one", "/v1/rejections?organisation=TRK002").status,
        400
    );
    // Of no organisation: only the key that sent it sees it.
    let nobody = order_id(&mixed, 2);
    assert_eq!(shown(&server, &nobody)["organisation"], Value::Null);
    for (key, id, status) in [
        ("one", order_id(&mixed, 0), 200),
        ("other", order_id(&mixed, 0), 404),
        ("other", order_id(&mixed, 1), 200),
        ("one", nobody.clone(), 404),
        ("other", nobody, 404),
        ("other", later.clone(), 404),
        ("full", batch_id(&mixed).to_owned(), 404),
        ("full", "019a0000-0000-7000-8000-000000000001".into(), 404),
        ("full", "7".into(), 404),
    ] {
        let answer = ask(&server, key, &format!("/v1/rejections/{id}"));
        assert_eq!(answer.status, status, "{key} {id}: {}", answer.text());
    }
    let item = &seen(&server, "one", "/v1/rejections?limit=1")["data"][0];
    assert_eq!(item["id"], later);
    assert_eq!(
        (&item["index"], &item["key_id"]),
        (&json!(0), &json!("full"))
    );
    assert_eq!(item["organisation"], "TRK001");
    assert_eq!(
        (&item["dialect"], &item["status"]),
        (&json!("native"), &json!("open"))
    );
    assert_eq!(item["errors"][0]["pointer"], "/placed_at");
    assert!(item["errors"][0]["message"].as_str().unwrap().contains(' '));
    // The results and the rejected orders of the batch name the same id.
    let batch = item["batch_id"].as_str().unwrap();
    for path in ["results", "rejected"] {
        let listed = seen(&server, "one", &format!("/v1/batches/{batch}/{path}"));
        assert_eq!(listed["data"][0]["rejection_id"], later, "{path}");
    }
}

#[test]
fn a_rejected_order_is_shown_as_it_came_also_where_it_cannot_be_parsed() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let text = r#"{"key": "A-1",   "total": 1.50}"#;
    let lines = format!("{text}\n{{\"key\": \"A-2\",\n");
    let sent = request("POST", "/v1/batches?organisation=TRK001", "one");
    let sent = server.send(
        &sent
            .header("content-type", "application/x-ndjson")
            .body(lines),
    );
    assert_eq!(sent.status, 422, "{}", sent.text());
    let first = ask(
        &server,
        "one",
        &format!("/v1/rejections/{}", order_id(&sent, 0)),
    );
    assert!(
        first.text().contains(&format!(r#""order":{text}"#)),
        "{}",
        first.text()
    );
    assert_eq!(first.json()["line"], 1);
    let second = shown(&server, &order_id(&sent, 1));
    assert_eq!(second["order"], Value::Null);
    assert_eq!(second["order_text"], r#"{"key": "A-2","#);
    // Sending that again as it is makes no sense, and stores nothing.
    let before = rows(data.path());
    let again = resubmit(&server, "one", &order_id(&sent, 1), "");
    assert_eq!(again.status, 409, "{}", again.text());
    let detail = again.json()["detail"].clone();
    assert_eq!(
        detail,
        "The order as it was sent is not JSON; send the mended order as the body"
    );
    assert_eq!(rows(data.path()), before, "nothing was stored");
    let mended = resubmit(&server, "one", &order_id(&sent, 1), &good("A-2"));
    assert_eq!(mended.status, 200, "{}", mended.text());
    assert_eq!(shown(&server, &order_id(&sent, 1))["status"], "mended");
}

#[test]
fn filters_that_nothing_can_match_are_refused() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    rejected(&server, "TRK001", "A");
    for (query, named) in [
        ("code=nonsense", "code"),
        ("code=", "code"),
        ("code=Required", "code"),
        ("pointer=placed_at", "pointer"),
        ("pointer=%20/placed_at", "pointer"),
        ("code=required&pointer=*", "pointer"),
        ("open=perhaps", "open"),
        ("batch=1", "batch"),
        ("dialect=nobody", "dialect"),
        ("after=rubbish", "after"),
        ("since=yesterday", "since"),
        ("unknown=1", "unknown"),
    ] {
        let answer = ask(&server, "one", &format!("/v1/rejections?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.text().contains(named), "{query}: {}", answer.text());
    }
    // A pointer without a code, and an empty one, are fine.
    assert_eq!(keys(&server, "one", "?pointer=/placed_at"), ["A"]);
    assert_eq!(keys(&server, "one", "?pointer="), [""; 0]);
}

#[test]
fn filters_choose_by_cause_key_batch_dialect_and_time() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut no_sku = order("L-1");
    no_sku["lines"] = json!([{"sku": "S"}, {}]);
    let (first, _) = submit(&server, "TRK001", &[json!({"key": "A"}), no_sku]);
    let reevoo = Request::new("POST", "/v4/organisations/TRK001/customer_order")
        .header("authorization", fixture::basic("full"))
        .body(r#"{"order_ref":"R-1"}"#);
    let reevoo = server.send(&reevoo);
    let third = rejected(&server, "TRK001", "A");
    for (query, expected) in [
        ("?pointer=/lines/*/sku", vec!["L-1"]),
        ("?pointer=/lines/1/sku", vec!["L-1"]),
        ("?pointer=/lines/0/sku", vec![]),
        ("?key=A", vec!["A", "A"]),
        ("?dialect=reevoo", vec!["R-1"]),
        ("?dialect=centra", vec![]),
        ("?until=2020-01-01T00:00:00Z", vec![]),
        ("?since=2020-01-01T00:00:00Z&key=L-1", vec!["L-1"]),
        ("?pointer=/placed_at&dialect=native", vec!["A", "A"]),
        ("?pointer=/placed_at&code=unknown_product", vec![]),
    ] {
        assert_eq!(keys(&server, "full", query), expected, "{query}");
    }
    let code = shown(&server, &third)["errors"][0]["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let both = format!("?code={code}&pointer=/placed_at");
    assert_eq!(keys(&server, "full", &both), ["A", "A"]);
    let batch = format!("?batch={}", batch_id(&first));
    assert_eq!(keys(&server, "full", &batch), ["A", "L-1"]);
    assert_eq!(keys(&server, "other", &batch), [""; 0]);
    assert!(reevoo.status >= 400);
    // Open ones: neither mended nor dismissed.
    assert_eq!(
        resubmit(&server, "full", &order_id(&first, 0), &good("A")).status,
        200
    );
    assert_eq!(dismiss(&server, "full", &third, "").status, 200);
    assert_eq!(keys(&server, "full", "?open=true"), ["R-1", "L-1"]);
    assert_eq!(keys(&server, "full", "?open=false").len(), 4);
    for wrong in [
        "open=1",
        "batch=7",
        "since=today",
        "dialect=x",
        "limit=0",
        "code=nonsense",
        "after=x",
        "kez=A",
    ] {
        let answer = ask(&server, "full", &format!("/v1/rejections?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}

#[test]
fn a_key_learns_who_it_is() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let one = seen(&server, "one", "/v1/whoami");
    assert_eq!(one["key"]["id"], "one");
    assert_eq!(one["key"]["test"], false);
    assert_eq!(one["organisations"], json!(["TRK001"]));
    assert_eq!(one["organisations_total"], 1);
    assert_eq!(one["all_organisations"], false);
    let scopes = one["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!("orders:write")), "{one}");
    let nobody = server.send(&Request::new("GET", "/v1/whoami"));
    assert_eq!(nobody.status, 401);
    assert_eq!(ask(&server, "one", "/v1/whoami?x=1").status, 400);
}

#[test]
fn a_key_lists_its_imports_newest_first() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids: Vec<_> = (1..=3)
        .map(|n| format!("019a0000-0000-4000-8000-00000000000{n}"))
        .collect();
    for id in &ids {
        let put = format!("/v1/imports/{id}?organisation=TRK001");
        let put = request("PUT", &put, "one").body(good(id));
        assert_eq!(
            server
                .send(&put.header("wharfinger-file-name", "a%20b.ndjson"))
                .status,
            200
        );
    }
    let mut found = Vec::new();
    let mut target = "/v1/imports?limit=2".to_owned();
    loop {
        let page = seen(&server, "one", &target);
        let data = page["data"].as_array().unwrap();
        found.extend(
            data.iter()
                .map(|import| import["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target = format!("/v1/imports?limit=2&after={next}");
    }
    let mut expected = ids.clone();
    expected.reverse();
    assert_eq!(found, expected);
    let first = &seen(&server, "one", "/v1/imports?limit=1")["data"][0];
    let alone = seen(&server, "one", &format!("/v1/imports/{}", ids[2]));
    assert_eq!(*first, alone);
    assert_eq!(seen(&server, "full", "/v1/imports")["data"], json!([]));
    let receipts = seen(&server, "one", "/v1/batches");
    assert_eq!(receipts["data"][0]["file_name"], "a b.ndjson");
}
