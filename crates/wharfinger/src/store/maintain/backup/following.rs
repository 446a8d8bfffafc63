//! Follows the log of the store on a thread of its own while pages are copied.
//!
//! Under load the log restarts several times a second. Whoever misses two restarts must copy the whole file again, and writing the
//! copy to a slow disk may take longer than that.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pages::cannot;
use crate::store::engine::fault::Fault;
use crate::store::engine::wal::follow::Follower;

/// How often the thread looks at the log. In this time a busy store writes some hundred kilobytes.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A follower of the log, which a thread keeps up to date until this is dropped.
pub(super) struct Following(Arc<Mutex<Follower>>);

impl Following {
    /// Begins to follow the log of a database.
    ///
    /// # Errors
    /// The log cannot be read, or there is no thread.
    pub(super) fn begin(database: &Path) -> Result<Self, Fault> {
        let follower = Follower::begin(database).map_err(cannot("read", database))?;
        let follower = Arc::new(Mutex::new(follower));
        let followed = Arc::downgrade(&follower);
        let look = move || {
            while let Some(follower) = followed.upgrade() {
                // Who copies looks too, and reports the error.
                if lock(&follower).look().is_err() {
                    return;
                }
                drop(follower);
                std::thread::sleep(LOOK_EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("store-follower".into());
        thread.spawn(look).map_err(Fault::NoThread)?;
        Ok(Self(follower))
    }

    /// The follower, as of the thread's last look or later.
    pub(super) fn get(&self) -> MutexGuard<'_, Follower> {
        lock(&self.0)
    }
}

fn lock(follower: &Mutex<Follower>) -> MutexGuard<'_, Follower> {
    // A look that panicked has noted less than there is, which the next one finds.
    follower.lock().unwrap_or_else(PoisonError::into_inner)
}
