//! Output of commands: standard output whose reader may be gone, text that is safe for a terminal, and exit statuses.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Result, Stdout, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::value::RawValue;
use wharfinger_core::letters::is_obeyed;

/// How a command ended that did what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything is good: exit status 0.
    Done,
    /// Some orders, cases or lines are not good: exit status 3. What the command printed says which.
    SomeRejected,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::SomeRejected => Self::from(3),
        }
    }
}

/// Whether the reader of standard output is gone.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether the reader of standard output is gone. A command that prints without an end then ends.
#[must_use]
pub fn is_output_closed() -> bool {
    IS_CLOSED.load(Ordering::Relaxed)
}

/// The columns of the terminal that standard output is. `None` if it is no terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Whether standard output may be coloured.
#[must_use]
pub fn has_colour() -> bool {
    has_colour_on(&std::io::stdout())
}

/// Whether what is written there may be coloured: it is a terminal, and `NO_COLOR` is not set (<https://no-color.org>).
#[must_use]
pub fn has_colour_on(out: &impl IsTerminal) -> bool {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_unwanted && out.is_terminal()
}

/// Standard output. After its reader has closed it (`wharfinger key list | head -1`), the rest is dropped. The command
/// continues to its own exit status.
#[derive(Debug)]
pub struct Out {
    stdout: Stdout,
    is_closed: bool,
}

impl Default for Out {
    fn default() -> Self {
        Self {
            stdout: std::io::stdout(),
            is_closed: false,
        }
    }
}

impl Out {
    fn unless_closed<T>(&mut self, done: Result<T>, dropped: T) -> Result<T> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                IS_CLOSED.store(true, Ordering::Relaxed);
                Ok(dropped)
            }
            done => done,
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        let written = self.stdout.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let flushed = self.stdout.flush();
        self.unless_closed(flushed, ())
    }
}

/// Writes a line to standard error. Ignores errors: if stderr is closed, nobody can be told.
pub fn complain(line: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// The text of an error: one line that is safe for a terminal. It may quote names and URLs that come from outside.
#[must_use]
pub fn sentence(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    shown(&lines.collect::<Vec<_>>().join(" ")).into_owned()
}

/// Writes a value as one line of JSON.
///
/// # Errors
/// The value cannot be written as JSON, or `out` cannot be written to.
pub fn write_json(out: &mut dyn Write, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(value)?;
    // JSON requires escapes only for the first 32 control characters, but terminals obey the later ones too.
    if text.chars().any(char::is_control) {
        let escaped = |letter: char| match letter.is_control() {
            true => format!("\\u{:04x}", u32::from(letter)),
            false => letter.to_string(),
        };
        text = text.chars().map(escaped).collect();
    }
    writeln!(out, "{text}")?;
    Ok(())
}

/// Writes JSON as one line, with its numbers and texts as they are spelled.
///
/// # Errors
/// `out` cannot be written to.
pub fn write_raw_json(out: &mut dyn Write, json: &RawValue) -> anyhow::Result<()> {
    let mut line = String::with_capacity(json.get().len());
    let (mut is_text, mut is_escaped) = (false, false);
    for letter in json.get().chars() {
        match letter {
            ' ' | '\n' | '\r' | '\t' if !is_text => continue,
            '"' if !is_escaped => is_text = !is_text,
            _ => {}
        }
        is_escaped = is_text && letter == '\\' && !is_escaped;
        // JSON allows the later control characters in texts, but terminals obey them.
        match letter.is_control() {
            true => line.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => line.push(letter),
        }
    }
    writeln!(out, "{line}")?;
    Ok(())
}

/// Escapes control characters for a terminal, also those that change the direction of text. New names have none, but older
/// names and values from clients may.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_obeyed(letter) {
            escaped.extend(letter.escape_default());
        } else {
            escaped.push(letter);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{sentence, shown, write_raw_json};

    #[test]
    fn what_terminals_obey_is_escaped() {
        assert_eq!(
            shown("a\u{202e}b\u{2066}c\u{1b}[31m"),
            "a\\u{202e}b\\u{2066}c\\u{1b}[31m"
        );
        assert_eq!(shown("Ä → \u{627}\u{5d0} 猫"), "Ä → \u{627}\u{5d0} 猫");
        let error = anyhow::anyhow!("at line 1\n  |\n1 | \u{1b}[2Jx\n").context("the file x\u{7}");
        assert_eq!(
            sentence(&error),
            "the file x\\u{7}: at line 1 | 1 | \\u{1b}[2Jx"
        );
    }

    #[test]
    fn raw_json_is_one_line_and_spelled_as_it_came() {
        let text = "{ \"a\" :\n [1.50,\t1e3 ],\"b \\\" c\\\\\" : \"d  \u{9b}31m\" }";
        let json = RawValue::from_string(text.into()).unwrap();
        let mut line = Vec::new();
        write_raw_json(&mut line, &json).unwrap();
        let expected = "{\"a\":[1.50,1e3],\"b \\\" c\\\\\":\"d  \\u009b31m\"}\n";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
