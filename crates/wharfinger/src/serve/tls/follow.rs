//! Notices that the files of the certificate changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;

use super::Certificates;
use super::files::{self, Fingerprint};
use crate::runtime::metrics::METRICS;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When files that cannot be used are tried again: they may be valid later, or the machine may have been short of something.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Decides when the files are loaded.
struct Watch {
    /// The files at the last try.
    tried: Option<Fingerprint>,
    /// The files at the last look.
    seen: Option<Fingerprint>,
    /// When they are tried again unchanged, if the last try failed.
    again_at: Option<Instant>,
}

impl Watch {
    /// Begins with files that are in use.
    fn new(first: Fingerprint) -> Self {
        Self {
            tried: Some(first),
            seen: Some(first),
            again_at: None,
        }
    }

    /// Notes a look at the files. Returns whether to load them: they changed, or it is time to try again.
    ///
    /// They must be as they were at the last look: the two files are rarely replaced in the same moment.
    fn is_due(&mut self, found: Option<Fingerprint>, now: Instant) -> bool {
        let is_settled = found == self.seen;
        self.seen = found;
        let is_time = self.again_at.is_some_and(|at| at <= now);
        is_settled && (found != self.tried || is_time)
    }

    /// Notes that the files were loaded, or could not be.
    fn tried(&mut self, found: Option<Fingerprint>, is_loaded: bool, now: Instant) {
        self.tried = found;
        self.again_at = (!is_loaded).then(|| now + AGAIN_AFTER);
    }
}

impl Certificates {
    /// Loads the files again when they have changed, or at once on a signal, until the task is dropped.
    pub async fn follow(self: Arc<Self>, mut hangups: Signal) {
        let mut watch = Watch::new(self.first);
        loop {
            let is_told = tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => false,
                told = hangups.recv() => told.is_some(),
            };
            let found = self.look().await;
            // In this order: each look is noted.
            if watch.is_due(found, Instant::now()) || is_told {
                let is_loaded = self.load_again().await;
                watch.tried(found, is_loaded, Instant::now());
            }
        }
    }

    async fn look(self: &Arc<Self>) -> Option<Fingerprint> {
        let this = Arc::clone(self);
        let looked = spawn_blocking(move || files::fingerprint(&this.files)).await;
        looked.ok()
    }

    /// Loads the files. Returns whether they could be used.
    async fn load_again(self: &Arc<Self>) -> bool {
        let this = Arc::clone(self);
        let loaded = spawn_blocking(move || this.reload()).await;
        let Ok(loaded) = loaded else { return false };
        let is_loaded = loaded.is_ok();
        METRICS.note_certificate_read(is_loaded);
        match loaded {
            Ok(()) => {
                tracing::info!("The TLS certificate was loaded again; new connections get it.");
            }
            Err(error) => {
                tracing::error!(
                    "The new TLS certificate cannot be used, so the old one stays in use: {error}."
                );
            }
        }
        is_loaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn changed_files_are_loaded_once_they_are_settled() {
        let (old, new) = ([0; 32], [1; 32]);
        let now = Instant::now();
        let mut watch = Watch::new(old);
        assert!(!watch.is_due(Some(old), now));
        assert!(!watch.is_due(Some(new), now));
        assert!(watch.is_due(Some(new), now));
        watch.tried(Some(new), true, now);
        assert!(!watch.is_due(Some(new), now + 1_000 * SECOND));
    }

    #[test]
    fn files_that_cannot_be_used_yet_are_tried_again() {
        let (old, new) = ([0; 32], [1; 32]);
        let now = Instant::now();
        let mut watch = Watch::new(old);
        watch.is_due(Some(new), now);
        assert!(watch.is_due(Some(new), now));
        watch.tried(Some(new), false, now);
        assert!(!watch.is_due(Some(new), now + 59 * SECOND));
        assert!(watch.is_due(Some(new), now + 60 * SECOND));
        watch.tried(Some(new), false, now + 60 * SECOND);
        assert!(!watch.is_due(Some(new), now + 61 * SECOND));
        // The files that are in use again need no more tries.
        watch.is_due(Some(old), now + 62 * SECOND);
        assert!(watch.is_due(Some(old), now + 64 * SECOND));
        watch.tried(Some(old), true, now + 64 * SECOND);
        assert!(!watch.is_due(Some(old), now + 1_000 * SECOND));
    }
}
