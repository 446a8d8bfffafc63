//! Receipts over HTTP: visibility, pages, lines, and rejected orders as they were sent.

use serde_json::{Value, json};

use crate::support::changes::{assert_refused, code};
use crate::support::client::Response;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::{check, look};
use crate::support::v1::{batch_id, get, order, order_id, request, submit};

/// The response to a key.
fn ask(server: &Server, target: &str, key: &str) -> Response {
    server.send(&request("GET", target, key))
}

/// The JSON response to a key that may see the resource.
fn seen(server: &Server, target: &str, key: &str) -> Value {
    let answer = ask(server, target, key);
    assert_eq!(answer.status, 200, "{key}: {target}: {}", answer.text());
    answer.json()
}

fn of(organisation: &str, mut order: Value) -> Value {
    order["organisation"] = organisation.into();
    order
}

/// Sends a batch with orders of several organisations. One is faulty, and one has an unknown organisation. Returns the
/// response.
fn mixed(server: &Server) -> Response {
    let faulty = json!({"organisation": "TRK002", "key": "F"});
    let orders = [
        of("TRK001", order("A")),
        of("TRK002", order("B")),
        of("NOBODY", order("C")),
        faulty,
    ];
    let body = serde_json::to_vec(&orders).unwrap();
    server.send(&request("POST", "/v1/batches", "full").body(body))
}

/// The positions of a batch's orders that a key sees.
fn places(server: &Server, target: &str, key: &str) -> Vec<u64> {
    let page = seen(server, target, key);
    let data = page["data"].as_array().unwrap().iter();
    data.map(|result| result["index"].as_u64().unwrap())
        .collect()
}

#[test]
fn each_key_sees_its_organisations_part_of_a_batch() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let answer = mixed(&server);
    assert_eq!(answer.status, 207, "{}", answer.text());
    let target = format!("/v1/batches/{}", batch_id(&answer));
    // key, visible positions, accepted, rejected, status, organisations
    let views = [
        (
            "full",
            vec![0, 1, 2, 3],
            2,
            2,
            "partial",
            json!(["TRK001", "TRK002"]),
        ),
        ("one", vec![0], 1, 0, "complete", json!(["TRK001"])),
        ("reader", vec![0], 1, 0, "complete", json!(["TRK001"])),
        ("other", vec![1, 3], 1, 1, "partial", json!(["TRK002"])),
    ];
    for (key, expected, accepted, rejected, status, organisations) in views {
        let receipt = seen(&server, &target, key);
        assert_eq!(receipt["id"], answer.json()["id"]);
        assert_eq!(receipt["dialect"], "native");
        assert_eq!(receipt["key_id"], "full");
        assert_eq!(receipt["organisations"], organisations, "{key}");
        assert_eq!(receipt["status"], status, "{key}");
        assert_eq!(receipt["received"], expected.len(), "{key}");
        assert_eq!(receipt["accepted"], accepted, "{key}");
        assert_eq!(receipt["rejected"], rejected, "{key}");
        let listed = seen(&server, "/v1/batches", key);
        assert_eq!(listed["data"], json!([receipt]), "{key}");
        let results = format!("{target}/results");
        assert_eq!(places(&server, &results, key), expected, "{key}");
        let faulty: Vec<_> = expected.iter().copied().filter(|at| *at > 1).collect();
        let only = format!("{target}/results?outcome=rejected");
        assert_eq!(places(&server, &only, key), faulty, "{key}");
        let rejected = format!("{target}/rejected");
        assert_eq!(places(&server, &rejected, key), faulty, "{key}");
        let resent = seen(&server, &format!("{target}/rejected?form=resend"), key);
        assert_eq!(resent.as_array().unwrap().len(), faulty.len(), "{key}");
    }
    // One rejected order by its position, if the key may see it.
    for (key, index, status) in [
        ("other", 3, 200),
        ("one", 3, 404),
        ("other", 2, 404),
        ("full", 0, 404),
    ] {
        let answer = ask(&server, &format!("{target}/rejected?index={index}"), key);
        assert_eq!(answer.status, status, "{key} {index}");
    }
}

