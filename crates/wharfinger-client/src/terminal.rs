//! Output of commands: standard output whose reader may be gone, text that is safe for a terminal, and exit statuses.

use std::borrow::Cow;
use std::io::{ErrorKind, Result, Stdout, Write};
use std::process::ExitCode;

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

/// Escapes control characters for a terminal, because they could move the cursor or hide text. New names have none, but older
/// names and values from clients may.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if letter.is_control() {
            escaped.extend(letter.escape_default());
        } else {
            escaped.push(letter);
        }
    }
    escaped.into()
}
