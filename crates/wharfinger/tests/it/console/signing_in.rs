//! Signing in and out.

use super::{WIDE, open};
use crate::support::fixture;
use crate::support::server::Server;

#[test]
fn a_person_signs_in_with_a_key_and_out_again() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "full", "/console");
    assert_eq!(browser.find("h1").text(), "Today");
    browser.find(".leave button").click();
    browser.wait("document.querySelector('[name=secret]')");
}
