//! Temporary PostgreSQL clusters for benchmarks and tests, each with its own directory, port, password and processes.
//!
//! A cluster is removed when the program that started it ends, in whatever way: see `postmaster`. This crate keeps what runs
//! PostgreSQL, and `process`, what the operating system reports about processes. It imports no other crate of the workspace.

mod installation;
mod postmaster;
pub mod process;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use postgres::{Client, NoTls};
use tempfile::TempDir;

use self::installation::Installation;
use self::postmaster::{Ending, Postmaster};

/// Owner of the cluster.
const USER: &str = "postgres";
/// Database that every cluster has.
const FIRST_DATABASE: &str = "postgres";
/// Application name of a standby at its primary.
const STANDBY: &str = "standby";
/// A cluster that does not accept connections within this time has failed.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Interval between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Attempts to find a port: another program may take it between choice and use.
const PORTS_TRIED: usize = 3;

/// Options for a cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    settings: Vec<(String, String)>,
    within: Option<PathBuf>,
}

impl ClusterOptions {
    /// Sets a PostgreSQL parameter, such as `shared_buffers`. All others keep PostgreSQL's defaults, so a commit is on disk
    /// when it is acknowledged.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts the cluster's directory in this one instead of the directory for temporary files.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        self.within = Some(directory.to_owned());
        self
    }
}

/// A running cluster on 127.0.0.1. Dropping it stops it and removes its files.
pub struct Cluster {
    installation: Installation,
    options: ClusterOptions,
    password: String,
    port: u16,
    /// `None` while it is stopped.
    postmaster: Option<Postmaster>,
    /// After the processes, so that it is dropped last.
    directory: TempDir,
}

impl Cluster {
    /// Creates a cluster and starts it.
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, or does not start.
    pub fn start(options: &ClusterOptions) -> Result<Self> {
        let mut cluster = Self::without_files(options.clone(), random_password()?)?;
        let password_file = cluster.path().join("password");
        std::fs::write(&password_file, &cluster.password)?;
        cluster.installation.hand_over(&password_file)?;
        let mut initdb = cluster.installation.command("initdb", cluster.path());
        initdb.args(["--auth=scram-sha-256", "--encoding=UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-sync", "--username", USER]);
        initdb.arg("--pwfile").arg(&password_file);
        initdb.arg("--pgdata").arg(cluster.data());
        installation::run(initdb)?;
        cluster.begin_on_a_free_port()?;
        Ok(cluster)
    }

