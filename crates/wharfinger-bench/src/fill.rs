//! Fills a store over HTTP with as many orders as it may have after some years.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;

use crate::body::Mix;
use crate::measurements::Round;
use crate::report::grouped;
use crate::schedule::filling_bar;
use crate::sender::Sender;
use crate::served::Served;
use crate::target::Target;
use crate::{DialectRef, as_f64};

/// Orders per batch, and connections that send them.
const BATCH: u64 = 5_000;
const CONNECTIONS: u64 = 2;
/// Batches per connection between two updates of the progress bar.
const STEP_BATCHES: u64 = 10;
/// Disk space per order, rounded up.
const DISK_BYTES_PER_ORDER: u64 = 250;
/// Free space to keep: measurements on a full disk would measure the disk.
const DISK_BYTES_SPARE: u64 = 1 << 30;

/// A server whose store is being filled.
pub(crate) struct Filled {
    pub(crate) served: Served,
    pub(crate) dialect: DialectRef,
    /// First stamp of the orders. The others follow without a gap.
    pub(crate) first_stamp: u64,
    /// Orders filled in.
    pub(crate) orders: u64,
    sender: Sender,
    orders_per_step: u64,
}

impl Filled {
    /// Starts a server for a store of this size. The store is still empty.
    pub(crate) fn start(dialect: DialectRef, orders_max: u64) -> Result<Self> {
        let served = Served::start()?;
        ensure_room(served.directory(), orders_max)?;
        let batch = BATCH.min(orders_max.div_ceil(CONNECTIONS));
        let first_stamp = served.target.next_stamp();
        let sender = served.target.batches(
            dialect,
            usize::try_from(batch)?,
            usize::try_from(CONNECTIONS)?,
            Mix::Fresh,
        );
        Ok(Self {
            served,
            dialect,
            first_stamp,
            orders: 0,
            sender,
            orders_per_step: batch * CONNECTIONS,
        })
    }

    /// Adds orders until the store holds `orders`, rounded up to whole batches.
    pub(crate) fn fill_to(&mut self, orders: u64) -> Result<()> {
        let progress = filling_bar(orders);
        let done = self.fill_showing(orders, &progress);
        progress.finish_and_clear();
        done
    }

    fn fill_showing(&mut self, orders: u64, progress: &ProgressBar) -> Result<()> {
        while self.served.orders() < orders {
            let held = self.served.orders();
            progress.set_position(held);
            let steps = (orders - held).div_ceil(self.orders_per_step);
            let round = self.sender.send_requests(steps.min(STEP_BATCHES))?;
            self.served.count(&round);
            self.orders += round.orders;
        }
        Ok(())
    }

    /// Describes the content.
    pub(crate) fn in_words(&self) -> String {
        let count = grouped(as_f64(self.orders));
        format!("{count} {} orders", self.dialect.id())
    }
}

/// Sends this many orders to a server, rounded up to whole batches, as quickly as possible.
pub(crate) fn send(target: &Target, dialect: DialectRef, orders: u64) -> Result<Round> {
    let batch = BATCH.min(orders.div_ceil(CONNECTIONS));
    let batches = orders.div_ceil(batch * CONNECTIONS);
    let (batch, connections) = (usize::try_from(batch)?, usize::try_from(CONNECTIONS)?);
    let mut sender = target.batches(dialect, batch, connections, Mix::Fresh);
    sender.send_requests(batches)
}

fn ensure_room(directory: &Path, orders: u64) -> Result<()> {
    let disk = rustix::fs::statvfs(directory).context("cannot determine the free disk space")?;
    check_room(orders, disk.f_bavail * disk.f_frsize)
}

fn check_room(orders: u64, free_bytes: u64) -> Result<()> {
    let needed_bytes = orders * DISK_BYTES_PER_ORDER + DISK_BYTES_SPARE;
    ensure!(
        needed_bytes <= free_bytes,
        "{} orders need about {} GB of disk, but {} GB are free in the temporary directory; \
         use a smaller --fill, or set TMPDIR to a directory on a larger disk",
        grouped(as_f64(orders)),
        gigabytes(needed_bytes),
        gigabytes(free_bytes),
    );
    Ok(())
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1}", as_f64(bytes) / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_on_the_disk_is_refused_before_it_is_filled_in() {
        assert!(check_room(20_000_000, 7_000_000_000).is_ok());
        let refused = check_room(20_000_000, 6_000_000_000).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("20,000,000 orders need about 6.1 GB"),
            "{refused}"
        );
        assert!(refused.contains("6.0 GB are free"), "{refused}");
    }
}
