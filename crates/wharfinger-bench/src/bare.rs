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
use tempfile::TempDir;
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialect::workload::Workload;

use crate::bare_store::{BareStore, Row, Rows};
use crate::body::{Body, Envelope, Lane, Mix, Shape};
use crate::measurements::{Round, Usage};
use crate::process;
use crate::server_process::{self, DATABASE};

/// Organisation of its orders.
const ORGANISATION: &str = "DEMO";

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
    pub(crate) fn start(dialect: &dyn Dialect, batch: usize, envelope: Envelope) -> Result<Self> {
        let data = tempfile::tempdir().context("cannot create a temporary directory")?;
        let mut command = command(dialect, batch, envelope)?;
        command.arg("--data").arg(data.path());
        Self::spawn(command, Some(data))
    }

    /// Starts it on an empty PostgreSQL database.
    pub(crate) fn start_on(
        url: &str,
        dialect: &dyn Dialect,
        batch: usize,
        envelope: Envelope,
    ) -> Result<Self> {
        let mut command = command(dialect, batch, envelope)?;
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

    /// Makes it process this many orders, rounded up to whole batches, and measures its CPU time.
    pub(crate) fn take(&mut self, orders: u64) -> Result<Round> {
        let process = self.process.id();
        let cpu_before = process::cpu(process)?;
        let mut round = self.tell(orders)?;
        let cpu = process::when_quiet(|| process::cpu(process))?;
        round.cpu = Some(cpu.saturating_sub(cpu_before));
        Ok(round)
    }

    /// Makes it process this many orders, rounded up to whole batches.
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

fn command(dialect: &dyn Dialect, batch: usize, envelope: Envelope) -> Result<Command> {
    let mut command = server_process::program()?;
    command
        .args(["bench-part", "bare", "--dialect", dialect.id()])
        .args(["--batch", &batch.to_string()])
        .env_remove(DATABASE);
    if envelope == Envelope::Named {
        command.arg("--named");
    }
    Ok(command)
}

fn parse_report(line: &str) -> Option<(u64, u64)> {
    let (orders, nanoseconds) = line.trim().split_once(' ')?;
    Some((orders.parse().ok()?, nanoseconds.parse().ok()?))
}

/// The main function of the bare program.
pub(crate) fn run(
    load: &Workload,
    batch: usize,
    envelope: Envelope,
    store: &BareStore,
    out: &mut dyn Write,
) -> Result<()> {
    let mut rows = Rows::open(store)?;
    let shape = Shape {
        orders: batch,
        envelope,
        mix: Mix::Fresh,
    };
    let lane = Lane::only();
    let mut body = Body::new(load.order, ORGANISATION, shape, lane, 0);
    for line in std::io::stdin().lines() {
        let wanted: u64 = line?.trim().parse().context("a number of orders")?;
        let begin = Instant::now();
        let mut taken = 0;
        while taken < wanted {
            body.restamp();
            take(&mut rows, load, &body)?;
            taken += batch as u64;
        }
        writeln!(out, "{taken} {}", begin.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

fn take(rows: &mut Rows, load: &Workload, body: &Body) -> Result<()> {
    let text = std::str::from_utf8(body.bytes())?;
    let orders = (load.parse)(text)?;
    ensure!(orders.len() == body.orders(), "a batch lost orders");
    let orders = orders.iter().zip(body.order_texts());
    let batch = orders.map(|(order, text)| Row {
        organisation: order.organisation.unwrap_or(ORGANISATION),
        key: order.key,
        text,
    });
    let batch: Vec<_> = batch.collect();
    rows.insert(&batch)
}

#[cfg(test)]
mod tests {
    use wharfinger_core::dialects;

    use super::*;
    use crate::database::{self, Database};

    /// Inserts two batches of ten.
    fn fill(store: &BareStore) {
        let mut rows = Rows::open(store).unwrap();
        let load = dialects::ALL[0].workload();
        let shape = Shape {
            orders: 10,
            envelope: Envelope::Array,
            mix: Mix::Fresh,
        };
        let lane = Lane::only();
        let mut body = Body::new(load.order, ORGANISATION, shape, lane, 0);
        for _ in 0..2 {
            body.restamp();
            take(&mut rows, load, &body).unwrap();
        }
    }

    #[test]
    fn every_order_becomes_a_row_with_its_own_text() {
        let data = tempfile::tempdir().unwrap();
        fill(&BareStore::Directory(data.path().into()));
        let store = rusqlite::Connection::open(data.path().join("bare.db")).unwrap();
        let query = "select count(*), count(distinct ref), count(distinct body),
            count(*) filter (where instr(body, ref)) from orders";
        let counts: (u32, u32, u32, u32) = store
            .query_row(query, (), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap();
        assert_eq!(counts, (20, 20, 20, 20));
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