#[test]
fn what_is_another_organisations_is_told_as_what_is_not_there() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (answer, ids) = submit(&server, "TRK001", &[order("A"), json!({"key": "F"})]);
    let import = "019a0000-0000-4000-8000-00000000000a";
    let put = format!("/v1/imports/{import}?organisation=TRK001");
    let put = request("PUT", &put, "full").body(order("I").to_string());
    assert_eq!(server.send(&put).status, 200);
    let batch = batch_id(&answer);
    for (template, id) in [
        ("/v1/batches/{id}", batch),
        ("/v1/batches/{id}/results", batch),
        ("/v1/batches/{id}/rejected", batch),
        ("/v1/batches/{id}/rejected?form=resend", batch),
        ("/v1/batches/{id}/rejected?index=1", batch),
        ("/v1/orders/{id}", &ids[0]),
        ("/v1/orders/{id}/history", &ids[0]),
        ("/v1/imports/{id}", import),
    ] {
        let mine = ask(&server, &template.replace("{id}", id), "full");
        assert_eq!(mine.status, 200, "{template}");
        let theirs = ask(&server, &template.replace("{id}", id), "other");
        assert_refused("native", &theirs, 404);
        // The response is the same as for an id that never existed.
        let never = "019a0000-0000-7000-8000-000000000001";
        let unknown = ask(&server, &template.replace("{id}", never), "other");
        assert_eq!(
            theirs.text().replace(id, never),
            unknown.text(),
            "{template}"
        );
    }
    for list in ["/v1/batches", "/v1/orders", "/v1/events"] {
        assert_eq!(seen(&server, list, "other")["data"], json!([]), "{list}");
        let named = ask(&server, &format!("{list}?organisation=TRK001"), "other");
        assert_refused("native", &named, 400);
    }
    for name in ["no-uuid", "019a0000000070008000000000000001", "%ff"] {
        let answer = ask(&server, &format!("/v1/batches/{name}"), "full");
        assert_refused("native", &answer, 404);
    }
}

#[test]
fn the_sender_sees_orders_of_nobody_and_nobody_else_does() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = [of("NOBODY", order("A"))];
    let body = serde_json::to_vec(&orders).unwrap();
    let answer = server.send(&request("POST", "/v1/batches", "full").body(body));
    assert_eq!(answer.status, 422);
    let target = format!("/v1/batches/{}", batch_id(&answer));
    assert_eq!(seen(&server, &target, "full")["rejected"], 1);
    let page = seen(&server, &format!("{target}/rejected"), "full");
    assert_eq!(page["data"][0]["order"], orders[0]);
    assert_eq!(
        page["data"][0]["errors"],
        answer.json()["results"][0]["errors"]
    );
    for key in ["one", "other", "reader"] {
        assert_refused("native", &ask(&server, &target, key), 404);
        assert_eq!(seen(&server, "/v1/batches", key)["data"], json!([]));
    }
}

#[test]
fn results_come_in_pages_and_in_lines() {
    let data = fixture::data_directory();
    let mut server = Server::start(data.path());
    let mut orders: Vec<_> = (0..1_200).map(|key| order(&key.to_string())).collect();
    for index in [3, 700, 1_199] {
        orders[index] = json!({"key": index.to_string()});
    }
    let (answer, _) = submit(&server, "TRK001", &orders);
    let target = format!("/v1/batches/{}/results", batch_id(&answer));
    let sent = answer.json()["results"].as_array().unwrap().clone();

    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(&server, &format!("{target}?limit=500{after}"));
        paged.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
        // A cursor remains valid across restarts.
        server.terminate();
        server.wait();
        server = Server::start(data.path());
    }
    let lines = request("GET", &target, "full").header("accept", "application/x-ndjson");
    let lines = server.send(&lines);
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, paged);
    assert_eq!(paged.len(), sent.len());
    for (mut told, mut sent) in paged.into_iter().zip(sent) {
        assert_eq!(told["organisation"], "TRK001");
        told.as_object_mut().unwrap().remove("organisation");
        let rejection = told.as_object_mut().unwrap().remove("rejection_id");
        assert_eq!(rejection.is_some(), told["outcome"] == "rejected", "{told}");
        assert_eq!(places_at_fault(&mut told), places_at_fault(&mut sent));
        assert_eq!(told, sent);
    }
    assert_eq!(
        places(&server, &format!("{target}?outcome=rejected"), "full"),
        [3, 700, 1_199]
    );
    assert_eq!(
        places(&server, &format!("{target}?outcome=updated"), "full"),
        [0; 0]
    );
}

/// Removes the errors from a result. Returns their pointers and codes, because dialects may use their own messages.
fn places_at_fault(result: &mut Value) -> Vec<(Value, Value)> {
    let errors = result.as_object_mut().unwrap().remove("errors");
    let errors = errors.unwrap_or_default();
    let errors = errors.as_array().into_iter().flatten();
    errors
        .map(|error| (error["pointer"].clone(), error["code"].clone()))
        .collect()
}

