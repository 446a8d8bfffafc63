//! Connections for reading, which neither wait for the writer nor hold it up.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{Use, connect};
use super::fault::Fault;
use crate::store::StoreError;

/// A pool of connections.
#[derive(Clone)]
pub(super) struct Readers {
    file: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// Makes a pool of at most `readers` connections, which are opened when they are wanted.
    pub(super) fn new(file: PathBuf, readers: usize) -> Self {
        Self {
            file,
            permits: Arc::new(Semaphore::new(readers.max(1))),
            idle: Arc::default(),
        }
    }

    /// Reads on a thread where waiting for the disk holds up nobody; all of it sees the store at one moment.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let permits = Arc::clone(&self.permits);
        let Ok(permit) = permits.acquire_owned().await else {
            return Err(StoreError::Unavailable("the store is closed".into()));
        };
        let pool = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let found = pool.read_now(read);
            drop(permit);
            found
        });
        let found = reading
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        found.map_err(StoreError::from)
    }

    fn read_now<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(&self.file, Use::Read)?,
        };
        let transaction = connection.transaction()?;
        let found = read(&transaction);
        transaction.finish()?;
        self.idle().push(connection);
        found
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is never half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connections; from now on there is nothing to be read.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }
}
