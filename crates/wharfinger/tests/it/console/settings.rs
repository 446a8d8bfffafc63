//! Keys, organisations, the catalogue, destinations, the audit log and the server.

use serde_json::{Value, json};

use super::orders::assert_fits;
use super::{Cookie, NARROW, WIDE, admin, show, sign_in_by_form};
use crate::support::browser::Browser;
use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::Server;

/// The second value of a page with a secret, which is the secret of a new key.
const SECRET: &str = ".secret code ~ code";

/// A browser in which an administrator is signed in, at a page.
fn office(
    server: &Server,
    size: (u32, u32),
    (id, secret): &(String, String),
    path: &str,
) -> Browser {
    let browser = Browser::start(size.0, size.1);
    show(&browser, server, path);
    browser.find("[name=id]").fill(id);
    browser.find("[name=secret]").fill(secret);
    browser.find("main button").click();
    browser.wait("document.querySelector('.side nav')");
    browser
}

/// Sends a form as a browser without scripts does.
fn post(server: &Server, cookie: &Cookie, path: &str, fields: &[(&str, &str)]) -> Response {
    let csrf = cookie.csrf(server);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("csrf", &csrf).extend_pairs(fields);
    let request = Request::new("POST", path);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    server.send(&cookie.on(request).body(form.finish()))
}

fn with_secret(server: &Server, secret: &str, target: &str) -> Response {
    let request = Request::new("GET", target);
    server.send(&request.header("authorization", format!("Bearer {secret}")))
}

