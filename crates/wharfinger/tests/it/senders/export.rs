//! `wharfinger export`: from a server and from its store, as lines and as a table.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::csv::orders;
use crate::support::client::Request;
use crate::support::database::aim;
use crate::support::fixture::{self, secret_of};
use crate::support::server::{Server, program};
use crate::support::v1::{get, request, submit};

/// `wharfinger export` from a server, with a key of the fixture.
fn over_http(server: &Server) -> Command {
    let mut command = program();
    command.arg("export");
    command.env("WHARFINGER_URL", format!("http://{}", server.address));
    command.env("WHARFINGER_KEY", format!("full:{}", secret_of("full")));
    command
}

/// `wharfinger export` from a store.
fn on_store(data: &Path) -> Command {
    let mut command = program();
    command.arg("export");
    aim(&mut command, data);
    command
}

/// Runs a command. Asserts its exit status. Returns standard output and standard error.
fn ran(mut command: Command, arguments: &[&str], status: i32) -> (String, String) {
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {out}{error}"
    );
    (out, error)
}

/// Stores orders in two organisations and two dialects.
fn fill(server: &Server) -> Vec<String> {
    let order = json!({"key": "=1+1", "placed_at": "2026-11-21", "customer": {"email": "ann@example.com", "phone": "+44 1"},
        "billing_address": {"lines": ["Kai 1", "2nd"]},
        "lines": [{"sku": "-5", "quantity": 2, "unit_price": "55.10"}, {"ean": "4006381333931"}]});
    let plain = json!({"key": "A-2", "placed_at": "2026-11-21", "lines": [{"sku": "S-1"}]});
    let (_, mut ids) = submit(server, "TRK001", &[order, plain.clone()]);
    ids.extend(submit(server, "TRK002", &[plain]).1);
    // The text has line breaks.
    let other = "{\"packingslipno\": \"P-1\",\n \"address1\": \"x\", \"city\": \"y\", \"country\": \"NZ\", \"consignee\": \"Ann\",\n\
        \"products\": [{\"productcode\": \"TEA\", \"units\": -2, \"unitvalue\": -0.50}]}";
    let target = "/v1/batches?organisation=TRK001&dialect=gosweetspot";
    let sent = server.send(&request("POST", target, "full").body(other));
    assert_eq!(sent.status, 200, "{}", sent.text());
    ids.push(crate::support::v1::order_id(&sent, 0));
    let target = format!("/v1/orders/{}/process", ids[1]);
    assert_eq!(server.send(&request("POST", &target, "full")).status, 200);
    ids
}

#[test]
fn lines_are_what_the_server_lists_and_the_store_gives_the_same() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = fill(&server);
    let batch = get(&server, &format!("/v1/orders/{}", ids[2]))["batch_id"].clone();
    for (arguments, filters, count) in [
        (&[][..], "", 4),
        (&["--org", "TRK002"], "organisation=TRK002", 1),
        (&["--state", "processed"], "state=processed", 1),
        (&["--dialect", "gosweetspot"], "dialect=gosweetspot", 1),
        (&["--key", "A-2"], "key=A-2", 2),
        (&["--email", "Ann@example.com"], "email=ann@example.com", 1),
        (
            &["--batch", batch.as_str().unwrap()],
            &format!("batch={}", batch.as_str().unwrap()),
            1,
        ),
        (
            &["--created-before", "2020-01-01T00:00:00Z"],
            "created_before=2020-01-01T00:00:00Z",
            0,
        ),
        (
            &["--created-after", "2020-01-01T00:00:00Z"],
            "created_after=2020-01-01T00:00:00Z",
            4,
        ),
        (
            &["--updated-after", "2020-01-01T00:00:00Z"],
            "updated_after=2020-01-01T00:00:00Z",
            4,
        ),
    ] {
        let (out, error) = ran(over_http(&server), arguments, 0);
        let listed = get(&server, &format!("/v1/orders?{filters}"))["data"].clone();
        assert_eq!(Value::from(orders(&out)), listed, "{filters}");
        assert_eq!(orders(&out).len(), count, "{filters}");
        let orders = if count == 1 { "order" } else { "orders" };
        assert_eq!(error, format!("{count} {orders} exported\n"));
        let (stored, _) = ran(on_store(data.path()), arguments, 0);
        assert_eq!(stored, out, "{filters}");
    }
}

#[test]
fn orders_are_exported_in_other_forms() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = fill(&server);
    for form in ["reevoo", "centra", "gosweetspot", "native", "submitted"] {
        let (out, error) = ran(over_http(&server), &["--as", form, "--org", "TRK001"], 0);
        let shown = [&ids[0], &ids[1], &ids[3]].map(|id| {
            let target = format!("/v1/orders/{id}?as={form}");
            let answer = server.send(&request("GET", &target, "full"));
            if let Some(missing) = answer.header("wharfinger-missing") {
                assert!(
                    error.contains(&format!(": missing: {missing}\n")),
                    "{error}"
                );
            }
            answer.json()
        });
        assert_eq!(orders(&out), shown, "{form}");
        assert_eq!(
            ran(on_store(data.path()), &["--as", form, "--org", "TRK001"], 0),
            (out, error)
        );
    }
    let (_, error) = ran(
        over_http(&server),
        &["--as", "reevoo", "--format", "csv"],
        1,
    );
    assert!(error.contains("use --as with --format ndjson"), "{error}");
}

