//! Whether the store accepts new orders.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::store::{Store, StoreError};

/// Time that the store has to confirm that it accepts writes.
const READY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a result is reused, so that frequent requests are cheap.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// The latest result and its time.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Checks)>>);

/// The checks of `/readyz`. Each passes, or has a reason that anyone may see.
#[derive(Clone)]
pub struct Checks {
    /// Whether the store can commit.
    pub store: Result<(), String>,
    /// Whether the disk has room.
    pub disk: Result<(), String>,
}

impl Readiness {
    /// Checks the store, or returns the result of a moment ago.
    pub async fn look(&self, store: &Store) -> Checks {
        // Concurrent requests wait for this lock and share the result.
        let mut last = self.0.lock().await;
        if let Some((at, checks)) = last.as_ref()
            && at.elapsed() < SHARED_FOR
        {
            return checks.clone();
        }
        let checks = Checks {
            store: check_store(store).await,
            disk: match store.room() {
                Some(room) if room.is_short() => Err(room.to_string()),
                Some(_) | None => Ok(()),
            },
        };
        *last = Some((Instant::now(), checks.clone()));
        checks
    }
}

async fn check_store(store: &Store) -> Result<(), String> {
    match tokio::time::timeout(READY_TIMEOUT, store.ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "The readiness check failed.");
            Err(match error {
                StoreError::DiskFull(_) => "the disk is full".into(),
                StoreError::Overloaded
                | StoreError::Unavailable(_)
                | StoreError::InDoubt(_)
                | StoreError::Refused(_)
                | StoreError::ReplySaved
                | StoreError::ReplyErased
                | StoreError::Internal(_)
                | StoreError::BadCursor
                | StoreError::FeedBegins(_)
                | StoreError::NotLoaded(_)
                | StoreError::ImportMoved(_) => "the store does not accept writes".into(),
            })
        }
        Err(_) => {
            tracing::warn!("The readiness check timed out.");
            Err("the store did not respond in time".into())
        }
    }
}
