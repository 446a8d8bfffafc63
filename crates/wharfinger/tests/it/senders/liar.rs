//! `wharfinger conformance` against a server that is wrong on purpose.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::conformance::{Bench, lines, text};
use crate::support::client::{Request, Response};

/// A proxy that changes responses. Gone when dropped.
struct Liar {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Liar {
    /// Changes the responses of `server`; `lie` gets the target of the request.
    fn start(server: SocketAddr, lie: fn(&str, &mut Response)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = BufReader::new(stream.unwrap());
                let Some((target, request)) = read_request(&mut stream) else {
                    continue;
                };
                let mut response = request.send(server);
                lie(&target, &mut response);
                let mut head = format!("HTTP/1.1 {} X\r\n", response.status);
                for (name, value) in &response.headers {
                    let name = name.to_ascii_lowercase();
                    if !matches!(
                        name.as_str(),
                        "content-length" | "transfer-encoding" | "connection"
                    ) {
                        head.push_str(&format!("{name}: {value}\r\n"));
                    }
                }
                let length = response.body.len();
                head.push_str(&format!(
                    "content-length: {length}\r\nconnection: close\r\n\r\n"
                ));
                let bytes = [head.as_bytes(), &response.body].concat();
                // The client may be gone.
                let _ = stream.get_mut().write_all(&bytes);
            }
        });
        Self { address, is_over }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(String, Request)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request::new(&method, &target);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "host" | "connection" => {}
            _ => request = request.header(name, value.trim()),
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((target, request.body(body)))
}

/// Replaces text in a body.
fn replace(response: &mut Response, from: &str, to: &str) {
    let text = String::from_utf8(response.body.clone()).unwrap();
    response.body = text.replace(from, to).into_bytes();
}

/// What the kit says of one case.
fn differences(
    bench: &Bench,
    lie: fn(&str, &mut Response),
    dialect: &str,
    case: &str,
) -> Vec<String> {
    let liar = Liar::start(bench.server.address, lie);
    let output = bench.play(liar.address, dialect, &["--json", "--only", case]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let (cases, counts) = lines(&output);
    assert_eq!((cases.len(), &counts["differ"]), (1, &Value::from(1)));
    let told = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    let found = cases[0]["differences"].as_array().unwrap().iter();
    let found = found.map(|found| {
        let (expected, got) = (told(&found["expected"]), told(&found["got"]));
        format!(
            "{} {}: {expected}, {got}",
            found["step"],
            told(&found["place"])
        )
    });
    found.collect()
}

#[test]
fn a_wrong_status_and_wrong_headers_are_named() {
    let bench = Bench::new();
    // A status.
    let found = differences(
        &bench,
        |target, response| {
            if target.ends_with("/customer_order") {
                response.status = 200;
            }
        },
        "reevoo",
        "0001",
    );
    assert_eq!(found, ["1 status: 202, 200"]);
    // A header that is missing, and one that is another.
    let found = differences(
        &bench,
        |target, response| {
            if target.starts_with("/v4/") && response.status == 401 {
                response
                    .headers
                    .retain(|(name, _)| name != "www-authenticate");
                for (name, value) in &mut response.headers {
                    if name == "content-type" {
                        *value = "text/html".into();
                    }
                }
            }
        },
        "reevoo",
        "0015*",
    );
    assert_eq!(
        found[..2],
        [
            "1 header content-type: application/json, text/html",
            "1 header www-authenticate: Basic realm=\"Wharfinger\", nothing",
        ]
    );
}

#[test]
fn wrong_members_numbers_and_outcomes_are_named() {
    let bench = Bench::new();
    let found = differences(
        &bench,
        |target, response| {
            if target == "/v4/customer_orders" {
                replace(response, "\"accepted\":2", "\"accepted\":1");
            }
        },
        "reevoo",
        "0022*",
    );
    assert_eq!(found[0], "1 /summary/accepted: 2, 1");
    // A number's spelling: the same number, but not as it was sent.
    let found = differences(
        &bench,
        |target, response| {
            if target.starts_with("/api/") {
                replace(response, ":0.250", ":0.25");
            }
        },
        "gosweetspot",
        "0082*",
    );
    assert_eq!(found, ["2 /Results/0/products/0/unitkg: 0.250, 0.25"]);
    // An outcome less.
    let found = differences(
        &bench,
        |target, response| {
            if target.starts_with("/v1/batches") {
                let mut body = response.json();
                body["results"].as_array_mut().unwrap().pop();
                response.body = body.to_string().into_bytes();
            }
        },
        "native",
        "0001*",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("1 /results/1: {\"index\":1,\"key\":\"A-2\""),
        "{found:?}"
    );
    assert!(found[0].ends_with(", nothing"), "{found:?}");
}

#[test]
fn differences_are_shown_with_their_rule_and_as_junit() {
    let bench = Bench::new();
    let liar = Liar::start(bench.server.address, |target, response| {
        if target.ends_with("/customer_order") {
            // A control character makes it text that is no JSON.
            replace(response, "accepted", "<\u{1b}[31m&");
        }
    });
    let junit = bench.data.path().join("junit.xml");
    let options = ["--only", "000*", "--junit", junit.to_str().unwrap()];
    let output = bench.play(liar.address, "reevoo", &options);
    assert_eq!(output.status.code(), Some(3));
    let printed = text(&output.stdout);
    let case = "differs  reevoo/0001-one-order-is-accepted\n  step 1: POST /v4/organisations/TRK001/customer_order\n    \
        body: expected {\"status\":202,";
    assert!(printed.contains(case), "{printed}");
    let rule = "  rule: single submission: an order is accepted with 202 (https://developer.reevoo.com/reference/single-submission)\n";
    assert!(printed.contains(rule), "{printed}");
    assert!(
        !printed.contains('\u{1b}'),
        "control characters are escaped"
    );
    assert!(
        printed.lines().last().unwrap().starts_with("9 cases: "),
        "{printed}"
    );

    let script = "import sys, xml.etree.ElementTree as tree\n\
        suite = tree.parse(sys.argv[1]).getroot()\n\
        cases = suite.findall('testcase')\n\
        failed = [case.get('name') for case in cases if case.find('failure') is not None]\n\
        assert suite.get('tests') == str(len(cases)) and suite.get('failures') == str(len(failed)), suite.attrib\n\
        assert '<' in cases[0].find('failure').text\n\
        print(len(cases), failed[0])\n";
    let parsed = Command::new("python3")
        .args(["-c", script])
        .arg(&junit)
        .output()
        .unwrap();
    assert_eq!(
        text(&parsed.stdout),
        "9 0001-one-order-is-accepted\n",
        "{parsed:?}"
    );
}
