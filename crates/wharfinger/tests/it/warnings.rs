//! Warnings about accepted orders appear in responses, receipts, results and dry runs, in every dialect.

mod digits;
mod shared;

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::check;
use crate::support::v1::{batch_id, get};

/// A batch for each dialect: its route, and two orders that are accepted. One attribute of the second is misspelt.
const BATCHES: [(&str, &str, &str, &str); 4] = [
    (
        "POST",
        "/v1/batches?organisation=TRK001",
        r#"[{"key":"A-1","placed_at":"2026-01-05","lines":[{"sku":"S-1"}]},
            {"key":"A-2","placed_at":"2026-01-05","lines":[{"sku":"S-1"}],"curency":"GBP"}]"#,
        "/curency",
    ),
    (
        "POST",
        "/v4/customer_orders",
        r#"[{"trkref":"TRK001","order_ref":"A-1","order_date":"25-09-2021","customer":{"email":"a@b.com"},"order_items":[{"sku":"S"}]},
            {"trkref":"TRK001","order_ref":"A-2","order_date":"25-09-2021","customer":{"email":"a@b.com"},"order_items":[{"sku":"S"},{"sku":"T","curency":"GBP"}]}]"#,
        "/order_items/1/curency",
    ),
    (
        "POST",
        "/centra/TRK001/orders",
        r#"{"a":{"address":{"email":"a@b.com","country":"SE"},"products":[{"id":1,"qty":1}]},
            "b":{"address":{"email":"a@b.com","country":"SE","zipcod":"111"},"products":[{"id":1,"qty":1}]}}"#,
        "/address/zipcod",
    ),
    (
        "PUT",
        "/api/customerorders",
        r#"[{"packingslipno":"A-1","consignee":"Ana"},{"packingslipno":"A-2","consignee":"Ana","POSTCOD":"8041"}]"#,
        "/POSTCOD",
    ),
];

/// A request with the key `one`, in the header field that the route's dialect uses.
fn request(method: &str, target: &str, body: &str) -> Request {
    let secret = fixture::secret_of("one");
    let bearer = target.starts_with("/v1") || target.starts_with("/centra");
    let authorization = if bearer {
        format!("Bearer {secret}")
    } else {
        fixture::basic("one")
    };
    Request::new(method, target)
        .header("authorization", authorization)
        .header("access_key", secret)
        .body(body)
}

/// The stored receipts and orders.
fn stored(server: &Server) -> [Value; 2] {
    ["/v1/batches", "/v1/orders"].map(|target| get(server, target))
}

fn header<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.header(name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_misspelt_attribute_is_told_in_the_receipt_of_every_dialect() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (method, target, body, pointer) in BATCHES {
        let send = || server.send(&request(method, target, body));
        let answer = send();
        assert!(answer.status < 300, "{target}: {}", answer.text());
        let told = format!("1; 1{pointer} unknown_attribute");
        assert_eq!(header(&answer, "wharfinger-warnings"), told);

        let path = format!("/v1/batches/{}", batch_id(&answer));
        let receipt = get(&server, &path);
        assert_eq!(receipt["warned"], 1, "{target}");
        let warnings = receipt["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{receipt}");
        assert_eq!(warnings[0]["index"], 1);
        assert_eq!(warnings[0]["pointer"], pointer);
        assert_eq!(warnings[0]["code"], "unknown_attribute");
        let message = warnings[0]["message"].as_str().unwrap();
        assert!(message.contains("did you mean"), "{message}");

        let results = get(&server, &format!("{path}/results"));
        assert_eq!(results["data"][0].get("warnings"), None, "{results}");
        let hint = warnings[0]["hint"].as_str().unwrap();
        let name = pointer.rsplit('/').next().unwrap();
        assert!(
            hint.starts_with(&format!("{name}: did you mean ")),
            "{hint}"
        );
        let of_second = json!([{
            "pointer": pointer, "code": "unknown_attribute", "message": message, "hint": hint,
        }]);
        assert_eq!(results["data"][1]["warnings"], of_second);
        let second_page = get(&server, &format!("{path}/results?outcome=accepted&limit=1"));
        assert_eq!(second_page["data"][0]["index"], 0);

        let listed = get(&server, "/v1/batches?limit=1");
        assert_eq!(listed["data"][0]["warned"], 1);
        assert_eq!(listed["data"][0].get("warnings"), None);
    }
    drop(server);
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn a_dry_run_tells_of_warnings_and_keeps_none() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let before = stored(&server);
    for (method, target, body, pointer) in BATCHES {
        let dry = request(method, target, body).header("wharfinger-dry-run", "true");
        let answer = server.send(&dry);
        let told = format!("1; 1{pointer} unknown_attribute");
        assert_eq!(header(&answer, "wharfinger-warnings"), told);
        assert_eq!(header(&answer, "wharfinger-dry-run"), "true");
    }
    assert_eq!(stored(&server), before);
}

