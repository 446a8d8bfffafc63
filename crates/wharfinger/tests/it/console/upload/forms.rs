//! The forms without scripts, and files that are refused.

use serde_json::json;

use super::super::{Cookie, WIDE, open, sign_in_by_form};
use super::{Sample, keys, notice, upload};
use crate::support::client::{Request, Response};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::{get, order};

/// The form as a browser without scripts sends it.
fn form(cookie: &Cookie, csrf: &str, name: &str, content: &[u8]) -> Request {
    let mut body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    let request = Request::new("POST", "/console/upload");
    let request = request.header("content-type", "multipart/form-data; boundary=edge");
    cookie.on(request).body(body)
}

fn post(server: &Server, cookie: &Cookie, name: &str, content: &[u8]) -> Response {
    server.send(&form(cookie, &cookie.csrf(server), name, content))
}

/// Uploads a file. Returns the path of its page.
pub(super) fn post_file(server: &Server, cookie: &Cookie, name: &str, content: &[u8]) -> String {
    let answer = post(server, cookie, name, content);
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

/// The page of a file, once nothing is being done with it. It reloads itself until then.
fn done(server: &Server, cookie: &Cookie, path: &str) -> String {
    loop {
        let page = cookie.get(server, path);
        assert_eq!(page.status, 200, "{}", page.text());
        if !page.text().contains("http-equiv=\"refresh\"") {
            return page.text().to_owned();
        }
        std::thread::yield_now();
    }
}

#[test]
fn everything_works_without_scripts() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "one");
    let csrf = cookie.csrf(&server);
    let csv = b"key,placed_at,sku\nA,2026-11-21,S-1\nA,2026-11-21,S-2\nB,2026-11-21,S-1\n";
    let path = post_file(&server, &cookie, "a.csv", csv);
    assert!(
        cookie
            .get(&server, &path)
            .text()
            .contains("Choose an attribute for each column")
    );
    let submit = |below: &str, fields: &str| {
        let request = Request::new("POST", &format!("{path}{below}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = server.send(&cookie.on(request).body(format!("csrf={csrf}&{fields}")));
        assert_eq!(answer.status, 303, "{}", answer.text());
    };
    submit(
        "/columns",
        "numbers=point&date=&zone=UTC&to-0=key&to-1=placed_at&to-2=lines%5B%5D.sku&do=check",
    );
    assert!(done(&server, &cookie, &path).contains("All 2 orders can be sent."));
    submit("/send", "");
    assert!(done(&server, &cookie, &path).contains("2 orders were accepted."));
    assert_eq!(keys(&server, "TRK001"), ["A", "B"]);
    let stored = get(&server, "/v1/orders?organisation=TRK001&key=A");
    assert_eq!(stored["data"][0]["lines"][1]["sku"], "S-2");
}

#[test]
fn a_form_of_another_site_or_scope_is_refused() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let one = sign_in_by_form(&server, "one");
    let reader = sign_in_by_form(&server, "reader");
    let before = rows(data.path());
    for csrf in ["", "wrong"] {
        let answer = server.send(&form(&one, csrf, "a.json", b"[]"));
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    assert_eq!(post(&server, &reader, "a.json", b"[]").status, 403);
    assert_eq!(reader.get(&server, "/console/upload").status, 403);
    for request in [
        one.on(Request::new("POST", "/console/upload")).body("x"),
        form(&one, &one.csrf(&server), "a.json", b""),
    ] {
        let answer = server.send(&request);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let answer = post(&server, &one, "a.csv", b"\xff\xfea,b");
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(
        !one.get(&server, "/console/upload")
            .text()
            .contains("Your files")
    );
    assert!(rows(data.path()) == before, "something was stored");
}

#[test]
fn a_key_keeps_a_few_files() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "one");
    let paths: Vec<_> = (0..5)
        .map(|at| post_file(&server, &cookie, &format!("{at}.json"), b"[]"))
        .collect();
    let answer = post(&server, &cookie, "6.json", b"[]");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(
        answer.text().contains("Remove one of them first"),
        "{}",
        answer.text()
    );
    assert!(done(&server, &cookie, &paths[0]).contains("The file has no orders."));
    let remove = Request::new("POST", &format!("{}/remove", paths[0]));
    let csrf = cookie.csrf(&server);
    assert_eq!(
        server
            .send(&cookie.on(remove).body(format!("csrf={csrf}")))
            .status,
        303
    );
    assert_eq!(cookie.get(&server, &paths[0]).status, 404);
    post_file(&server, &cookie, "6.json", b"[]");
}

