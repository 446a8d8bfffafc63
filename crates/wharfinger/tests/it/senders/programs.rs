//! The programs of docs/clients.md, run against the real server.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::server::{Server, run};

/// Where Debian installs the JSON library for C#.
const JSON_NET: &str = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll";

/// The blocks of a page in a language.
pub(super) fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let open = format!("```{language}\n");
    let pieces = page.split(open.as_str()).skip(1);
    pieces
        .map(|piece| piece.split("```").next().unwrap())
        .collect()
}

pub(super) fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// Whether a program can be run. If not, prints that the test did not run.
fn is_here(what: &str, probe: &[&str]) -> bool {
    let probed = Command::new(probe[0]).args(&probe[1..]).output();
    let is_here = probed.is_ok_and(|output| output.status.success());
    if !is_here {
        eprintln!("did not run: there is no {what} on this machine; ./test installs it");
    }
    is_here
}

/// The Python that has `requests`. The first one in the path may not be Debian's.
pub(super) fn python() -> Option<&'static str> {
    let mut pythons = ["python3", "/usr/bin/python3"].into_iter();
    pythons.find(|python| is_here("Python with requests", &[python, "-c", "import requests"]))
}

/// The command that runs a program. `None` if the language is not on this machine.
fn runner(language: &str, file: &Path) -> Option<Command> {
    let name = match language {
        "python" => python()?,
        "js" => is_here("Node with fetch", &["node", "-e", "fetch"]).then_some("node")?,
        "php" => {
            let probe = ["php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"];
            is_here("PHP with cURL", &probe).then_some("php")?
        }
        _ => {
            let is_whole = is_here("mono", &["mcs", "--version"])
                && is_here("mono", &["mono", "--version"])
                && is_here("Json.NET", &["test", "-f", JSON_NET]);
            is_whole.then_some("mono")?
        }
    };
    let mut command = Command::new(name);
    command.arg(if language == "csharp" {
        compiled(file)
    } else {
        file.to_owned()
    });
    Some(command)
}

fn compiled(file: &Path) -> PathBuf {
    let program = file.with_extension("exe");
    let output = Command::new("mcs")
        .args(["-nologo", "-r:System.Net.Http.dll"])
        .arg(format!("-r:{JSON_NET}"))
        .arg(format!("-out:{}", program.display()))
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    program
}

/// Runs the programs of docs/clients.md in one language, each against a new server.
fn programs_of(language: &str, ending: &str) {
    let page = page("docs/clients.md");
    let sections: Vec<&str> = page.split("\n## Dialect ").skip(1).collect();
    assert_eq!(sections.len(), wharfinger_core::dialects::ALL.len());
    for section in sections {
        let [printed] = blocks(section, "text")[..] else {
            panic!("one block says what the programs print: {section}");
        };
        let [source] = blocks(section, language)[..] else {
            panic!("there is one program in {language}: {section}");
        };
        let data = tempfile::tempdir().unwrap();
        run(data.path(), &["org", "create", "DEMO", "--init"]);
        let key = run(data.path(), &["key", "create", "--org", "DEMO", "--json"]);
        let key: Value = serde_json::from_slice(&key.stdout).unwrap();
        let file = data.path().join(format!("program.{ending}"));
        std::fs::write(&file, source).unwrap();
        let Some(mut command) = runner(language, &file) else {
            return;
        };
        let server = Server::start(data.path());
        let output = command
            .env("URL", format!("http://{}", server.address))
            .env("KEY_ID", key["id"].as_str().unwrap())
            .env("KEY_SECRET", key["secret"].as_str().unwrap())
            .env("NO_PROXY", "*")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            printed,
            "{source}\n{output:?}"
        );
    }
}

#[test]
fn the_programs_in_python_print_what_the_page_says() {
    programs_of("python", "py");
}

#[test]
fn the_programs_in_javascript_print_what_the_page_says() {
    programs_of("js", "mjs");
}

#[test]
fn the_programs_in_php_print_what_the_page_says() {
    programs_of("php", "php");
}

#[test]
fn the_programs_in_csharp_print_what_the_page_says() {
    programs_of("csharp", "cs");
}
