//! A PostgreSQL database under measurement: its CPU time and its size.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use pg_cluster::{Cluster, ClusterOptions};
use postgres::{Client, NoTls};

use crate::measurements::Round;
use crate::process;

/// Settings of a cluster that this program starts: memory as on a current machine. All others are PostgreSQL's defaults.
const SETTINGS: [(&str, &str); 1] = [("shared_buffers", "512MB")];

/// Distinguishes the databases of a run.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database, initially empty. Dropped with this value.
pub(crate) struct Database {
    name: String,
    url: String,
    /// A connection to another database.
    client: Client,
    /// The postmaster's process id. `None` if the server runs on another machine.
    postmaster: Option<u32>,
    /// Size of the empty database on disk, in bytes.
    empty_bytes: u64,
    /// `None` if the server was already running.
    cluster: Option<Cluster>,
}

impl Database {
    /// Creates a database on the server at this URL. Without a URL, starts a cluster first.
    pub(crate) fn create(server: Option<&str>) -> Result<Self> {
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
            .context("cannot create a database")?;
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

    /// The database's URL, with user and password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Growth since the database was empty, in bytes. The write-ahead log is not included, because all databases of a server
    /// share it.
    pub(crate) fn grown_bytes(&mut self) -> Result<u64> {
        Ok(self.bytes()?.saturating_sub(self.empty_bytes))
    }

    /// Measures `work` by these processes on the database. The CPU time covers them and all processes of the database server,
    /// including deferred work. It is `None` if the database server runs on another machine.
    pub(crate) fn measure(
        &mut self,
        processes: &[u32],
        work: impl FnOnce() -> Result<Round>,
    ) -> Result<Round> {
        let postmaster = self.postmaster;
        let of_programs = || processes.iter().map(|process| process::cpu(*process)).sum();
        let of_database = || postmaster.map_or(Ok(Duration::ZERO), process::cpu_of_family);
        let before: (Duration, Duration) = (of_programs()?, of_database()?);
        let mut round = work()?;
        // Pages that are not written back yet would otherwise count towards a later round, or none.
        self.client
            .batch_execute("checkpoint")
            .context("the database user must be allowed to run checkpoints (role pg_checkpoint)")?;
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
            // Ignore errors: the operator of the server can identify leftovers by name.
            let _ = self
                .client
                .batch_execute(&format!("drop database {name} with (force)"));
        }
    }
}

/// Connects to a database. Blocks: do not call it from async code.
pub(crate) fn connect(url: &str) -> Result<Client> {
    Client::connect(url, NoTls)
        .context("cannot connect to the database; the benchmark does not support TLS")
}

fn own_cluster() -> Result<Cluster> {
    let mut options = ClusterOptions::default();
    for (name, value) in SETTINGS {
        options = options.with(name, value);
    }
    Cluster::start(&options)
        .context("cannot start PostgreSQL; to use a running server, name it with --database-server")
}

/// The postmaster's process id behind this connection. `None` if it runs on another machine.
fn postmaster(client: &mut Client) -> Result<Option<u32>> {
    let here = "select pg_backend_pid() where coalesce(host(inet_server_addr()), '::1') in ('127.0.0.1', '::1')";
    let Some(row) = client.query_opt(here, &[])? else {
        return Ok(None);
    };
    let backend: i32 = row.try_get(0)?;
    Ok(process::parent_of_same_program(u32::try_from(backend)?))
}

/// Replaces the database name in a URL.
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
