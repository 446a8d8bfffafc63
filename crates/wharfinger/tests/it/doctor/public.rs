//! Checks of the server as clients reach it. Those through real proxies are in `proxies`.

use super::{faults, finding, level, store, told};
use crate::support::client::Request;
use crate::support::server::Server;
use crate::tls::Pair;

#[test]
fn a_server_that_is_reached_directly_gets_every_header_field() {
    let data = store();
    let server = Server::start(data.path());
    let url = format!("http://{}", server.address);
    let found = told(data.path(), &["--url", &url]);
    assert_eq!(faults(&found), [""; 0], "{found}");
    for check in [
        "public_url",
        "public_headers",
        "public_client",
        "public_ready",
        "public_version",
    ] {
        assert_eq!(level(&found, check), "ok", "{found}");
    }
    let client = finding(&found, "public_client")["message"].to_string();
    assert!(client.contains("127.0.0.1"), "{client}");
}

/// What the doctor asks is asked by nobody's key, and says nothing about the server.
#[test]
fn healthz_says_what_has_arrived_only_if_it_is_asked() {
    let data = store();
    let server = Server::start(data.path());
    let ask = |target: &str| server.send(&Request::new("GET", target).header("access_key", "x"));
    assert_eq!(ask("/healthz").text(), "ok\n");
    let told = ask("/healthz?headers");
    assert_eq!(
        told.text(),
        "ok\nheaders: access_key\nclient: 127.0.0.1\nscheme: http\n"
    );
}

#[test]
fn an_address_where_no_server_is_found_is_a_fault() {
    let data = store();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for url in [nobody.as_str(), "ftp://example.com", "nonsense"] {
        let found = told(data.path(), &["--url", url]);
        assert_eq!(faults(&found), ["public_url"], "{url}: {found}");
    }
}

#[test]
fn a_port_of_https_is_told_with_the_way_to_write_it() {
    let (data, pair) = (store(), Pair::make());
    let (certificate, key) = (pair.path("cert.pem"), pair.path("key.pem"));
    let secured = ["--tls-cert", &certificate, "--tls-key", &key];
    let server = Server::start_with(data.path(), &secured);
    let port = server.address.port();
    let found = told(data.path(), &["--url", &format!("http://localhost:{port}")]);
    assert_eq!(faults(&found), ["public_url"], "{found}");
    let url = finding(&found, "public_url");
    let message = url["message"].as_str().unwrap();
    assert!(message.contains("speaks HTTPS"), "{message}");
    assert_eq!(url["remedy"], "begin the URL with https://");
}
