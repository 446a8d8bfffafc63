//! Follows the log of the store on a thread of its own while pages are copied.
//!
//! Under load the log restarts several times a second. Whoever misses two restarts must copy the whole file again, and writing the
//! copy to a slow disk may take longer than that.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pages::cannot;
use crate::store::engine::fault::Fault;
use crate::store::engine::wal::follow::Follower;

/// How often the thread looks at the log. In this time a busy store writes some hundred kilobytes.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A follower of the log, and the thread that keeps it up to date until this is dropped.
pub(super) struct Following {
    follower: Arc<Mutex<Follower>>,
    /// Dropped to end the thread.
    going: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// Begins to follow the log of a database.
    ///
    /// # Errors
    /// The log cannot be read, or there is no thread.
    pub(super) fn begin(database: &Path) -> Result<Self, Fault> {
        let follower = Follower::begin(database).map_err(cannot("read", database))?;
        let follower = Arc::new(Mutex::new(follower));
        let followed = Arc::clone(&follower);
        let (going, ended) = channel::<()>();
        let look = move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                // Who copies looks too, and reports the error.
                if lock(&followed).look().is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("store-follower".into());
        let thread = thread.spawn(look).map_err(Fault::NoThread)?;
        Ok(Self {
            follower,
            going: Some(going),
            thread: Some(thread),
        })
    }

    /// The follower, as of the thread's last look or later.
    pub(super) fn get(&self) -> MutexGuard<'_, Follower> {
        lock(&self.follower)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.going.take();
        if let Some(thread) = self.thread.take() {
            // An error means that it panicked. The next look then finds what it has missed.
            let _ = thread.join();
        }
    }
}

fn lock(follower: &Mutex<Follower>) -> MutexGuard<'_, Follower> {
    // A look that panicked has noted less than there is, which the next one finds.
    follower.lock().unwrap_or_else(PoisonError::into_inner)
}
