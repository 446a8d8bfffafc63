//! The bare program: what taking orders costs at the least, in the plainest way. Each body is parsed into typed structs,
//! each order becomes a row, each batch a commit. No HTTP, no validation, no receipts, no events.
//!
//! It is a process of its own, so that its CPU time and memory are read as the server's are. It makes its bodies itself,
//! and is told on stdin how many orders to take; on stdout it says how long that took.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use tempfile::TempDir;
use wharfinger_core::dialect::Dialect;
use wharfinger_core::load::Load;

use super::body::{Body, Envelope, Lane, Mix, Shape};
use super::figures::{Left, Round};
use super::process;
use crate::child;

/// The organisation of its orders.
const ORGANISATION: &str = "DEMO";

/// The bare program, running.
pub(super) struct Bare {
    process: Child,
    told: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    data: TempDir,
    orders: u64,
}

impl Bare {
    pub(super) fn start(dialect: &dyn Dialect, batch: usize, envelope: Envelope) -> Result<Self> {
        let data = tempfile::tempdir().context("cannot make a temporary directory")?;
        let mut command = child::program()?;
        command
            .args(["bench-part", "bare", "--dialect", dialect.id()])
            .args(["--batch", &batch.to_string(), "--data"])
            .arg(data.path());
        if envelope == Envelope::Named {
            command.arg("--named");
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the bare program")?;
        let told = process.stdin.take();
        let says = process.stdout.take().context("it has no output")?;
        Ok(Self {
            process,
            told,
            says: BufReader::new(says),
            data,
            orders: 0,
        })
    }

    /// Has it take so many orders, or a few more to make the last batch whole.
    pub(super) fn take(&mut self, orders: u64) -> Result<Round> {
        let cpu_before = process::cpu(self.process.id())?;
        let told = self.told.as_mut().context("it has no input")?;
        writeln!(told, "{orders}")?;
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        let (orders, nanoseconds) =
            parse_report(&line).context("the bare program ended; its reason stands above")?;
        self.orders += orders;
        let cpu = process::cpu_when_quiet(self.process.id())? - cpu_before;
        Ok(Round {
            orders,
            duration: Duration::from_nanos(nanoseconds),
            cpu: Some(cpu),
            latencies: Vec::new(),
        })
    }

    /// Ends it, and says what it leaves.
    pub(super) fn end(mut self) -> Result<Left> {
        let memory_peak_bytes = process::memory_peak(self.process.id())?;
        // The end of its input tells it to stop.
        self.told = None;
        let status = self.process.wait()?;
        ensure!(status.success(), "the bare program failed: {status}");
        Ok(Left {
            memory_peak_bytes,
            disk_bytes: Some(process::disk_bytes(self.data.path())?),
            orders: self.orders,
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // Already ended, unless the measurement failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn parse_report(line: &str) -> Option<(u64, u64)> {
    let (orders, nanoseconds) = line.trim().split_once(' ')?;
    Some((orders.parse().ok()?, nanoseconds.parse().ok()?))
}

/// The bare program itself.
pub(super) fn run(
    load: &Load,
    batch: usize,
    envelope: Envelope,
    data: &Path,
    out: &mut dyn Write,
) -> Result<()> {
    let mut store = open(data)?;
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
            take(&mut store, load, &body)?;
            taken += batch as u64;
        }
        writeln!(out, "{taken} {}", begin.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

fn open(data: &Path) -> Result<Connection> {
    let store = Connection::open(data.join("bare.db"))?;
    store.pragma_update(None, "journal_mode", "wal")?;
    store.pragma_update(None, "synchronous", "full")?;
    store.execute(
        "create table orders (org text, ref text, status int, body blob, unique (org, ref))",
        (),
    )?;
    Ok(store)
}

fn take(store: &mut Connection, load: &Load, body: &Body) -> Result<()> {
    let text = std::str::from_utf8(body.bytes())?;
    let orders = (load.parse)(text)?;
    ensure!(orders.len() == body.orders(), "a batch lost orders");
    let transaction = store.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "insert into orders (org, ref, status, body) values (?1, ?2, ?3, ?4)",
        )?;
        for (order, text) in orders.iter().zip(body.order_texts()) {
            let organisation = order.organisation.unwrap_or(ORGANISATION);
            insert.execute((organisation, order.key, 0, text))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use wharfinger_core::dialects;

    use super::*;

    #[test]
    fn every_order_becomes_a_row_with_its_own_text() {
        let data = tempfile::tempdir().unwrap();
        let mut store = open(data.path()).unwrap();
        let load = dialects::ALL[0].load();
        let shape = Shape {
            orders: 10,
            envelope: Envelope::Array,
            mix: Mix::Fresh,
        };
        let lane = Lane::only();
        let mut body = Body::new(load.order, ORGANISATION, shape, lane, 0);
        for _ in 0..2 {
            body.restamp();
            take(&mut store, load, &body).unwrap();
        }
        let query = "select count(*), count(distinct ref), count(distinct body),
            count(*) filter (where instr(body, ref)) from orders";
        let counts: (u32, u32, u32, u32) = store
            .query_row(query, (), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap();
        assert_eq!(counts, (20, 20, 20, 20));
    }
}
