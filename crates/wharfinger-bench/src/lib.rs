//! The workloads of `wharfinger bench`: measures a real server process over real HTTP. In the same run, it measures minimal
//! programs for comparison.
//!
//! Absolute figures vary between runs and machines. Ratios of figures taken alternately vary much less. So both sides take
//! short rounds in turns, and medians over the rounds are compared.
//!
//! This crate keeps what sends, measures and reports; the command line is the program's. It imports `wharfinger-core` for the
//! dialects and their orders, and `pg-cluster`. It knows the server only as a process that speaks HTTP: `server_process` starts
//! the program that this crate is part of once more. What needs the store itself is passed in, see [`Settings`].
//!
//! ```text
//! works        one file per workload: which sides take turns, and how the result is judged
//! schedule     rounds in turns
//! sender       sends bodies on many connections: body, template, identities, stamps, texts, pools, http_client
//! served       a server on a data directory; servers, on a database; fill, with a large store; destinations, of a server
//! receiver     what gets deliveries, in this process; nats, a server of its own
//! bare, floor  the programs to compare with, and the disk
//! report       tables and JSON: measurements, verdict; sweep and plot
//! ```

mod bare;
mod bare_store;
mod body;
mod database;
mod destinations;
mod fill;
mod floor;
mod http_client;
mod identities;
mod measurements;
mod nats;
mod plot;
mod pools;
mod process;
pub mod receiver;
mod report;
mod schedule;
mod sender;
mod served;
pub mod server_process;
mod servers;
mod stamps;
mod sweep;
mod target;
mod template;
mod texts;
mod verdict;
mod works;

use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;

use self::fill::Filled;
use self::identities::Identities;
use self::measurements::as_f64;
use self::report::Finding;
use self::schedule::Schedule;
use self::target::Target;
use self::template::Template;
use self::works::{
    batches, catalogue, databases, fairness, filled, import, memory, onward, reads, resubmissions,
    singles, spread,
};

pub use self::bare::BareWork;
pub use self::bare_store::BareStore;
pub use self::identities::{Keys, Spread};
pub use self::report::Report;
pub use self::sweep::{Sweep, sweep};

/// Connections that send the large batches.
const BATCH_CONNECTIONS: usize = 2;
/// Orders in a large batch, and in a small one.
const LARGE_BATCH: usize = 1_000;
const SMALL_BATCH: usize = 100;

/// A dialect of the registry.
pub type DialectRef = &'static dyn Dialect;

/// A piece of work that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// CPU per order, batches of 1,000 on 2 connections
    P1,
    /// CPU per order, batches of 100, in each dialect
    P2,
    /// Rate of single orders on 64 connections
    P3,
    /// Rate of p1 into a full store, see --fill
    P4,
    /// Memory and rate of one import, see --import-orders
    P5,
    /// Disk bytes per order, from the same work as p1
    P6,
    /// Reading one order and a page from a full store, alone and while p1 runs
    P7,
    /// CPU per order of p1 on PostgreSQL, including the database's; starts its own PostgreSQL
    P8,
    /// Rate if every second order is resubmitted
    P9,
    /// CPU per order over 900 organisations: batches of 1,000, and of 10 on 64 connections; keys in order and in no order
    P10,
    /// CPU per order of one organisation's keys in no order, batches of 1,000 and 100, into empty stores and stores of 5,000,000
    /// orders (see --fill)
    P11,
    /// CPU per order of p10, p11 and single orders on PostgreSQL, including the database's; starts its own PostgreSQL
    P12,
    /// Bytes written per order, from the same work as p10
    P13,
    /// Rate of single orders over 900 organisations, compared with one organisation
    P14,
    /// Latency of single orders while others send batches of 5,000 and of 50,000
    Fair,
    /// Latency of single orders over 900 organisations on 64 connections, while others send batches of 5,000 over them
    Crowd,
    /// CPU per order of p2 with an enforced catalogue of 1,000,000 products, compared with an open one
    Catalogue,
    /// Peak memory under the largest bodies on 64 connections, and whether it grows
    Memory,
    /// Rate and CPU per order of p1 with 1, 2 and 4 servers on one PostgreSQL database
    Servers,
    /// Rate of deliveries by webhook, into PostgreSQL and to NATS; p1 and p3 beside a destination; 200 destinations of which three do
    /// not work. Starts its own PostgreSQL, and NATS if it is installed
    Onward,
}

