//! Notices that the files of the certificate changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;

use super::Certificates;
use super::files::{self, Fingerprint};
use crate::runtime::metrics::METRICS;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Certificates {
    /// Loads the files again when they have changed, or at once on a signal, until the task is dropped.
    ///
    /// Changed files are loaded when they are as they were at the last look: the two files are rarely replaced in the same moment.
    pub async fn follow(self: Arc<Self>, mut hangups: Signal) {
        let mut tried = Some(self.first);
        let mut seen = tried;
        loop {
            let is_told = tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => false,
                told = hangups.recv() => told.is_some(),
            };
            let found = self.look().await;
            let is_settled = found == seen;
            seen = found;
            if is_told || (is_settled && found != tried) {
                tried = found;
                self.load_again().await;
            }
        }
    }

    async fn look(self: &Arc<Self>) -> Option<Fingerprint> {
        let this = Arc::clone(self);
        let looked = spawn_blocking(move || files::fingerprint(&this.files)).await;
        looked.ok()
    }

    async fn load_again(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let loaded = spawn_blocking(move || this.reload()).await;
        let Ok(loaded) = loaded else { return };
        METRICS.note_certificate_read(loaded.is_ok());
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
    }
}
