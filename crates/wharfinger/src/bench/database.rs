//! A PostgreSQL database that is measured: what it costs, and what it leaves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use postgres::{Client, NoTls};

use super::cluster::{Cluster, ClusterOptions};
use super::figures::Round;
use super::process;

/// In a cluster of our own, what a machine of today has memory for; all else is as PostgreSQL has it by default.
const SETTINGS: [(&str, &str); 1] = [("shared_buffers", "512MB")];

/// Tells the databases of a run apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database, empty at first. Removed when dropped.
pub(super) struct Database {
    name: String,
    url: String,
    /// Connected to another database.
    client: Client,
    /// The first process of its server. None where that runs elsewhere.
    postmaster: Option<u32>,
    /// What it took on disk when it was empty.
    empty_bytes: u64,
    /// None where somebody else runs it.
    cluster: Option<Cluster>,
}

impl Database {
    /// Makes a database on the server with this URL, or in a cluster of its own where there is none.
    pub(super) fn create(server: Option<&str>) -> Result<Self> {
        let cluster = match server {
            None => Some(own_cluster()?),
            Some(_) => None,
        };
        let url = match (&cluster, server) {
            (Some(cluster), _) => cluster.url("postgres"),
            (None, url) => url.unwrap_or_default().to_owned(),
        };
        let mut client = connect(&url)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("wharfinger_bench_{}_{number}", std::process::id());
        client
            .batch_execute(&format!("create database {name} template template0"))
            .context("cannot make a database")?;
        let mut database = Self {
            url: with_database(&url, &name),
            name,
            postmaster: postmaster(&mut client)?,
            client,
            empty_bytes: 0,
            cluster,
        };
        database.empty_bytes = database.bytes()?;
        Ok(database)
    }

    /// Where it is reached, with user and password.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Bytes on disk beyond those of an empty database. The log, which all databases of a server share, is not among them.
    pub(super) fn grown_bytes(&mut self) -> Result<u64> {
        Ok(self.bytes()?.saturating_sub(self.empty_bytes))
    }

    /// Has these processes do something on it. The CPU time is that of them and of all processes of the database's server, also
    /// for what they put off; none where the server runs elsewhere.
    pub(super) fn measure(
        &mut self,
        processes: &[u32],
        work: impl FnOnce() -> Result<Round>,
    ) -> Result<Round> {
        let postmaster = self.postmaster;
        let of_programs = || processes.iter().map(|process| process::cpu(*process)).sum();
        let of_database = || postmaster.map_or(Ok(Duration::ZERO), process::cpu_of_family);
        let before: (Duration, Duration) = (of_programs()?, of_database()?);
        let mut round = work()?;
        // What is not written back yet would otherwise be at the cost of a later round, or of nobody.
        self.client
            .batch_execute("checkpoint")
            .context("the database's user must be allowed a checkpoint (role pg_checkpoint)")?;
        let programs: Duration = process::when_quiet(of_programs)?;
        let database = process::when_quiet(of_database)?;
        if postmaster.is_some() {
            let database = database.saturating_sub(before.1);
            round.cpu = Some(programs.saturating_sub(before.0) + database);
            round.database_cpu = Some(database);
        }
        Ok(round)
    }

    fn bytes(&mut self) -> Result<u64> {
        let size = "select pg_database_size($1::text::name)";
        let bytes: i64 = self.client.query_one(size, &[&self.name])?.try_get(0)?;
        Ok(u64::try_from(bytes)?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.cluster.is_none() {
            let name = &self.name;
            // Whoever runs the server sees what is left by its name.
            let _ = self
                .client
                .batch_execute(&format!("drop database {name} with (force)"));
        }
    }
}

/// Connects to a database. Blocks: not for async code.
pub(super) fn connect(url: &str) -> Result<Client> {
    Client::connect(url, NoTls).context("cannot connect to the database; TLS is not spoken here")
}

fn own_cluster() -> Result<Cluster> {
    let mut options = ClusterOptions::default();
    for (name, value) in SETTINGS {
        options = options.with(name, value);
    }
    Cluster::start(&options)
        .context("cannot start a PostgreSQL; --database-server names one that runs already")
}

/// The first process of the server that this connection is to, where it runs on this machine.
fn postmaster(client: &mut Client) -> Result<Option<u32>> {
    let here = "select pg_backend_pid() where coalesce(host(inet_server_addr()), '::1') in ('127.0.0.1', '::1')";
    let Some(row) = client.query_opt(here, &[])? else {
        return Ok(None);
    };
    let backend: i32 = row.try_get(0)?;
    Ok(process::parent_of_same_program(u32::try_from(backend)?))
}

/// The URL of another database of the same server.
fn with_database(url: &str, name: &str) -> String {
    let (before, parameters) = match url.split_once('?') {
        Some((before, parameters)) => (before, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let authority = before.find("://").map_or(0, |at| at + "://".len());
    let server = match before[authority..].find('/') {
        Some(at) => &before[..authority + at],
        None => before,
    };
    format!("{server}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_another_one() {
        for (url, expected) in [
            ("postgres://u:p@h:1/first", "postgres://u:p@h:1/x"),
            ("postgres://u:p@h:1", "postgres://u:p@h:1/x"),
            (
                "postgres://h/first?connect_timeout=3",
                "postgres://h/x?connect_timeout=3",
            ),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
