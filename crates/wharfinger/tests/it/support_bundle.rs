//! `wharfinger support-bundle`: what is in it, and above all what is not.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::database::{self, Database};
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, program, run};
use crate::support::v1;

/// A part of everything that must not get into a bundle.
const MARK: &str = "zq9mark";

/// The files of an archive.
fn unpacked(archive: &Path) -> BTreeMap<String, String> {
    let home = tempfile::tempdir().unwrap();
    let tar = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(home.path())
        .output();
    assert!(tar.as_ref().unwrap().status.success(), "{tar:?}");
    let folder = home.path().join("wharfinger-support");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), text)
    });
    files.collect()
}

/// A command that makes a bundle.
fn command(data: &DataDirectory, to: &Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.arg("support-bundle").arg("--to").arg(to);
    command.args(arguments);
    database::aim(&mut command, data.path());
    command
}

fn success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// The secret of a new key for all organisations.
fn new_key(path: &Path) -> String {
    let scopes = ["--scope", "admin", "--scope", "orders:write"];
    let create = ["key", "create", "--all-orgs", "--json"];
    let created = run(path, &[&create[..], &scopes].concat());
    success(&created);
    let key: Value = serde_json::from_slice(&created.stdout).unwrap();
    key["secret"].as_str().unwrap().to_owned()
}

/// Writes marked orders, customers, organisations, keys and destinations into a store, and makes the server log about them.
/// Returns what must not be in a bundle, besides what is marked.
fn fill(data: &DataDirectory, server: &Server) -> Vec<String> {
    let path = data.path();
    let code = format!("ORG-{MARK}");
    let name = format!("Anna {MARK} Tailor");
    success(&run(path, &["org", "create", &code, "--name", &name]));
    let secret = new_key(path);
    let bearer = format!("Bearer {secret}");
    let send = |method: &str, target: &str, body: String| {
        let request = Request::new(method, target).header("authorization", &*bearer);
        let request = request.header("content-type", "application/json");
        let request = request.header(
            "idempotency-key",
            format!("{MARK}-{method}{}", target.len()),
        );
        server.send(
            &request
                .header("x-request-id", format!("{MARK}-request"))
                .body(body),
        )
    };
    let email = format!("{MARK}@example.com");
    let mut order = v1::order(&format!("{MARK}-1"));
    order["customer"] = json!({ "email": email, "last_name": format!("Tailor{MARK}") });
    let mut rejected = v1::order(&format!("{MARK}-2"));
    rejected["placed_at"] = format!("{MARK}-no-date").into();
    let orders = json!([order, rejected]).to_string();
    // The server follows the new organisation and key within a second.
    let target = format!("/v1/batches?organisation={code}");
    let mut tries = 0;
    while send("POST", &target, orders.clone()).status != 207 {
        tries += 1;
        assert!(tries < 1_000_000, "the batch is not taken");
    }
    let customers = json!([{ "id": 1, "email": email, "first_name": format!("A{MARK}") }]);
    send(
        "POST",
        &format!("/v1/organisations/{code}/customers"),
        customers.to_string(),
    );
    let hook = json!({
        "kind": "webhook", "url": format!("https://{MARK}.example.com/{MARK}?token={MARK}"),
        "organisations": [code],
    });
    let made = send("POST", "/v1/destinations", hook.to_string());
    assert_eq!(made.status, 201, "{}", made.text());
    let signing = made.json()["secret"].as_str().unwrap().to_owned();
    let fails =
        format!("update destinations set state = 'disabled', reason = 'HTTP 500: dear {MARK}'");
    assert_eq!(Database::of(path).execute(&fails), 1);
    for target in [
        format!("/{MARK}"),
        format!("/v1/orders/{MARK}@example.com"),
        format!("/v1/batches?organisation={MARK}"),
    ] {
        send("POST", &target, "[]".into());
    }
    let wrong =
        Request::new("GET", "/v1/orders").header("authorization", format!("Bearer whf_{MARK}"));
    assert!(matches!(server.send(&wrong).status, 401 | 429));
    vec![secret, signing, secret_of("full"), secret_of("admin")]
}

/// A server that writes lines of JSON into a file.
fn logging_server(data: &DataDirectory, log: &Path) -> Server {
    Server::start_logging_to(data.path(), std::fs::File::create(log).unwrap().into())
}

