//! `wharfinger conformance --serve`: a server with the expected responses, and clients that talk to it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::programs::{blocks, page, python};
use crate::support::client::{Request, Response};
use crate::support::fixture::basic;
use crate::support::server::{Server, program};

fn serve(dialect: &str, options: &[&str]) -> Server {
    let mut command = program();
    command.args(["conformance", "--serve", "--dialect", dialect]);
    command.args(options);
    Server::spawn(command)
}

/// An order of the cases, changed.
fn order(change: impl FnOnce(&mut Value)) -> Request {
    let mut order = serde_json::json!({
        "order_ref": "A-1", "trkref": "TRK001", "order_date": "25-09-2021",
        "customer": { "email": "ann@example.com" }, "order_items": [{ "sku": "S-1" }],
    });
    change(&mut order);
    Request::new("POST", "/v4/organisations/TRK001/customer_order")
        .header("authorization", basic("full"))
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "shop/1")
        .body(order.to_string())
}

fn report(server: &Server) -> Value {
    server.send(&Request::new("GET", "/__conformance")).json()
}

fn case_of(response: &Response) -> &str {
    response.header("wharfinger-case").unwrap_or("none")
}

#[test]
fn a_client_gets_the_expected_responses() {
    let server = serve("reevoo", &["--json"]);
    // Members have no order, and headers that no case names do not matter.
    let first = server.send(&order(|_| {}));
    assert_eq!(first.status, 202);
    assert_eq!(first.json()["message"], "Customer order accepted");
    assert_eq!(
        first.json()["id"],
        first.header("wharfinger-batch-id").unwrap()
    );
    assert_eq!(case_of(&first), "0001-one-order-is-accepted/1");
    let second = server.send(&order(|_| {}));
    assert_eq!(second.status, 202);
    assert_ne!(second.json()["id"], first.json()["id"]);
    let report = report(&server);
    assert_eq!(report["shown"][0], "0001-one-order-is-accepted");
    assert_eq!(
        (&report["wrong"], &report["unknown"]),
        (&Value::Array(Vec::new()), &Value::from(0))
    );
    server.terminate();
    let (status, printed) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(printed.contains("key full with secret full-secret reaches TRK001, TRK002, OFF001\n"));
    let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!(last, report, "the report at the end is the same");
}

#[test]
fn a_client_that_is_wrong_is_told_how() {
    let server = serve("reevoo", &[]);
    let wrong = server.send(&order(|order| order["order_date"] = "2021-09-25".into()));
    assert_eq!(wrong.status, 400);
    let told = wrong.json();
    assert_eq!(told["nearest"]["case"], "0001-one-order-is-accepted");
    let difference = serde_json::json!({
        "place": "/order_date", "expected": "\"25-09-2021\"", "got": "\"2021-09-25\"",
    });
    assert_eq!(told["differences"], serde_json::json!([difference]));
    let stranger = order(|_| {})
        .with_value(&basic("full"), "Basic secret-of-mine")
        .unwrap();
    let stranger = server.send(&stranger);
    assert_eq!(stranger.status, 400);
    assert!(
        !stranger.text().contains("secret-of-mine"),
        "credentials are not repeated"
    );
    assert!(
        stranger.text().contains("header authorization"),
        "{}",
        stranger.text()
    );
    let nowhere = server.send(&Request::new("GET", "/v9/nowhere"));
    assert_eq!((nowhere.status, case_of(&nowhere)), (400, "none"));
    let long = server.send(&order(|order| order["x"] = "x".repeat(5 << 20).into()));
    assert_eq!(long.status, 413);
    server.terminate();
    let (status, printed) = server.wait();
    assert_eq!(status.code(), Some(3));
    assert!(
        printed.contains("wrong    0001-one-order-is-accepted, step 1 (2 times)\n"),
        "{printed}"
    );
    assert!(
        printed
            .trim_end()
            .ends_with(" cases: 0 shown, 1 wrong, 1 requests without a case"),
        "{printed}"
    );
}

/// A case that needs a processed order: the client chooses it.
#[test]
fn a_client_can_choose_a_case() {
    let server = serve("reevoo", &[]);
    let name = "0102-a-processed-order-is-turned-down";
    let choose = Request::new("PUT", &format!("/__conformance/cases/{name}"));
    assert_eq!(server.send(&choose).status, 200);
    assert_eq!(
        server
            .send(&Request::new("PUT", "/__conformance/cases/none"))
            .status,
        404
    );
    let mut statuses = Vec::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../wharfinger-core/src/dialects/reevoo/cases")
        .join(name);
    for number in 1.. {
        let Ok(text) = std::fs::read_to_string(file.join(format!("{number}.request"))) else {
            if file.join(format!("{number}.command")).exists() {
                continue;
            }
            break;
        };
        let (first, body) = text.split_once("\n\n").unwrap();
        let target = first.lines().next().unwrap().split(' ').nth(1).unwrap();
        let request = Request::new("POST", target).header("authorization", basic("full"));
        statuses.push(server.send(&request.body(body.trim_end())).status);
    }
    assert!(
        statuses.contains(&422) && statuses[0] == 202,
        "{statuses:?}"
    );
    assert_eq!(report(&server)["shown"], serde_json::json!([name]));
    let again = Request::new("DELETE", "/__conformance");
    assert_eq!(server.send(&again).status, 200);
    assert_eq!(
        case_of(&server.send(&order(|_| {}))),
        "0001-one-order-is-accepted/1"
    );
}

/// The client on the page about the kit.
#[test]
fn the_client_of_the_kit_s_page_shows_its_cases() {
    let page = page("docs/conformance.md");
    let [source] = blocks(&page, "python")[..] else {
        panic!("the page has one program");
    };
    let Some(python) = python() else {
        return;
    };
    let server = serve("reevoo", &[]);
    let output = Command::new(python)
        .args(["-c", source])
        .env("URL", format!("http://{}", server.address))
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    server.terminate();
    let (status, printed) = server.wait();
    assert_eq!(status.code(), Some(0), "{printed}");
    let shown: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("shown "))
        .collect();
    let promised: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("shown "))
        .collect();
    assert_eq!(shown, promised);
}