#[test]
fn the_same_order_again_is_warned_of_again_and_a_refused_one_too() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (method, target, body, pointer) = BATCHES[3];
    server.send(&request(method, target, body));
    let again = server.send(&request(method, target, body));
    let results = get(
        &server,
        &format!("/v1/batches/{}/results", batch_id(&again)),
    );
    assert_eq!(results["data"][1]["outcome"], "unchanged");
    assert_eq!(results["data"][1]["warnings"][0]["pointer"], pointer);

    let refused = r#"[{"packingslipno":"A-3","consinee":"Ana"}]"#;
    let answer = server.send(&request(method, target, refused));
    let hint = "consinee: did you mean consignee?";
    let message = "consignee is required";
    assert_eq!(answer.json()[0]["msg"], format!("{message} ({hint})"));
    let path = format!("/v1/batches/{}", batch_id(&answer));
    let results = get(&server, &format!("{path}/results"));
    assert_eq!(results["data"][0]["errors"][0]["message"], message);
    assert_eq!(results["data"][0]["errors"][0]["hint"], hint);
    assert_eq!(results["data"][0]["warnings"][0]["pointer"], "/consinee");
    let rejected = get(&server, &format!("{path}/rejected"));
    assert_eq!(rejected["data"][0]["warnings"][0]["pointer"], "/consinee");
}

#[test]
fn json_that_is_declared_a_form_is_taken_with_a_warning() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let form = "application/x-www-form-urlencoded";
    for (method, target, body, _) in BATCHES {
        let body = format!("\u{feff} \n{body}");
        let sent = request(method, target, &body).header("content-type", form);
        let answer = server.send(&sent);
        assert!(answer.status < 300, "{target}: {}", answer.text());
        let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&answer)));
        assert_eq!(receipt["warned"], 2, "{receipt}");
        let first = json!({"index": 0, "pointer": "", "code": "form_media_type",
            "message": "the order was sent as application/x-www-form-urlencoded, and read as JSON"});
        assert_eq!(receipt["warnings"][0], first);
    }
    let before = stored(&server);
    for (method, target, _, _) in BATCHES {
        for body in ["a=1", "%7B%7D", "\"\"", "", " "] {
            let sent = request(method, target, body).header("content-type", form);
            let answer = server.send(&sent);
            let status = if body.is_empty() { 400 } else { 415 };
            assert_eq!(answer.status, status, "{target} {body}");
        }
    }
    assert_eq!(stored(&server), before);
}

