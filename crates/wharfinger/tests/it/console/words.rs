//! What pages say: of what does not exist, of forms that are wrong, and of what a form has done.

use serde_json::json;

use super::{Cookie, admin};
use crate::support::client::{Request, Response};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, run};
use crate::support::stored::rows;

/// A server, and an administrator who is signed in.
struct Site {
    data: DataDirectory,
    server: Server,
    cookie: Cookie,
    secret: String,
}

impl Site {
    fn open() -> Self {
        let data = fixture::data_directory();
        let (id, secret) = admin(data.path());
        let server = Server::start(data.path());
        let cookie = Cookie::of(&server, &id, &secret);
        Self {
            data,
            server,
            cookie,
            secret,
        }
    }

    fn get(&self, path: &str) -> Response {
        self.cookie.get(&self.server, path)
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &self.cookie.csrf(&self.server));
        form.extend_pairs(fields);
        let request = Request::new("POST", path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.server
            .send(&self.cookie.on(request).body(form.finish()))
    }

    fn api(&self, method: &str, target: &str, body: &serde_json::Value) -> Response {
        let request = Request::new(method, target).body(body.to_string());
        let key = format!("Bearer {}", self.secret);
        self.server.send(&request.header("authorization", key))
    }
}

#[test]
fn nothing_is_asked_about_what_does_not_exist() {
    let site = Site::open();
    let nobody = "019a0000-0000-7000-8000-000000000001";
    let before = rows(site.data.path());
    for path in [
        format!("/console/destinations/{nobody}/rotate"),
        format!("/console/destinations/{nobody}/replay"),
        format!("/console/destinations/{nobody}/delete"),
        format!("/console/orders/{nobody}/process"),
        "/console/keys/nobody/rotate".to_owned(),
        "/console/keys/nobody/revoke".to_owned(),
        format!("/console/held/{nobody}"),
    ] {
        let page = site.get(&path);
        assert_eq!(page.status, 404, "{path}: {}", page.text());
        assert!(!page.text().contains("button.danger"), "{path}");
    }
    assert!(before == rows(site.data.path()));
    // What exists is asked about, until it is revoked.
    let made = site.api(
        "POST",
        "/v1/keys",
        &json!({"organisations": ["TRK001"], "scopes": ["orders:read"]}),
    );
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let shown = site.api("GET", &format!("/v1/keys/{id}"), &json!({}));
    assert_eq!(shown.json()["scopes"], json!(["orders:read"]));
    assert!(
        shown
            .json()
            .get("secret")
            .is_none_or(serde_json::Value::is_null)
    );
    for question in ["rotate", "revoke"] {
        let page = site.get(&format!("/console/keys/{id}/{question}"));
        assert_eq!(page.status, 200, "{}", page.text());
    }
    assert_eq!(
        site.api("DELETE", &format!("/v1/keys/{id}"), &json!({}))
            .status,
        200
    );
    for question in ["rotate", "revoke"] {
        let page = site.get(&format!("/console/keys/{id}/{question}"));
        assert_eq!(page.status, 409, "{}", page.text());
        assert!(page.text().contains("This key is revoked"));
    }
}

#[test]
fn a_wrong_form_is_told_in_the_words_of_its_labels() {
    let site = Site::open();
    let before = rows(site.data.path());
    for (path, fields, words, name) in [
        (
            "/console/keys",
            &[("once", "a"), ("organisations", "TRK001, NONE")][..],
            "“Organisations”",
            "organisations[",
        ),
        ("/console/keys", &[("once", "b")], "“Scopes”", "scopes "),
        (
            "/console/destinations",
            &[("once", "c"), ("kind", "webhook"), ("url", "nonsense")],
            "“Address”",
            "url ",
        ),
        ("/console/organisations", &[("code", "")], "“Code”", "code "),
    ] {
        let page = site.post(path, fields);
        assert_eq!(page.status, 422, "{}", page.text());
        let notice = page
            .text()
            .split("role=\"alert\">")
            .nth(1)
            .unwrap_or_default();
        let notice = notice.split('<').next().unwrap_or_default();
        assert!(notice.contains(words), "{path}: {notice}");
        assert!(!notice.starts_with(name), "{path}: {notice}");
    }
    assert!(before == rows(site.data.path()), "nothing was stored");
}

/// A link cannot make another page say that something was done.
#[test]
fn what_was_done_is_said_on_its_page_only() {
    let site = Site::open();
    for (path, done, is_said) in [
        ("/console/destinations", "deleted", true),
        ("/console/destinations", "saved", false),
        ("/console/organisations/TRK001", "saved", true),
        ("/console/organisations/TRK001", "refused", false),
        ("/console/organisations/TRK001/rules", "saved", true),
        ("/console", "released", false),
        ("/console/keys", "deleted", false),
        ("/console/audit", "cancelled", false),
    ] {
        let page = site.get(&format!("{path}?done={done}"));
        assert_eq!(page.status, 200, "{path}");
        let says = page
            .text()
            .contains("<p class=\"notice good\" role=\"status\">");
        assert_eq!(says, is_said, "{path}?done={done}");
    }
}

#[test]
fn the_audit_log_reads_without_json() {
    let site = Site::open();
    let rules =
        json!([{"name": "abroad", "when": "size(order.lines) > 1", "sentence": "Look at it."}]);
    let set = site.api(
        "PUT",
        "/v1/organisations/TRK001/rules",
        &json!({"rules": rules}),
    );
    assert_eq!(set.status, 200, "{}", set.text());
    let page = site.get("/console/audit?kind=organisation");
    let text = page.text();
    assert!(text.contains("<bdi>abroad</bdi>"), "{text}");
    assert!(text.contains("size(order.lines) &gt; 1"), "{text}");
    let details = text.split("data-label=\"Details\"").nth(1).unwrap();
    let details = details.split("</td>").next().unwrap();
    assert!(
        !details.contains(['{', '[']) && !details.contains("&quot;"),
        "{details}"
    );
}

/// The API says that a destination fails in a field of its own, so that nobody reads sentences.
#[test]
fn a_destination_that_fails_says_since_when() {
    let site = Site::open();
    let url = "https://nobody.invalid/hook";
    let made = run(
        site.data.path(),
        &["destination", "create", "--url", url, "--json"],
    );
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    assert!(made["failing_since"].is_null(), "{made}");
    crate::support::v1::submit(&site.server, "TRK001", &[crate::support::v1::order("A")]);
    let target = format!("/v1/destinations/{id}");
    let failing = loop {
        let shown = site.api("GET", &target, &json!({})).json();
        if !shown["failing_since"].is_null() {
            break shown;
        }
    };
    assert_eq!(failing["state"], "active");
    assert_eq!(failing["hint"]["since"], failing["failing_since"]);
    let page = site.get("/console/destinations");
    assert!(page.text().contains(">failing<"), "{}", page.text());
    let pause = site.api("POST", &format!("{target}/pause"), &json!({}));
    assert!(pause.json()["failing_since"].is_null(), "{}", pause.text());
}
