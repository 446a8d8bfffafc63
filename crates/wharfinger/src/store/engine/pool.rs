//! The pool of read connections. Reads neither wait for the writer nor delay it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connection::Use;
use super::driver::{Access, Connection};
use super::fault::{Fault, Severity};
use super::home::Home;
use crate::runtime::traces;
use crate::runtime::turns::{Closed, Turns};
use crate::store::api::StoreError;

/// The longest wait for a connection. Equal to the longest wait for another process's write.
const WAITING_MAX: Duration = Duration::from_secs(10);

/// A pool of read connections.
#[derive(Clone)]
pub(crate) struct Readers {
    home: Home,
    /// A caller gets at most half of the connections, so that its long reads leave some to others.
    turns: Turns,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// A pool of at most `readers` connections. They are opened when needed.
    pub(crate) fn new(home: Home, readers: usize) -> Self {
        Self {
            home,
            turns: Turns::new(readers, readers / 2),
            idle: Arc::default(),
        }
    }

    /// Runs `read` in one read transaction, on a thread that may block.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.read_as(Access::Read, read).await
    }

    /// As [`Self::read`], in a transaction that knows up to which stamp it sees all transactions.
    pub(crate) async fn follow<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.read_as(Access::Follow, read).await
    }

    async fn read_as<T, F>(&self, access: Access<'static>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let _call = traces::store_call("store read");
        let turn = match tokio::time::timeout(WAITING_MAX, self.turns.take()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(Closed)) => return Err(StoreError::Unavailable("the store is closed".into())),
            Err(_) => return Err(StoreError::Overloaded),
        };
        let pool = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let found = pool.read_now(access, read);
            drop(turn);
            found
        });
        let found = reading
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        found.map_err(StoreError::from)
    }

    fn read_now<T>(
        &self,
        access: Access<'_>,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        loop {
            let idle = self.idle().pop();
            let is_idle = idle.is_some();
            let connection = match idle {
                Some(connection) => connection,
                None => self.home.connect(Use::Read)?,
            };
            let transaction = match connection.begin(access) {
                Ok(transaction) => transaction,
                // The database server was restarted since the connection was last used.
                Err(error) if is_idle && error.severity() == Severity::Transient => continue,
                Err(error) => return Err(error.into()),
            };
            let found = read(&transaction);
            drop(transaction);
            // A broken connection is not reused.
            if !matches!(&found, Err(fault) if fault.severity() != Severity::Own) {
                self.idle().push(connection);
            }
            return found;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A panic cannot leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the pool. Later reads fail.
    pub(crate) fn close(&self) {
        self.turns.close();
        self.idle().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::memtable::SharedRuns;

    #[tokio::test]
    async fn who_waits_too_long_for_a_connection_is_told_to_come_again() {
        let readers = Readers::new(Home::File("none".into(), SharedRuns::default()), 1);
        let taken = readers.turns.take().await;
        let read = readers.read(|_| Ok(())).await;
        assert_eq!(read, Err(StoreError::Overloaded));
        drop(taken);
    }
}