#[test]
fn a_table_has_a_row_for_each_order_or_line() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(&server);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.csv");
    let to = [
        "--format",
        "csv",
        "--rows",
        "lines",
        "--to",
        file.to_str().unwrap(),
    ];
    let (out, _) = ran(over_http(&server), &to, 0);
    assert_eq!(out, "");
    let table = std::fs::read_to_string(&file).unwrap();
    let (stored, _) = ran(on_store(data.path()), &to[..4], 0);
    assert_eq!(stored, table);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let header = rows.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let cells = |column: &str| -> Vec<&str> {
        let at = header.iter().position(|name| name == column).expect(column);
        rows.iter().map(|row| &row[at]).collect()
    };
    assert_eq!(cells("key"), ["'=1+1", "'=1+1", "A-2", "P-1", "A-2"]);
    assert_eq!(cells("line"), ["1", "2", "1", "1", "1"]);
    assert_eq!(cells("sku"), ["'-5", "", "S-1", "TEA", "S-1"]);
    assert_eq!(cells("unit_price"), ["55.10", "", "", "-0.50", ""]);
    assert_eq!(cells("quantity"), ["2", "1", "1", "-2", "1"]);
    assert_eq!(cells("customer_phone")[0], "'+44 1");
    assert_eq!(cells("billing_lines")[0], "Kai 1\n2nd");
    assert_eq!(cells("organisation")[4], "TRK002");
    let (table, _) = ran(over_http(&server), &["--format", "csv"], 0);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(rows.records().count(), 4);
    // The columns are stable: whoever reads the file by position relies on them.
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..4], ["id", "organisation", "dialect", "key"]);
    assert_eq!(header.len(), 46);
    // The columns of the documentation are all of them, in their order.
    let page = std::fs::read_to_string(super::csv::root().join("docs/csv.md")).unwrap();
    let (_, section) = page.split_once("## Tables that are exported\n").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let named = rows.flat_map(|row| row.split('|').nth(1).unwrap().split_whitespace());
    let named: Vec<&str> = named.map(|name| name.trim_matches('`')).collect();
    let file = std::fs::read_to_string(&file).unwrap();
    let with_lines: Vec<&str> = file.lines().next().unwrap().split(',').collect();
    assert_eq!(named, with_lines);
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.ndjson");
    std::fs::write(&file, "the one before").unwrap();
    let to = ["--to", file.to_str().unwrap()];
    let is_untouched = || {
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "the one before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    };
    let (_, error) = ran(
        over_http(&server),
        &[&to[..], &["--org", "NOBODY"]].concat(),
        1,
    );
    assert!(error.contains("the server answered 4"), "{error}");
    is_untouched();
    // A server that breaks off after the first page.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let page = "{\"data\":[{\"key\":\"A-1\"}],\"next\":\"x\"}";
        let length = page.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
        )
        .unwrap();
    });
    let mut broken = over_http(&server);
    broken.env("WHARFINGER_URL", format!("http://{address}"));
    let (_, error) = ran(broken, &[&to[..], &["--patience", "0s"]].concat(), 1);
    assert!(error.contains("cannot reach"), "{error}");
    answering.join().unwrap();
    is_untouched();
    let (_, error) = ran(on_store(&folder.path().join("nothing")), &to, 1);
    assert!(error.contains("cannot open the store"), "{error}");
    is_untouched();
}

#[test]
fn a_page_of_long_forms_ends_early_and_the_next_one_goes_on() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    // Each of them has an item a piece in the other form: some 100 KB.
    let order = |number: usize| {
        json!({"key": format!("A-{number}"), "placed_at": "2026-11-21", "customer": {"email": "a@example.com"},
            "lines": [{"sku": "TEA", "quantity": 7000}]})
    };
    let sent: Vec<Value> = (0..100).map(order).collect();
    assert_eq!(submit(&server, "TRK001", &sent).0.status, 200);
    let target = "/v1/orders?as=reevoo&limit=1000";
    let page = server.send(&request("GET", target, "full"));
    assert!(page.text().len() < 9 << 20, "{} bytes", page.text().len());
    let page = page.json();
    assert!(page["next"].is_string(), "there is more");
    let first = &page["data"][0];
    assert_eq!(
        (&first["key"], &first["dialect"]),
        (&json!("A-0"), &json!("native"))
    );
    assert_eq!(
        first["order"]["order_items"].as_array().unwrap().len(),
        7000
    );
    let (out, _) = ran(over_http(&server), &["--as", "reevoo"], 0);
    let keys: Vec<Value> = orders(&out)
        .iter()
        .map(|order| order["order_ref"].clone())
        .collect();
    let expected: Vec<Value> = sent.iter().map(|order| order["key"].clone()).collect();
    assert_eq!(keys, expected, "each once, in order");
    let wrong = server.send(
        &Request::new("GET", "/v1/orders?as=x")
            .header("authorization", format!("Bearer {}", secret_of("full"))),
    );
    assert_eq!(wrong.status, 400);
}
