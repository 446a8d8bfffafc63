//! Log lines on stderr, written by a thread of their own: whoever does not read them holds up no request.

use std::io::{self, BufWriter, IsTerminal, Stderr, Write};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Lines that wait to be written; further ones are dropped and counted.
const LINES_WAITING_MAX: usize = 16_384;

/// How long a line may wait for others to be written with.
const GATHERED_FOR: Duration = Duration::from_millis(5);

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Writes what still waits when it is dropped, for a second at most.
pub(crate) struct Logging {
    _worker: WorkerGuard,
}

/// Begins to write log lines.
///
/// # Errors
/// The log level is none.
pub(crate) fn begin(config: &Config) -> Result<Logging> {
    let filter = EnvFilter::builder()
        .parse(format!("{},hyper=error", config.log))
        .with_context(|| format!("'{}' is no log level", config.log))?;
    let is_pretty = match config.log_format {
        Some(format) => format == LogFormat::Pretty,
        None => io::stderr().is_terminal(),
    };
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log-writer")
        .finish(Gathered(BufWriter::new(io::stderr())));
    // Only the first one counts; a process has one log.
    let _ = DROPPED.set(writer.error_counter());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Told on stderr as well, which panics where it is stderr that cannot be written: requests must go on.
        .log_internal_errors(false)
        .with_writer(writer);
    if is_pretty {
        subscriber.with_ansi(io::stderr().is_terminal()).init();
    } else {
        subscriber
            .with_ansi(false)
            .json()
            .flatten_event(true)
            .init();
    }
    Ok(Logging { _worker: worker })
}

/// How many lines were dropped since the start.
#[must_use]
pub(crate) fn lines_dropped() -> u64 {
    let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
    u64::try_from(dropped).unwrap_or(u64::MAX)
}

/// Writes lines together that come close to each other. A thread that is woken for each of them, to write it by itself, costs
/// a tenth of what it takes to serve single orders.
struct Gathered(BufWriter<Stderr>);

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Called when no line waits: the first of the next ones finds its thread asleep.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        std::thread::sleep(GATHERED_FOR);
        Ok(())
    }
}
