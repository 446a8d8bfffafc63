//! Client programs in other languages, with the HTTP libraries and models that such programs use.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::fixture;
use crate::support::server::Server;

/// Where Debian installs the JSON library for C#.
const JSON_NET: &str = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll";

fn source(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    folder.join(name)
}

/// Whether a program can be run. If not, prints that the case did not run.
fn is_here(client: &str, probe: &[&str]) -> bool {
    let probed = Command::new(probe[0]).args(&probe[1..]).output();
    let is_here = probed.is_ok_and(|output| output.status.success());
    if !is_here {
        eprintln!("did not run: there is no {client} on this machine; ./test installs it");
    }
    is_here
}

/// Runs a client against its own server.
fn spend_a_day(command: &mut Command) {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    command
        .env("URL", format!("http://{}", server.address))
        .env("KEY", "one")
        .env("SECRET", fixture::secret_of("one"))
        .env("NO_PROXY", "*");
    let output = command.output().expect("the client starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        output.stdout.ends_with(b"done\n"),
        "it did not reach its end"
    );
    let faults = crate::support::stored::check(data.path()).faults;
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn python_requests() {
    // The first Python in the path may not be Debian's.
    for python in ["python3", "/usr/bin/python3"] {
        if is_here("Python with requests", &[python, "-c", "import requests"]) {
            return spend_a_day(Command::new(python).arg(source("shop.py")));
        }
    }
}

#[test]
fn node_fetch() {
    if is_here("Node with fetch", &["node", "-e", "fetch"]) {
        spend_a_day(Command::new("node").arg(source("shop.mjs")));
    }
}

#[test]
fn php_curl() {
    let probe = ["php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"];
    if is_here("PHP with cURL", &probe) {
        spend_a_day(Command::new("php").arg(source("shop.php")));
    }
}

#[test]
fn csharp_http_client_and_json_net() {
    let is_whole = is_here("mono", &["mcs", "--version"])
        && is_here("mono", &["mono", "--version"])
        && is_here("Json.NET", &["test", "-f", JSON_NET]);
    if !is_whole {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("shop.exe");
    let compiled = Command::new("mcs")
        .args(["-nologo", "-r:System.Net.Http.dll"])
        .arg(format!("-r:{JSON_NET}"))
        .arg(format!("-out:{}", program.display()))
        .arg(source("Shop.cs"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&compiled.stdout);
    assert!(compiled.status.success(), "{told}");
    spend_a_day(Command::new("mono").arg(&program));
}
