//! Output of commands. A closed pipe is not an error.

use std::io::{ErrorKind, Result, Stdout, Write};

/// Standard output. After its reader has closed it (`wharfinger key list | head -1`), the rest is dropped. The command
/// continues to its own exit status.
pub(super) struct Out {
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
pub(super) fn complain(line: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
