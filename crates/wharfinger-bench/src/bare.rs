//! The bare program: the minimal cost of accepting orders, done in the plainest way. It parses each body into typed structs,
//! inserts each order as a row, and commits each batch. There is no HTTP, validation, receipt or event. The rows go into
//! SQLite, or into PostgreSQL over one connection.
//!
//! It runs as a separate process, so that its CPU time and memory are measured like the server's. It creates its bodies itself.
//! It reads from stdin how many orders to process, and writes to stdout how long that took.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tempfile::TempDir;
use wharfinger_core::dialect::workload::Workload;

use crate::DialectRef;
use crate::bare_store::{BareStore, Row, Rows};
use crate::body::{Body, Envelope, Lane, Mix, Shape};
use crate::identities::{CODE_START, Identities, Spread};
use crate::measurements::{Round, Usage};
use crate::process;
use crate::server_process::{self, DATABASE};

/// Organisation of its orders, if there is only one.
const ORGANISATION: &str = "DEMO";

/// What the bare program processes.
#[derive(Clone, Copy)]
pub struct BareWork {
    /// Dialect of the orders.
    pub dialect: DialectRef,
    /// Orders in each batch.
    pub batch: usize,
    /// Whether a batch is an object with named orders instead of an array.
    pub is_named: bool,
    /// Organisations and keys of the orders.
    pub spread: Spread,
    /// Batches that it commits together.
    pub batches_per_commit: usize,
}

/// The running bare program.
pub(crate) struct Bare {
    process: Child,
    told: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    /// `None` if the rows go into PostgreSQL.
    data: Option<TempDir>,
    orders: u64,
}

impl Bare {
    /// Starts it on a new SQLite database.
    pub(crate) fn start(work: &BareWork) -> Result<Self> {
        let data = tempfile::tempdir().context("cannot create a temporary directory")?;
        let mut command = command(work)?;
        command.arg("--data").arg(data.path());
        Self::spawn(command, Some(data))
    }

    /// Starts it on an empty PostgreSQL database.
    pub(crate) fn start_on(url: &str, work: &BareWork) -> Result<Self> {
        let mut command = command(work)?;
        // In the environment, because arguments are visible to all users and the URL contains a password.
        command.env(DATABASE, url);
        Self::spawn(command, None)
    }

    fn spawn(mut command: Command, data: Option<TempDir>) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the bare program")?;
        let told = process.stdin.take();
        let says = process
            .stdout
            .take()
            .context("the bare program has no standard output")?;
        Ok(Self {
            process,
            told,
            says: BufReader::new(says),
            data,
            orders: 0,
        })
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Makes it process this many orders, rounded up to whole commits, and measures its CPU time and writes.
    pub(crate) fn take(&mut self, orders: u64) -> Result<Round> {
        let process = self.process.id();
        let cpu_before = process::cpu(process)?;
        let written_before = process::written_bytes(process)?;
        let mut round = self.tell(orders)?;
        let cpu = process::when_quiet(|| process::cpu(process))?;
        round.cpu = Some(cpu.saturating_sub(cpu_before));
        round.written_bytes = Some(process::written_bytes(process)? - written_before);
        Ok(round)
    }

    /// Makes it process this many orders, rounded up to whole commits.
    pub(crate) fn tell(&mut self, orders: u64) -> Result<Round> {
        let told = self
            .told
            .as_mut()
            .context("the bare program has no standard input")?;
        writeln!(told, "{orders}")?;
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        let (orders, nanoseconds) =
            parse_report(&line).context("the bare program exited; its message is above")?;
        self.orders += orders;
        Ok(Round {
            orders,
            duration: Duration::from_nanos(nanoseconds),
            ..Round::default()
        })
    }

