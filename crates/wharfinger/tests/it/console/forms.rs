//! Forms: a session that ends in the middle of one loses nothing, and no other site can send one.

use serde_json::json;

use super::{Cookie, NARROW, WIDE, open, show, sign_in_by_form, sign_in_request};
use crate::support::client::Request;
use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{get, order, submit};

/// The id of a rejected order of TRK001.
fn rejection(server: &Server) -> String {
    let mut wrong = order("R-1");
    wrong["lines"][0]["quantity"] = json!(-1);
    let (answer, _) = submit(server, "TRK001", &[wrong]);
    assert_eq!(answer.status, 422, "{}", answer.text());
    let listed = get(server, "/v1/rejections?organisation=TRK001");
    listed["data"][0]["id"].as_str().unwrap().to_owned()
}

/// The state of a rejected order, and the note that dismissed it.
fn state(server: &Server, id: &str) -> (String, String) {
    let shown = get(server, &format!("/v1/rejections/{id}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (text(&shown["status"]), text(&shown["dismissed"]["note"]))
}

fn open_state() -> (String, String) {
    ("open".to_owned(), String::new())
}

#[test]
fn a_session_that_ends_in_the_middle_of_a_form_loses_nothing() {
    let note = "Line one <b>&amp; \"ü\" 'x' \u{202e}y";
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let id = rejection(&server);
        let page = format!("/console/rejections/{id}");
        let browser = open(&server, size, "full", &page);
        let fill = "const field = document.querySelector('form[action$=\"/dismiss\"] [name=note]');
            field.value = arguments[0]; field.form.querySelector('[type=submit]').click()";
        let fill = |note: &str| browser.run(fill, &[note.into()]);
        let mut database = Database::of(data.path());
        database.run("delete from console_sessions");
        browser.find("form[action$='/dismiss'] [name=note]");
        fill(note);
        let told = browser.find("[role=alert]").text();
        assert!(told.contains("Your session has ended"), "{told}");
        assert_eq!(state(&server, &id), open_state());
        // A wrong secret loses nothing either.
        browser.find("[name=id]").fill("full");
        browser.find("[name=secret]").fill("wrong");
        browser.find("main button").click();
        browser.wait("document.querySelector('[role=alert]').textContent.includes('wrong')");
        browser.find("[name=id]").fill("full");
        browser
            .find("[name=secret]")
            .fill(&fixture::secret_of("full"));
        browser.find("main button").click();
        browser.wait("document.querySelector('h1').textContent === 'Send this form?'");
        let shown = browser.find("main pre").property("textContent");
        assert_eq!(shown, json!(note.replace('\u{202e}', "\\u202e")));
        assert_eq!(state(&server, &id), open_state());
        browser.find("main button").click();
        browser.wait_with("location.pathname === given[0]", &[page.into()]);
        let expected = ("dismissed".to_owned(), note.to_owned());
        assert_eq!(state(&server, &id), expected);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn a_form_of_an_earlier_session_is_shown_before_it_is_sent() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejection(&server);
    let page = format!("/console/rejections/{id}");
    let browser = open(&server, WIDE, "full", &page);
    let form = browser.find("form[action$='/dismiss'] [name=csrf]");
    // In another tab, the person signs in again.
    let again = "await fetch('/console/sign-in', { method: 'POST', redirect: 'manual',
        headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'id=full&secret=full-secret' })";
    browser.run_async(again);
    let submit = "document.querySelector('form[action$=\"/dismiss\"] [type=submit]').click()";
    assert!(!form.value().is_empty());
    browser.run(submit, &[]);
    browser.wait("document.querySelector('h1').textContent === 'Send this form?'");
    assert_eq!(state(&server, &id), open_state());
    browser.find("main button").click();
    browser.wait_with("location.pathname === given[0]", &[page.clone().into()]);
    assert_eq!(state(&server, &id).0, "dismissed");
    show(&browser, &server, "/console");
    browser.find(".side nav");
}

