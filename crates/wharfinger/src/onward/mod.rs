//! Carries events to where they are needed.
//!
//! ```text
//! manager    holds the leases of destinations; a runner for each
//! runner     reads events, keeps requests under way, reports what came of them
//! window     decides what may be sent when
//! sink_runner, sinks   events in order to tables, streams and files
//! webhook    an event or a batch as a signed request; the answer as an outcome
//! client     HTTP to receivers that may be slow, broken or hostile
//! guard      which addresses may be connected to
//! ```
//!
//! Intake never waits for a destination. Events that wait are not kept anywhere: a destination is a cursor on the feed.
//!
//! May import `serve`, `store`, `runtime` and `clock`.

mod attempts;
mod breaker;
pub mod client;
pub mod codes;
mod delivery_span;
pub mod guard;
pub mod headers;
pub mod hint;
mod manager;
pub mod new;
mod runner;
mod schedule;
pub mod settings;
pub mod signature;
mod sink_runner;
pub mod sinks;
pub(crate) mod told;
pub mod view;
mod webhook;
mod window;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore, watch};

use crate::store::{Attempt, Destination, Store};
use client::Reach;
use codes::Codes;
use guard::Guard;
use settings::Settings;
use webhook::Webhook;

/// Pages of events that are read concurrently for all destinations. Other reads get through however many there are.
const READS_MAX: usize = 2;

/// What all destinations of a server share.
pub struct Onward {
    reach: Arc<Reach>,
    codes: Codes,
    /// The directory below which sinks may write files. `None`: nowhere.
    files_root: Option<PathBuf>,
    reads: Semaphore,
    changed: Notify,
    stopped: watch::Sender<bool>,
}

impl Onward {
    /// Destinations are reached by `reach`; `codes` are those of the organisations; sinks may write files below `files_root`.
    #[must_use]
    pub fn new(reach: Reach, codes: Codes, files_root: Option<PathBuf>) -> Self {
        Self {
            reach: Arc::new(reach),
            codes,
            files_root,
            reads: Semaphore::new(READS_MAX),
            changed: Notify::new(),
            stopped: watch::Sender::new(false),
        }
    }

    /// Which addresses destinations may have.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        self.reach.guard()
    }

    /// Why this server cannot deliver to a destination with these settings. `None` if it may.
    pub fn lacks(&self, settings: &Settings) -> Option<&'static str> {
        let is_missing = settings.kind() == "files" && self.files_root.is_none();
        is_missing
            .then_some("this server writes no files; start it with --destinations-files DIRECTORY")
    }

    /// A destination was created or changed here. It takes effect at once, not within a second.
    pub fn note_change(&self) {
        self.changed.notify_one();
    }

    /// Delivers to all destinations that no other server delivers to, until [`stop`](Self::stop). `is_sole` if no other server can be
    /// on the store.
    pub async fn run(self: &Arc<Self>, store: &Arc<Store>, is_sole: bool) {
        let onward = Arc::clone(self);
        manager::Manager::new(onward, Arc::clone(store), is_sole)
            .run()
            .await;
    }

    /// Ends all deliveries, because the server is about to stop.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Sends an event to a webhook that stands for none, once. Returns how it went.
    ///
    /// # Errors
    /// The destination is no webhook, or cannot be used. The sentence says why.
    pub async fn send_test(&self, destination: &Destination) -> Result<Attempt, String> {
        let settings = Settings::of(destination).map_err(|bad| bad.to_string())?;
        let settings = match settings {
            Settings::Webhook(settings) => settings,
            Settings::Sink(_) => return Err("only a webhook can be tested".into()),
        };
        let webhook = Webhook::new(Arc::clone(&self.reach), destination, &settings)?;
        Ok(webhook.test(destination.id).await)
    }
}