#[test]
fn nothing_secret_and_nothing_personal_gets_into_a_bundle() {
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("server.log");
    let server = logging_server(&data, &log);
    let mut secrets = fill(&data, &server);
    if let Some(url) = database::url(data.path()) {
        let password = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'));
        let password = password.and_then(|(user, _)| user.split_once(':'));
        secrets.push(password.expect("the URL has a password").1.to_owned());
    }
    let url = format!("http://{}", server.address);
    let archive = home.path().join("bundle.tar.gz");
    // Lines that are no JSON, as a journal or a panic may add them.
    let own = format!(
        "\nplain {MARK}\nthread 'x' panicked at crates/wharfinger/src/lib.rs:7:9:\nwhy: {MARK}\n{{\"message\":\"from 203.0.113.9, {MARK}@example.com\",\"client\":\"{MARK}\",\"more\":{{\"a\":\"{MARK}\"}}}}\n"
    );
    let proxy = format!("http://{MARK}:{MARK}@proxy.example.com:3128/{MARK}");
    // The lines of the requests are on their way to the file until the server has ended; the metrics come from it before.
    let with_metrics = command(
        &data,
        &archive,
        &["--url", &url, "--destinations-proxy", &proxy],
    )
    .output()
    .unwrap();
    success(&with_metrics);
    let metrics = unpacked(&archive).remove("metrics.txt").unwrap();
    assert!(metrics.contains("wharfinger_orders_total"), "{metrics}");
    server.terminate();
    assert!(server.wait().0.success());
    let text = std::fs::read_to_string(&log).unwrap() + &own;
    assert!(
        text.contains(MARK),
        "the log names the organisation, at least"
    );
    std::fs::write(&log, text).unwrap();
    let second = home.path().join("second.tar.gz");
    let log_file = log.to_str().unwrap();
    let made = command(
        &data,
        &second,
        &[
            "--log-file",
            log_file,
            "--destinations-proxy",
            &proxy,
            "--listen",
            "127.0.0.1:1",
        ],
    );
    success(&{ made }.output().unwrap());
    for archive in [&archive, &second] {
        let mode = std::fs::metadata(archive).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for (name, text) in unpacked(archive) {
            assert!(!text.to_lowercase().contains(MARK), "{name}: {text}");
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{name} has {secret}");
            }
            assert!(!text.contains("203.0.113.9"), "{name}: {text}");
            // No organisation of the fixture either.
            assert!(!text.contains("TRK001"), "{name}: {text}");
        }
    }
    helps(&unpacked(&second));
}

/// What is in a bundle is of use.
fn helps(files: &BTreeMap<String, String>) {
    let names = Vec::from_iter(files.keys().map(String::as_str));
    assert_eq!(
        names,
        [
            "README",
            "doctor.json",
            "log.ndjson",
            "machine.json",
            "metrics.txt",
            "settings.json",
            "store.json"
        ]
    );
    let json = |name: &str| -> Value { serde_json::from_str(&files[name]).expect(name) };
    let settings = json("settings.json");
    assert_eq!(settings["queue_max"], 1_024);
    assert_eq!(
        settings["destinations_proxy"],
        "http://proxy.example.com:3128"
    );
    let store = json("store.json");
    assert_eq!(store["content"]["counts"]["organisations"], 5, "{store}");
    assert_eq!(
        store["content"]["counts"]["orders"][0]["orders"], 1,
        "{store}"
    );
    assert_eq!(store["content"]["destinations"][0]["state"], "disabled");
    let checks = json("doctor.json");
    let checks = checks["checks"].as_array().unwrap();
    let told = checks
        .iter()
        .find(|finding| finding["check"] == "destinations")
        .unwrap();
    assert!(told["message"].to_string().contains("disabled"), "{told}");
    let lines = files["log.ndjson"]
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = Vec::from_iter(lines);
    let served = lines
        .iter()
        .find(|line| line["status"] == 207)
        .expect("the batch is in the log");
    assert!(
        served["organisation"].as_str().unwrap().starts_with("org-"),
        "{served}"
    );
    assert!(
        served["duration_us"].is_number() && served["request_id"] == "<left out>",
        "{served}"
    );
    let panicked = lines
        .iter()
        .any(|line| line["message"] == "panicked at crates/wharfinger/src/lib.rs:7:9");
    assert!(panicked, "{lines:?}");
    assert_eq!(lines.last().unwrap()["lines_left_out"], 2, "{lines:?}");
    assert!(
        files["metrics.txt"].contains("could not be read"),
        "the server has ended"
    );
    assert!(files["README"].contains("Left out"));
}

#[test]
fn an_existing_file_is_not_overwritten_and_a_log_comes_from_standard_input() {
    let data = fixture::data_directory();
    let home = tempfile::tempdir().unwrap();
    let archive = home.path().join("bundle.tar.gz");
    std::fs::write(&archive, "mine").unwrap();
    let refused = command(&data, &archive, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("--to"),
        "{refused:?}"
    );
    assert_eq!(std::fs::read_to_string(&archive).unwrap(), "mine");

    let other = home.path().join("other.tar.gz");
    let mut from_input = command(&data, &other, &["--log-file", "-", "--json"]);
    let log = home.path().join("log");
    std::fs::write(
        &log,
        "Dec 01 host wharfinger[1]: {\"level\":\"WARN\",\"message\":\"slow\"}\n",
    )
    .unwrap();
    from_input.stdin(Stdio::from(std::fs::File::open(log).unwrap()));
    let made = from_input.output().unwrap();
    success(&made);
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(told["file"], other.to_str().unwrap());
    assert!(unpacked(&other)["log.ndjson"].contains("{\"level\":\"WARN\",\"message\":\"slow\"}"));
}

/// The store may be what is broken.
#[test]
fn without_a_store_there_is_a_bundle_that_says_so() {
    let home = tempfile::tempdir().unwrap();
    let archive = home.path().join("bundle.tar.gz");
    let mut command = program();
    command.arg("support-bundle").arg("--to").arg(&archive);
    command.arg("--data").arg(home.path().join("nowhere"));
    success(&command.output().unwrap());
    let files = unpacked(&archive);
    assert!(
        files["doctor.json"].contains("there is no store"),
        "{files:?}"
    );
    assert!(
        files["store.json"].contains("could not be read"),
        "{files:?}"
    );
}
