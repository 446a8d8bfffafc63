//! The pages of destinations: making one of every kind, and how far it is behind.

use serde_json::{Value, json};

use super::orders::{assert_fits, picture};
use super::{Cookie, NARROW, WIDE, admin, show, sign_in_by_form, sign_in_with};
use crate::postgres::until;
use crate::support::browser::Browser;
use crate::support::client::{Request, Response};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::Server;
use crate::support::v1::{order, request, submit};

const NEW: &str = "/console/destinations/new";

struct Office {
    server: Server,
    id: String,
    secret: String,
    data: DataDirectory,
    _files: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let data = fixture::data_directory();
        let (id, secret) = admin(data.path());
        let files = tempfile::tempdir().unwrap();
        let options = [
            "--destinations-allow",
            "127.0.0.0/8",
            "--destinations-files",
            files.path().to_str().unwrap(),
        ];
        let server = Server::start_with(data.path(), &options);
        Self {
            server,
            id,
            secret,
            data,
            _files: files,
        }
    }

    fn get(&self, target: &str) -> Value {
        let request = Request::new("GET", target);
        let request = request.header("authorization", format!("Bearer {}", self.secret));
        let answer = self.server.send(&request);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    fn destinations(&self) -> Vec<Value> {
        self.get("/v1/destinations")["data"]
            .as_array()
            .unwrap()
            .clone()
    }

    fn post(&self, cookie: &Cookie, fields: &[(&str, &str)]) -> Response {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &cookie.csrf(&self.server));
        form.extend_pairs(fields);
        let request = Request::new("POST", "/console/destinations");
        self.server.send(&cookie.on(request).body(form.finish()))
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "the forms of four kinds")]
fn a_destination_of_every_kind_is_made() {
    let office = Office::open();
    let cookie = Cookie::of(&office.server, &office.id, &office.secret);
    let all = [("organisations", "TRK001"), ("start", "now")];
    let forms: [&[(&str, &str)]; 4] = [
        &[
            ("kind", "webhook"),
            ("url", "http://127.0.0.1:9/x"),
            ("signature", "v1a"),
            ("form", "native"),
        ],
        &[
            ("kind", "postgres"),
            ("url", "postgres://shop@127.0.0.1:9/shop"),
            ("password", "pass word"),
            ("schema", "orders"),
            ("ca", ""),
            ("form", "native"),
        ],
        &[
            ("kind", "nats"),
            ("url", "nats://127.0.0.1:9"),
            ("prefix", ""),
            ("stream", "SHOP"),
            ("create", "false"),
            ("token", "to ken"),
            ("form", "submitted"),
        ],
        &[
            ("kind", "files"),
            ("directory", "shop"),
            ("compression", "gzip"),
            ("interval_s", "5"),
            ("bytes_max", ""),
        ],
    ];
    for form in forms {
        let made = office.post(&cookie, &[form, &all].concat());
        let is_webhook = form[0].1 == "webhook";
        assert_eq!(
            made.status,
            if is_webhook { 200 } else { 303 },
            "{form:?}: {}",
            made.text()
        );
        assert!(
            !is_webhook || made.text().contains("whpk_"),
            "{}",
            made.text()
        );
    }
    let mut found = office.destinations();
    found.sort_by_key(|one| one["kind"].to_string());
    let of = |at: usize, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| found[at][name].clone()).collect()
    };
    assert_eq!(
        of(0, &["kind", "directory", "compression", "interval_s"]),
        [json!("files"), json!("shop"), json!("gzip"), json!(5)]
    );
    assert_eq!(
        of(1, &["kind", "stream", "create", "prefix"]),
        [
            json!("nats"),
            json!("SHOP"),
            json!(false),
            json!("wharfinger")
        ]
    );
    assert_eq!(
        of(2, &["kind", "schema", "organisations"]),
        [json!("postgres"), json!("orders"), json!(["TRK001"])]
    );
    assert_eq!(
        of(3, &["kind", "form"]),
        [json!("webhook"), json!("native")]
    );
    // Secrets are not shown again, and what only webhooks have is not offered.
    for one in &found {
        let page = cookie.get(
            &office.server,
            &format!("/console/destinations/{}", one["id"].as_str().unwrap()),
        );
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("pass word") && !page.text().contains("to ken"));
        assert_eq!(
            page.text().contains("Rotate the secret"),
            one["kind"] == "webhook"
        );
    }
    // What was written stays beside what is wrong with it, but for secrets.
    let wrong = [
        ("kind", "nats"),
        ("url", "http://x"),
        ("stream", "<b>"),
        ("token", "hidden word"),
    ];
    let refused = office.post(&cookie, &wrong);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(
        refused.text().contains("value=\"&lt;b&gt;\"") && !refused.text().contains("hidden word")
    );
    let number = [
        ("kind", "files"),
        ("directory", "shop"),
        ("interval_s", "soon"),
    ];
    assert_eq!(office.post(&cookie, &number).status, 422);
    assert_eq!(office.destinations().len(), 4);
}