/// A custom workload.
#[derive(Clone)]
pub struct OwnWork {
    /// Dialect of the orders.
    pub dialect: DialectRef,
    /// Orders in each batch.
    pub batch: usize,
    /// Connections that send batches.
    pub connections: usize,
    /// Organisations and keys of the orders.
    pub spread: Spread,
    /// Whether the started server and the bare program store their orders in PostgreSQL.
    pub is_on_postgres: bool,
    /// An existing server to measure. Otherwise one is started, and compared with the bare program.
    pub remote: Option<Remote>,
}

/// An existing server.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it listens: `http://HOST:PORT`.
    pub url: String,
    /// Code of the orders' organisation. The codes of several start with it; five digits follow.
    pub organisation: String,
    /// Id of the API key.
    pub key_id: String,
    /// Secret of the API key.
    pub secret: String,
    /// The current time, which distinguishes the orders of this run from those of earlier ones.
    pub started_at_ms: i64,
}

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time for each workload on the server's side.
    pub length: Duration,
    /// Orders in a filled store.
    pub fill_orders: u64,
    /// Orders in a store that was filled with keys in no order, which is slower.
    pub scattered_fill_orders: u64,
    /// Orders in the import of p5.
    pub import_orders: u64,
    /// Bytes of each body that `memory` sends.
    pub body_bytes: usize,
    /// URL of the PostgreSQL server on which p8, servers and onward create their databases. If `None`, they start their own.
    pub database_server: Option<String>,
    /// See [`EmailIndex`].
    pub open_email_index: OpenEmailIndex,
    /// The current time by the clock of servers, in milliseconds since 1970.
    pub now_ms: fn() -> i64,
}

/// The e-mail index of one organisation in the store of a server under measurement.
///
/// A server builds it while idle, and does not report over HTTP how far it is. So p7 asks the store.
pub trait EmailIndex {
    /// Whether the server has indexed everything that it would index while idle. Blocks too few for a run stay unindexed, as in
    /// every store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    fn is_built(&self) -> Result<bool>;
}

/// Opens the index in this data directory, of the organisation with this code, alongside the server.
pub type OpenEmailIndex = fn(&Path, &str) -> Result<Box<dyn EmailIndex>>;

/// Measures these workloads.
///
/// # Errors
///
/// A server or the database does not start, or a response is wrong.
pub fn measure(works: &[Work], settings: &Settings) -> Result<Report> {
    let schedule = Schedule::new(settings.length);
    let has = |work| works.contains(&work);
    let mut findings = Vec::new();
    if has(Work::P1) || has(Work::P6) {
        findings.push(batches::large(&schedule, has(Work::P1), has(Work::P6))?);
    }
    if has(Work::P2) {
        for dialect in dialects::ALL {
            findings.push(batches::small(&schedule, *dialect)?);
        }
    }
    if has(Work::P3) {
        findings.push(singles::singles(&schedule)?);
    }
    if has(Work::P4) || has(Work::P7) {
        let mut full = Filled::start(readable_dialect(), settings.fill_orders)?;
        full.fill_to(settings.fill_orders)?;
        if has(Work::P4) {
            findings.push(filled::filled(&schedule, &mut full)?);
        }
        if has(Work::P7) {
            findings.extend(reads::reads(&schedule, &full, settings.open_email_index)?);
        }
    }
    if has(Work::P5) {
        findings.push(import::import(&schedule, settings.import_orders)?);
    }
    let database_server = settings.database_server.as_deref();
    if has(Work::P8) {
        findings.push(batches::on_database(&schedule, database_server)?);
    }
    if has(Work::P9) {
        findings.push(resubmissions::resubmissions(&schedule)?);
    }
    findings.extend(measure_spread(works, &schedule, settings)?);
    if has(Work::Fair) {
        findings.push(fairness::fairness(&schedule)?);
    }
    if has(Work::Crowd) {
        let spread = spread::over_all(Keys::Ordered);
        findings.push(fairness::fairness_of_many(&schedule, spread)?);
    }
    if has(Work::Catalogue) {
        findings.extend(catalogue::catalogue(&schedule)?);
    }
    if has(Work::Memory) {
        findings.push(memory::memory(&schedule, settings.body_bytes)?);
    }
    if has(Work::Servers) {
        findings.push(databases::several_servers(&schedule, database_server)?);
    }
    if has(Work::Onward) {
        findings.extend(onward::onward(&schedule, settings)?);
    }
    Ok(schedule.report(findings))
}