/// Each of these changes nothing.
#[test]
fn a_form_without_the_token_is_refused_and_changes_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejection(&server);
    let target = format!("/console/rejections/{id}/dismiss");
    let cookie = sign_in_by_form(&server, "full");
    let other = sign_in_by_form(&server, "full");
    let send = |cookie: Option<&Cookie>, csrf: &str, site: Option<&str>| {
        let mut request = Request::new("POST", &target).body(format!("note=x&csrf={csrf}"));
        if let Some(cookie) = cookie {
            request = cookie.on(request);
        }
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        server.send(&request).status
    };
    let csrf = cookie.csrf(&server);
    for (cookie, csrf, site, status) in [
        (Some(&cookie), "", None, 403),
        (Some(&cookie), "wrong", None, 403),
        (Some(&cookie), other.csrf(&server).as_str(), None, 403),
        (Some(&cookie), &csrf, Some("cross-site"), 403),
        (Some(&cookie), &csrf, Some("same-site"), 403),
        (None, &csrf, None, 303),
        (None, &csrf, Some("cross-site"), 403),
        (None, &csrf, Some("same-origin"), 401),
    ] {
        assert_eq!(send(cookie, csrf, site), status, "{csrf} {site:?}");
        assert_eq!(state(&server, &id), open_state());
    }
    // A module's request needs the token in a field, and reads need none.
    let dismiss = format!("/console/api/v1/rejections/{id}/dismiss");
    let request = Request::new("POST", &dismiss).header("content-type", "application/json");
    let request = cookie.on(request).body("{}");
    assert_eq!(server.send(&request).status, 403);
    let wrong = request.clone().header("x-csrf-token", "wrong");
    assert_eq!(server.send(&wrong).status, 403);
    assert_eq!(state(&server, &id), open_state());
    let read = cookie.get(&server, &format!("/console/api/v1/rejections/{id}"));
    assert_eq!(read.status, 200);
    let unknown = Request::new("GET", &format!("/console/api/v1/rejections/{id}"));
    assert_eq!(server.send(&unknown).status, 401);
    let right = request.header("x-csrf-token", csrf.as_str());
    assert_eq!(server.send(&right).status, 200);
    assert_eq!(state(&server, &id).0, "dismissed");
}

/// Another tenant's pages do not exist, and its forms change nothing.
#[test]
fn another_tenants_form_does_not_exist() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejection(&server);
    let other = sign_in_by_form(&server, "other");
    let page = format!("/console/rejections/{id}");
    assert_eq!(other.get(&server, &page).status, 404);
    let form = Request::new("POST", &format!("{page}/dismiss"));
    let form = form.body(format!("note=x&csrf={}", other.csrf(&server)));
    assert_eq!(server.send(&other.on(form)).status, 404);
    assert_eq!(state(&server, &id), open_state());
}

/// Names of fields can be anything; they come back as they were.
#[test]
fn hostile_fields_are_kept_as_they_are() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejection(&server);
    let target = format!("/console/rejections/{id}/dismiss");
    let hostile = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E=%22%3E%3Cimg+src%3Dx%3E&kept.a=b&form=%2F%2Fevil&id=x&csrf=y";
    let request = Request::new("POST", &target).body(hostile);
    let page = server.send(&request.header("sec-fetch-site", "same-origin"));
    assert_eq!(page.status, 401);
    let text = page.text();
    assert!(
        !text.contains("<script>") && !text.contains("<img"),
        "{text}"
    );
    for kept in [
        r#"name="kept.&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" value="&quot;&gt;&lt;img src=x&gt;""#,
        r#"name="kept.kept.a" value="b""#,
        r#"name="kept.form" value="//evil""#,
        r#"name="kept.id" value="x""#,
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    // What is carried along leads to the console only.
    let body = "id=full&secret=full-secret&form=%2F%2Fevil.example%2F&kept.a=b";
    let again = server.send(&sign_in_request().body(body));
    assert_eq!(again.status, 200);
    assert!(
        again
            .text()
            .contains(r#"<form method="post" action="/console">"#),
        "{}",
        again.text()
    );
    for next in [
        "%2F%2Fevil.example",
        "https%3A%2F%2Fevil.example",
        "%2Fconsole%2F..%2Fv1",
    ] {
        let body = format!("id=full&secret=full-secret&next={next}");
        let entered = server.send(&sign_in_request().body(body));
        assert_eq!(entered.header("location"), Some("/console"), "{next}");
    }
    let large = format!("note={}", "x".repeat(4 << 20));
    let request = Request::new("POST", &target).body(large);
    let refused = server.send(&request.header("sec-fetch-site", "same-origin"));
    assert_eq!(refused.status, 413);
}
