//! The console in a real browser.

mod batches;
mod demo;
mod destinations;
mod errors;
mod forms;
mod held;
mod lists;
mod orders;
mod pictures;
mod rules;
mod scopes;
mod sessions;
mod settings;
mod signing_in;
mod today;
mod upload;
mod walk;
mod words;

use std::path::Path;

use crate::support::browser::Browser;
use crate::support::client::{Request, Response};
use crate::support::fixture::secret_of;
use crate::support::server::{Server, run};

/// The size of a laptop's window, and of a phone's.
pub(crate) const WIDE: (u32, u32) = (1280, 900);
pub(crate) const NARROW: (u32, u32) = (390, 844);

/// A browser in which a key of the fixture is signed in, at a page such as `/console/orders`.
pub(crate) fn open(server: &Server, (width, height): (u32, u32), key: &str, path: &str) -> Browser {
    let browser = Browser::start(width, height);
    show(&browser, server, path);
    sign_in(&browser, key);
    browser
}

/// Loads a page.
pub(crate) fn show(browser: &Browser, server: &Server, path: &str) {
    browser.open(&format!("http://{}{path}", server.address));
}

/// Fills the form that signs a key of the fixture in, and waits for the page after it.
pub(crate) fn sign_in(browser: &Browser, key: &str) {
    sign_in_with(browser, key, &secret_of(key));
}

/// [`sign_in`] with any key.
pub(crate) fn sign_in_with(browser: &Browser, id: &str, secret: &str) {
    browser.find("[name=id]").fill(id);
    browser.find("[name=secret]").fill(secret);
    browser.find("main button").click();
    browser.wait("document.querySelector('.side nav')");
}

/// A request that sends the form for signing in, as a browser makes it over TLS or on the same machine.
pub(crate) fn sign_in_request() -> Request {
    Request::new("POST", "/console/sign-in").header("sec-fetch-site", "same-origin")
}

/// The cookie of a session, as a browser keeps it.
pub(crate) struct Cookie(String);

impl Cookie {
    /// Signs a key in by the form.
    pub(crate) fn of(server: &Server, id: &str, secret: &str) -> Self {
        let form = sign_in_request();
        Self::from_answer(&server.send(&form.body(format!("id={id}&secret={secret}"))))
    }

    /// What the answer to the form sets.
    pub(crate) fn from_answer(answer: &Response) -> Self {
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert_eq!(answer.header("location"), Some("/console"));
        let cookie = answer.header("set-cookie").expect("a session has a cookie");
        let pair = cookie.split(';').next();
        Self(pair.unwrap_or_default().to_owned())
    }

    pub(crate) fn token(&self) -> &str {
        self.0.split_once('=').expect("a cookie has a value").1
    }

    /// A request with the cookie.
    pub(crate) fn on(&self, request: Request) -> Request {
        request.header("cookie", &self.0)
    }

    /// A page, as a browser with this cookie gets it.
    pub(crate) fn get(&self, server: &Server, path: &str) -> Response {
        server.send(&self.on(Request::new("GET", path)))
    }

    /// The token of its forms.
    pub(crate) fn csrf(&self, server: &Server) -> String {
        let page = self.get(server, "/console");
        let field = page.text().split("name=\"csrf\" value=\"").nth(1);
        let value = field.and_then(|rest| rest.split('"').next());
        value.expect("a page has a form").to_owned()
    }
}

/// Signs a key of the fixture in by the form.
pub(crate) fn sign_in_by_form(server: &Server, key: &str) -> Cookie {
    Cookie::of(server, key, &secret_of(key))
}

/// A server, and a browser in which an administrator of all organisations is signed in.
pub(crate) fn office(data: &Path, (width, height): (u32, u32)) -> (Server, Browser) {
    let (id, secret) = admin(data);
    let server = Server::start(data);
    let browser = Browser::start(width, height);
    show(&browser, &server, "/console");
    sign_in_with(&browser, &id, &secret);
    (server, browser)
}

/// Creates a key with every scope for every organisation. Returns its id and its secret.
pub(crate) fn admin(data: &Path) -> (String, String) {
    let scopes = ["orders:write", "orders:read", "admin"];
    let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
    let mut command = vec!["key", "create", "--all-orgs", "--json"];
    command.extend(scopes);
    let output = run(data, &command);
    assert!(output.status.success(), "{output:?}");
    let key: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}
