//! Log lines on stderr. A separate thread writes them, so that a slow reader of stderr does not delay requests.

use std::io::{self, BufWriter, IsTerminal, Stderr, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use wharfinger_client::terminal::has_colour_on;

use crate::serve::config::{Config, LogFormat};

/// Bytes of queued lines. Further lines are dropped and counted.
const BYTES_WAITING_MAX: usize = 8 << 20;

/// Each line counts as at least this many bytes, which limits the number of queued lines.
const LINE_BYTES_MIN: usize = 512;

/// Longest line, in bytes. Longer ones are dropped and counted. [`cut`] shortens the values in a line beforehand.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Longest value from a client in a line, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// How long a line may wait to be written together with others.
const GATHERED_FOR: Duration = Duration::from_millis(5);

/// Bytes of the queued lines.
static BYTES_WAITING: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Guard that flushes the queued lines when dropped. It waits at most a second.
pub(crate) struct Logging {
    _worker: WorkerGuard,
}

/// Sets up logging.
///
/// # Errors
/// The log level is invalid.
pub(crate) fn begin(config: &Config) -> Result<Logging> {
    let filter = EnvFilter::builder()
        .parse(format!(
            "{},hyper=error,h2=error,rustls=error",
            config.settings.log
        ))
        .context("the log level is invalid")?;
    let is_pretty = match config.settings.log_format {
        Some(format) => format == LogFormat::Pretty,
        None => io::stderr().is_terminal(),
    };
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(BYTES_WAITING_MAX / LINE_BYTES_MIN)
        .thread_name("log-writer")
        .finish(Gathered(BufWriter::new(io::stderr())));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // These errors would go to stderr, and panic if stderr cannot be written. Requests must not fail then.
        .log_internal_errors(false)
        .with_writer(Bounded(writer));
    if is_pretty {
        subscriber.with_ansi(has_colour_on(&io::stderr())).init();
    } else {
        subscriber
            .with_ansi(false)
            .json()
            .flatten_event(true)
            .init();
    }
    Ok(Logging { _worker: worker })
}

/// Lines dropped since the start.
#[must_use]
pub(crate) fn lines_dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Shortens a client's value for a log line.
#[must_use]
pub(crate) fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_BYTES_MAX)]
}

/// Queues lines while there is room. Each line is one call of `write`.
#[derive(Clone)]
struct Bounded(NonBlocking);

impl Write for Bounded {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let counts = line.len().max(LINE_BYTES_MIN);
        let taken = BYTES_WAITING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
            let waiting = waiting + counts;
            (line.len() <= LINE_BYTES_MAX && waiting <= BYTES_WAITING_MAX).then_some(waiting)
        });
        if taken.is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Bounded {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Writes lines that arrive close together in one system call. Waking the thread for each line costs a tenth of the time for
/// serving single orders.
struct Gathered(BufWriter<Stderr>);

impl Write for Gathered {
    /// Writes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.0.write_all(line);
        BYTES_WAITING.fetch_sub(line.len().max(LINE_BYTES_MIN), Ordering::Relaxed);
        written.map(|()| line.len())
    }

    /// Called when the queue is empty. The sleep lets the next lines gather without waking the thread for each.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        std::thread::sleep(GATHERED_FOR);
        Ok(())
    }
}