/// Measures p10 to p14.
fn measure_spread(
    works: &[Work],
    schedule: &Schedule,
    settings: &Settings,
) -> Result<Vec<Finding>> {
    let has = |work| works.contains(&work);
    let filled = settings.scattered_fill_orders;
    let mut findings = Vec::new();
    if has(Work::P10) || has(Work::P13) {
        findings.extend(spread::organisations(
            schedule,
            has(Work::P10),
            has(Work::P13),
        )?);
    }
    if has(Work::P11) {
        findings.extend(spread::scattered(schedule, filled)?);
    }
    if has(Work::P12) {
        let database_server = settings.database_server.as_deref();
        findings.extend(spread::on_database(schedule, database_server, filled)?);
    }
    if has(Work::P14) {
        findings.push(spread::singles(schedule)?);
    }
    Ok(findings)
}

/// Measures a custom workload.
///
/// # Errors
///
/// Orders of this dialect cannot be spread over organisations; a server does not start or cannot be reached; or a response is
/// wrong.
pub fn measure_own(work: &OwnWork, length: Duration) -> Result<Report> {
    let template = Template::parse(work.dialect.workload().order);
    ensure!(
        work.spread.organisations <= 1 || template.names_organisation(),
        "orders of the dialect '{}' do not name their organisation, so they cannot be spread over several",
        work.dialect.id()
    );
    let schedule = Schedule::new(length);
    let finding = match &work.remote {
        Some(remote) => {
            let target = remote.target(work.spread)?;
            batches::remote(&schedule, work, &target)?
        }
        None => batches::own(&schedule, work)?,
    };
    Ok(schedule.report(vec![finding]))
}

impl Remote {
    fn target(&self, spread: Spread) -> Result<Target> {
        Ok(Target {
            address: sender::address_of(&self.url)?,
            identities: Identities::spread(&self.organisation, &self.organisation, spread),
            organisation: self.organisation.clone(),
            key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            status_alone: None,
            // Earlier runs left their orders in this store.
            next_stamp: Cell::new(stamps::first_of_run(self.started_at_ms)),
        })
    }
}

/// A program to compare with. It runs as a separate process.
pub enum Part {
    /// Stores as many orders as each line on stdin says.
    Bare {
        /// The orders.
        work: BareWork,
        /// Where it stores them.
        store: BareStore,
    },
    /// Responds 202 to everything.
    Http,
}

impl Part {
    /// Runs until told to end.
    ///
    /// # Errors
    ///
    /// Its store or its socket cannot be opened, or fails.
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self {
            Self::Bare { work, store } => {
                // The PostgreSQL client runs a runtime of its own.
                tokio::task::block_in_place(|| bare::run(&work, &store, out))
            }
            Self::Http => floor::serve(out).await,
        }
    }
}

/// Finds a dialect by its id.
///
/// # Errors
///
/// No dialect has this id.
pub fn find_dialect(id: &str) -> Result<DialectRef> {
    dialects::find(id).with_context(|| {
        format!(
            "unknown dialect '{id}'; expected one of {}",
            dialects::ids()
        )
    })
}

/// The dialect of the large batches.
#[must_use]
pub fn first_dialect() -> DialectRef {
    dialects::ALL[0]
}

/// The dialect for filled stores. Its routes read orders back, so that one store serves all workloads.
fn readable_dialect() -> DialectRef {
    let mut dialects = dialects::ALL.iter().copied();
    let readable = dialects.find(|dialect| !dialect.workload().reads.is_empty());
    readable.unwrap_or_else(first_dialect)
}
