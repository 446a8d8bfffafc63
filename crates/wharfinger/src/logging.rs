//! Log lines on stderr, written by a thread of their own: whoever does not read them holds up no request.

use std::io::{self, BufWriter, IsTerminal, Stderr, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, LogFormat};

/// Bytes of lines that wait to be written; further lines are dropped and counted.
const BYTES_WAITING_MAX: usize = 8 << 20;

/// What a line counts for at least, which bounds their number.
const LINE_BYTES_MIN: usize = 512;

/// Bytes of a line; longer ones are dropped and counted. The values in a line are cut before, by [`cut`].
const LINE_BYTES_MAX: usize = 16 << 10;

/// Bytes of a value in a line that comes from a client.
const VALUE_BYTES_MAX: usize = 256;

/// How long a line may wait for others to be written with.
const GATHERED_FOR: Duration = Duration::from_millis(5);

/// What the lines that wait count for.
static BYTES_WAITING: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

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
        .buffered_lines_limit(BYTES_WAITING_MAX / LINE_BYTES_MIN)
        .thread_name("log-writer")
        .finish(Gathered(BufWriter::new(io::stderr())));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Told on stderr as well, which panics where it is stderr that cannot be written: requests must go on.
        .log_internal_errors(false)
        .with_writer(Bounded(writer));
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
    DROPPED.load(Ordering::Relaxed)
}

/// A client's value for a log line: its beginning, where it is long.
#[must_use]
pub(crate) fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_BYTES_MAX)]
}

/// Takes lines in, each by one call, as long as there is room.
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

/// Writes lines together that come close to each other. A thread that is woken for each of them, to write it by itself, costs
/// a tenth of what it takes to serve single orders.
struct Gathered(BufWriter<Stderr>);

impl Write for Gathered {
    /// Writes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.0.write_all(line);
        BYTES_WAITING.fetch_sub(line.len().max(LINE_BYTES_MIN), Ordering::Relaxed);
        written.map(|()| line.len())
    }

    /// Called when no line waits: the first of the next ones finds its thread asleep.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        std::thread::sleep(GATHERED_FOR);
        Ok(())
    }
}
