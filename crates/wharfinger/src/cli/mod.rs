//! The command line. Each command has its own file.
//!
//! Nobody imports it. May import every room.

mod backup;
mod bench;
mod check;
mod completions;
mod conformance;
mod copy;
mod customers;
mod database;
mod demo;
mod destination;
mod doctor;
mod empty_variables;
mod erase;
mod export;
mod health;
mod key;
mod listen;
mod load;
mod open_files;
mod orders;
mod org;
mod products;
mod purge;
mod restore;
mod rules;
pub mod serve;
mod support_bundle;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use wharfinger_client::terminal::{self, Exit, Out, shown, write_json};
use wharfinger_core::order::organisation::Organisation;

use crate::serve::config::{DATA_DEFAULT, locate};
use crate::store::{Directory, Location, Options, Store, StoreError};

/// Order intake server. It accepts customer orders in batches over HTTP, judges each order separately, stores the valid
/// ones durably, and reports the outcome of every order.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Try `wharfinger demo` first: it shows everything in a few seconds."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::Serve>),
    /// Demonstrate orders in each format, a crash, and deliveries to a failing receiver
    Demo(demo::Demo),
    /// Manage organisations
    Org(org::Org),
    /// Manage API keys
    Key(key::Key),
    /// Carry events to where they are needed
    Destination(destination::Destination),
    /// Set, test and show the rules that hold orders for a person
    Rules(rules::Rules),
    /// Load, show and export products and their stock
    Products(products::Products),
    /// Load and show customers, and erase a person
    #[command(visible_alias = "customer")]
    Customers(customers::Customers),
    /// List and show orders, mark them as processed, or cancel them
    Orders(orders::Orders),
    /// Write orders to a file
    Export(Box<export::ExportOrders>),
    #[command(flatten)]
    Sender(wharfinger_client::Command),
    /// Test a server or a client against the wire format of a dialect
    Conformance(Box<conformance::Conformance>),
    /// Forward events to this machine as a webhook destination would, signed the same way
    Listen(Box<listen::Listen>),
    /// Delete old processed and cancelled orders with their history
    Purge(purge::Purge),
    /// Verify the store
    Check(check::Check),
    /// Check a store, its machine and its settings, and say what to do about each fault
    Doctor(Box<doctor::Doctor>),
    /// Write an archive for somebody who helps with a problem, without secrets and personal data
    SupportBundle(Box<support_bundle::SupportBundle>),
    /// Back up the store beside a running server
    Backup(backup::Backup),
    /// Restore the store from a backup
    Restore(restore::Restore),
    /// Copy the store to PostgreSQL or back
    Copy(copy::Copy),
    /// Prepare a PostgreSQL database
    Database(database::Database),
    /// Benchmark this machine, or your own server
    Bench(bench::Bench),
    /// Check that a server answers; for health checks
    Health(health::Health),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Write manual pages
    Man(completions::Man),
    /// Run a part that benchmarks compare with
    #[command(hide = true)]
    BenchPart(bench::BenchPart),
}

/// Where a command finds the orders.
#[derive(Args, Clone, Debug)]
struct KeptIn {
    /// Data directory that stores the orders; a server may be running on it
    #[arg(long, env = "WHARFINGER_DATA", value_name = "DIRECTORY", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// PostgreSQL database that stores the orders instead, as postgres://USER@HOST/NAME
    #[arg(
        long,
        env = "WHARFINGER_DATABASE",
        value_name = "URL",
        hide_env_values = true
    )]
    database: Option<String>,
    /// File with the database password; alternatively, set WHARFINGER_DATABASE_PASSWORD
    #[arg(long, env = "WHARFINGER_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// PEM file with the CA of the database's certificate; enables TLS, which verifies certificate and host name
    #[arg(long, env = "WHARFINGER_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
}

impl KeptIn {
    /// Opens an existing store.
    fn open(&self) -> Result<Arc<Store>> {
        let location = self.location()?;
        warn_if_exposed(&location);
        opened(
            Store::open_existing(&location, &Options::default()),
            &location,
        )
    }

    /// Opens the store. With `init`, creates it if it does not exist.
    fn open_or_init(&self, init: bool) -> Result<Arc<Store>> {
        if !init {
            return self.open();
        }
        let location = self.location()?;
        warn_if_exposed(&location);
        open_store(&location, &Options::default())
    }

    fn location(&self) -> Result<Location> {
        let file = self.database_password_file.as_deref();
        let ca = self.database_ca.clone();
        locate(self.data.clone(), self.database.clone(), file, ca)
    }
}

