//! A throwaway PostgreSQL cluster, for measurements and tests: its own directory, port, password and processes.
//!
//! It is gone when the program that started it is, however that ends: see [`postmaster`].

mod installation;
mod postmaster;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use postgres::{Client, NoTls};
use tempfile::TempDir;

use self::installation::Installation;
use self::postmaster::{Ending, Postmaster};
use super::process;

/// Who owns the cluster.
const USER: &str = "postgres";
/// The database that every cluster has.
const FIRST_DATABASE: &str = "postgres";
/// How a standby names itself to its primary.
const STANDBY: &str = "standby";
/// A cluster that does not take connections after so long never will.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks whether something has happened.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Others may take a port between its choice and its use.
const PORTS_TRIED: usize = 3;

/// How a cluster is to be.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    settings: Vec<(String, String)>,
    within: Option<PathBuf>,
}

impl ClusterOptions {
    /// With a setting of PostgreSQL's own, like `shared_buffers`. All others are as PostgreSQL has them by default,
    /// so that a commit is on disk when it is told.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the cluster's directory within this one, and not where temporary files are.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        self.within = Some(directory.to_owned());
        self
    }
}

/// A running cluster on 127.0.0.1. Ended, and its files removed, when dropped.
pub struct Cluster {
    installation: Installation,
    options: ClusterOptions,
    password: String,
    port: u16,
    /// None while it is stopped.
    postmaster: Option<Postmaster>,
    /// Behind the processes, so that it goes last.
    directory: TempDir,
}

impl Cluster {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    ///
    /// Where PostgreSQL is not installed or does not start, and why.
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

    /// Where a database is reached, with user and password.
    pub fn url(&self, database: &str) -> String {
        let password = &self.password;
        let port = self.port;
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}")
    }

    /// The password of the cluster's user.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The port on 127.0.0.1; it stays over a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.create_database_from(name, "template0")
    }

    /// Makes a database that is a copy of another one, to which nobody may be connected.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<()> {
        let (name, template) = (quoted(name), quoted(template));
        self.execute(&format!("create database {name} template {template}"))
    }

    /// Removes a database, whoever may be connected.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        let name = quoted(name);
        self.execute(&format!("drop database if exists {name} with (force)"))
    }

    /// Bytes of a database's files. The log, which all databases share, is not among them.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn bytes_on_disk(&self, database: &str) -> Result<u64> {
        let bytes: i64 = self.with_client(FIRST_DATABASE, |client| {
            let row = client.query_one("select pg_database_size($1::text::name)", &[&database])?;
            row.try_get(0)
        })?;
        Ok(u64::try_from(bytes)?)
    }

    /// Has something done on a connection of its own. May be called from async code: it blocks.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn with_client<T: Send>(
        &self,
        database: &str,
        work: impl FnOnce(&mut Client) -> Result<T, postgres::Error> + Send,
    ) -> Result<T> {
        let url = self.url(database);
        // The client runs a runtime of its own, which cannot be within another one.
        let done = std::thread::scope(|scope| {
            let working = scope.spawn(|| work(&mut Client::connect(&url, NoTls)?));
            working.join()
        });
        match done {
            Ok(done) => done.context("the database refused"),
            Err(_) => bail!("the work on the database panicked"),
        }
    }

    /// The processes of the cluster: the first one, and all its children.
    ///
    /// # Errors
    ///
    /// Where the cluster is stopped.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let first = self.running()?.process();
        let mut processes = vec![first];
        processes.extend(process::children(first)?);
        Ok(processes)
    }

    /// CPU time, in user and system mode, that all processes of the cluster have used since it was started last, those
    /// that have ended included.
    ///
    /// # Errors
    ///
    /// Where the cluster is stopped.
    pub fn cpu_time(&self) -> Result<Duration> {
        process::cpu_of_family(self.running()?.process())
    }

    /// Stops it as an operator in a hurry does: connections are cut, all is written.
    ///
    /// # Errors
    ///
    /// Where it does not end cleanly.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Ending::Fast)
    }

    /// Ends all its processes as a power cut would: SIGKILL.
    ///
    /// # Errors
    ///
    /// Where the system does not let us.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Ending::Kill)
    }

    /// Starts it again on the same port, after stopping it if need be.
    ///
    /// # Errors
    ///
    /// Where it does not start, and why.
    pub fn restart(&mut self) -> Result<()> {
        if self.postmaster.is_some() {
            self.stop()?;
        }
        self.begin()
    }

    /// Makes a replica of this cluster, and has commits here wait until it has them on disk.
    ///
    /// # Errors
    ///
    /// Where it does not start, and why.
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

    /// Makes a primary of a standby.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
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
        let directory = directory.context("cannot make a directory for the cluster")?;
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

    /// Starts the processes, and waits until they take connections.
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
                return Err(refused.context(format!("PostgreSQL does not start:\n{log}")));
            }
            std::thread::sleep(LOOK_AGAIN);
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
                "the standby does not follow"
            );
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

/// A name as SQL has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
