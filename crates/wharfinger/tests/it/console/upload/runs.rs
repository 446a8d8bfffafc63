//! A sending that takes its time: reloads, stops, ends of sessions.

use serde_json::Value;

use super::super::{Cookie, WIDE, sign_in_request};
use super::{Sample, notice, send, upload};
use crate::support::browser::Browser;
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::v1::get;

/// A key of one organisation that may send only so many orders a second. Returns its id and its secret.
fn slow_key(data: &std::path::Path) -> (String, String) {
    let command = [
        "key",
        "create",
        "--org",
        "TRK001",
        "--scope",
        "orders:write",
        "--scope",
        "orders:read",
        "--orders-per-second",
        "200",
        "--json",
    ];
    let output = run(data, &command);
    assert!(output.status.success(), "{output:?}");
    let key: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

fn sign_in(browser: &Browser, (id, secret): &(String, String)) {
    browser.find("[name=id]").fill(id);
    browser.find("[name=secret]").fill(secret);
    browser.find("main button").click();
    browser.wait("document.querySelector('.side nav')");
}

/// A file of 3,000 orders, which such a key sends in three parts.
fn many() -> Sample {
    let line = |at: usize| format!("{}\n", crate::support::v1::order(&format!("K-{at}")));
    Sample::new("many.ndjson", (0..3_000).map(line).collect::<String>())
}

fn stored(server: &Server) -> u64 {
    let batches = get(server, "/v1/batches?organisation=TRK001&limit=1000");
    let batches = batches["data"].as_array().unwrap().iter();
    batches
        .map(|batch| batch["accepted"].as_u64().unwrap())
        .sum()
}

/// Waits until a sending is in its middle.
fn wait_for_the_middle(browser: &Browser) {
    browser.wait("/Waiting, because/.test(document.querySelector('#run [data-waits]')?.innerText)
        && Number(document.querySelector('[data-count=accepted]').textContent.replace(',', '')) >= 1000");
}

#[test]
fn a_sending_survives_reloads_and_can_be_stopped_and_continued() {
    let data = fixture::data_directory();
    let key = slow_key(data.path());
    let server = Server::start(data.path());
    let browser = Browser::start(WIDE.0, WIDE.1);
    super::super::show(&browser, &server, "/console/upload");
    sign_in(&browser, &key);
    upload(&browser, &many());
    assert_eq!(notice(&browser), "All 3,000 orders can be sent.");
    send(&browser);
    wait_for_the_middle(&browser);
    browser.run("location.reload()", &[]);
    wait_for_the_middle(&browser);
    super::super::show(&browser, &server, "/console/upload");
    assert!(browser.find(".files li").text().contains("Sending"));
    browser.find(".files a").click();
    wait_for_the_middle(&browser);
    browser.find("form[action$='/stop'] button").click();
    let said = notice(&browser);
    assert!(said.contains("You stopped it."), "{said}");
    let part = stored(&server);
    assert!((1_000..3_000).contains(&part), "{part}");
    browser.find("form[action$='/send'] button").click();
    browser.wait("document.querySelector('#run')");
    assert_eq!(
        notice(&browser),
        "The file was sent. 3,000 orders were accepted."
    );
    assert_eq!(stored(&server), 3_000, "nothing is stored twice");
}

#[test]
fn a_sending_ends_with_the_session() {
    let data = fixture::data_directory();
    let key = slow_key(data.path());
    let server = Server::start(data.path());
    let browser = Browser::start(WIDE.0, WIDE.1);
    super::super::show(&browser, &server, "/console/upload");
    sign_in(&browser, &key);
    upload(&browser, &many());
    notice(&browser);
    send(&browser);
    wait_for_the_middle(&browser);
    browser.find(".leave button").click();
    browser.wait("document.querySelector('[name=secret]')");
    // The same key comes back.
    sign_in(&browser, &key);
    super::super::show(&browser, &server, "/console/upload");
    browser.find(".files a").click();
    let said = notice(&browser);
    assert!(
        said.contains("Your session has ended, or the key was revoked."),
        "{said}"
    );
    assert!(stored(&server) < 3_000);
    browser.find("form[action$='/send'] button").click();
    browser.wait("document.querySelector('#run')");
    assert_eq!(
        notice(&browser),
        "The file was sent. 3,000 orders were accepted."
    );
    assert_eq!(stored(&server), 3_000);
}

#[test]
fn a_sending_ends_with_the_key() {
    let data = fixture::data_directory();
    let key = slow_key(data.path());
    let server = Server::start(data.path());
    let browser = Browser::start(WIDE.0, WIDE.1);
    super::super::show(&browser, &server, "/console/upload");
    sign_in(&browser, &key);
    upload(&browser, &many());
    notice(&browser);
    send(&browser);
    wait_for_the_middle(&browser);
    let revoked = run(data.path(), &["key", "revoke", &key.0]);
    assert!(revoked.status.success(), "{revoked:?}");
    // The page leads to the form for signing in, and the key cannot.
    browser.wait("document.querySelector('[name=secret]')");
    assert!(stored(&server) < 3_000);
    let form = sign_in_request();
    let answer = server.send(&form.body(format!("id={}&secret={}", key.0, key.1)));
    assert_eq!(answer.status, 401);
}

#[test]
fn another_key_does_not_see_a_file() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let one = super::super::sign_in_by_form(&server, "one");
    let path = super::forms::post_file(&server, &one, "a.json", b"[]");
    assert_eq!(one.get(&server, &path).status, 200);
    let other: Cookie = super::super::sign_in_by_form(&server, "other");
    for below in ["", "/progress", "/mapping.toml"] {
        assert_eq!(
            other.get(&server, &format!("{path}{below}")).status,
            404,
            "{below}"
        );
    }
    let csrf = other.csrf(&server);
    for below in ["/check", "/send", "/stop", "/remove", "/columns"] {
        let form = Request::new("POST", &format!("{path}{below}"));
        let answer = server.send(&other.on(form).body(format!("csrf={csrf}")));
        assert_eq!(answer.status, 404, "{below}");
    }
    assert_eq!(one.get(&server, &path).status, 200);
    assert!(
        !other
            .get(&server, "/console/upload")
            .text()
            .contains("a.json")
    );
}