#[test]
fn a_person_chooses_a_kind_and_sees_how_far_it_is_behind() {
    let office = Office::open();
    let browsers = [
        Browser::start(WIDE.0, WIDE.1),
        Browser::start_without_scripts(NARROW.0, NARROW.1),
    ];
    submit(&office.server, "TRK001", &[order("A"), order("B")]);
    for browser in browsers {
        show(&browser, &office.server, "/console/destinations");
        sign_in_with(&browser, &office.id, &office.secret);
        browser
            .find("main a[href='/console/destinations/new']")
            .click();
        browser.find("main a[href$='kind=files']").click();
        browser.find_text("h1", "New destination: Files");
        assert_fits(&browser);
        browser.find("main a[href$='kind=webhook']").click();
        browser.find("[name=url]").fill("http://127.0.0.1:9/x");
        browser.find("[name=start]").choose("beginning");
        browser.labelled("main", "Make the destination").click();
        browser.find(".secret code");
        let found = office.destinations();
        let id = found.last().unwrap()["id"].as_str().unwrap().to_owned();
        let lag = format!("/v1/destinations/{id}/lag");
        until("the lag is measured", || {
            let minutes = office.get(&lag)["data"].as_array().unwrap().clone();
            minutes
                .last()
                .is_some_and(|minute| minute["events"].as_u64() > Some(0))
        });
        show(
            &browser,
            &office.server,
            &format!("/console/destinations/{id}"),
        );
        // Nothing answers there: it is active, and does not work.
        until("every attempt fails", || {
            let shown = office.get(&format!("/v1/destinations/{id}"));
            let what = shown["hint"]["what"].as_str();
            what.is_some_and(|what| what.starts_with("every attempt fails"))
        });
        show(
            &browser,
            &office.server,
            &format!("/console/destinations/{id}"),
        );
        assert_eq!(browser.find(".subtitle .label").text(), "failing");
        assert!(!browser.find("main").text().contains("os error"));
        let most = browser.find(".plot .legend b").text();
        assert_ne!(most, "0");
        browser.find(".plot summary").click();
        let rows = browser.find(".plot tbody").text();
        assert!(rows.contains(&most), "{rows}");
        picture(&browser, &format!("destination-{}", most.len()));
        assert_fits(&browser);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

/// A key gets no form whose sending is refused, and the server as a whole is seen only by keys for all organisations.
#[test]
fn pages_of_administrators_are_refused_as_the_api_refuses() {
    let office = Office::open();
    let full = sign_in_by_form(&office.server, "full");
    let refused = office.server.send(&request("GET", "/v1/keys", "full"));
    assert_eq!(refused.status, 403);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    for page in [
        NEW,
        "/console/destinations/x/rotate",
        "/console/destinations/x/replay",
        "/console/destinations/x/delete",
        "/console/keys/new",
        "/console/keys/x/rotate",
        "/console/keys/x/revoke",
        "/console/organisations/new",
    ] {
        let shown = full.get(&office.server, page);
        assert_eq!(shown.status, 403, "{page}");
        assert!(
            shown.text().contains(&maud_escaped(&detail)),
            "{page}: {}",
            shown.text()
        );
        assert!(
            !shown
                .text()
                .contains("method=\"post\" action=\"/console/keys"),
            "{page}"
        );
    }
    let one = of_one(&office);
    let page = one.get(&office.server, "/console/server");
    assert_eq!(page.status, 403);
    assert!(!page.text().contains("waiting for the store"));
    assert!(
        !page.text().contains("href=\"/console/server\"")
            && page.text().contains("href=\"/console/keys\"")
    );
    let page = one.get(&office.server, "/console/organisations");
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("/console/organisations/new"));
    assert_eq!(one.get(&office.server, NEW).status, 200);
    let chief = Cookie::of(&office.server, &office.id, &office.secret);
    assert_eq!(chief.get(&office.server, "/console/server").status, 200);
}

/// A person with a key that administers one organisation.
fn of_one(office: &Office) -> Cookie {
    let create = [
        "key",
        "create",
        "--org",
        "TRK001",
        "--scope",
        "admin",
        "--scope",
        "orders:read",
        "--json",
    ];
    let made = crate::support::server::run(office.data.path(), &create);
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    until("the server knows the key", || {
        let request = Request::new("GET", "/v1/limits");
        let key = format!("Bearer {}", made["secret"].as_str().unwrap());
        office
            .server
            .send(&request.header("authorization", key))
            .status
            == 200
    });
    Cookie::of(
        &office.server,
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    )
}

#[test]
fn a_key_made_without_naming_organisations_has_those_of_its_maker() {
    let office = Office::open();
    let one = of_one(&office);
    let form = format!("csrf={}&scope=orders:read", one.csrf(&office.server));
    let made = Request::new("POST", "/console/keys");
    let made = office.server.send(&one.on(made).body(form));
    assert_eq!(made.status, 200, "{}", made.text());
    let keys = office.get("/v1/keys");
    let keys = keys["data"].as_array().unwrap();
    let is_like = |key: &&Value| {
        key["scopes"] == json!(["orders:read"]) && key["organisations"] == json!(["TRK001"])
    };
    assert!(keys.iter().any(|key| is_like(&key)), "{keys:?}");
}

/// A text as it stands in a page.
fn maud_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
