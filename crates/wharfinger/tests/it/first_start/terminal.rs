//! The server on a terminal. `script` makes one for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{organisations, to_paste};
use crate::support::database::{self, on_embedded};
use crate::support::fixture;
use crate::support::server::program;

/// A server on a terminal.
struct OnTerminal {
    script: Child,
    keys: ChildStdin,
    screen: BufReader<ChildStdout>,
    shown: String,
}

impl OnTerminal {
    /// Starts one, and waits until it says that it is ready.
    fn start(data: &Path, listen: &str, environment: &[(&str, &str)]) -> Self {
        let mut serve = program();
        serve.args(["serve", "--listen", listen]);
        database::aim(&mut serve, data);
        let words = std::iter::once(serve.get_program()).chain(serve.get_args());
        let words = words.map(|word| format!("'{}'", word.to_str().unwrap()));
        let line = format!("exec {}", Vec::from_iter(words).join(" "));
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &line, "/dev/null"]);
        script.env_remove("NO_COLOR");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WHARFINGER_") {
                script.env_remove(name);
            }
        }
        script.envs(environment.iter().copied());
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut script = script.expect("script is part of util-linux");
        let mut terminal = Self {
            keys: script.stdin.take().unwrap(),
            screen: BufReader::new(script.stdout.take().unwrap()),
            script,
            shown: String::new(),
        };
        terminal.read_until("/console");
        terminal
    }

    /// Reads the screen up to the line with this text.
    fn read_until(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let length = self.screen.read_line(&mut line).unwrap();
            self.shown.push_str(&line);
            assert!(length > 0, "the server ended: {}", self.shown);
        }
    }

    /// Presses Ctrl-C. Returns everything that the terminal has shown.
    fn interrupt(mut self) -> String {
        self.keys.write_all(b"\x03").unwrap();
        self.keys.flush().unwrap();
        self.screen.read_to_string(&mut self.shown).unwrap();
        assert!(self.script.wait().unwrap().success(), "{}", self.shown);
        self.shown.clone()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It has normally ended already.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn on_a_terminal_a_new_directory_gets_a_key_once() {
    if !on_embedded("is of a directory") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let shown = OnTerminal::start(data.path(), "127.0.0.1:0", &[]).interrupt();
    to_paste(&shown);
    assert!(shown.contains("DEMO"), "{shown}");
    assert_eq!(organisations(data.path()), 1);
    let shown = OnTerminal::start(data.path(), "127.0.0.1:0", &[]).interrupt();
    assert!(!shown.contains("KEY_"), "{shown}");
    assert_eq!(organisations(data.path()), 1);
}

#[test]
fn a_server_that_others_can_reach_and_a_database_get_none_on_a_terminal() {
    let data = fixture::empty_directory();
    let listen = if database::is_on_postgres() {
        "127.0.0.1:0"
    } else {
        ":0"
    };
    let shown = OnTerminal::start(data.path(), listen, &[]).interrupt();
    assert!(shown.contains("wharfinger org create CODE"), "{shown}");
    assert!(!shown.contains("KEY_"), "{shown}");
    assert_eq!(organisations(data.path()), 0);
}

#[test]
fn no_color_holds_for_log_lines() {
    let data = fixture::data_directory();
    for (environment, is_coloured) in [
        (&[][..], true),
        (&[("NO_COLOR", "")], true),
        (&[("NO_COLOR", "1")], false),
    ] {
        let shown = OnTerminal::start(data.path(), "127.0.0.1:0", environment).interrupt();
        assert!(shown.contains("Shutting down"), "{shown}");
        assert_eq!(
            shown.contains("\u{1b}["),
            is_coloured,
            "{environment:?}: {shown}"
        );
    }
}
