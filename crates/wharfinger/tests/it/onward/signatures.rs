//! Signatures, as the official library of another language verifies them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::check::{Feed, has_all, text};
use super::{Site, definition, definition_with};
use crate::support::receiver::{Delivered, Receiver};

fn all(_: &Value) -> bool {
    true
}

/// Installs the library, outside of the project. `None` if it cannot be had.
fn library() -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().unwrap();
    let install = Command::new("npm")
        .args([
            "install",
            "--no-fund",
            "--no-audit",
            "--ignore-scripts",
            "standardwebhooks@1.0.0",
        ])
        .current_dir(directory.path())
        .output();
    let is_here = install.is_ok_and(|output| output.status.success());
    if !is_here {
        eprintln!("did not run: npm cannot install the library standardwebhooks here");
    }
    is_here.then_some(directory)
}

/// Lets the library verify deliveries. Each also must not be taken with another body.
fn assert_verified(library: &Path, deliveries: &[Value]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/verify.mjs");
    let process = Command::new("node")
        .arg(script)
        .env("LIBRARY", library)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = process.expect("node starts");
    let mut stdin = process.stdin.take().unwrap();
    stdin
        .write_all(json!(deliveries).to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"done\n", "{told}");
}

fn with(name: &str, secret: &str, delivered: &Delivered) -> Value {
    let body = String::from_utf8(delivered.body.clone()).unwrap();
    json!({name: secret, "headers": delivered.headers, "body": body})
}

#[test]
fn deliveries_are_verified_by_the_official_library_also_while_secrets_are_rotated() {
    let Some(library) = library() else { return };
    let site = Site::start();
    let receiver = Receiver::willing();
    let created = site.create(&definition(&receiver.url()));
    let (id, old) = (text(&created["id"]), text(&created["secret"]));
    site.take(&["A"]);
    let feed = Feed::of(&site.server);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    let before = Vec::from_iter(taken.iter().map(|one| with("secret", &old, one)));
    assert_verified(library.path(), &before);
    let new = text(&site.act(&id, "rotate", &json!({}))["secret"]);
    assert_ne!(old, new);
    // The server follows the change within a second. Until then, the old secret alone signs.
    let is_by_both = |one: &Delivered| one.header("webhook-signature").unwrap().contains(' ');
    let mut number = 0;
    while !receiver.taken().iter().any(is_by_both) {
        number += 1;
        site.take(&[&format!("B-{number}")]);
        let feed = Feed::of(&site.server);
        receiver.wait_taken(|taken| has_all(taken, &feed, all));
    }
    let taken = receiver.taken();
    let later = taken.iter().filter(|one| is_by_both(one));
    let by_both = later.flat_map(|one| [&old, &new].map(|secret| with("secret", secret, one)));
    assert_verified(library.path(), &Vec::from_iter(by_both));
}

#[test]
fn batches_and_asymmetric_signatures_are_verified_too() {
    let Some(library) = library() else { return };
    let site = Site::start();
    let (batches, asymmetric) = (Receiver::willing(), Receiver::willing());
    let definition = definition_with(&batches.url(), &json!({"batch": {"max_events": 10}}));
    let secret = text(&site.create(&definition)["secret"]);
    let definition = definition_with(&asymmetric.url(), &json!({"signature": "v1a"}));
    let public = text(&site.create(&definition)["public_key"]);
    site.take(&["A", "B"]);
    let feed = Feed::of(&site.server);
    let mut deliveries = Vec::new();
    for (receiver, name, secret) in [
        (&batches, "secret", &secret),
        (&asymmetric, "public", &public),
    ] {
        let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
        deliveries.extend(taken.iter().map(|one| with(name, secret, one)));
    }
    assert_verified(library.path(), &deliveries);
}