#[test]
fn a_key_is_made_used_rotated_and_revoked() {
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let chief = admin(data.path());
        let server = Server::start(data.path());
        let browser = office(&server, size, &chief, "/console/keys/new");
        browser.find("[name=organisations]").fill("TRK001, TRK002");
        browser.find("[name=expires_in]").fill("soon");
        browser.find("main button.main").click();
        // What was written is still there beside the fault.
        browser
            .wait("document.querySelector('.notice.bad')?.innerText.includes('“Expires after”')");
        assert_eq!(
            browser.find("[name=organisations]").value(),
            "TRK001, TRK002"
        );
        browser.find("[name=expires_in]").fill("90d");
        browser.find("main button.main").click();
        browser.wait("document.querySelectorAll('.secret code').length === 2");
        let id = browser.find(".secret code").text();
        let secret = browser.find(SECRET).text();
        assert_eq!(
            with_secret(&server, &secret, "/v1/orders?organisation=TRK001").status,
            200
        );
        // The same form again makes no second key.
        let count = |browser: &Browser| {
            browser.run("return document.querySelectorAll('tbody tr').length", &[])
        };
        browser.run("location.reload()", &[]);
        browser.wait("document.querySelector('h1').innerText === 'Keys'");
        let keys = count(&browser);
        let page = browser.find("main").property("textContent");
        assert!(
            !page.as_str().unwrap().contains(&secret),
            "a secret is shown once"
        );
        browser.find(&format!("[aria-label='Rotate {id}']")).click();
        browser.find("button.danger").click();
        browser.wait("document.querySelectorAll('.secret code').length === 2");
        let newer = browser.find(SECRET).text();
        assert_ne!(newer, secret);
        assert_eq!(with_secret(&server, &secret, "/v1/limits").status, 401);
        assert_eq!(with_secret(&server, &newer, "/v1/limits").status, 200);
        show(&browser, &server, "/console/keys");
        browser.find(&format!("[aria-label='Revoke {id}']")).click();
        browser.wait("document.querySelector('h1').innerText === 'Revoke this key?'");
        assert_eq!(
            with_secret(&server, &newer, "/v1/limits").status,
            200,
            "it asks first"
        );
        browser.find("button.danger").click();
        browser.wait(
            "document.querySelector('.notice.good')?.innerText.startsWith('The key was revoked')",
        );
        assert_eq!(with_secret(&server, &newer, "/v1/limits").status, 401);
        assert_eq!(count(&browser), keys);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk of a person, step by step")]
fn an_organisation_is_made_and_its_catalogue_filled() {
    let data = fixture::data_directory();
    let chief = admin(data.path());
    let server = Server::start(data.path());
    let cookie = Cookie::of(&server, &chief.0, &chief.1);
    let evil = "<script>alert(1)</script>";
    let fields = |code: &'static str| {
        vec![
            ("code", code),
            ("name", evil),
            ("customer_orders_enabled", "true"),
            ("catalogue", "enforced"),
            ("time_zone", "Europe/Berlin"),
            ("list_sort", "desc"),
        ]
    };
    let refused = post(&server, &cookie, "/console/organisations", &fields("a b"));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("&lt;script&gt;") && !refused.text().contains(evil));
    let made = post(&server, &cookie, "/console/organisations", &fields("SHOP9"));
    assert_eq!(made.status, 303, "{}", made.text());
    let read = |target: &str| -> Value { with_secret(&server, &chief.1, target).json() };
    let shop = read("/v1/organisations/SHOP9");
    assert_eq!(
        (&shop["catalogue"], &shop["time_zone"]),
        (&json!("enforced"), &json!("Europe/Berlin"))
    );
    let changed = [
        ("name", "Nine"),
        ("catalogue", "open"),
        ("time_zone", "UTC"),
        ("list_sort", "asc"),
    ];
    assert_eq!(
        post(&server, &cookie, "/console/organisations/SHOP9", &changed).status,
        303
    );
    let shop = read("/v1/organisations/SHOP9");
    assert_eq!(
        (&shop["name"], &shop["customer_orders_enabled"]),
        (&json!("Nine"), &json!(false))
    );
    assert_eq!(
        post(&server, &cookie, "/console/organisations/NONE", &changed).status,
        404
    );
    // Products and customers.
    let table = "sku;name;stock;price;currency\nT-1;Tea;12;55.10;GBP\nT-2;Mug;x;;\n";
    let paste = [("organisation", "SHOP9"), ("entries", table)];
    let loaded = post(&server, &cookie, "/console/catalogue", &paste);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert!(
        loaded
            .text()
            .contains("2 received: 1 created, 0 updated, 0 unchanged, 1 rejected."),
        "{}",
        loaded.text()
    );
    let products = read("/v1/organisations/SHOP9/products");
    assert_eq!(products["data"][0]["price"], "55.10");
    assert_eq!(products["data"][0]["stock"], 12);
    let page = cookie.get(&server, "/console/catalogue?organisation=SHOP9&sku=T-1");
    assert!(page.text().contains("55.10 GBP"), "{}", page.text());
    let paste = [
        ("organisation", "SHOP9"),
        ("entries", "{\"id\":7,\"email\":\"a@b.example\"}"),
    ];
    assert_eq!(
        post(&server, &cookie, "/console/customers", &paste).status,
        200
    );
    assert_eq!(
        read("/v1/organisations/SHOP9/customers")["data"][0]["id"],
        7
    );
    let wrong = [("organisation", "SHOP9"), ("entries", "id,email\n1,2,3\n")];
    assert_eq!(
        post(&server, &cookie, "/console/customers", &wrong).status,
        422
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk of a person, step by step")]
fn a_destination_is_made_tested_paused_and_deleted() {
    let data = fixture::data_directory();
    let chief = admin(data.path());
    let allow = ["--destinations-allow", "127.0.0.0/8"];
    let server = Server::start_with(data.path(), &allow);
    let cookie = Cookie::of(&server, &chief.0, &chief.1);
    let fields = [
        ("url", "http://127.0.0.1:9/x"),
        ("organisations", "TRK001"),
        ("events", "order.accepted"),
        ("start", "now"),
        ("once", "abc"),
    ];
    let refused = post(
        &server,
        &cookie,
        "/console/destinations",
        &[("url", "nothing")],
    );
    assert_eq!(refused.status, 422, "{}", refused.text());
    let made = post(&server, &cookie, "/console/destinations", &fields);
    assert_eq!(made.status, 200, "{}", made.text());
    assert!(made.text().contains("whsec_"), "{}", made.text());
    let again = post(&server, &cookie, "/console/destinations", &fields);
    assert_eq!(again.status, 303, "{}", again.text());
    let read = |target: &str| -> Value { with_secret(&server, &chief.1, target).json() };
    let all = read("/v1/destinations");
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "{all}");
    let id = all["data"][0]["id"].as_str().unwrap();
    let path = format!("/console/destinations/{id}");
    assert!(
        cookie
            .get(&server, &path)
            .text()
            .contains("http://127.0.0.1:9/x")
    );
    let tested = post(&server, &cookie, &format!("{path}/test"), &[]);
    assert!(
        tested.status == 200 && tested.text().contains("no answer"),
        "{}",
        tested.text()
    );
    assert_eq!(
        post(&server, &cookie, &format!("{path}/pause"), &[]).status,
        303
    );
    assert_eq!(read(&format!("/v1/destinations/{id}"))["state"], "paused");
    assert_eq!(
        post(&server, &cookie, &format!("{path}/resume"), &[]).status,
        303
    );
    assert_eq!(read(&format!("/v1/destinations/{id}"))["state"], "active");
    let bad = [("from", "time"), ("time", "yesterday")];
    assert_eq!(
        post(&server, &cookie, &format!("{path}/replay"), &bad).status,
        422
    );
    assert_eq!(
        post(
            &server,
            &cookie,
            &format!("{path}/replay"),
            &[("from", "beginning")]
        )
        .status,
        303
    );
    assert!(
        post(&server, &cookie, &format!("{path}/rotate"), &[])
            .text()
            .contains("whsec_")
    );
    // Asking deletes nothing.
    assert_eq!(cookie.get(&server, &format!("{path}/delete")).status, 200);
    assert_eq!(cookie.get(&server, &path).status, 200);
    assert_eq!(
        post(&server, &cookie, &format!("{path}/delete"), &[]).status,
        303
    );
    assert_eq!(cookie.get(&server, &path).status, 404);
}