    /// Ends it, and reports its memory and disk use.
    pub(crate) fn end(mut self) -> Result<Usage> {
        let memory_peak_bytes = process::memory_peak(self.process.id())?;
        // The end of its input stops it.
        self.told = None;
        let status = self.process.wait()?;
        ensure!(status.success(), "the bare program failed: {status}");
        let disk_bytes = self
            .data
            .as_ref()
            .map(|data| process::disk_bytes(data.path()));
        Ok(Usage {
            memory_peak_bytes,
            disk_bytes: disk_bytes.transpose()?,
            orders: self.orders,
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It has normally ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(work: &BareWork) -> Result<Command> {
    let keys = work.spread.keys.to_possible_value();
    let keys = keys.context("every variant has a name")?;
    let mut command = server_process::program()?;
    command
        .args(["bench-part", "bare", "--dialect", work.dialect.id()])
        .args(["--batch", &work.batch.to_string()])
        .args(["--organisations", &work.spread.organisations.to_string()])
        .args(["--keys", keys.get_name()])
        .args(["--batches-per-commit", &work.batches_per_commit.to_string()])
        .env_remove(DATABASE);
    if work.is_named {
        command.arg("--named");
    }
    Ok(command)
}

fn parse_report(line: &str) -> Option<(u64, u64)> {
    let (orders, nanoseconds) = line.trim().split_once(' ')?;
    Some((orders.parse().ok()?, nanoseconds.parse().ok()?))
}

/// The main function of the bare program.
pub(crate) fn run(work: &BareWork, store: &BareStore, out: &mut dyn Write) -> Result<()> {
    let mut rows = Rows::open(store)?;
    let load = work.dialect.workload();
    let mut bodies = work.bodies();
    let orders = (work.batch * work.batches_per_commit) as u64;
    for line in std::io::stdin().lines() {
        let wanted: u64 = line?.trim().parse().context("a number of orders")?;
        let begin = Instant::now();
        let mut taken = 0;
        while taken < wanted {
            bodies.iter_mut().for_each(Body::restamp);
            take(&mut rows, load, &bodies)?;
            taken += orders;
        }
        writeln!(out, "{taken} {}", begin.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

impl BareWork {
    /// The bodies of one commit.
    fn bodies(&self) -> Vec<Body> {
        let shape = Shape {
            orders: self.batch,
            envelope: if self.is_named {
                Envelope::Named
            } else {
                Envelope::Array
            },
            mix: Mix::Fresh,
        };
        let identities = Identities::spread(ORGANISATION, CODE_START, self.spread);
        let order = self.dialect.workload().order;
        let lanes = Lane::each(self.batches_per_commit as u64);
        let bodies = lanes.map(|lane| Body::new(order, &identities, shape, lane, 0));
        bodies.collect()
    }
}

/// Inserts the orders of these bodies and commits them together.
fn take(rows: &mut Rows, load: &Workload, bodies: &[Body]) -> Result<()> {
    let mut batch = Vec::new();
    for body in bodies {
        let text = std::str::from_utf8(body.bytes())?;
        let orders = (load.parse)(text)?;
        ensure!(orders.len() == body.orders(), "a batch lost orders");
        let orders = orders.iter().zip(body.order_texts());
        batch.extend(orders.map(|(order, text)| Row {
            organisation: order.organisation.unwrap_or(ORGANISATION),
            key: order.key,
            text,
        }));
    }
    rows.insert(&batch)
}

#[cfg(test)]
mod tests {
    use wharfinger_core::dialects;

    use super::*;
    use crate::database::{self, Database};
    use crate::identities::Keys;

    /// Inserts two batches of five in each of two commits.
    fn fill(store: &BareStore) {
        let mut rows = Rows::open(store).unwrap();
        let work = BareWork {
            dialect: dialects::ALL[0],
            batch: 5,
            is_named: false,
            spread: Spread {
                organisations: 4,
                keys: Keys::Scattered,
            },
            batches_per_commit: 2,
        };
        let mut bodies = work.bodies();
        for _ in 0..2 {
            bodies.iter_mut().for_each(Body::restamp);
            take(&mut rows, work.dialect.workload(), &bodies).unwrap();
        }
    }

    #[test]
    fn every_order_becomes_a_row_with_its_own_text() {
        let data = tempfile::tempdir().unwrap();
        fill(&BareStore::Directory(data.path().into()));
        let store = rusqlite::Connection::open(data.path().join("bare.db")).unwrap();
        let query = "select count(*), count(distinct ref), count(distinct body),
            count(*) filter (where instr(body, ref)), count(distinct org) from orders";
        let counts: (u32, u32, u32, u32, u32) = store
            .query_row(query, (), |row| {
                let number = |column| row.get(column);
                Ok((number(0)?, number(1)?, number(2)?, number(3)?, number(4)?))
            })
            .unwrap();
        assert_eq!(counts, (20, 20, 20, 20, 4));
    }

    #[test]
    fn every_order_becomes_a_row_of_postgresql_too() {
        let mut database = Database::create(None).unwrap();
        fill(&BareStore::Database(database.url().into()));
        let query = "select count(*), count(distinct ref), count(distinct body),
            count(*) filter (where position(ref::bytea in body) > 0) from orders";
        let mut client = database::connect(database.url()).unwrap();
        let row = client.query_one(query, &[]).unwrap();
        let counts: [i64; 4] = [0, 1, 2, 3].map(|column| row.get(column));
        assert_eq!(counts, [20; 4]);
        assert!(database.grown_bytes().unwrap() > 0);
    }
}
