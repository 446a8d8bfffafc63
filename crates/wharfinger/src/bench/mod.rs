//! `wharfinger bench`: a real server process, real HTTP, and beside it, in the same run, programs that do the least.
//!
//! Figures shift from run to run and from machine to machine; ratios of figures taken in turns do so much less. So
//! the two sides take short rounds one after the other, and medians over the rounds are compared.

mod bare;
mod body;
pub mod cluster;
mod database;
mod figures;
mod fill;
mod floor;
mod http_client;
mod measuring;
mod plot;
mod pools;
mod process;
mod report;
mod rows;
mod sender;
mod served;
mod servers;
mod stamps;
mod sweep;
mod target;
mod template;
mod verdict;
mod works;

use std::cell::Cell;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;

use self::body::Envelope;
use self::figures::as_f64;
use self::fill::Filled;
use self::measuring::Measuring;
use self::target::Target;
use self::works::{
    batches, catalogue, databases, fairness, filled, import, memory, reads, resubmissions, singles,
};
use crate::clock;

pub(crate) use self::report::Report;
pub(crate) use self::rows::Place;
pub(crate) use self::sweep::sweep;

/// Connections that send the large batches.
const BATCH_CONNECTIONS: usize = 2;
/// Orders of a large batch, and of a small one.
const LARGE_BATCH: usize = 1_000;
const SMALL_BATCH: usize = 100;

/// A dialect of the list.
type Spoken = &'static dyn Dialect;

/// A piece of work that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// CPU per order, batches of 1,000 on 2 connections
    P1,
    /// CPU per order, batches of 100, in each dialect
    P2,
    /// Rate of single orders on 64 connections
    P3,
    /// Rate of p1 into a store that is full already, see --fill
    P4,
    /// Memory for one import, see --import-orders, and its rate
    P5,
    /// Disk bytes per order, from the same work as p1
    P6,
    /// Reading one order and a page from a full store, alone and while p1 runs
    P7,
    /// CPU per order of p1 on PostgreSQL, the database's included; starts a PostgreSQL of its own
    P8,
    /// Rate when every second order comes again
    P9,
    /// What single orders wait while others send batches of 5,000 and of 50,000
    Fair,
    /// CPU per order of p2 against an enforced catalogue of 1,000,000 products, beside an open one
    Catalogue,
    /// Peak memory under the largest bodies on 64 connections, and whether it grows
    Memory,
    /// Rate and CPU per order of p1 with 1, 2 and 4 servers on one PostgreSQL database
    Servers,
}

/// Work that the user puts together.
#[derive(Clone)]
pub(crate) struct OwnWork {
    pub(crate) dialect: Spoken,
    pub(crate) batch: usize,
    pub(crate) connections: usize,
    /// A server that runs already; otherwise one is started, and compared.
    pub(crate) remote: Option<Remote>,
}

/// A server that runs already.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) url: String,
    pub(crate) organisation: String,
    pub(crate) key_id: String,
    pub(crate) secret: String,
}

/// How works are measured.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// For each work on the side of the server.
    pub(crate) length: Duration,
    /// Orders that a full store holds.
    pub(crate) fill_orders: u64,
    /// Orders of the import of p5.
    pub(crate) import_orders: u64,
    /// Of each body that `memory` sends.
    pub(crate) body_bytes: usize,
    /// URL of the PostgreSQL server on which p8 and servers make their databases; otherwise they start their own.
    pub(crate) database_server: Option<String>,
}

/// Measures these works.
pub(crate) fn measure(works: &[Work], settings: &Settings) -> Result<Report> {
    let measuring = Measuring::new(settings.length);
    let has = |work| works.contains(&work);
    let mut findings = Vec::new();
    if has(Work::P1) || has(Work::P6) {
        findings.push(batches::large(&measuring, has(Work::P1), has(Work::P6))?);
    }
    if has(Work::P2) {
        for dialect in dialects::ALL {
            findings.push(batches::small(&measuring, *dialect)?);
        }
    }
    if has(Work::P3) {
        findings.push(singles::singles(&measuring)?);
    }
    if has(Work::P4) || has(Work::P7) {
        let mut full = Filled::start(readable_dialect(), settings.fill_orders)?;
        full.fill_to(settings.fill_orders)?;
        if has(Work::P4) {
            findings.push(filled::filled(&measuring, &mut full)?);
        }
        if has(Work::P7) {
            findings.extend(reads::reads(&measuring, &full)?);
        }
    }
    if has(Work::P5) {
        findings.push(import::import(&measuring, settings.import_orders)?);
    }
    let database_server = settings.database_server.as_deref();
    if has(Work::P8) {
        findings.push(databases::on_database(&measuring, database_server)?);
    }
    if has(Work::P9) {
        findings.push(resubmissions::resubmissions(&measuring)?);
    }
    if has(Work::Fair) {
        findings.push(fairness::fairness(&measuring)?);
    }
    if has(Work::Catalogue) {
        findings.extend(catalogue::catalogue(&measuring)?);
    }
    if has(Work::Memory) {
        findings.push(memory::memory(&measuring, settings.body_bytes)?);
    }
    if has(Work::Servers) {
        findings.push(databases::several_servers(&measuring, database_server)?);
    }
    Ok(measuring.report(findings))
}

/// Measures work that the user puts together.
pub(crate) fn measure_own(work: &OwnWork, length: Duration) -> Result<Report> {
    let measuring = Measuring::new(length);
    let finding = match &work.remote {
        Some(remote) => batches::remote(&measuring, work, &remote.target()?)?,
        None => batches::own(&measuring, work)?,
    };
    Ok(measuring.report(vec![finding]))
}

impl Remote {
    fn target(&self) -> Result<Target> {
        Ok(Target {
            address: sender::address_of(&self.url)?,
            organisation: self.organisation.clone(),
            key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            status_alone: None,
            // Earlier runs left their orders in its store.
            next_stamp: Cell::new(stamps::first_of_run(clock::now_ms())),
        })
    }
}

/// A program to compare with, run as a process of its own.
pub(crate) enum Part {
    Bare {
        dialect: Spoken,
        batch: usize,
        is_named: bool,
        place: Place,
    },
    Http,
}

impl Part {
    /// Runs until it is told to end.
    pub(crate) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self {
            Self::Bare {
                dialect,
                batch,
                is_named,
                place,
            } => {
                let envelope = if is_named {
                    Envelope::Named
                } else {
                    Envelope::Array
                };
                // The client of PostgreSQL has a runtime of its own.
                tokio::task::block_in_place(|| {
                    bare::run(dialect.load(), batch, envelope, &place, out)
                })
            }
            Self::Http => floor::serve(out).await,
        }
    }
}

/// The dialect of this name.
pub(crate) fn find_dialect(id: &str) -> Result<Spoken> {
    dialects::find(id)
        .with_context(|| format!("there is no dialect '{id}'; there are {}", dialects::ids()))
}

/// The dialect that the large batches are sent in.
pub(crate) fn first_dialect() -> Spoken {
    dialects::ALL[0]
}

/// The dialect that full stores are filled in: one whose routes read orders back, so that one store does for all works.
fn readable_dialect() -> Spoken {
    let mut dialects = dialects::ALL.iter().copied();
    let readable = dialects.find(|dialect| !dialect.load().reads.is_empty());
    readable.unwrap_or_else(first_dialect)
}