/// Pointers and codes of the warnings for the only order of a batch.
fn told_of_one(server: &Server, answer: &Response) -> Vec<String> {
    let results = get(server, &format!("/v1/batches/{}/results", batch_id(answer)));
    let warnings = results["data"][0]["warnings"].as_array().cloned();
    let told = warnings.unwrap_or_default().into_iter().map(|warning| {
        let text = |name: &str| warning[name].as_str().unwrap().to_owned();
        format!("{} {}", text("pointer"), text("code"))
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

#[test]
fn floats_keyed_arrays_and_other_forms_of_dates_are_told() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let odd = r#"{"address":{"email":"a@b.com","country":"SE"},"orderDate":"2026-07-15T12:00:00Z","cancelDate":"0000-00-00 00:00:00",
        "shippingValue":4.90,"voucherValue":"0.005","voucherCodes":{"1":"X"},
        "products":{"0":{"sku":"S","qty":1,"unitPrice":28.949999999999999},"2":{"sku":"T","qty":1,"unitPrice":1.5000}}}"#;
    let answer = server.send(&request("POST", "/centra/TRK001/order", odd));
    assert_eq!(answer.json()["orders"], json!([1]), "{}", answer.text());
    let told = told_of_one(&server, &answer);
    let expected = [
        "/cancelDate date_form",
        "/orderDate date_form",
        "/products keyed_array",
        "/products/0/unitPrice rounded",
        "/voucherCodes keyed_array",
        "/voucherValue rounded",
    ];
    assert_eq!(told, expected);

    let update = r#"{"order":1,"coment":"ring twice"}"#;
    let answer = server.send(&request("PUT", "/centra/TRK001/orders", update));
    assert_eq!(answer.json()["status"], "ok", "{}", answer.text());
    let told = told_of_one(&server, &answer);
    assert_eq!(told, ["/coment unknown_attribute"]);
}

/// Two orders of the vendor whose batches are objects.
const NAMED: [&str; 2] = [
    r#"{"address":{"email":"a@b.com","country":"SE"},"products":[{"id":1,"qty":1}]}"#,
    r#"{"address":{"email":"a@b.com","country":"SE"},"products":[{"id":2,"qty":1,"unitPrice":1.005}]}"#,
];

#[test]
fn a_batch_that_is_an_array_where_an_object_is_usual_is_told() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/centra/TRK001/orders";
    let [first, second] = NAMED;
    let list = format!("[{first},{second}]");
    let message = "the order was sent in an array; its position there is used as its name";
    let bare = json!({"pointer": "", "code": "bare_list", "message": message});

    let told = "2; 0 bare_list, 1/products/0/unitPrice rounded";
    let dry = request("POST", target, &list).header("wharfinger-dry-run", "true");
    let dry = server.send(&dry);
    assert_eq!(header(&dry, "wharfinger-warnings"), told);

    let answer = server.send(&request("POST", target, &list));
    assert_eq!(answer.json()["1"]["status"], "ok", "{}", answer.text());
    let path = format!("/v1/batches/{}", batch_id(&answer));
    let receipt = get(&server, &path);
    assert_eq!(receipt["warned"], 2);
    let mut of_first = bare.clone();
    of_first["index"] = 0.into();
    assert_eq!(receipt["warnings"][0], of_first, "{receipt}");
    let results = get(&server, &format!("{path}/results"));
    assert_eq!(results["data"][0]["warnings"], json!([bare]));
    assert_eq!(results["data"][1]["warnings"][0]["code"], "rounded");
    assert_eq!(results["data"][1]["warnings"][1], Value::Null);

    // It stands beside what else is told of the first order and of the request, also of an order that is refused.
    let form = request("POST", target, "[{\"adress\":{}}]")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = server.send(&form);
    assert_eq!(answer.json()["0"]["status"], "no", "{}", answer.text());
    let mut told = told_of_one(&server, &answer);
    told.sort();
    assert_eq!(
        told,
        [
            " bare_list",
            " form_media_type",
            "/adress unknown_attribute"
        ]
    );

    // An object is what the vendor has, and of an empty array there is no order to tell it of.
    for body in [format!(r#"{{"a":{first}}}"#), "[]".into(), "{}".into()] {
        let answer = server.send(&request("POST", target, &body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("wharfinger-warnings"), None, "{body}");
        let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&answer)));
        assert_eq!(receipt["warned"], 0, "{body}");
    }
}
