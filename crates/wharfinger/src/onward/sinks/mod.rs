//! What takes events in place of a webhook: tables in a PostgreSQL database, a stream of NATS, files.
//!
//! A sink gets all events in order, many at a time. It keeps, where the events are, which ones it has. So when the server is
//! killed between a delivery and its report, the sink recognises what it gets again:
//!
//! ```text
//! postgres   the rows, the cursor and the lease's number in one transaction
//! nats       each message names its event, and the message that it must follow
//! files      a file counts when it has its final name; the last one is read again
//! ```
//!
//! Knows nothing of leases, schedules and reports: see the runner.

pub mod files;
pub mod nats;
pub mod postgres;
mod settings;

use std::path::Path;

use bytes::Bytes;

use self::files::Files;
use self::nats::Nats;
use self::postgres::Postgres;
pub use self::settings::{
    BadSettings, Compression, FilesSettings, NatsSettings, PostgresSettings, SinkSettings,
};
use super::guard::{Guard, Refused};
use crate::store::{Delivery, Destination, Progress};

/// Events that a sink gets at a time, unless the destination says otherwise.
pub const MAX_EVENTS_DEFAULT: u32 = 500;

/// What a sink is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'o> {
    /// The destination. When its number of replays grows, a sink takes again what it had before.
    pub destination: &'o Destination,
    /// How far it is, as far as the store knows.
    pub progress: &'o Progress,
    /// The number of the lease. It is greater than those of earlier holders.
    pub lease: i64,
    /// The addresses that may be connected to.
    pub guard: &'o Guard,
    /// The directory below which files may be written. `None`: nowhere.
    pub files_root: Option<&'o Path>,
}

/// An event for a sink.
#[derive(Clone, Debug)]
pub struct Outgoing<'d> {
    /// The event.
    pub delivery: &'d Delivery,
    /// The code of its organisation.
    pub code: &'d str,
    /// The event's id, as the feed shows it.
    pub id: &'d str,
    /// The event as a JSON object, as a webhook has it. Empty if the sink [needs none](Sink::needs_bodies).
    pub body: Bytes,
}

/// What a sink has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many of the events that were given since it was opened, and that it had not yet taken, are now safe. They are the first
    /// ones. Includes events that it recognised.
    pub events: usize,
}

/// Why a sink does not take events. It must be opened anew. All events that it has not taken must be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The result of the attempt in a word, such as `unreachable`.
    pub result: &'static str,
    /// What went wrong, and what to do, in a sentence.
    pub why: String,
    /// What was taken before.
    pub taken: Taken,
}

impl Failure {
    /// The target cannot be reached.
    pub(crate) fn unreachable(why: impl Into<String>) -> Self {
        Self::new("unreachable", why)
    }

    /// The target does not take the events.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::new("refused", why)
    }

    /// The target does not answer in time.
    pub(crate) fn timeout(why: impl Into<String>) -> Self {
        Self::new("timeout", why)
    }

    /// Another server delivers to this destination, or did so meanwhile.
    pub(crate) fn fenced(why: impl Into<String>) -> Self {
        Self::new("fenced", why)
    }

    fn new(result: &'static str, why: impl Into<String>) -> Self {
        Self {
            result,
            why: why.into(),
            taken: Taken::default(),
        }
    }

    /// The same failure, after so many events were taken.
    fn after(mut self, events: usize) -> Self {
        self.taken.events += events;
        self
    }
}

/// A host that this server does not connect to.
fn forbidden(refused: &Refused) -> Failure {
    match refused {
        Refused::Unresolved { .. } => Failure::unreachable(refused.to_string()),
        Refused::Url(_) | Refused::Forbidden(_) => {
            Failure::new("forbidden_address", refused.to_string())
        }
    }
}

/// An open sink.
#[derive(Debug)]
pub enum Sink {
    /// Tables.
    Postgres(Box<Postgres>),
    /// A stream.
    Nats(Box<Nats>),
    /// Files.
    Files(Box<Files>),
}

impl Sink {
    /// Opens a sink: connects, makes what is missing, and finds out what it has.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    pub async fn open(settings: &SinkSettings, opening: Opening<'_>) -> Result<Self, Failure> {
        Ok(match settings {
            SinkSettings::Postgres(settings) => {
                Self::Postgres(Box::new(Postgres::open(settings, opening).await?))
            }
            SinkSettings::Nats(settings) => {
                Self::Nats(Box::new(Nats::open(settings, opening).await?))
            }
            SinkSettings::Files(settings) => {
                Self::Files(Box::new(Files::open(settings, opening).await?))
            }
        })
    }

    /// Gives events, in the order of the feed. Without events, finishes what is due.
    ///
    /// What it answers must be stored before the next call.
    ///
    /// # Errors
    /// The sink fails. It must be opened anew.
    pub async fn deliver(&mut self, events: &[Outgoing<'_>]) -> Result<Taken, Failure> {
        match self {
            Self::Postgres(postgres) => postgres.deliver(events).await,
            Self::Nats(nats) => nats.deliver(events).await,
            Self::Files(files) => files.deliver(events).await,
        }
    }

    /// Whether it needs the bodies of events.
    #[must_use]
    pub fn needs_bodies(&self) -> bool {
        match self {
            Self::Postgres(_) => false,
            Self::Nats(_) | Self::Files(_) => true,
        }
    }

    /// When [`Self::deliver`] must be called, even without events, in milliseconds since 1970. `None`: only with events.
    #[must_use]
    pub fn due_at_ms(&self) -> Option<i64> {
        match self {
            Self::Postgres(_) | Self::Nats(_) => None,
            Self::Files(files) => files.due_at_ms(),
        }
    }

    /// Finishes what is begun, because the server stops or the destination is paused.
    ///
    /// # Errors
    /// The sink fails.
    pub async fn close(self) -> Result<Taken, Failure> {
        match self {
            Self::Postgres(_) | Self::Nats(_) => Ok(Taken::default()),
            Self::Files(files) => files.close().await,
        }
    }
}
