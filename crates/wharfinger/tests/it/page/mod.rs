//! The page `/docs` in a real browser.

mod finding;
mod looks;
mod sending;
mod served;

use crate::support::browser::Browser;
use crate::support::fixture::secret_of;
use crate::support::server::Server;

/// The size of a laptop's window, and of a phone's.
const WIDE: (u32, u32) = (1280, 900);
const NARROW: (u32, u32) = (390, 844);

/// A browser that shows the page at an anchor, such as `#native_submit`.
fn open(server: &Server, (width, height): (u32, u32), anchor: &str) -> Browser {
    let browser = Browser::start(width, height);
    show(&browser, server, anchor);
    browser
}

/// Loads the page at an anchor.
fn show(browser: &Browser, server: &Server, anchor: &str) {
    browser.open(&format!("http://{}/docs{anchor}", server.address));
    browser.wait("'ready' in document.body.dataset");
}

/// Writes a key of the fixture into its field, and waits until the server has accepted it.
fn use_key(browser: &Browser, key: &str) {
    let field = browser.labelled("#key", "API key");
    field.fill(&format!("{key}:{}", secret_of(key)));
    browser.labelled("#key", "Check the key").click();
    browser.wait("document.querySelector('#key-state.accepted')");
}

/// Sends the form of a route. Returns its status line and its body as they are shown.
fn send(browser: &Browser, route: &str) -> (String, String) {
    let answer = format!("#{route} .answer");
    // The response of an earlier request must not be taken for this one.
    let forget = "document.querySelector(arguments[0])?.replaceChildren()";
    browser.run(forget, &[answer.clone().into()]);
    browser.labelled(&format!("#{route}"), "Send").click();
    shown(browser, route)
}

/// The status line and the body of the response that a route shows, once it is complete.
fn shown(browser: &Browser, route: &str) -> (String, String) {
    let answer = format!("#{route} .answer");
    let status = "document.querySelector(given[0] + ':not([aria-busy]) .status')";
    browser.wait_with(status, &[answer.clone().into()]);
    let texts = "const one = document.querySelector(arguments[0]);
        return [one.querySelector('.status').innerText, one.querySelector('.body')?.textContent ?? '']";
    let texts = browser.run(texts, &[answer.into()]);
    let text = |at: usize| texts[at].as_str().unwrap().to_owned();
    (text(0), text(1))
}

/// Asserts that the console has no errors.
fn assert_quiet(browser: &Browser) {
    assert_eq!(browser.errors(), Vec::<String>::new());
}
