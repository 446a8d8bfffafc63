//! Files of orders, from the picker to the store.

mod forms;
mod organisations;
mod runs;
mod tables;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{NARROW, WIDE, open};
use crate::support::browser::Browser;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::{get, order};

/// A file in a folder of its own, which is removed with it.
struct Sample(TempDir, PathBuf);

impl Sample {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Self(folder, path)
    }

    fn path(&self) -> &Path {
        debug_assert!(self.0.path().exists());
        &self.1
    }
}

/// Chooses a file in the form, and sends the form.
fn upload(browser: &Browser, sample: &Sample) {
    let path = sample.path().to_str().unwrap();
    browser.find("#file").write(path);
    browser.find("form#upload button.main").click();
    browser.wait("location.pathname.startsWith('/console/upload/')");
}

/// Waits until a check or a sending is done, and returns its notice.
fn notice(browser: &Browser) -> String {
    let done = "document.querySelector('main .cards') && !document.querySelector('#run') &&
        document.querySelector('main > .notice').innerText";
    browser.wait(done).as_str().unwrap().to_owned()
}

/// A count of the page, such as `rejected`.
fn shown(browser: &Browser, name: &str) -> String {
    let selector = format!("[data-count={name}]");
    browser
        .find(&selector)
        .property("textContent")
        .as_str()
        .unwrap()
        .to_owned()
}

fn send(browser: &Browser) {
    browser.find("form[action$='/send'] button").click();
    browser.wait("document.querySelector('[aria-current=step]').innerText === 'Send'");
}

fn keys(server: &Server, organisation: &str) -> Vec<String> {
    let orders = get(
        server,
        &format!("/v1/orders?organisation={organisation}&limit=1000"),
    );
    let orders = orders["data"].as_array().unwrap().iter();
    let mut keys: Vec<_> = orders
        .map(|order| order["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}

fn some_orders() -> Vec<Value> {
    let mut wrong = order("C");
    wrong["customer"] = json!({"email": "nobody"});
    vec![order("A"), order("B"), wrong]
}

#[test]
fn a_file_is_checked_and_then_sent() {
    for (size, name, text) in [
        (
            WIDE,
            "orders.json",
            serde_json::to_string_pretty(&some_orders()).unwrap(),
        ),
        (
            NARROW,
            "orders.ndjson",
            some_orders()
                .iter()
                .map(|order| format!("{order}\n"))
                .collect(),
        ),
    ] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let browser = open(&server, size, "one", "/console/upload");
        let before = rows(data.path());
        upload(&browser, &Sample::new(name, text));
        assert_eq!(notice(&browser), "2 of 3 orders would be accepted.");
        browser.find_text("h1", name);
        assert_eq!(
            (shown(&browser, "accepted"), shown(&browser, "rejected")),
            ("2".into(), "1".into())
        );
        let fault = browser.find(".results > li").text();
        assert!(
            fault.contains("C\nrejected") && fault.contains("/customer/email"),
            "{fault}"
        );
        assert!(
            browser.find(".results .advice").text().contains('@'),
            "a hint"
        );
        browser.find(".tabs a + a").click();
        browser.wait("document.querySelectorAll('.results > li').length === 3");
        assert!(rows(data.path()) == before, "a check stores nothing");
        send(&browser);
        assert_eq!(
            notice(&browser),
            "The file was sent. 2 of 3 orders were accepted."
        );
        assert_eq!(keys(&server, "TRK001"), ["A", "B"]);
        let batch = browser.find(".files a").text();
        let receipt = get(&server, &format!("/v1/batches/{batch}"));
        assert_eq!(
            (&receipt["accepted"], &receipt["rejected"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(browser.errors(), Vec::<String>::new());
        // The content is gone, and the results are still there.
        assert_eq!(browser.count_shown("form[action$='/send']"), 0);
        browser.find("form[action$='/remove'] button").click();
        browser.wait("document.querySelector('form#upload')");
        assert_eq!(browser.count_shown(".files li"), 0);
    }
}

#[test]
fn a_compressed_file_is_read() {
    use std::io::Write;
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(json!([order("Z")]).to_string().as_bytes())
        .unwrap();
    let browser = open(&server, WIDE, "one", "/console/upload");
    upload(
        &browser,
        &Sample::new("orders.json.gz", encoder.finish().unwrap()),
    );
    assert_eq!(notice(&browser), "The order can be sent.");
    send(&browser);
    assert_eq!(notice(&browser), "The file was sent. 1 order was accepted.");
    assert_eq!(keys(&server, "TRK001"), ["Z"]);
}
