//! `wharfinger demo --stay`: a server to look around in.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::support::client::Request;
use crate::support::server::program;

/// The word after a name in a line of the program.
fn word<'l>(lines: &'l [String], name: &str) -> &'l str {
    let found = lines.iter().find_map(|line| line.trim().strip_prefix(name));
    let found = found.unwrap_or_else(|| panic!("{name} is not in {lines:?}"));
    found.trim()
}

#[test]
fn the_demonstration_stays_until_it_is_interrupted() {
    let mut demo = program();
    let mut demo = demo
        .args(["demo", "--stay"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(demo.stdout.take().unwrap());
    let mut lines = Vec::new();
    let mut unread = stdout.lines();
    while !lines
        .last()
        .is_some_and(|line: &String| line.contains("placed over the day"))
    {
        lines.push(
            unread
                .next()
                .expect("the program says where it is")
                .unwrap(),
        );
    }
    let console = word(&lines, "console").to_owned();
    let address = console
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/console");
    let address: SocketAddr = address.unwrap().parse().unwrap();
    let (id, secret) = (word(&lines, "key id"), word(&lines, "key secret"));

    let form = Request::new("POST", "/console/sign-in").body(format!("id={id}&secret={secret}"));
    let entered = form.send(address);
    assert_eq!(entered.status, 303, "{}", entered.text());
    let cookie = entered.header("set-cookie").unwrap().to_owned();
    let page = Request::new("GET", "/console")
        .header("cookie", cookie)
        .send(address);
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
    let pid = demo.id().to_string();
    let told = Command::new("kill").args(["-INT", &pid]).status();
    assert!(told.unwrap().success());
    assert!(demo.wait().unwrap().success());
    assert!(std::net::TcpStream::connect(address).is_err());
}
