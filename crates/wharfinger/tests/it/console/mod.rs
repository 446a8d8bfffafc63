//! The console in a real browser.

mod batches;
mod errors;
mod orders;
mod settings;
mod signing_in;
mod today;
mod upload;
mod walk;

use crate::support::browser::Browser;
use crate::support::fixture::secret_of;
use crate::support::server::Server;

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
    browser.find("[name=id]").fill(key);
    browser.find("[name=secret]").fill(&secret_of(key));
    browser.find("main button").click();
    browser.wait("document.querySelector('.side nav')");
}
