//! A server process that is measured, and what is sent to it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use wharfinger_core::dialect::{Sample, SampleKey};
use wharfinger_core::load::Load;

use super::body::{Envelope, Shape};
use super::figures::{Left, Round};
use super::floor;
use super::process;
use super::sender::{self, Check, Sender, Target};
use crate::child::{self, Server};

/// What is sent.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) load: &'static Load,
    /// Gives method, path and header fields.
    pub(super) sample: Sample,
    pub(super) shape: Shape,
}

/// A server process on a directory of its own, and its senders.
pub(super) struct Served {
    server: Server,
    data: TempDir,
    organisation: String,
    requests: Requests,
    sender: Sender,
    orders: u64,
}

impl Served {
    /// Starts the server on a fresh data directory.
    pub(super) fn start(
        connections: usize,
        requests: impl FnOnce(&SampleKey<'_>) -> Requests,
    ) -> Result<Self> {
        let data = temporary_directory()?;
        let (server, key) = Server::start_fresh(data.path())?;
        let requests = requests(&SampleKey::from(&key));
        let check = Check::Taken(requests.load.taken);
        Self::new(server, data, key.organisation, requests, connections, check)
    }

    /// Starts the bare HTTP server, to be sent the same as another server.
    pub(super) fn start_bare_http(other: &Self, connections: usize) -> Result<Self> {
        let mut command = child::program()?;
        command.args(["bench-part", "http"]);
        Self::new(
            Server::start_command(command)?,
            temporary_directory()?,
            other.organisation.clone(),
            other.requests.clone(),
            connections,
            Check::Status(floor::STATUS),
        )
    }

    fn new(
        server: Server,
        data: TempDir,
        organisation: String,
        requests: Requests,
        connections: usize,
        check: Check,
    ) -> Result<Self> {
        let target = Target {
            address: sender::address_of(&server.url)?,
            organisation: &organisation,
            sample: &requests.sample,
        };
        let sender = Sender::new(&target, requests.load, requests.shape, connections, check);
        Ok(Self {
            server,
            data,
            organisation,
            requests,
            sender,
            orders: 0,
        })
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.requests.shape.envelope
    }

    pub(super) fn directory(&self) -> &Path {
        self.data.path()
    }

    /// Sends for so long. The CPU time is that of all the server did for it, also what it put off.
    pub(super) fn send_for(&mut self, length: Duration) -> Result<Round> {
        let process = self.server.process_id();
        let cpu_before = process::cpu(process)?;
        let mut round = self.sender.send_for(length)?;
        self.orders += round.orders;
        round.cpu = Some(process::cpu_when_quiet(process)?.saturating_sub(cpu_before));
        Ok(round)
    }

    /// Stops the server, and says what it leaves.
    pub(super) fn end(self) -> Result<Left> {
        let memory_peak_bytes = process::memory_peak(self.server.process_id())?;
        self.server.stop()?;
        Ok(Left {
            memory_peak_bytes,
            disk_bytes: Some(process::disk_bytes(self.data.path())?),
            orders: self.orders,
        })
    }
}

fn temporary_directory() -> Result<TempDir> {
    tempfile::tempdir().context("cannot make a temporary directory")
}