/// Warning about an unencrypted connection to a database on another machine.
const EXPOSED: &str = "Orders and credentials are sent to the database unencrypted. Enable TLS on the database, and name its CA with \
    --database-ca, or use sslmode=require in the URL if the system trusts the CA.";

/// Warns on stderr if the connection to the database is not encrypted.
fn warn_if_exposed(location: &Location) {
    if location.is_exposed() {
        terminal::complain(format_args!("wharfinger: warning: {EXPOSED}"));
    }
}

/// Opens the store at a location, and creates it if it does not exist.
pub(crate) fn open_store(location: &Location, options: &Options) -> Result<Arc<Store>> {
    opened(Store::open_at(location, options), location)
}

fn opened(store: Result<Store, StoreError>, location: &Location) -> Result<Arc<Store>> {
    Ok(Arc::new(readable(store, location)?))
}

/// Turns a store error into a sentence about opening the store.
fn readable<T>(done: Result<T, StoreError>, location: &Location) -> Result<T> {
    let done = done.map_err(|error| {
        if let StoreError::Unavailable(why) = error {
            // Omit the error's own prefix, which is about writing. Nothing was to be written yet.
            anyhow::anyhow!(why)
        } else {
            error.into()
        }
    });
    done.with_context(|| format!("cannot open the store in {location}"))
}

/// Writes the program's error to standard error.
pub fn complain(error: &anyhow::Error) {
    terminal::complain(format_args!("wharfinger: {}", terminal::sentence(error)));
}

/// Runs a command.
///
/// # Errors
/// What went wrong, in a sentence for the user.
pub fn run(cli: Cli) -> Result<Exit> {
    open_files::require_for_commands()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut out = Out::default();
    runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run(&mut out).await,
            Command::Demo(demo) => demo.run(&mut out).await,
            Command::Org(org) => org.run(&mut out).await,
            Command::Key(key) => key.run(&mut out).await,
            Command::Destination(destination) => destination.run(&mut out).await,
            Command::Rules(rules) => rules.run(&mut out).await,
            Command::Products(products) => products.run(&mut out).await,
            Command::Customers(customers) => customers.run(&mut out).await,
            Command::Export(export) => return export.run(&mut out).await,
            Command::Orders(orders) => return orders.run(&mut out).await,
            Command::Sender(command) => {
                if command.is_endless() {
                    end_at_interrupt()?;
                }
                return tokio::task::block_in_place(|| command.run(&mut out));
            }
            Command::Conformance(kit) => {
                return tokio::task::block_in_place(|| kit.run(&mut out));
            }
            Command::Listen(listen) => {
                end_at_interrupt()?;
                tokio::task::block_in_place(|| listen.run(&mut out))
            }
            Command::Purge(purge) => purge.run(&mut out).await,
            Command::Check(check) => check.run(&mut out),
            // The PostgreSQL client runs a runtime of its own.
            Command::Doctor(doctor) => tokio::task::block_in_place(|| doctor.run(&mut out)),
            Command::SupportBundle(bundle) => tokio::task::block_in_place(|| bundle.run(&mut out)),
            Command::Backup(backup) => backup.run(&mut out).await,
            Command::Restore(restore) => tokio::task::block_in_place(|| restore.run(&mut out)),
            // Copying blocks, on both sides.
            Command::Copy(copy) => tokio::task::block_in_place(|| copy.run(&mut out)),
            Command::Database(database) => tokio::task::block_in_place(|| database.run(&mut out)),
            // The PostgreSQL client runs a runtime of its own.
            Command::Bench(bench) => tokio::task::block_in_place(|| bench.run(&mut out)),
            Command::Health(health) => tokio::task::block_in_place(|| health.run(&mut out)),
            Command::Completions(completions) => completions.run(&mut out),
            Command::Man(man) => man.run(&mut out),
            Command::BenchPart(part) => part.run(&mut out).await,
        }?;
        Ok(Exit::Done)
    })
}

/// Ends the process quietly when the user interrupts it. For commands that have no other end; what they keep in files is whole at
/// any moment.
fn end_at_interrupt() -> Result<()> {
    // From here on, an interrupt does not kill the process.
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    tokio::spawn(async move {
        if interrupts.recv().await.is_some() {
            wharfinger_client::interrupt::end();
        }
    });
    Ok(())
}

async fn directory(store: &Store) -> Result<Directory> {
    let directory = store.directory(None).await?;
    directory.context("the store did not return its organisations and keys")
}

fn find_organisation<'d>(directory: &'d Directory, code: &str) -> Result<&'d Organisation> {
    directory.organisations.get(code).with_context(|| {
        format!("there is no organisation {code}; `wharfinger org list` lists them")
    })
}
