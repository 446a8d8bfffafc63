//! The home of an open store, and how to connect to it.

use std::path::PathBuf;
use std::sync::Arc;

use super::connection::{Use, connect};
use super::driver::{Connection, Target};
use super::fault::Fault;
use super::memtable::SharedRuns;

/// The home of a store.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    /// A database file, and the recent changes that all connections of this process share.
    File(PathBuf, SharedRuns),
    /// A database on a PostgreSQL server, and the recent changes that all connections of this process share.
    Server(Arc<Target>, SharedRuns),
}

impl Home {
    /// Opens a connection.
    pub(crate) fn connect(&self, wanted: Use) -> Result<Connection, Fault> {
        match self {
            Self::File(file, runs) => {
                Ok(Connection::embedded(connect(file, wanted)?, runs.clone()))
            }
            Self::Server(target, runs) => {
                Ok(Connection::on_server(target.connect()?, runs.clone()))
            }
        }
    }
}
