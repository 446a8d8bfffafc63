//! Stamps of transactions, by which one number says how far a reader of the feed has read all organisations.
//!
//! Each transaction that appends blocks draws a stamp, and all its blocks have it. Within an organisation, stamps grow with the
//! numbers of blocks.
//!
//! SQLite has one writer, so a stamp is the greatest one plus one, and a reader sees all stamps up to the greatest that it sees.
//!
//! PostgreSQL has several. A transaction draws from a sequence after it has locked all its organisations, and another one with a
//! greater stamp may be committed first. A reader therefore reads up to a *horizon*: no transaction with a stamp up to it is still
//! to come. Immediately before a transaction draws, it takes a shared advisory lock whose number is the last value of the
//! sequence, its floor. Its stamp is greater than its floor. A reader (a) reads the last value L, then (b) the floors that are
//! locked, and (c) begins its snapshot. The horizon is the least of L and these floors. A transaction whose stamp is not greater
//! than L has locked its floor before (a). At (b) its floor is still locked, and the horizon is lower than its stamp; or it has
//! ended, and the snapshot has what it committed, because PostgreSQL shows a commit before it releases the locks.
//!
//! On Citus, a node can crash after it has prepared a transaction, and before it is told that the coordinator has committed it. Or
//! the coordinator crashes in between. The locks are then released, and the node shows the rows when the transaction is recovered.
//! Between (b) and (c), a reader therefore looks for such transactions. While there are any, its horizon is 0. A transaction with a
//! stamp up to L that has ended at (b) is shown by all nodes, or found by this.

use super::end;
use crate::store::engine::driver::{Connection, Session};
use crate::store::engine::fault::Fault;

/// The greatest stamp of an embedded store, as its writer knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latest {
    /// SQLite's version of the data. It changes when another connection has written.
    version: i64,
    stamp: i64,
}

/// A stamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    pub stamp: i64,
    /// Known after the commit. `None` on PostgreSQL.
    pub latest: Option<Latest>,
}

/// Draws a stamp. The transaction must hold the locks of all organisations that it writes to.
pub(crate) fn draw(connection: &Connection, known: Option<Latest>) -> Result<Drawn, Fault> {
    if let Some(session) = connection.postgres() {
        return Ok(Drawn {
            stamp: session.draw_stamp()?,
            latest: None,
        });
    }
    let version = connection.data_version()?;
    let stamp = match known {
        Some(latest) if latest.version == version => latest.stamp,
        Some(_) | None => end::latest_stamp(connection)?,
    };
    let stamp = stamp + 1;
    Ok(Drawn {
        stamp,
        latest: Some(Latest { version, stamp }),
    })
}

/// Makes sure that stamps that are drawn from now on are greater than this one. The transaction must hold the lock of the store.
pub(crate) fn continue_after(connection: &Connection, stamp: i64) -> Result<(), Fault> {
    if connection.postgres().is_some() {
        let select = "select setval('stamps', ?1) from stamps where last_value < ?1";
        connection.prepare_cached(select)?.exists([stamp])?;
    }
    Ok(())
}

/// The horizon of a transaction that was begun with [`Access::Follow`](crate::store::engine::driver::Access::Follow).
pub(crate) fn horizon(connection: &Connection) -> i64 {
    connection.postgres().map_or(i64::MAX, Session::horizon)
}
