//! Sessions: how they begin and how they end.

use std::path::Path;

use super::{Cookie, admin, sign_in_by_form, sign_in_request};
use crate::support::client::{Request, Response};
use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::{Server, run};

/// The first page, with a cookie.
fn first_page(server: &Server, cookie: &Cookie) -> Response {
    server.send(&cookie.on(Request::new("GET", "/console")))
}

fn is_signed_in(server: &Server, cookie: &Cookie) -> bool {
    let page = first_page(server, cookie);
    match page.status {
        200 => true,
        303 => {
            let expected = "/console/sign-in?next=%2Fconsole";
            assert_eq!(page.header("location"), Some(expected));
            false
        }
        status => panic!("{status}: {}", page.text()),
    }
}

/// Runs a command on the keys, and waits until a server has noticed it.
fn change_key(server: &Server, data: &Path, command: &[&str], secret: &str) {
    let output = run(data, command);
    assert!(output.status.success(), "{output:?}");
    let request = Request::new("GET", "/v1/batches");
    let request = request.header("authorization", format!("Bearer {secret}"));
    while server.send(&request).status != 401 {
        std::thread::yield_now();
    }
}

#[test]
fn a_session_outlives_a_restart_and_ends_by_signing_out() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "full");
    assert!(is_signed_in(&server, &cookie));
    drop(server);
    let server = Server::start(data.path());
    assert!(is_signed_in(&server, &cookie));
    let other = sign_in_by_form(&server, "full");
    // Without the token of the form, nothing ends.
    let form = |csrf: &str| {
        let request = Request::new("POST", "/console/sign-out");
        cookie.on(request).body(format!("csrf={csrf}"))
    };
    assert_eq!(server.send(&form("wrong")).status, 303);
    assert!(is_signed_in(&server, &cookie));
    let foreign = form(&cookie.csrf(&server)).header("sec-fetch-site", "cross-site");
    assert_eq!(server.send(&foreign).status, 303);
    assert!(is_signed_in(&server, &cookie));

    let ended = server.send(&form(&cookie.csrf(&server)));
    assert_eq!(ended.status, 303);
    assert_eq!(ended.header("location"), Some("/console/sign-in"));
    let forgotten = ended.header("set-cookie").unwrap();
    assert!(forgotten.contains("Max-Age=0;"), "{forgotten}");
    assert!(!is_signed_in(&server, &cookie));
    assert!(is_signed_in(&server, &other));
}

#[test]
fn the_store_has_only_a_hash_of_the_token() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "full");
    let mut database = Database::of(data.path());
    assert_eq!(database.count("console_sessions"), 1);
    let rows = database.rows("select token_sha256, key_id from console_sessions");
    let stored = format!("{rows:?}");
    assert!(!stored.contains(cookie.token()), "{stored}");
}

#[test]
fn a_session_ends_with_its_key() {
    let data = fixture::data_directory();
    let (id, secret) = admin(data.path());
    let server = Server::start(data.path());
    let cookie = Cookie::of(&server, &id, &secret);
    let full = sign_in_by_form(&server, "full");
    assert!(is_signed_in(&server, &cookie));
    change_key(&server, data.path(), &["key", "rotate", &id], &secret);
    assert!(!is_signed_in(&server, &cookie));
    assert!(is_signed_in(&server, &full));
    let secret = fixture::secret_of("full");
    change_key(&server, data.path(), &["key", "revoke", "full"], &secret);
    assert!(!is_signed_in(&server, &full));
}

#[test]
fn a_session_ends_after_twelve_hours_and_is_deleted() {
    let data = fixture::data_directory();
    let clock = data.path().join("clock");
    std::fs::write(&clock, "0").unwrap();
    let start = || {
        let mut command = crate::support::server::program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
        command.env("WHARFINGER_TEST_CLOCK", &clock);
        crate::support::database::aim(&mut command, data.path());
        Server::spawn(command)
    };
    let server = start();
    let cookie = sign_in_by_form(&server, "full");
    let minutes = |minutes: i64| std::fs::write(&clock, (minutes * 60_000).to_string()).unwrap();
    minutes(12 * 60 - 1);
    assert!(is_signed_in(&server, &cookie));
    minutes(12 * 60 + 1);
    assert!(!is_signed_in(&server, &cookie));
    // A server deletes what has expired when it starts, and every minute.
    drop(server);
    let _server = start();
    let mut database = Database::of(data.path());
    while database.count("console_sessions") > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_key_has_a_hundred_sessions_at_most() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let first = sign_in_by_form(&server, "one");
    let other = sign_in_by_form(&server, "full");
    for _ in 0..99 {
        sign_in_by_form(&server, "one");
    }
    assert!(is_signed_in(&server, &first));
    let last = sign_in_by_form(&server, "one");
    assert!(!is_signed_in(&server, &first));
    assert!(is_signed_in(&server, &last) && is_signed_in(&server, &other));
    assert_eq!(Database::of(data.path()).count("console_sessions"), 101);
}

