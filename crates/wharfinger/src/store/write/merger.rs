//! The merger of a store on PostgreSQL: a thread that merges recent changes into the tables, beside the writer.
//!
//! One server at a time merges, and holds a lock for that. It merges everything that it knows of the log in one transaction, and deletes
//! it from the log in the same. Nobody waits for it: writers add to the log and lock rows that it does not touch, and readers
//! have both the log and the tables as of one moment. Only work that rewrites the tables itself waits for it, and it for such work.

use std::time::Duration;

use tokio::sync::watch;

use super::merge;
use crate::store::engine::connection::Use;
use crate::store::engine::driver::{Access, Connection, LOCK_PATIENCE, Locks};
use crate::store::engine::fault::Fault;
use crate::store::engine::home::Home;
use crate::store::engine::memtable::SharedRuns;

/// The pause when another server is merging.
const ELSEWHERE_PAUSE: Duration = Duration::from_millis(100);
/// The pause after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// A handle of the merger thread. The thread stops when this is dropped.
pub(crate) struct Merger {
    runs: SharedRuns,
    ended: watch::Receiver<()>,
}

impl Merger {
    /// Starts the thread. It merges when the connections that share `runs` have published enough.
    pub(crate) fn start(home: Home, runs: SharedRuns) -> std::io::Result<Self> {
        let (sender, ended) = watch::channel(());
        let shared = runs.clone();
        std::thread::Builder::new()
            .name("store-merger".into())
            .spawn(move || {
                run(&home, &shared);
                drop(sender);
            })?;
        Ok(Self { runs, ended })
    }

    /// Stops the thread, and waits until it has closed its connection.
    pub(crate) async fn close(&self) {
        self.runs.close();
        let mut ended = self.ended.clone();
        // The thread drops the sender when it ends.
        while ended.changed().await.is_ok() {}
    }
}

impl Drop for Merger {
    fn drop(&mut self) {
        self.runs.close();
    }
}

fn run(home: &Home, runs: &SharedRuns) {
    let mut connection = None;
    while runs.wait_until_due() {
        match merge_once(home, &mut connection) {
            Ok(()) if !runs.is_due() => {}
            // Another server is merging.
            Ok(()) => runs.pause(ELSEWHERE_PAUSE),
            Err(fault) => {
                connection = None;
                tracing::warn!(%fault, "Recent changes could not be merged into the tables; it will be tried again.");
                runs.pause(FAILURE_PAUSE);
            }
        }
    }
}

fn merge_once(home: &Home, connection: &mut Option<Connection>) -> Result<(), Fault> {
    let connected = match connection.take() {
        Some(connected) => connected,
        None => home.connect(Use::Write)?,
    };
    let runs = connected.shared_runs();
    merge(&connected, || runs.is_due())?;
    *connection = Some(connected);
    Ok(())
}

/// Merges all recent changes, unless another process is merging.
pub(super) fn all(connection: &Connection) -> Result<(), Fault> {
    merge(connection, || true)
}

/// Merges all recent changes, unless another process is merging, or has merged them so that they are not due any more.
fn merge(connection: &Connection, is_due: impl Fn() -> bool) -> Result<(), Fault> {
    let transaction = connection.begin(Access::Write {
        names: &[],
        locks: Locks::Nothing,
        patience: LOCK_PATIENCE,
    })?;
    let Some(recent) = transaction.recent() else {
        return Ok(());
    };
    if !merge::try_alone(&transaction)? {
        return Ok(());
    }
    // Reads what was added or merged until the lock was taken.
    recent.generation()?;
    if !is_due() {
        return Ok(());
    }
    merge::commit_alone(transaction, merge::everything)
}
