//! Feeds the watchdog of the service manager while the server does its work.

use std::time::Duration;

use crate::http::threads::Threads;
use crate::serve::supervisor::Supervisor;
use crate::store::Store;

/// Feeds the watchdog until the task is dropped: each time after the store's writer has dealt with a job, and every serving thread
/// has run. While one of them hangs, nothing is sent, and the manager starts the server anew.
///
/// What a new start does not repair, such as a full disk or a database that is down, does not stop the feeding.
pub(super) async fn feed(supervisor: &Supervisor, store: &Store, threads: &Threads) {
    let Some(within) = supervisor.watchdog() else {
        return std::future::pending().await;
    };
    loop {
        tokio::join!(store.writer_works(), threads.work());
        supervisor.alive();
        tokio::time::sleep((within / 2).max(Duration::from_millis(1))).await;
    }
}