/// Over plain HTTP to another machine, browsers do not say who made them send a form. Its token and a cookie of its own show it.
#[test]
fn nobody_is_signed_in_by_a_form_of_another_site() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let open = || {
        let page = server.send(&Request::new("GET", "/console/sign-in"));
        let cookie = page.header("set-cookie").unwrap().to_owned();
        assert!(
            cookie.ends_with("; Path=/console; HttpOnly; SameSite=Strict"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let field = page.text().split("name=\"csrf\" value=\"").nth(1).unwrap();
        (cookie, field.split('"').next().unwrap().to_owned())
    };
    let (cookie, csrf) = open();
    let (other, _) = open();
    let entry = format!("id=full&secret={}", fixture::secret_of("full"));
    let send = |cookie: Option<&str>, csrf: &str| {
        let form = Request::new("POST", "/console/sign-in");
        let form = cookie
            .into_iter()
            .fold(form, |form, cookie| form.header("cookie", cookie));
        server.send(&form.body(format!("{entry}&csrf={csrf}")))
    };
    for (cookie, csrf) in [
        (None, ""),
        (None, csrf.as_str()),
        (Some(cookie.as_str()), ""),
        (Some(other.as_str()), &csrf),
        (Some("wharfinger_sign_in="), &csrf),
    ] {
        let refused = send(cookie, csrf);
        assert_eq!(refused.status, 403, "{cookie:?} {csrf}");
        assert!(refused.text().contains("not opened in this browser"));
        // The key that the other site knows is not written into the form.
        assert!(!refused.text().contains("full-secret"));
    }
    let foreign = Request::new("POST", "/console/sign-in").header("cookie", &cookie);
    let foreign = foreign.header("sec-fetch-site", "cross-site");
    let foreign = server.send(&foreign.body(format!("{entry}&csrf={csrf}")));
    assert_eq!(foreign.status, 403);
    assert_eq!(Database::of(data.path()).count("console_sessions"), 0);
    let entered = send(Some(&cookie), &csrf);
    assert_eq!(entered.status, 303, "{}", entered.text());
    Cookie::from_answer(&entered);
}

#[test]
fn wrong_secrets_are_throttled_as_everywhere() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let form = sign_in_request().body("id=full&secret=wrong");
    for _ in 0..20 {
        let refused = server.send(&form);
        assert_eq!(refused.status, 401);
        let cookie = refused.header("set-cookie").unwrap_or_default();
        assert!(!cookie.contains("wharfinger_session"), "{cookie}");
        assert!(refused.text().contains("The key ID or the secret is wrong"));
    }
    let throttled = server.send(&form);
    assert_eq!(throttled.status, 429);
    assert!(throttled.text().contains("Too many attempts"));
    // The attempts count for the API too.
    let request = Request::new("GET", "/v1/batches").header("authorization", "Bearer wrong");
    assert_eq!(server.send(&request).status, 429);
    assert_eq!(Database::of(data.path()).count("console_sessions"), 0);
}

#[test]
fn every_response_has_the_fields_that_protect_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let cookie = sign_in_by_form(&server, "full");
    let signed_out = Request::new("GET", "/console/sign-in");
    let missing = Request::new("GET", "/console/nowhere");
    for request in [
        signed_out,
        missing,
        cookie.on(Request::new("GET", "/console")),
    ] {
        let page = server.send(&request);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        for inline in [" style=", "<style", "<script>", " onclick", "javascript:"] {
            assert!(!page.text().contains(inline), "{inline}");
        }
    }
    let files: Vec<_> = first_page(&server, &cookie)
        .text()
        .split('"')
        .filter(|part| part.starts_with("/console/files/"))
        .map(str::to_owned)
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let kept = server.send(&Request::new("GET", &file));
        assert_eq!(kept.status, 200);
        let expected = "public, max-age=31536000, immutable";
        assert_eq!(kept.header("cache-control"), Some(expected));
        // A file of another version is not what a browser may keep.
        let name = file.rsplit('/').next().unwrap();
        let other = server.send(&Request::new("GET", &format!("/console/files/0/{name}")));
        assert_eq!(other.header("cache-control"), Some("no-store"));
        assert_eq!(other.body, kept.body);
    }
}

#[test]
fn the_cookie_is_secure_where_a_trusted_proxy_has_tls() {
    let data = fixture::data_directory();
    let proxied = Server::start_with(data.path(), &["--behind-proxy", "127.0.0.1"]);
    let form = sign_in_request();
    let form = form.body(format!("id=full&secret={}", fixture::secret_of("full")));
    let cookie = |server: &Server, scheme: &str| {
        let form = form.clone().header("x-forwarded-proto", scheme);
        let answer = server.send(&form);
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("set-cookie").unwrap().to_owned()
    };
    let secure = cookie(&proxied, "https");
    let expected = "; Path=/console; Max-Age=604800; HttpOnly; SameSite=Strict; Secure";
    assert!(secure.ends_with(expected), "{secure}");
    assert!(cookie(&proxied, "http").ends_with("SameSite=Strict"));
    drop(proxied);
    // Nobody else is believed.
    let server = Server::start(data.path());
    assert!(cookie(&server, "https").ends_with("SameSite=Strict"));
}

#[test]
fn the_first_page_of_the_server_is_the_console() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let answer = server.send(&Request::new("GET", "/"));
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/console"));
    let unknown = server.send(&Request::new("GET", "/console/nowhere"));
    assert_eq!(unknown.status, 404);
}
