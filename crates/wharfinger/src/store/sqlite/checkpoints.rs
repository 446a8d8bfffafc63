//! Writing the log back to the database file, beside the writer.
//!
//! By itself SQLite does that in the commit that finds the log long enough: 32 MiB are copied and flushed while everybody
//! waits. Here another thread copies most of it while the writer goes on, and the writer only the little that has come
//! since; then all is written back, and the log begins anew.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc::WeakUnboundedSender;

use super::fault::Fault;
use super::writer::Message;

/// Pages of the log from which on it is written back: 32 MiB, so that a page that is changed by one commit after the other
/// is written back once.
const LOG_PAGES: i32 = 8_192;
/// Pages that are left to the writer.
const LAST_PAGES: i64 = 256;
/// How often the thread goes after what the writer has added meanwhile.
const PASSES_MAX: usize = 4;

/// The thread that writes back.
pub(super) struct Checkpoints {
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own. It is woken by the writer's commits, and tells the writer.
    pub(super) fn start(
        writing: &mut Connection,
        connection: Connection,
        writer: WeakUnboundedSender<Message>,
    ) -> Result<Self, Fault> {
        let (long_enough, woken) = sync_channel(1);
        watch(writing, Some(long_enough))?;
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&connection, &woken, &writer))
            .map_err(Fault::NoThread)?;
        Ok(Self { thread })
    }

    /// Ends the thread, so that the writer's connection is the last one that closes.
    pub(super) fn end(self, writing: &mut Connection) {
        if watch(writing, None).is_ok() {
            // An error means that the thread panicked; what it had not done is done at the next start.
            let _ = self.thread.join();
        }
    }
}

/// Has each commit look how long the log is.
fn watch(writing: &mut Connection, long_enough: Option<SyncSender<()>>) -> Result<(), Fault> {
    let look = long_enough.map(|long_enough| {
        move |_: &mut rusqlite::hooks::Wal, pages| {
            if pages >= LOG_PAGES {
                // Full: the thread is told already.
                let _ = long_enough.try_send(());
            }
            Ok(())
        }
    });
    Ok(writing.wal_hook(look)?)
}

fn run(connection: &Connection, woken: &Receiver<()>, writer: &WeakUnboundedSender<Message>) {
    while woken.recv().is_ok() {
        let written = write_back(connection);
        while woken.try_recv().is_ok() {}
        let Some(writer) = writer.upgrade() else {
            return;
        };
        // A writer that has ended needs to know nothing.
        let _ = writer.send(Message::LogWritten(written));
    }
}

fn write_back(connection: &Connection) -> Result<(), Fault> {
    for _ in 0..PASSES_MAX {
        if checkpoint(connection)? <= LAST_PAGES {
            break;
        }
    }
    Ok(())
}

/// Writes back as much as can be without anybody waiting; how many pages are left.
pub(super) fn checkpoint(connection: &Connection) -> Result<i64, Fault> {
    let mut checkpoint = connection.prepare_cached("pragma wal_checkpoint(passive)")?;
    let left = checkpoint.query_row([], |row| {
        let (log, written): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(log - written)
    })?;
    Ok(left)
}