#[test]
fn a_file_over_the_limit_is_refused_and_nothing_is_left_of_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "one", "/console/upload");
    let sample = Sample::new("big.json", "");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(sample.path())
        .unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    let (files, memory_kib) = (server.unnamed_files(), server.memory_peak_kib());
    browser.find("#file").write(sample.path().to_str().unwrap());
    // The page says so before anything is sent.
    browser.wait(
        "document.querySelector('#upload-error').innerText.includes('A file may have 256 MiB')",
    );
    // A browser that sends it nevertheless is refused by the server.
    browser.run("document.querySelector('form#upload').submit()", &[]);
    browser.wait("document.querySelector('main [role=alert]')?.innerText.startsWith('The file is too large')");
    assert_eq!(server.unnamed_files(), files);
    let grown_kib = server.memory_peak_kib() - memory_kib;
    assert!(
        grown_kib < 64 << 10,
        "it was held in memory: {grown_kib} KiB"
    );
    super::super::show(&browser, &server, "/console/upload");
    assert_eq!(browser.count_shown(".files li"), 0);
}

#[test]
fn a_large_order_is_taken_and_a_larger_one_is_rejected() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "one", "/console/upload");
    let with = |key: &str, length: usize| {
        let mut order = order(key);
        order["instructions"] = "x".repeat(length).into();
        order
    };
    let orders = json!([
        with("small", (1 << 20) - 200),
        with("large", 1 << 20),
        with("vast", 5 << 20)
    ]);
    upload(&browser, &Sample::new("orders.json", orders.to_string()));
    assert_eq!(notice(&browser), "1 of 3 orders would be accepted.");
    let faults = browser.find(".results").text();
    assert!(faults.contains("At most 4194304 are possible."), "{faults}");
}

#[test]
fn hostile_names_and_texts_are_only_text() {
    const EVIL: &str = "<img src=x onerror=alert(1)>\u{202e}";
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "one", "/console/upload");
    let mut wrong = order(EVIL);
    wrong["customer"] = json!({"email": EVIL});
    let name = format!("{EVIL}\"; filename=x.json");
    upload(&browser, &Sample::new(&name, json!([wrong]).to_string()));
    notice(&browser);
    // What turns the direction of writing is left out of the name of a file.
    let name = name.replace('\u{202e}', "");
    browser.find_text("h1", &name);
    let visible = EVIL.replace('\u{202e}', "\\u202e");
    let key = browser.find(".results .key").property("textContent");
    assert_eq!(key, visible.as_str());
    assert_eq!(browser.count_shown("main img"), 0);
    super::super::show(&browser, &server, "/console/upload");
    assert_eq!(browser.find(".files bdi").property("textContent"), name);
    let csv = format!("key,{EVIL},\"</select><script>alert(1)</script>\"\n{EVIL},{EVIL},x\n");
    upload(&browser, &Sample::new("a.csv", csv));
    browser.find("#to-1").choose("metadata");
    browser.find("#to-2").choose("lines[].metadata");
    browser.find("[value=preview]").click();
    let preview = browser.wait("document.querySelector('.first-orders pre')?.textContent");
    assert!(preview.as_str().unwrap().contains(&visible), "{preview}");
    assert_eq!(browser.count_shown("main img, main script"), 0);
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
fn a_workbook_is_named_as_such_with_the_way_out() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "one");
    let before = rows(data.path());
    for (name, content) in [
        ("orders.csv", &b"PK\x03\x04\x14\0\x06\0more"[..]),
        ("orders.xlsx", b"PK\x03\x04\x14\0\x06\0more"),
        ("orders.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1more"),
    ] {
        let page = post(&server, &cookie, name, content);
        assert_eq!(page.status, 422, "{}", page.text());
        assert!(
            page.text().contains("is an Excel workbook"),
            "{}",
            page.text()
        );
        assert!(page.text().contains("CSV UTF-8"), "{}", page.text());
    }
    assert!(before == rows(data.path()), "nothing was stored");
}
