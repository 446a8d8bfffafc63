//! `wharfinger database`: prepares a PostgreSQL database.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::warn_if_exposed;
use crate::serve::config::{DATA_DEFAULT, locate};
use crate::store::{self, Distributed, Location};

/// Prepare a PostgreSQL database
#[derive(Args, Debug)]
pub(super) struct Database {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Distribute the tables of an empty database over the nodes of Citus
    Distribute(Distribute),
}

#[derive(Args, Debug)]
#[command(
    after_help = "Run it on the coordinator, in a database that has the extension on every node. Creates the tables if\n\
there are none. Stop servers of the database first. If the tables are distributed already, nothing is\n\
changed, whatever they contain. If they are not, and have rows, the exit status is 1.\n\n\
Example: wharfinger database distribute --database postgres://wharfinger@db.example.com/orders"
)]
struct Distribute {
    /// Print the SQL statements, and execute nothing
    #[arg(long)]
    print: bool,
    /// The database, as postgres://USER@HOST/NAME
    #[arg(
        long,
        env = "WHARFINGER_DATABASE",
        value_name = "URL",
        hide_env_values = true,
        required_unless_present = "print"
    )]
    database: Option<String>,
    /// File with the database password; alternatively, set WHARFINGER_DATABASE_PASSWORD
    #[arg(long, env = "WHARFINGER_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// PEM file with the CA of the database's certificate; enables TLS, which verifies certificate and host name
    #[arg(long, env = "WHARFINGER_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
}

impl Database {
    /// Runs the command. Blocks until it is done.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            Command::Distribute(distribute) => distribute.run(out),
        }
    }
}

impl Distribute {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        if self.print {
            for statement in store::distribution_script() {
                writeln!(out, "{statement};")?;
            }
            return Ok(());
        }
        let file = self.database_password_file.as_deref();
        let location = locate(DATA_DEFAULT.into(), self.database, file, self.database_ca)?;
        warn_if_exposed(&location);
        let Location::Database(database) = &location else {
            bail!("{location} is no database");
        };
        let done = store::distribute(database)
            .with_context(|| format!("cannot distribute the tables of {location}"))?;
        match done {
            Distributed::Over(nodes) => {
                writeln!(out, "distributed the tables over {nodes} nodes")?;
            }
            Distributed::Already => writeln!(out, "the tables are distributed already")?,
        }
        Ok(())
    }
}
