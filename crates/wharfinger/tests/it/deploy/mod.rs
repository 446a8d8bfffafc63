//! What is in `deploy/`: units, packages, alerts, dashboards.

mod packages;
mod units;
mod watching;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A path of the project.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn read(path: &str) -> String {
    let file = root(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Runs a tool that `./test` installs.
fn tool(name: &str, arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(directory);
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{name} is missing ({error}); ./test installs it"))
}

/// Asserts that a tool found nothing to complain about.
fn assert_content(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
