//! Signing in and out in a browser.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{NARROW, WIDE, open, show, sign_in, sign_in_with};
use crate::support::browser::Browser;
use crate::support::fixture;
use crate::support::server::Server;

#[test]
fn a_person_signs_in_with_a_key_and_out_again() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "full", "/console");
        browser.find_text("h1", "Today");
        browser.find(".leave button").click();
        browser.wait("document.querySelector('[name=secret]')");
        show(&browser, &server, "/console");
        browser.find("[name=secret]");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn after_signing_in_the_page_is_the_one_that_was_asked_for() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = Browser::start(WIDE.0, WIDE.1);
    show(&browser, &server, "/console?span=30d");
    browser.find("[name=id]").fill("full");
    browser.find("[name=secret]").fill("wrong");
    browser.find("main button").click();
    let refused = browser.find("[role=alert]").text();
    assert!(refused.contains("wrong"), "{refused}");
    sign_in(&browser, "full");
    browser.wait("location.pathname + location.search === '/console?span=30d'");
    // Signed in, the form leads on; but nowhere else.
    show(&browser, &server, "/console/sign-in?next=//evil.example/");
    browser.wait("location.pathname === '/console' && document.querySelector('.side')");
}

#[test]
fn a_link_on_another_site_leads_to_the_page_of_a_person_who_is_signed_in() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "full", "/console");
    // The same machine by another name is another site.
    let link = format!("http://{}/console?span=30d", server.address);
    let site = other_site(format!(
        "<!doctype html><title>Mail</title><a href=\"{link}\">Order</a>"
    ));
    browser.open(&site);
    browser.find("a").click();
    browser.wait("location.search === '?span=30d' && document.querySelector('.side')");
    // Someone who is not signed in gets the form, and not the page over and over again.
    browser.find(".leave button").click();
    browser.wait("document.querySelector('[name=secret]')");
    browser.open(&site);
    browser.find("a").click();
    browser.find("[name=secret]");
    sign_in_with(&browser, "full", &fixture::secret_of("full"));
    browser.wait("location.search === '?span=30d'");
}

/// A form of another site does not sign anybody out.
#[test]
fn a_form_on_another_site_changes_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "full", "/console");
    let csrf = browser.find("input[name=csrf]").value();
    let action = format!("http://{}/console/sign-out", server.address);
    let page = format!(
        "<!doctype html><title>Evil</title><form method=post action=\"{action}\"><input name=csrf value=\"{csrf}\"><button>Win</button></form>"
    );
    browser.open(&other_site(page));
    browser.find("button").click();
    browser.wait("location.pathname.startsWith('/console')");
    show(&browser, &server, "/console");
    browser.find(".side nav");
}

/// Serves one page at an address whose host is `localhost`. Returns the address.
fn other_site(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let page = page.clone();
            // Browsers open connections that they do not use.
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                if stream.read(&mut head).unwrap_or_default() > 0 {
                    let length = page.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
                    );
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    format!("http://localhost:{port}/")
}
