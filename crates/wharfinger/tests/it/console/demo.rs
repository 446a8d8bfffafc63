//! `wharfinger demo --stay`: a server to look around in.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::{Cookie, sign_in_request};
use crate::support::client::Request;
use crate::support::server::program;

/// The demonstration while it stays.
pub(super) struct Demo {
    program: Child,
    pub(super) address: SocketAddr,
    pub(super) id: String,
    pub(super) secret: String,
}

impl Demo {
    /// Starts it, and waits until its orders are there.
    pub(super) fn start() -> Self {
        let mut program = program()
            .args(["demo", "--stay"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(program.stdout.take().unwrap());
        let mut lines = Vec::new();
        for line in stdout.lines() {
            lines.push(line.expect("the program writes text"));
            if lines.last().unwrap().contains("placed over the day") {
                break;
            }
        }
        let console = word(&lines, "console");
        let address = console.strip_prefix("http://");
        let address = address.and_then(|rest| rest.strip_suffix("/console"));
        Self {
            program,
            address: address.expect("it names its console").parse().unwrap(),
            id: word(&lines, "key id").to_owned(),
            secret: word(&lines, "key secret").to_owned(),
        }
    }

    /// Presses Ctrl-C, and waits for its end.
    fn interrupt(&mut self) -> bool {
        let pid = self.program.id().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status();
        told.unwrap().success() && self.program.wait().unwrap().success()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.program.try_wait(), Ok(None)) {
            self.interrupt();
        }
    }
}

/// The word after a name in a line of the program.
fn word<'l>(lines: &'l [String], name: &str) -> &'l str {
    let found = lines.iter().find_map(|line| line.trim().strip_prefix(name));
    let found = found.unwrap_or_else(|| panic!("{name} is not in {lines:?}"));
    found.trim()
}

#[test]
fn the_demonstration_stays_until_it_is_interrupted() {
    let mut demo = Demo::start();
    let form = sign_in_request();
    let form = form.body(format!("id={}&secret={}", demo.id, demo.secret));
    let cookie = Cookie::from_answer(&form.send(demo.address));
    let page = cookie.on(Request::new("GET", "/console"));
    let page = page.send(demo.address);
    for part in [
        "DEMO",
        "NORTH",
        "Last batches",
        "Open errors",
        "/lines/*/quantity",
        "/placed_at",
    ] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    assert!(demo.interrupt());
    assert!(std::net::TcpStream::connect(demo.address).is_err());
}