    /// The URL of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        let password = &self.password;
        let port = self.port;
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}")
    }

    /// The password of the cluster's user.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The port on 127.0.0.1. It stays the same across restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates an empty database.
    ///
    /// # Errors
    ///
    /// The error of PostgreSQL.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.create_database_from(name, "template0")
    }

    /// Creates a copy of another database. Nobody may be connected to that one.
    ///
    /// # Errors
    ///
    /// The error of PostgreSQL.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<()> {
        let (name, template) = (quoted(name), quoted(template));
        self.execute(&format!("create database {name} template {template}"))
    }

    /// Drops a database, even if there are connections to it.
    ///
    /// # Errors
    ///
    /// The error of PostgreSQL.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        let name = quoted(name);
        self.execute(&format!("drop database if exists {name} with (force)"))
    }

    /// Size of a database's files, in bytes. The write-ahead log is not included, because all databases share it.
    ///
    /// # Errors
    ///
    /// The error of PostgreSQL.
    pub fn bytes_on_disk(&self, database: &str) -> Result<u64> {
        let bytes: i64 = self.with_client(FIRST_DATABASE, |client| {
            let row = client.query_one("select pg_database_size($1::text::name)", &[&database])?;
            row.try_get(0)
        })?;
        Ok(u64::try_from(bytes)?)
    }

    /// Runs `work` on a new connection. Blocks, but may be called from async code.
    ///
    /// # Errors
    ///
    /// The error of PostgreSQL.
    pub fn with_client<T: Send>(
        &self,
        database: &str,
        work: impl FnOnce(&mut Client) -> Result<T, postgres::Error> + Send,
    ) -> Result<T> {
        let url = self.url(database);
        // The client runs a runtime of its own, which cannot be nested in another one.
        let done = std::thread::scope(|scope| {
            let working = scope.spawn(|| work(&mut Client::connect(&url, NoTls)?));
            working.join()
        });
        match done {
            Ok(done) => done.context("the database refused the statement"),
            Err(_) => bail!("the work on the database panicked"),
        }
    }

    /// The cluster's processes: the postmaster and all its children.
    ///
    /// # Errors
    ///
    /// The cluster is stopped.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let first = self.running()?.process();
        let mut processes = vec![first];
        processes.extend(process::children(first)?);
        Ok(processes)
    }

    /// CPU time, user and system, of all the cluster's processes since its last start. Processes that have ended are included.
    ///
    /// # Errors
    ///
    /// The cluster is stopped.
    pub fn cpu_time(&self) -> Result<Duration> {
        process::cpu_of_family(self.running()?.process())
    }

    /// Stops the cluster with a fast shutdown: connections are closed, and everything is written.
    ///
    /// # Errors
    ///
    /// It does not stop cleanly.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Ending::Fast)
    }

    /// Kills all processes with SIGKILL, to simulate a crash.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Ending::Kill)
    }

    /// Restarts the cluster on the same port. Stops it first if it is running.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn restart(&mut self) -> Result<()> {
        if self.postmaster.is_some() {
            self.stop()?;
        }
        self.begin()
    }

    /// Creates a standby of this cluster. Commits here then wait until the standby has them on disk.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn standby(&self) -> Result<Self> {
        let mut standby = Self::without_files(self.options.clone(), self.password.clone())?;
        let mut copy = standby
            .installation
            .command("pg_basebackup", standby.path());
        let port = self.port;
        let primary = format!("host=127.0.0.1 port={port} user={USER} application_name={STANDBY}");
        copy.env("PGPASSWORD", &self.password);
        copy.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf"]);
        copy.args(["--dbname", &primary]);
        copy.arg("--pgdata").arg(standby.data());
        installation::run(copy)?;
        standby.begin_on_a_free_port()?;
        self.execute(&format!(
            "alter system set synchronous_standby_names = '{STANDBY}'"
        ))?;
        self.execute("select pg_reload_conf()")?;
        self.wait_for_replica()?;
        Ok(standby)
    }

    /// Promotes a standby to a primary.
    ///
    /// # Errors
    ///
    /// The error of PostgreSQL.
    pub fn promote(&self) -> Result<()> {
        let is_primary: bool = self.with_client(FIRST_DATABASE, |client| {
            client.query_one("select pg_promote()", &[])?.try_get(0)
        })?;
        ensure!(is_primary, "the standby was not promoted in time");
        Ok(())
    }

    fn without_files(options: ClusterOptions, password: String) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("postgresql-");
        let directory = match &options.within {
            Some(within) => builder.tempdir_in(within),
            None => builder.tempdir(),
        };
        let directory = directory.context("cannot create a directory for the cluster")?;
        Ok(Self {
            installation: Installation::find(directory.path())?,
            options,
            password,
            port: 0,
            postmaster: None,
            directory,
        })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn running(&self) -> Result<&Postmaster> {
        self.postmaster.as_ref().context("the cluster is stopped")
    }

    fn end(&mut self, ending: Ending) -> Result<()> {
        match self.postmaster.take() {
            Some(postmaster) => postmaster.end(ending),
            None => Ok(()),
        }
    }

    fn execute(&self, statement: &str) -> Result<()> {
        self.with_client(FIRST_DATABASE, |client| client.batch_execute(statement))
            .with_context(|| statement.to_owned())
    }

    fn begin_on_a_free_port(&mut self) -> Result<()> {
        let mut tried = 0;
        loop {
            self.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
                .local_addr()?
                .port();
            tried += 1;
            match self.begin() {
                Ok(()) => return Ok(()),
                Err(error) if tried == PORTS_TRIED => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Starts the processes, and waits until they accept connections.
    fn begin(&mut self) -> Result<()> {
        let mut settings = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), self.port.to_string()),
            (
                "unix_socket_directories".to_owned(),
                self.path().display().to_string(),
            ),
        ];
        settings.extend(self.options.settings.iter().cloned());
        let begin = Instant::now();
        let postmaster =
            Postmaster::start(&self.installation, self.path(), &self.data(), &settings)?;
        loop {
            let refused = match self.with_client(FIRST_DATABASE, |_| Ok(())) {
                Ok(()) => break,
                Err(error) => error,
            };
            if !postmaster.is_alive() || begin.elapsed() > READY_WITHIN {
                let log = postmaster::log(self.path());
                return Err(refused.context(format!("PostgreSQL did not start:\n{log}")));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        self.postmaster = Some(postmaster);
        Ok(())
    }

    fn wait_for_replica(&self) -> Result<()> {
        let begin = Instant::now();
        let sql = "select exists (select from pg_stat_replication where sync_state = 'sync')";
        while !self.with_client(FIRST_DATABASE, |client| {
            client.query_one(sql, &[])?.try_get::<_, bool>(0)
        })? {
            ensure!(
                begin.elapsed() < READY_WITHIN,
                "the standby did not catch up in time"
            );
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

/// Quotes an SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