#[test]
fn rejected_orders_are_given_as_they_came_and_can_be_sent_again() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let faulty = [
        r#"{ "key":"\u00c9","placed_at":"2026-02-30",  "lines":[{"sku":"S","unit_price":1.10}] }"#,
        r#"{"key":"twice","key":"twice"}"#,
        "7",
    ];
    let body = format!(
        "[{},{},{},\n{}]",
        faulty[0],
        order("A"),
        faulty[1],
        faulty[2]
    );
    let post = request("POST", "/v1/batches?organisation=TRK001", "one").body(body);
    let answer = server.send(&post);
    let target = format!("/v1/batches/{}/rejected", batch_id(&answer));
    for (index, text) in [(0, faulty[0]), (2, faulty[1]), (3, faulty[2])] {
        let one = ask(&server, &format!("{target}?index={index}"), "one");
        assert_eq!((one.status, one.text()), (200, text));
    }
    let page = ask(&server, &target, "one");
    assert!(page.text().contains(faulty[0]), "{}", page.text());
    let resend = ask(&server, &format!("{target}?form=resend"), "one");
    assert_eq!(resend.header("content-type"), Some("application/json"));
    assert_eq!(resend.header("wharfinger-left-out"), Some("0"));
    assert_eq!(resend.text(), format!("[{}]", faulty.join(",")));
    let mended = resend.text().replacen("02-30", "02-28", 1);
    let again =
        server.send(&request("POST", "/v1/batches?organisation=TRK001", "one").body(mended));
    assert_eq!((again.status, &again.json()["accepted"]), (207, &json!(1)));
}

/// Lines that are not JSON cannot be put in an array. They are counted, and can be fetched one by one.
#[test]
fn lines_that_cannot_be_read_are_left_out_and_counted() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = format!("{}\n\n{{\"key\":\n{{\"key\":\"B\"}}\n", order("A"));
    let post = request("POST", "/v1/batches?organisation=TRK001", "one").body(body);
    let answer = server.send(&post.header("content-type", "application/x-ndjson"));
    let target = format!("/v1/batches/{}/rejected", batch_id(&answer));
    let page = seen(&server, &target, "one");
    let rejected = page["data"].as_array().unwrap();
    assert_eq!(
        (&rejected[0]["order"], &rejected[0]["text"]),
        (&Value::Null, &json!("{\"key\":"))
    );
    assert_eq!(
        (&rejected[0]["line"], &rejected[1]["line"]),
        (&json!(3), &json!(4))
    );
    let resend = ask(&server, &format!("{target}?form=resend"), "one");
    assert_eq!(resend.text(), r#"[{"key":"B"}]"#);
    assert_eq!(resend.header("wharfinger-left-out"), Some("1"));
}

/// A vendor's batch that is an object is returned as an object.
#[test]
fn a_vendors_rejected_orders_come_in_its_own_envelope() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let body = r#"{"a \"1\"":{"x":1},"b":{"address":{"email":"a@example.com","country":"SE"},"products":[{"sku":"S","qty":1}]},"c":{}}"#;
    let post = request("POST", "/centra/TRK001/orders", "one").body(body);
    let answer = server.send(&post);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let target = format!("/v1/batches/{}", batch_id(&answer));
    assert_eq!(seen(&server, &target, "one")["dialect"], "centra");
    let resend = ask(&server, &format!("{target}/rejected?form=resend"), "one");
    assert_eq!(resend.text(), r#"{"a \"1\"":{"x":1},"c":{}}"#);
    let results = seen(&server, &format!("{target}/results"), "one");
    // The names of accepted orders are not stored.
    let rejected = [&results["data"][0], &results["data"][2]];
    assert_eq!(rejected.map(|result| &result["name"]), ["a \"1\"", "c"]);
    assert_eq!(results["data"][1]["number"], 1);
}

