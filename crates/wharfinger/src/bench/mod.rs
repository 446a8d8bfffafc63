//! `wharfinger bench`: a real server process, real HTTP, and beside it, in the same run, programs that do the least.
//!
//! Figures shift from run to run and from machine to machine; ratios of figures taken in turns do so much less. So
//! the two sides take short rounds one after the other, and medians over the rounds are compared.

mod bare;
mod body;
mod figures;
mod floor;
mod http_client;
mod pools;
mod process;
mod report;
mod sender;
mod served;
mod template;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use wharfinger_core::dialect::{Dialect, SampleKey};
use wharfinger_core::dialects;

use self::bare::Bare;
use self::body::{Envelope, Mix, Shape};
use self::figures::{Figures, Round, as_f64, median};
use self::floor::Disk;
use self::process::Machine;
use self::report::{Beside, Finding, Verdict};
use self::sender::{Check, Sender, Target};
use self::served::{Requests, Served};

pub(crate) use self::report::Report;

/// Rounds of each side.
const ROUNDS: u32 = 5;
/// Connections that send the large batches.
const BATCH_CONNECTIONS: usize = 2;
/// Orders of a large batch, and of a small one.
const LARGE_BATCH: usize = 1_000;
const SMALL_BATCH: usize = 100;
/// Connections that send single orders.
const SINGLE_CONNECTIONS: usize = 64;

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
    /// Disk bytes per order, from the same work as p1
    P6,
    /// Rate when every second order comes again
    P9,
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

/// Measures these works, each for so long on the side of the server.
pub(crate) fn measure(works: &[Work], length: Duration) -> Result<Report> {
    let measuring = Measuring::new(length);
    let has = |work| works.contains(&work);
    let mut findings = Vec::new();
    if has(Work::P1) || has(Work::P6) {
        let finding = measuring.batches("p1", first_dialect(), LARGE_BATCH, BATCH_CONNECTIONS)?;
        findings.push(finding.judged(|ours, beside| {
            let mut verdicts = Vec::new();
            if has(Work::P1) {
                verdicts.extend(Verdict::cpu("p1", ours, beside, 1.0, 0.7));
            }
            if has(Work::P6) {
                verdicts.extend(Verdict::disk("p6", ours, beside, 0.5, 0.15));
            }
            verdicts
        }));
    }
    if has(Work::P2) {
        for dialect in dialects::ALL {
            let finding = measuring.batches("p2", *dialect, SMALL_BATCH, BATCH_CONNECTIONS)?;
            findings.push(
                finding.judged(|ours, beside| {
                    Vec::from_iter(Verdict::cpu("p2", ours, beside, 1.3, 0.9))
                }),
            );
        }
    }
    if has(Work::P3) {
        findings.push(measuring.singles()?);
    }
    if has(Work::P9) {
        findings.push(measuring.resubmissions()?);
    }
    Ok(measuring.report(findings))
}

/// Measures work that the user puts together.
pub(crate) fn measure_own(work: &OwnWork, length: Duration) -> Result<Report> {
    let measuring = Measuring::new(length);
    let finding = match &work.remote {
        Some(remote) => measuring.remote(work, remote)?,
        None => measuring.batches("own", work.dialect, work.batch, work.connections)?,
    };
    Ok(measuring.report(vec![finding]))
}

/// A program to compare with, run as a process of its own.
pub(crate) enum Part {
    Bare {
        dialect: Spoken,
        batch: usize,
        is_named: bool,
        data: PathBuf,
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
                data,
            } => {
                let envelope = if is_named {
                    Envelope::Named
                } else {
                    Envelope::Array
                };
                bare::run(dialect.load(), batch, envelope, &data, out)
            }
            Self::Http => floor::serve(out).await,
        }
    }
}

/// The dialect of this name.
pub(crate) fn find_dialect(id: &str) -> Result<Spoken> {
    dialects::find(id).with_context(|| {
        let known: Vec<_> = dialects::ALL.iter().map(|dialect| dialect.id()).collect();
        format!("there is no dialect '{id}'; there are {}", known.join(", "))
    })
}

/// The dialect that the large batches are sent in.
pub(crate) fn first_dialect() -> Spoken {
    dialects::ALL[0]
}

fn batch_requests(dialect: Spoken, key: &SampleKey<'_>, orders: usize, mix: Mix) -> Requests {
    let sample = dialect.samples(key).batch;
    Requests {
        load: dialect.load(),
        shape: Shape {
            orders,
            envelope: Envelope::of_batch(&sample),
            mix,
        },
        sample,
    }
}

/// A run.
struct Measuring {
    round: Duration,
    progress: ProgressBar,
}

