//! A server process under measurement.

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::floor;
use crate::identities::Spread;
use crate::measurements::{Round, Usage};
use crate::process;
use crate::sender;
use crate::server_process::{self, FirstKey, Server};
use crate::target::Target;

/// A server process on its own data directory.
pub(crate) struct Served {
    server: Server,
    data: TempDir,
    pub(crate) target: Target,
    /// Orders sent through [`Self::measure`] or [`Self::count`].
    orders: u64,
}

impl Served {
    /// Starts a server on an empty data directory.
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server for orders that are spread like this.
    pub(crate) fn start_spread(spread: Spread) -> Result<Self> {
        let mut served = if spread.organisations > 1 {
            Self::start_for_all(&[])?
        } else {
            Self::start()?
        };
        served.target.spread(spread)?;
        Ok(served)
    }

    /// Starts a server with additional options.
    pub(crate) fn start_with(options: &[&str]) -> Result<Self> {
        let data = temporary_directory()?;
        let (server, key) = Server::start_fresh(data.path().into(), options)?;
        Self::new(server, data, key)
    }

    /// Starts a server that delivers to receivers on this machine. Its key may create destinations.
    pub(crate) fn start_for_destinations() -> Result<Self> {
        Self::start_for_all(&["--destinations-allow", "127.0.0.0/8"])
    }

    fn start_for_all(options: &[&str]) -> Result<Self> {
        let data = temporary_directory()?;
        let (server, key) = Server::start_for_all(data.path().into(), options)?;
        Self::new(server, data, key)
    }

    fn new(server: Server, data: TempDir, key: FirstKey) -> Result<Self> {
        Ok(Self {
            target: Target::of(&server, key)?,
            server,
            data,
            orders: 0,
        })
    }

    /// Starts the bare HTTP server. It gets the same requests as `other`.
    pub(crate) fn start_bare_http(other: &Self) -> Result<Self> {
        let mut command = server_process::program()?;
        command.args(["bench-part", "http"]);
        let server = Server::start_command(command)?;
        let target = Target {
            address: sender::address_of(&server.url)?,
            organisation: other.target.organisation.clone(),
            identities: other.target.identities.clone(),
            key_id: other.target.key_id.clone(),
            secret: other.target.secret.clone(),
            status_alone: Some(floor::STATUS),
            next_stamp: Cell::new(0),
        };
        Ok(Self {
            server,
            data: temporary_directory()?,
            target,
            orders: 0,
        })
    }

    /// The server's process id.
    pub(crate) fn process_id(&self) -> u32 {
        self.server.process_id()
    }

    /// Orders that the server has received.
    pub(crate) fn orders(&self) -> u64 {
        self.orders
    }

    pub(crate) fn directory(&self) -> &Path {
        self.data.path()
    }

    /// Measures the server while `send` runs. The CPU time includes work that the server deferred.
    pub(crate) fn measure(&mut self, send: impl FnOnce() -> Result<Round>) -> Result<Round> {
        let process = self.server.process_id();
        let cpu_before = process::cpu(process)?;
        let written_before = process::written_bytes(process)?;
        let mut round = send()?;
        self.orders += round.orders;
        let cpu = process::when_quiet(|| process::cpu(process))?;
        round.cpu = Some(cpu.saturating_sub(cpu_before));
        round.written_bytes = Some(process::written_bytes(process)? - written_before);
        Ok(round)
    }

    /// Counts orders that were sent without measuring.
    pub(crate) fn count(&mut self, round: &Round) {
        self.orders += round.orders;
    }

    /// Peak memory so far, in bytes.
    pub(crate) fn memory_peak(&self) -> Result<u64> {
        process::memory_peak(self.server.process_id())
    }

    /// Stops the server, and reports its memory and disk use.
    pub(crate) fn end(self) -> Result<Usage> {
        let memory_peak_bytes = self.memory_peak()?;
        self.server.stop()?;
        Ok(Usage {
            memory_peak_bytes,
            disk_bytes: Some(process::disk_bytes(self.data.path())?),
            orders: self.orders,
        })
    }
}

fn temporary_directory() -> Result<TempDir> {
    tempfile::tempdir().context("cannot create a temporary directory")
}