#[test]
fn the_audit_log_is_filtered() {
    let data = fixture::data_directory();
    let chief = admin(data.path());
    let server = Server::start(data.path());
    let cookie = Cookie::of(&server, &chief.0, &chief.1);
    for name in ["one", "two"] {
        let changed = [("name", name), ("customer_orders_enabled", "true")];
        assert_eq!(
            post(&server, &cookie, "/console/organisations/TRK001", &changed).status,
            303
        );
    }
    let entries = |query: &str| -> Vec<Value> {
        let answer = with_secret(&server, &chief.1, &format!("/v1/audit?{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].as_array().unwrap().clone()
    };
    let by_key = entries(&format!("key_id={}", chief.0));
    assert_eq!(by_key.len(), 2, "{by_key:?}");
    assert!(by_key.iter().all(|entry| entry["who"] == chief.0.as_str()));
    let newest = by_key[0]["at"].as_str().unwrap();
    assert_eq!(
        entries(&format!("key_id={}&until={newest}", chief.0)).len(),
        1
    );
    assert_eq!(
        entries(&format!("key_id={}&since={newest}", chief.0)).len(),
        1
    );
    let keys = entries("kind=key");
    assert!(
        !keys.is_empty()
            && keys
                .iter()
                .all(|entry| entry["action"].as_str().unwrap().starts_with("key."))
    );
    assert!(entries("action=key.created").len() <= keys.len());
    assert!(
        entries("organisation=TRK001")
            .iter()
            .all(|entry| entry["subject"] == "TRK001")
    );
    // Page by page, nothing is left out and nothing comes twice.
    let mut walked = Vec::new();
    let mut after = String::new();
    loop {
        let target = format!("/v1/audit?kind=organisation&limit=1{after}");
        let page: Value = with_secret(&server, &chief.1, &target).json();
        walked.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(walked, entries("kind=organisation"));
    let page = cookie.get(&server, &format!("/console/audit?key_id={}", chief.0));
    assert_eq!(
        page.text().matches("organisation.changed").count(),
        2,
        "{}",
        page.text()
    );
    let wrong = cookie.get(&server, "/console/audit?from=yesterday");
    assert!(wrong.text().contains("role=\"alert\""), "{}", wrong.text());
}

#[test]
fn the_server_shows_what_it_does() {
    let data = fixture::data_directory();
    let chief = admin(data.path());
    let server = Server::start(data.path());
    crate::support::v1::submit(&server, "TRK001", &[crate::support::v1::order("A")]);
    let cookie = Cookie::of(&server, &chief.0, &chief.1);
    let page = cookie.get(&server, "/console/server");
    for text in [
        "The server accepts orders.",
        "<code>submit</code>",
        "64.0 MiB",
        "50,000",
    ] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    // On a phone, nothing is wider than the window, and each number has its name beside it.
    let browser = office(&server, NARROW, &chief, "/console/server");
    assert_fits(&browser);
    let orders = browser.find("table td[data-label=Orders]");
    assert!(orders.text().contains('1'), "{}", orders.text());
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
fn keys_without_the_scope_see_none_of_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "full");
    for page in [
        "keys",
        "organisations",
        "audit",
        "destinations",
        "server",
        "catalogue",
        "customers",
    ] {
        let answer = cookie.get(&server, &format!("/console/{page}"));
        assert_eq!(answer.status, 403, "{page}: {}", answer.text());
        assert!(!answer.text().contains("<table"), "{page}");
    }
    for form in ["keys", "organisations", "destinations", "catalogue"] {
        let fields = [
            ("scope", "orders:read"),
            ("code", "X"),
            ("organisation", "TRK001"),
            ("entries", "sku\nA"),
        ];
        let answer = post(&server, &cookie, &format!("/console/{form}"), &fields);
        assert!(
            [403, 422].contains(&answer.status),
            "{form}: {}",
            answer.status
        );
    }
}
