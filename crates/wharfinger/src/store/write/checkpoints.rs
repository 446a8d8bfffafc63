//! Checkpoints: a second thread writes SQLite's log back to the database file.
//!
//! SQLite's own checkpoint runs in the commit that finds the log long enough: it copies and syncs all of it while all writers wait.
//! Here the thread copies most of it while the writer continues. The writer then copies only the remaining few pages, and the log
//! restarts. The thread runs often, because commits that sync at the same time wait for what it syncs.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::mpsc::WeakUnboundedSender;

use super::writer::Message;
use crate::store::engine::fault::Fault;
use crate::store::engine::wal::length::Log;
use crate::store::engine::wal::write_back::{checkpoint, checkpoint_all, pages_to_checkpoint};

/// Pages that are left for the writer to copy.
const LAST_PAGES: i64 = 256;
/// Passes of the thread at most, to copy what the writer has added in the meantime.
const PASSES_MAX: usize = 8;

/// The checkpoint thread.
pub(crate) struct Checkpoints {
    thread: JoinHandle<()>,
    log: Arc<Log>,
    turn: Turn,
}

/// Held during a checkpoint. SQLite refuses a second concurrent checkpoint instead of letting it wait.
#[derive(Clone, Default)]
struct Turn(Arc<Mutex<()>>);

impl Turn {
    fn take(&self) -> MutexGuard<'_, ()> {
        // The mutex guards no data, so a panic leaves nothing half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoints {
    /// Starts the thread on its own connection. A commit that leaves the log with `pages_max` pages or more wakes it. After its
    /// passes it notifies the writer.
    pub(crate) fn start(
        writing: &mut Connection,
        connection: Connection,
        pages_max: i32,
        writer: WeakUnboundedSender<Message>,
    ) -> Result<Self, Fault> {
        let (long_enough, woken) = sync_channel(1);
        let log = Arc::new(Log::new(pages_max));
        let noted = Arc::clone(&log);
        writing.wal_hook(Some(move |_: &mut Wal, pages| {
            if noted.grows(pages) {
                // A full channel means that the thread is already notified.
                let _ = long_enough.try_send(());
            }
            Ok(())
        }))?;
        let turn = Turn::default();
        let of_thread = turn.clone();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&connection, &of_thread, &woken, &writer))
            .map_err(Fault::NoThread)?;
        Ok(Self { thread, log, turn })
    }

    /// Whether the log grows faster than the thread copies it.
    pub(crate) fn is_behind(&self) -> bool {
        self.log.is_behind()
    }

    /// Copies the log from the writer's connection, after the thread's current pass. Returns the pages that are left.
    ///
    /// A reader that uses the log prevents a full copy, and the log grows. Only for a very long log does this wait for readers.
    pub(crate) fn catch_up(&self, connection: &Connection) -> Result<i64, Fault> {
        let _turn = self.turn.take();
        let left = if self.log.is_too_long() {
            checkpoint_all(connection)?
        } else {
            checkpoint(connection)?
        };
        self.log
            .is_written_back(left, connection.path().map(Path::new));
        Ok(left)
    }

    /// Ends the thread, so that the writer's connection is the last one to close.
    pub(crate) fn end(self, writing: &mut Connection) {
        let none: Option<fn(&mut Wal, i32) -> rusqlite::Result<()>> = None;
        if writing.wal_hook(none).is_ok() {
            // An error means that the thread panicked. The next start copies what it left.
            let _ = self.thread.join();
        }
    }
}

fn run(
    connection: &Connection,
    turn: &Turn,
    woken: &Receiver<()>,
    writer: &WeakUnboundedSender<Message>,
) {
    while woken.recv().is_ok() {
        let written = write_back(connection, turn);
        while woken.try_recv().is_ok() {}
        let Some(writer) = writer.upgrade() else {
            return;
        };
        // An error means that the writer has ended.
        let _ = writer.send(Message::LogWritten(written));
    }
}

fn write_back(connection: &Connection, turn: &Turn) -> Result<(), Fault> {
    for _ in 0..PASSES_MAX {
        let _turn = turn.take();
        let pages = pages_to_checkpoint(connection)?;
        checkpoint(connection)?;
        // SQLite syncs the database file only at the end of a pass in which the writer has added nothing, and that is a short one.
        // Otherwise the writer would sync what all passes have copied.
        if pages <= LAST_PAGES && pages_to_checkpoint(connection)? <= LAST_PAGES {
            break;
        }
    }
    Ok(())
}
