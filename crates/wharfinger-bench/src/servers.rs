//! Server processes on one database, under measurement.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use crate::body::Mix;
use crate::database::Database;
use crate::identities::Spread;
use crate::measurements::{Round, Usage};
use crate::process;
use crate::sender::{self, Sender};
use crate::server_process::{Server, ServerStore};
use crate::target::Target;
use crate::{LARGE_BATCH, first_dialect};

/// Equal server processes and their database.
pub(crate) struct Servers {
    /// Before the database, so that they are dropped first.
    servers: Vec<Server>,
    database: Database,
    /// The first server.
    pub(crate) target: Target,
    /// Orders sent through [`Self::measure`].
    orders: u64,
}

impl Servers {
    /// Starts this many servers on an empty database. See [`Database::create`].
    pub(crate) fn start(count: usize, database_server: Option<&str>) -> Result<Self> {
        Self::start_spread(count, database_server, Spread::default())
    }

    /// Starts them for orders that are spread like this.
    pub(crate) fn start_spread(
        count: usize,
        database_server: Option<&str>,
        spread: Spread,
    ) -> Result<Self> {
        let database = Database::create(database_server)?;
        let store = ServerStore::Database(database.url());
        let (first, key) = if spread.organisations > 1 {
            Server::start_for_all(store, &[])?
        } else {
            Server::start_fresh(store, &[])?
        };
        let mut target = Target::of(&first, key)?;
        target.spread(spread)?;
        let mut servers = vec![first];
        for _ in 1..count {
            servers.push(Server::start(store, &[])?);
        }
        Ok(Self {
            servers,
            database,
            target,
            orders: 0,
        })
    }

    /// A sender of the batches of p1, with the connections spread evenly over the servers.
    pub(crate) fn batches(&self, connections: usize) -> Result<Sender> {
        let dialect = first_dialect();
        let sender = self
            .target
            .batches(dialect, LARGE_BATCH, connections, Mix::Fresh);
        Ok(sender.spread_over(self.addresses()?))
    }

    /// As [`Self::batches`], but each server gets the orders of one organisation. There must be as many organisations as servers.
    pub(crate) fn batches_apart(&self, connections: usize) -> Result<Sender> {
        let sender = self
            .target
            .batches_apart(first_dialect(), LARGE_BATCH, connections);
        Ok(sender.spread_over(self.addresses()?))
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let servers = self.servers.iter();
        servers
            .map(|server| sender::address_of(&server.url))
            .collect()
    }

    /// Measures the servers while `send` runs. See [`Database::measure`].
    pub(crate) fn measure(&mut self, send: impl FnOnce() -> Result<Round>) -> Result<Round> {
        let processes: Vec<_> = self.servers.iter().map(Server::process_id).collect();
        let round = self.database.measure(&processes, send)?;
        self.orders += round.orders;
        Ok(round)
    }

    /// Counts orders that were sent without measuring.
    pub(crate) fn count(&mut self, round: &Round) {
        self.orders += round.orders;
    }

    /// Stops the servers, and reports their memory and the database's size. The memory does not include the database server's.
    pub(crate) fn end(mut self) -> Result<Usage> {
        let mut memory_peak_bytes = 0;
        for server in self.servers {
            memory_peak_bytes += process::memory_peak(server.process_id())?;
            server.stop().context("a server on a database")?;
        }
        Ok(Usage {
            memory_peak_bytes,
            disk_bytes: Some(self.database.grown_bytes()?),
            orders: self.orders,
        })
    }
}
