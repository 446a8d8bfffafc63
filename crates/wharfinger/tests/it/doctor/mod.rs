//! `wharfinger doctor`: what it finds, and that it changes nothing.

mod machine;
mod postgres;
mod public;
mod store;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::database;
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::program;

/// A store with the fixture, in a directory for its owner alone.
fn store() -> DataDirectory {
    private(fixture::data_directory())
}

fn private(data: DataDirectory) -> DataDirectory {
    std::fs::set_permissions(data.path(), PermissionsExt::from_mode(0o700)).unwrap();
    data
}

/// A command of the doctor on a store.
fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.arg("doctor");
    // The disk of the tests may be nearly full.
    command.env("WHARFINGER_DISK_RESERVE_BYTES", "0");
    database::aim(&mut command, data);
    command.args(arguments);
    command
}

/// What the doctor finds, as JSON. Its exit status is 1 if there are faults.
pub(crate) fn told(data: &Path, arguments: &[&str]) -> Value {
    read(command(data, arguments))
}

fn read(mut command: Command) -> Value {
    let output = command.arg("--json").output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let checks = told["checks"].as_array().unwrap();
    let faults = checks
        .iter()
        .filter(|finding| finding["level"] == "fault")
        .count();
    assert_eq!(told["faults"], faults, "{told}");
    assert_eq!(output.status.code(), Some(i32::from(faults > 0)), "{told}");
    for finding in checks {
        let is_ok = finding["level"] == "ok";
        assert_eq!(
            finding["remedy"].is_null(),
            is_ok,
            "every fault has its remedy: {finding}"
        );
    }
    told
}

/// The worst result of a check.
pub(crate) fn finding(told: &Value, check: &str) -> Value {
    let checks = told["checks"].as_array().unwrap().iter();
    let mut of_check = Vec::from_iter(checks.filter(|finding| finding["check"] == check));
    let rank = |finding: &&Value| match finding["level"].as_str() {
        Some("fault") => 2,
        Some("note") => 1,
        _ => 0,
    };
    of_check.sort_by_key(rank);
    let worst = of_check.pop();
    worst
        .unwrap_or_else(|| panic!("there is no check {check}: {told}"))
        .clone()
}

/// The level of a check.
fn level(told: &Value, check: &str) -> String {
    finding(told, check)["level"].as_str().unwrap().to_owned()
}

/// The checks that found a fault. How fast the disk of the tests is at the moment does not count.
fn faults(told: &Value) -> Vec<&str> {
    let checks = told["checks"].as_array().unwrap().iter();
    let faults = checks.filter(|finding| finding["level"] == "fault");
    let names = faults.map(|finding| finding["check"].as_str().unwrap());
    names.filter(|name| *name != "disk_speed").collect()
}

/// All files of a directory: length, mode, time of change, and content.
fn files(directory: &Path) -> BTreeMap<String, (u32, i64, i64, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let files = entries.map(|entry| {
        let found = entry.metadata().unwrap();
        let content = std::fs::read(entry.path()).unwrap_or_default();
        let state = (
            found.permissions().mode(),
            found.mtime(),
            found.mtime_nsec(),
            content,
        );
        (entry.file_name().into_string().unwrap(), state)
    });
    files.collect()
}
