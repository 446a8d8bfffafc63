//! `wharfinger completions`, `wharfinger man`, and docs/cli.md, which names every command.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Arg, CommandFactory};
use wharfinger::cli::Cli;

use crate::support::server::program;

fn script(shell: &str) -> String {
    let output = program().args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = script(shell);
        for word in ["wharfinger", "orders", "history", "forward-to"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("bench-part"), "{shell}");
    }
    let output = program().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn bash_completes_commands_and_options() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wharfinger");
    std::fs::write(&file, script("bash")).unwrap();
    let complete = |words: &str| {
        let count = words.split(' ').count() - 1;
        let script = format!(
            "source {}; COMP_WORDS=({words}); [ {count} -lt ${{#COMP_WORDS[@]}} ] || COMP_WORDS+=(''); COMP_CWORD={count}; \
             _wharfinger wharfinger \"${{COMP_WORDS[{count}]}}\" \"\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &script])
            .output()
            .expect("bash is here");
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("wharfinger prof"), "profile\n");
    assert_eq!(complete("wharfinger orders hist"), "history\n");
    assert_eq!(complete("wharfinger events tail --sin"), "--since\n");
    let shells = complete("wharfinger completions ");
    assert!(shells.contains("fish"), "{shells}");
}

#[test]
fn every_command_has_a_page_that_man_can_show() {
    let directory = tempfile::tempdir().unwrap();
    let man1 = directory.path().join("man/man1");
    let output = program().arg("man").arg(&man1).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut pages = 0;
    for (path, _) in commands() {
        let name = path.replace(' ', "-");
        let file = man1.join(format!("{name}.1"));
        let text = std::fs::read_to_string(&file).expect(&name);
        assert!(
            text.contains(".TH ") && text.contains(".SH SYNOPSIS"),
            "{name}"
        );
        pages += 1;
    }
    assert!(pages > 40, "{pages}");
    assert!(!man1.join("wharfinger-bench-part.1").exists());
    let page = man1.join("wharfinger-orders-list.1");
    for (formatter, arguments) in [
        ("man", &["-l"][..]),
        ("groff", &["-man", "-Tutf8", "-P-cbou"][..]),
    ] {
        let formatted = Command::new(formatter)
            .args(arguments)
            .arg(&page)
            .env("MANWIDTH", "100")
            .env("LC_ALL", "C.UTF-8")
            .output();
        let Ok(formatted) = formatted else {
            eprintln!("did not run: there is no {formatter} here");
            continue;
        };
        let text = String::from_utf8_lossy(&formatted.stdout).into_owned();
        if formatter == "man" && !formatted.status.success() {
            eprintln!("did not run: man cannot show pages here");
            continue;
        }
        assert!(
            text.contains("SYNOPSIS") && text.contains("updated"),
            "{formatter}: {text}"
        );
    }
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = program().arg("man").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

/// Every command that can be called, by its whole name, in the order of the help.
fn commands() -> Vec<(String, clap::Command)> {
    fn walk(prefix: &str, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let path = format!("{prefix} {}", sub.get_name());
            if sub.has_subcommands() {
                walk(&path, sub, found);
            } else {
                found.push((path, sub.clone()));
            }
        }
    }
    let mut found = Vec::new();
    walk("wharfinger", &Cli::command(), &mut found);
    found
}

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md")
}

/// The table of commands.
fn command_table() -> String {
    let mut table = "| command | what it does |\n| --- | --- |\n".to_owned();
    for (path, command) in commands() {
        let about = command.get_about().expect(&path).to_string();
        writeln!(table, "| `{path}` | {about} |").unwrap();
    }
    table
}

/// The table of variables. Those of `serve` are its settings, which docs/operations.md lists.
fn variable_table() -> String {
    let mut rows = BTreeMap::<String, (String, Vec<String>)>::new();
    for (path, command) in commands() {
        if path == "wharfinger serve" {
            continue;
        }
        for argument in command.get_arguments() {
            let Some(name) = argument.get_env() else {
                continue;
            };
            let row = rows.entry(name.to_string_lossy().into_owned());
            let (_, of) = row.or_insert_with(|| (option(argument), Vec::new()));
            of.push(path.trim_start_matches("wharfinger ").to_owned());
        }
    }
    let mut table = "| variable | option | commands |\n| --- | --- | --- |\n".to_owned();
    for (name, (option, of)) in rows {
        let all = of.len();
        let of = match all {
            0..=4 => of
                .iter()
                .map(|one| format!("`{one}`"))
                .collect::<Vec<_>>()
                .join(", "),
            _ => format!("{all} commands"),
        };
        writeln!(table, "| `{name}` | `--{option}` | {of} |").unwrap();
    }
    table
}

fn option(argument: &Arg) -> String {
    argument.get_long().unwrap_or_default().to_owned()
}

/// The text between two marks, which the program determines.
fn assert_section(mark: &str, expected: &str) {
    let text = std::fs::read_to_string(manual()).expect("the manual is there");
    let (begin, end) = (
        format!("<!-- {mark} -->\n"),
        format!("<!-- end of {mark} -->\n"),
    );
    let (head, rest) = text.split_once(&begin).expect("the section begins");
    let (section, tail) = rest.split_once(&end).expect("the section ends");
    if std::env::var_os("UPDATE_HELP").is_some() {
        std::fs::write(manual(), format!("{head}{begin}{expected}{end}{tail}")).unwrap();
        return;
    }
    assert_eq!(section, expected, "UPDATE_HELP=1 writes it anew");
}

/// Both tables, so that no two tests write the file at once.
#[test]
fn the_manual_names_every_command_and_every_variable() {
    assert_section("commands", &command_table());
    assert_section("variables", &variable_table());
    for (path, command) in commands() {
        let about = command.get_about().expect(&path).to_string();
        assert!(
            !about.contains('\n') && !about.contains('|'),
            "{path}: {about}"
        );
        assert!(
            command
                .get_after_help()
                .is_some_and(|text| text.to_string().contains("wharfinger ")),
            "{path} has no example"
        );
    }
}
