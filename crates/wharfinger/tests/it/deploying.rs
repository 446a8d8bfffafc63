//! Runs the commands of the pages about deploying and upgrading, except those that are marked there as not run.

use std::path::Path;
use std::process::Command;

use crate::support::client::Request;
use crate::support::database::on_embedded;
use crate::support::fixture::copy_files;
use crate::support::server::{Server, program};
use crate::tls::Pair;

/// The mark of commands that no test can run.
const NOT_RUN: &str = "(not run by a test";

/// The commands of a page that are to be run, one text each.
fn commands(page: &str) -> Vec<String> {
    let (mut found, mut paragraph, mut block) = (Vec::new(), String::new(), String::new());
    let mut is_fenced = false;
    let mut end = |block: &mut String, paragraph: &str| {
        if !block.is_empty() && !paragraph.contains(NOT_RUN) {
            let joined = block.replace("\\\n", " ");
            found.extend(joined.lines().map(|line| line.trim().to_owned()));
        }
        block.clear();
    };
    let mut is_after_blank = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        }
        if is_fenced {
            continue;
        }
        if line.starts_with("    ") && (is_after_blank || !block.is_empty()) {
            block.push_str(line.trim());
            block.push('\n');
        } else if line.trim().is_empty() {
            end(&mut block, &paragraph);
            is_after_blank = true;
            continue;
        } else {
            if is_after_blank {
                paragraph.clear();
            }
            paragraph.push_str(line);
            paragraph.push('\n');
        }
        is_after_blank = false;
    }
    end(&mut block, &paragraph);
    found
}

fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// A shell that runs a line with our program, in this directory.
fn shell(line: &str, home: &Path) -> Command {
    let program = program();
    let folder = Path::new(program.get_program()).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(home);
    shell.env("PATH", format!("{}:{path}", folder.display()));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn every_command_that_can_be_run_does_what_the_pages_say() {
    if !on_embedded("is about data directories") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let pair = Pair::make();
    let (data, drill) = (home.path().join("data"), home.path().join("drill"));
    let running = Server::start(&data);
    let here = |line: &str| {
        let replaced = [
            ("/var/lib/wharfinger", data.to_str().unwrap()),
            ("/srv/drill", drill.to_str().unwrap()),
            ("/etc/wharfinger/tls/fullchain.pem", &pair.path("cert.pem")),
            ("/etc/wharfinger/tls/privkey.pem", &pair.path("key.pem")),
            ("0.0.0.0:8443", "127.0.0.1:0"),
            ("127.0.0.1:8080", "127.0.0.1:0"),
            ("127.0.0.1:8081", "127.0.0.1:0"),
        ];
        replaced
            .iter()
            .fold(line.to_owned(), |line, (from, to)| line.replace(from, to))
    };
    let mut names = Vec::new();
    for line in commands(&page("docs/deploy.md"))
        .into_iter()
        .chain(commands(&page("docs/upgrading.md")))
    {
        let words = Vec::from_iter(line.split_whitespace());
        assert_eq!(
            words[0], "wharfinger",
            "only our own commands can be run: {line}"
        );
        names.push(words[1].to_owned());
        if line.contains("/srv/drill") && !drill.exists() {
            // What a restore would have put there. Nothing writes at this moment.
            std::fs::create_dir(&drill).unwrap();
            running.stop();
            copy_files(&data, &drill);
            running.resume();
        }
        let mut command = shell(&here(&line), home.path());
        if words[1] == "serve" {
            let mut serve = shell(&format!("exec {}", here(&line)), home.path());
            serve.stderr(std::process::Stdio::null());
            let server = Server::spawn(serve);
            if !line.contains("--tls-cert") {
                assert_eq!(
                    server.send(&Request::new("GET", "/healthz")).status,
                    200,
                    "{line}"
                );
            }
            server.terminate();
            assert!(server.wait().0.success(), "{line}");
            continue;
        }
        let output = command.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        // The disk of the tests may be slow or nearly full.
        let is_examined = words[1] == "doctor" && printed.contains(" checks, ");
        assert!(output.status.success() || is_examined, "{line}: {output:?}");
        if line.contains("org list") {
            assert!(printed.contains("TRK001"), "{line}: {printed}");
        }
    }
    for name in ["org", "key", "doctor", "check", "serve", "support-bundle"] {
        assert!(
            names.iter().any(|found| found == name),
            "{name} is not run: {names:?}"
        );
    }
    assert!(home.path().join("support.tar.gz").is_file());
}

/// What cannot be run is at least spelled right: it names commands that exist, or those of Debian.
#[test]
fn lines_that_are_not_run_are_of_known_programs() {
    let known = [
        "apt",
        "certbot",
        "cp",
        "journalctl",
        "mkdir",
        "mv",
        "printf",
        "sed",
        "set",
        "systemctl",
        "tar",
        "wharfinger",
    ];
    for name in ["docs/deploy.md", "docs/upgrading.md"] {
        let unmarked = page(name).replace(NOT_RUN, "");
        for line in commands(&unmarked) {
            let first = line.split_whitespace().next().unwrap();
            let first = first.trim_start_matches('(');
            assert!(known.contains(&first), "{name}: {line}");
        }
    }
}
