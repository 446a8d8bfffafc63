//! The page at `/docs`: Node runs its script and tries a request.

use std::path::Path;
use std::process::Command;

use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::v1::{order_id, request};

/// What the page shows after trying this request.
fn shown(server: &Server, operation: &str, said: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/page.mjs");
    let output = Command::new("node")
        .arg(script)
        .args([&format!("http://{}", server.address), &secret_of("full")])
        .args([operation, said])
        .output()
        .expect("node is installed; ./test does that");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{:?}", output.stderr);
    printed
}

#[test]
fn the_page_shows_numbers_as_they_came() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = r#"{"key":"A","placed_at":"2026-11-21","lines":[{"sku":"S \"1\", [x]: {}","unit_price":55.10}],
        "metadata":{"big":123456789012345678901234567890,"price":55.10,"small":1e-7,"none":[],"nothing":{},"list":[1.0,null,true]}}"#;
    let target = "/v1/batches?organisation=TRK001";
    let made = server.send(&request("POST", target, "full").body(order));
    assert_eq!(made.status, 200, "{}", made.text());
    let id = order_id(&made, 0);
    let shown = shown(&server, "native_show_order", &format!("id={id}"));
    assert!(shown.starts_with("200 OK\n"), "{shown}");
    let (_, body) = shown.split_once("\n\n").unwrap();
    assert!(
        body.starts_with("{\n  \"organisation\": \"TRK001\",\n"),
        "{body}"
    );
    for line in [
        r#"    "big": 123456789012345678901234567890,"#,
        r#"    "price": 55.10,"#,
        r#"    "small": 1e-7,"#,
        r#"    "none": [],"#,
        r#"    "nothing": {},"#,
        "      1.0,\n      null,\n      true\n    ]",
        r#"      "sku": "S \"1\", [x]: {}","#,
    ] {
        assert!(body.contains(line), "{line} is not in {body}");
    }
}
