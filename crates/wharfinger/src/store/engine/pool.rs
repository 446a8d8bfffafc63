//! The pool of read connections. Reads neither wait for the writer nor delay it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connection::Use;
use super::driver::{Access, Connection};
use super::fault::{Extent, Fault};
use super::home::Home;
use crate::serve::turns::{Closed, Turns};
use crate::store::api::StoreError;

/// How long is waited for a connection, as long as for another's write.
const WAITING_MAX: Duration = Duration::from_secs(10);

/// A pool of connections.
#[derive(Clone)]
pub(crate) struct Readers {
    home: Home,
    /// One caller has at most half of the connections, so that its long reads leave some to others.
    turns: Turns,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// Makes a pool of at most `readers` connections, which are opened when they are wanted.
    pub(crate) fn new(home: Home, readers: usize) -> Self {
        Self {
            home,
            turns: Turns::new(readers, readers / 2),
            idle: Arc::default(),
        }
    }

    /// Reads on a thread where waiting for the disk holds up nobody; all of it sees the store at one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let turn = match tokio::time::timeout(WAITING_MAX, self.turns.take()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(Closed)) => return Err(StoreError::Unavailable("the store is closed".into())),
            Err(_) => return Err(StoreError::Overloaded),
        };
        let pool = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let found = pool.read_now(read);
            drop(turn);
            found
        });
        let found = reading
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        found.map_err(StoreError::from)
    }

    fn read_now<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        loop {
            let idle = self.idle().pop();
            let is_idle = idle.is_some();
            let connection = match idle {
                Some(connection) => connection,
                None => self.home.connect(Use::Read)?,
            };
            let transaction = match connection.begin(Access::Read) {
                Ok(transaction) => transaction,
                // The server was restarted since it was last used.
                Err(error) if is_idle && error.extent() == Extent::Passing => continue,
                Err(error) => return Err(error.into()),
            };
            let found = read(&transaction);
            drop(transaction);
            // One that is broken is of no use to the next one.
            if !matches!(&found, Err(fault) if fault.extent() != Extent::Own) {
                self.idle().push(connection);
            }
            return found;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is never half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connections; from now on there is nothing to be read.
    pub(crate) fn close(&self) {
        self.turns.close();
        self.idle().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_too_long_for_a_connection_is_told_to_come_again() {
        let readers = Readers::new(Home::File("none".into()), 1);
        let taken = readers.turns.take().await;
        let read = readers.read(|_| Ok(())).await;
        assert_eq!(read, Err(StoreError::Overloaded));
        drop(taken);
    }
}