/// The server removes expired texts by itself. The errors are still reported.
#[test]
fn texts_of_rejected_orders_are_kept_for_their_time() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let private = json!({"key": "F", "instructions": "to the back door"});
    let (old, _) = submit(
        &server,
        "TRK001",
        &[order("A"), private, json!({"key": "G"})],
    );
    let target = format!("/v1/batches/{}", batch_id(&old));
    let rejected = format!("{target}/rejected");
    let before = seen(&server, &rejected, "full");
    let results = seen(&server, &format!("{target}/results"), "full");
    let drop_before = |ms| {
        look(data.path(), async |store| {
            store.drop_rejected_texts(ms).await.unwrap();
        });
    };
    drop_before(0);
    assert_eq!(seen(&server, &rejected, "full"), before);
    drop_before(i64::MAX);

    let after = seen(&server, &rejected, "full");
    assert_eq!(after["data"].as_array().unwrap().len(), 2);
    for (at, order) in [before["data"][0].clone(), before["data"][1].clone()]
        .iter()
        .enumerate()
    {
        let mut expected = order.clone();
        expected["order"] = Value::Null;
        assert_eq!(after["data"][at], expected);
    }
    assert_eq!(seen(&server, &format!("{target}/results"), "full"), results);
    for gone in ["form=resend", "index=1"] {
        let answer = ask(&server, &format!("{rejected}?{gone}"), "full");
        assert_refused("native", &answer, 410);
        assert!(answer.text().contains("30 days"), "{}", answer.text());
    }
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn receipts_are_listed_newest_first_and_filtered() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (complete, _) = submit(&server, "TRK001", &[order("A")]);
    let (partial, _) = submit(&server, "TRK002", &[order("A"), json!({})]);
    let (rejected, _) = submit(&server, "TRK001", &[json!({})]);
    let slips = request("PUT", "/api/customerorders", "full").header("site_id", "TRK001");
    let slips = slips.header("access_key", crate::support::fixture::secret_of("full"));
    let vendor = server.send(&slips.body(r#"[{"packingslipno":"P","consignee":"Ann"}]"#));
    let all = [&vendor, &rejected, &partial, &complete].map(|answer| batch_id(answer).to_owned());
    let listed = |query: &str| -> Vec<String> {
        let page = get(&server, &format!("/v1/batches{query}"));
        assert_eq!(page["next"], Value::Null);
        let data = page["data"].as_array().unwrap().iter();
        data.map(|receipt| receipt["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed(""), all);
    assert_eq!(listed("?organisation=TRK002"), [all[2].clone()]);
    assert_eq!(listed("?status=complete"), [all[0].clone(), all[3].clone()]);
    assert_eq!(listed("?status=partial"), [all[2].clone()]);
    assert_eq!(listed("?status=rejected&dialect=native"), [all[1].clone()]);
    assert_eq!(listed("?dialect=gosweetspot"), [all[0].clone()]);
    let at = get(&server, &format!("/v1/batches/{}", all[2]))["received_at"].clone();
    let at = at.as_str().unwrap();
    let both = [
        listed(&format!("?received_after={at}")),
        listed(&format!("?received_before={at}")),
    ];
    assert!(
        both[0].contains(&all[2]) && both[0].contains(&all[0]),
        "{both:?}"
    );
    let mut together = both.concat();
    together.sort();
    let mut expected = all.to_vec();
    expected.sort();
    assert_eq!(together, expected, "each is on one side of a moment");

    let mut paged = Vec::new();
    let mut after = String::new();
    for _ in 0..all.len() {
        let page = get(&server, &format!("/v1/batches?limit=1{after}"));
        paged.push(page["data"][0]["id"].as_str().unwrap().to_owned());
        after = format!("&after={}", page["next"].as_str().unwrap_or_default());
    }
    assert_eq!(paged, all);
    // Orders can be found by their batch.
    let id = order_id(&partial, 0);
    let orders = get(&server, &format!("/v1/orders?batch={}", all[2]));
    assert_eq!(orders["data"][0]["id"], id);
}

#[test]
fn a_wrong_cursor_or_parameter_is_told() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (answer, _) = submit(&server, "TRK001", &[order("A"), order("B")]);
    let batch = format!("/v1/batches/{}", batch_id(&answer));
    let of_results = get(&server, &format!("{batch}/results?limit=1"));
    let of_results = of_results["next"].as_str().unwrap();
    let results = format!("{batch}/results");
    let rejected = format!("{batch}/rejected");
    for (target, query) in [
        ("/v1/batches", "after=x"),
        ("/v1/batches", &format!("after={of_results}")),
        ("/v1/batches", "limit=0"),
        ("/v1/batches", "limit=1001"),
        ("/v1/batches", "limit=1&limit=2"),
        ("/v1/batches", "status=done"),
        ("/v1/batches", "dialect=none"),
        ("/v1/batches", "organisation=NOBODY"),
        ("/v1/batches", "received_after=yesterday"),
        ("/v1/batches", "import=7"),
        ("/v1/batches", "unknown=1"),
        (&batch, "limit=1"),
        (&results, "outcome=gone"),
        (&results, "after="),
        (&results, "form=resend"),
        (&rejected, "form=all"),
        (&rejected, "index=-1"),
        (&rejected, &format!("after={of_results}")),
        (&rejected, "dry_run=true"),
    ] {
        let answer = ask(&server, &format!("{target}?{query}"), "full");
        assert_refused("native", &answer, 400);
        assert!(!code(&answer).is_empty(), "{target}?{query}");
    }
}