impl Measuring {
    fn new(length: Duration) -> Self {
        // Draws on a terminal only.
        let progress = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} rounds  {msg}") {
            progress.set_style(style);
        }
        Self {
            round: length / ROUNDS,
            progress,
        }
    }

    fn report(self, findings: Vec<Finding>) -> Report {
        self.progress.finish_and_clear();
        Report {
            machine: Machine::this(),
            findings,
        }
    }

    /// Lets two sides take turns. The first turn of each is not counted: files and caches are still to be filled.
    fn take_turns(
        &self,
        what: &str,
        mut ours: impl FnMut(Duration) -> Result<Round>,
        mut beside: impl FnMut(&Round) -> Result<Round>,
    ) -> Result<(Vec<Round>, Vec<Round>)> {
        self.progress.inc_length(u64::from(ROUNDS));
        self.progress.set_message(what.to_owned());
        beside(&ours(self.round / 2)?)?;
        let (mut our_rounds, mut rounds_beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let round = ours(self.round)?;
            rounds_beside.push(beside(&round)?);
            our_rounds.push(round);
            self.progress.inc(1);
        }
        Ok((our_rounds, rounds_beside))
    }

    /// Batches to a server of our own, beside the bare program that takes as many orders.
    fn batches(
        &self,
        work: &'static str,
        dialect: Spoken,
        batch: usize,
        connections: usize,
    ) -> Result<Finding> {
        let mut ours = Served::start(connections, |key| {
            batch_requests(dialect, key, batch, Mix::Fresh)
        })?;
        let mut bare = Bare::start(dialect, batch, ours.envelope())?;
        let what = report::batches(dialect.id(), batch, connections);
        let (our_rounds, bare_rounds) = self.take_turns(
            &what,
            |length| ours.send_for(length),
            |ours| bare.take(ours.orders),
        )?;
        let ours = Figures::of(&our_rounds, Some(ours.end()?));
        let bare = Figures::of(&bare_rounds, Some(bare.end()?));
        Ok(Finding::new(work, what, ours).beside("bare program", bare))
    }

    /// Single orders, beside a bare HTTP server and the disk.
    fn singles(&self) -> Result<Finding> {
        let dialect = first_dialect();
        let mut ours = Served::start(SINGLE_CONNECTIONS, |key| {
            let sample = dialect.samples(key).one;
            let shape = Shape {
                orders: 1,
                envelope: Envelope::of_one(&sample),
                mix: Mix::Fresh,
            };
            Requests {
                load: dialect.load(),
                sample,
                shape,
            }
        })?;
        let mut http = Served::start_bare_http(&ours, SINGLE_CONNECTIONS)?;
        let mut disk = Disk::open(http.directory())?;
        let mut flushes = Vec::new();
        let what = report::singles(dialect.id(), SINGLE_CONNECTIONS);
        let (our_rounds, http_rounds) = self.take_turns(
            &what,
            |length| ours.send_for(length),
            |_| {
                flushes.extend(disk.flush_for(self.round / 4)?);
                http.send_for(self.round)
            },
        )?;
        let ours = Figures::of(&our_rounds, Some(ours.end()?));
        let http = Figures::of(&http_rounds, None);
        let flush_s = median(&mut flushes).context("the disk was never flushed")?;
        let flushed_per_s = as_f64(SINGLE_CONNECTIONS as u64) / flush_s;
        let floor = http.orders_per_s.min(flushed_per_s);
        let verdict = Verdict::at_least("p3", "rate", ours.orders_per_s / floor, 0.4, 0.6);
        let mut finding = Finding::new("p3", what, ours).beside("bare HTTP", http);
        finding.fdatasync_us = Some(flush_s * 1e6);
        finding.verdicts = vec![verdict];
        Ok(finding)
    }

    /// Batches in which every second order comes again, beside the same with fresh orders only.
    fn resubmissions(&self) -> Result<Finding> {
        let dialect = first_dialect();
        let start = |mix| {
            Served::start(BATCH_CONNECTIONS, |key| {
                batch_requests(dialect, key, LARGE_BATCH, mix)
            })
        };
        let mut again = start(Mix::HalfAgain)?;
        let mut fresh = start(Mix::Fresh)?;
        let batches = report::batches(dialect.id(), LARGE_BATCH, BATCH_CONNECTIONS);
        let what = format!("{batches}, every second order sent again");
        let (again_rounds, fresh_rounds) = self.take_turns(
            &what,
            |length| again.send_for(length),
            |_| fresh.send_for(self.round),
        )?;
        let again = Figures::of(&again_rounds, Some(again.end()?));
        let fresh = Figures::of(&fresh_rounds, Some(fresh.end()?));
        let ratio = again.orders_per_s / fresh.orders_per_s;
        let verdict = Verdict::at_least("p9", "rate", ratio, 0.6, 0.9);
        let mut finding = Finding::new("p9", what, again).beside("fresh orders", fresh);
        finding.verdicts = vec![verdict];
        Ok(finding)
    }

    /// Batches to a server that somebody else runs: what the sender sees.
    fn remote(&self, work: &OwnWork, remote: &Remote) -> Result<Finding> {
        let dialect = work.dialect;
        let key = SampleKey {
            organisation: &remote.organisation,
            id: &remote.key_id,
            secret: &remote.secret,
        };
        let requests = batch_requests(dialect, &key, work.batch, Mix::Fresh);
        let load = requests.load;
        let target = Target {
            address: sender::address_of(&remote.url)?,
            organisation: &remote.organisation,
            sample: &requests.sample,
        };
        let check = Check::Taken(load.taken);
        let mut sender = Sender::new(&target, load, requests.shape, work.connections, check);
        let what = report::batches(dialect.id(), work.batch, work.connections);
        let (rounds, _) = self.take_turns(
            &what,
            |length| sender.send_for(length),
            |_| Ok(Round::default()),
        )?;
        Ok(Finding::new("own", what, Figures::of(&rounds, None)))
    }
}

impl Finding {
    fn beside(mut self, name: &'static str, figures: Figures) -> Self {
        self.beside = Some(Beside { name, figures });
        self
    }

    fn judged(mut self, judge: impl FnOnce(&Figures, &Figures) -> Vec<Verdict>) -> Self {
        if let Some(beside) = &self.beside {
            self.verdicts = judge(&self.ours, &beside.figures);
        }
        self
    }
}
