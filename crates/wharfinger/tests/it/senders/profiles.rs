//! `wharfinger profile`, and how a command finds its server and key.

use super::desk::{Desk, ended, lines, mode};
use crate::support::fixture::secret_of;

#[test]
fn a_profile_stands_for_a_server_and_a_key() {
    let desk = Desk::new();
    desk.key_file("full");
    desk.take("TRK001", "A-1");
    let mut add = desk.bare(&["profile", "add", "shop", "--key-file", "full.json", "--url"]);
    add.arg(&desk.url).current_dir(desk.home.path());
    ended(add, 0);
    let file = desk.home.path().join(".config/wharfinger/profiles.toml");
    assert_eq!(mode(&file), 0o600);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(&secret_of("full")), "{kept}");
    // From any directory, although the key file was named relative to another one.
    let listed = ended(
        desk.bare(&["orders", "list", "--json", "--profile", "shop"]),
        0,
    )
    .0;
    assert_eq!(lines(&listed)[0]["key"], "A-1");
    let listed = ended(desk.bare(&["profile", "list"]), 0).0;
    let mut rows = listed.lines();
    assert!(rows.next().unwrap().starts_with("NAME  URL"), "{listed}");
    assert!(
        rows.next().unwrap().starts_with("shop  http://"),
        "{listed}"
    );
    let listed = lines(&ended(desk.bare(&["profile", "list", "--json"]), 0).0);
    assert_eq!(listed[0]["url"], desk.url.as_str());
    ended(desk.bare(&["profile", "remove", "shop"]), 0);
    let gone = ended(desk.bare(&["orders", "list", "--profile", "shop"]), 1).1;
    assert!(gone.contains("there is no profile shop"), "{gone}");
    ended(desk.bare(&["profile", "remove", "shop"]), 1);
}

#[test]
fn a_profile_that_could_never_work_is_not_added() {
    let desk = Desk::new();
    let key = desk.key_file("full");
    let key = key.to_str().unwrap();
    let add = |name: &str, url: &str, key: &str, status: i32| {
        let arguments = ["profile", "add", name, "--url", url, "--key-file", key];
        ended(desk.bare(&arguments), status).1
    };
    assert!(add("shop", "ftp://127.0.0.1", key, 1).contains("expected http://"));
    assert!(add("shop", "http://a@127.0.0.1", key, 1).contains("http://HOST:PORT"));
    assert!(add("shop", &desk.url, "/nowhere.json", 1).contains("/nowhere.json"));
    let none = desk.home.path().join("none.json");
    std::fs::write(&none, "{\"id\":\"full\"}").unwrap();
    assert!(add("shop", &desk.url, none.to_str().unwrap(), 1).contains("holds no API key"));
    add("a b", &desk.url, key, 2);
    let listed = ended(desk.bare(&["profile", "list"]), 0).0;
    assert!(listed.contains("there are no profiles"), "{listed}");
}

#[test]
fn a_key_is_sent_only_to_the_server_that_it_was_named_with() {
    let desk = Desk::new();
    let key = desk.key_file("full");
    let key = key.to_str().unwrap();
    let add = [
        "profile",
        "add",
        "shop",
        "--url",
        &desk.url,
        "--key-file",
        key,
    ];
    ended(desk.bare(&add), 0);
    let mut mixed = desk.bare(&["orders", "list", "--profile", "shop"]);
    mixed.env("WHARFINGER_URL", "http://127.0.0.1:9");
    let told = ended(mixed, 1).1;
    assert!(told.contains("leave out --url"), "{told}");
}

#[test]
fn a_key_is_a_file_or_a_variable() {
    let desk = Desk::new();
    let pair = format!("full:{}", secret_of("full"));
    let with = |value: &str, status: i32| {
        let mut list = desk.bare(&["batches", "list", "--url", &desk.url]);
        list.env("WHARFINGER_KEY", value);
        ended(list, status).1
    };
    with(&pair, 0);
    assert!(with("full", 1).contains("must be ID:SECRET"));
    let wrong = with("full:wrong", 1);
    assert!(
        wrong.contains("401") && !wrong.contains("full:wrong"),
        "{wrong}"
    );
    let told = ended(desk.bare(&["batches", "list", "--url", &desk.url]), 1).1;
    assert!(told.contains("no API key is named"), "{told}");
    let told = ended(desk.bare(&["batches", "list"]), 1).1;
    assert!(told.contains("no server is named"), "{told}");
}
