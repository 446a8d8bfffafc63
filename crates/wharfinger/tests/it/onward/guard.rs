//! Addresses to which nothing is sent.

use std::net::TcpListener;

use serde_json::Value;

use super::check::{Feed, check, has_all, text};
use super::{Site, definition};
use crate::support::receiver::{Receiver, Reply};

fn all(_: &Value) -> bool {
    true
}

/// A server whose names are in a file.
fn site_with_names(options: &[&str], names: &str) -> (Site, tempfile::TempDir) {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("names");
    std::fs::write(&file, names).unwrap();
    let site = Site::start_with(options, vec![("WHARFINGER_TEST_RESOLVER", file)]);
    (site, files)
}

fn set_names(files: &tempfile::TempDir, names: &str) {
    let new = files.path().join("names.new");
    std::fs::write(&new, names).unwrap();
    std::fs::rename(new, files.path().join("names")).unwrap();
}

/// Waits until an attempt for a destination has failed. Returns its result.
fn failure(site: &Site, id: &str) -> String {
    site.until(id, "/deliveries", "an attempt fails", |told| {
        let attempts = told["attempts"].as_array().unwrap();
        let mut results = attempts.iter().map(|one| text(&one["result"]));
        results.find(|result| result != "delivered")
    })
}

#[test]
fn addresses_of_this_machine_and_of_clouds_are_refused_at_creation() {
    let names = "both 8.8.8.8,127.0.0.1\nmetadata 169.254.169.254\nmapped ::ffff:10.0.0.1\n";
    let (site, _files) = site_with_names(&[], names);
    for url in [
        "http://127.0.0.1:9/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://both/",
        "https://metadata/",
        "https://mapped/",
        "http://8.8.8.8/",
        "ftp://8.8.8.8/",
        "https://user:password@8.8.8.8/",
    ] {
        let answer = site.try_create(&definition(url));
        let is_refused = matches!(answer.status, 400 | 422);
        assert!(is_refused, "{url}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("password@"), "{}", answer.text());
    }
    let list = site
        .server
        .send(&site.administer("GET", "/v1/destinations"));
    assert_eq!(
        list.json()["data"].as_array().map(Vec::len),
        Some(0),
        "{}",
        list.text()
    );
}

#[test]
fn a_name_that_means_a_private_address_at_delivery_gets_nothing() {
    let (site, files) = site_with_names(&[], "hook 8.8.8.8\n");
    // It would be reached if the guard were passed.
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let port = trap.local_addr().unwrap().port();
    let id = text(&site.create(&definition(&format!("https://hook:{port}/")))["id"]);
    set_names(&files, "hook 127.0.0.1\n");
    site.take(&["A"]);
    assert_eq!(failure(&site, &id), "forbidden_address");
    assert!(trap.accept().is_err(), "nothing was connected");
    // A name with a good and a bad address is not used either.
    set_names(&files, "hook 8.8.8.8,127.0.0.1\n");
    site.take(&["B"]);
    let told = site.until(&id, "/deliveries", "another attempt fails", |told| {
        let attempts = told["attempts"].as_array().unwrap().clone();
        (attempts.len() >= 2).then_some(attempts)
    });
    assert!(
        told.iter().all(|one| one["result"] == "forbidden_address"),
        "{told:?}"
    );
    assert!(trap.accept().is_err(), "nothing was connected");
}

#[test]
fn the_connection_goes_to_the_address_that_was_checked() {
    // Every second look-up gives another address, which is allowed too. A client that looks the name up once for the check and
    // once for the connection would always reach that one.
    let names = "hook 127.0.0.1 127.0.0.2\n";
    let (site, _files) = site_with_names(&["--destinations-allow", "127.0.0.0/8"], names);
    let first = Receiver::start(|_| Reply::Status(200));
    let port = first.address.port();
    let second = Receiver::start_at(&format!("127.0.0.2:{port}"), None, |_| Reply::Status(200));
    let close = || Reply::Full(200, "connection: close\r\n".into(), String::new());
    first.behave(move |_| close());
    second.behave(move |_| close());
    // The first look-up is that of the creation.
    site.create(&definition(&format!("http://hook:{port}/")));
    site.take(&["A", "B", "C"]);
    let feed = Feed::of(&site.server);
    let both = || [first.taken(), second.taken()].concat();
    first.wait_taken(|_| has_all(&both(), &feed, all));
    check_all(&both(), &feed);
    assert!(!first.taken().is_empty() && !second.taken().is_empty());
}

fn check_all(taken: &[crate::support::receiver::Delivered], feed: &Feed) {
    assert!(has_all(taken, feed, all));
    assert_eq!(taken.len(), feed.events.len());
}

#[test]
fn redirects_are_not_followed() {
    let site = Site::start();
    let target = Receiver::willing();
    let location = format!("location: {}\r\n", target.url());
    let receiver = Receiver::start(move |_| Reply::Full(307, location.clone(), String::new()));
    let id = site.create_for(&receiver);
    site.take(&["A"]);
    assert_eq!(failure(&site, &id), "refused");
    assert_eq!(target.arrived().len(), 0);
}

#[test]
fn a_name_that_cannot_be_looked_up_yet_is_taken_and_works_later() {
    let options = ["--destinations-allow", "127.0.0.0/8"];
    let (site, files) = site_with_names(&options, "other 127.0.0.1\n");
    let receiver = Receiver::willing();
    let url = format!("http://later:{}/", receiver.address.port());
    let id = text(&site.create(&definition(&url))["id"]);
    site.take(&["A"]);
    assert_eq!(failure(&site, &id), "unreachable");
    set_names(&files, "later 127.0.0.1\n");
    let feed = Feed::of(&site.server);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
}
