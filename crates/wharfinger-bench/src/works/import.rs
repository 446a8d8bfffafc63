//! p5: very many orders in one body of lines, and the memory that the server uses for it.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Result, ensure};
use wharfinger_core::dialect::Sample;

use crate::body::{Body, Envelope, Lane, Mix, Shape};
use crate::http_client::Connection;
use crate::measurements::{Measurements, Round};
use crate::process;
use crate::report::{Finding, grouped, mebibytes};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::target::Target;
use crate::verdict::Verdict;
use crate::{BATCH_CONNECTIONS, LARGE_BATCH, first_dialect};

/// The import's id. Any id will do in a new store.
const ID: &str = "019aa000-0000-7000-8000-000000000005";
/// Orders that are stamped together.
const PIECE_ORDERS: u64 = 1_000;
/// Memory limit and target for the server, in MiB.
const BAR_MIB: f64 = 256.0;
const AIM_MIB: f64 = 128.0;
/// Tolerance for a peak that has not grown.
const GROWTH_MAX: f64 = 1.05;

/// Measures one body with this many orders. Then sends the same orders in batches, to compare the rates.
pub(crate) fn import(schedule: &Schedule, orders: u64) -> Result<Finding> {
    let pieces = orders.div_ceil(PIECE_ORDERS).max(2);
    let orders = pieces * PIECE_ORDERS;
    let dialect = first_dialect();
    let what = format!(
        "{}, {} orders in one body",
        dialect.id(),
        grouped(orders as f64)
    );
    let mut served = Served::start()?;
    let mut request = LongRequest::new(&served.target, pieces);
    let (address, process) = (served.target.address, served.process_id());
    let mut half_bytes = 0;
    let round = schedule.once(&what, |_| {
        served.measure(|| {
            request.send(address, || {
                half_bytes = process::memory_peak(process)?;
                Ok(())
            })
        })
    })?;
    let usage = served.end()?;
    let growth = usage.memory_peak_bytes as f64 / half_bytes.max(1) as f64;
    let peak_mib = (mebibytes(usage.memory_peak_bytes), "MiB");
    let ours = Measurements::of(&[round], Some(usage));
    let mut batches = Served::start()?;
    let mut sender = batches
        .target
        .batches(dialect, LARGE_BATCH, BATCH_CONNECTIONS, Mix::Fresh);
    let [rounds] = schedule.take_turns("the same in batches", |length| {
        Ok([batches.measure(|| sender.send_for(length))?])
    })?;
    let beside = Measurements::of(&rounds, Some(batches.end()?));
    let peak = Verdict::at_most("p5", "peak memory", peak_mib, BAR_MIB, Some(AIM_MIB));
    let flat = Verdict::at_most(
        "p5",
        "growth in its second half",
        (growth, "×"),
        GROWTH_MAX,
        None,
    );
    let rate = Verdict::rate("p5", ours.orders_per_s, beside.orders_per_s, 0.0, 1.0);
    Ok(Finding::new("p5", what)
        .side("import", ours)
        .side("as in p1", beside)
        .verdicts([peak, flat, rate]))
}

/// A request that is too long to hold in memory. The same lines are sent again and again, and re-stamped while they are
/// written.
struct LongRequest {
    head: String,
    piece: Body,
    pieces: u64,
}

impl LongRequest {
    fn new(target: &Target, pieces: u64) -> Self {
        let shape = Shape {
            orders: PIECE_ORDERS as usize,
            envelope: Envelope::Lines,
            mix: Mix::Fresh,
        };
        let order = first_dialect().workload().order;
        let first_stamp = target.take_stamps();
        let lane = Lane::only();
        let piece = Body::new(order, &target.identities, shape, lane, first_stamp);
        let body_bytes = piece.bytes().len() * pieces as usize;
        Self {
            head: target.head(&request(target), body_bytes),
            piece,
            pieces,
        }
    }

    /// Sends the request. Calls `half_sent` when half of it is sent.
    fn send(
        &mut self,
        address: SocketAddr,
        mut half_sent: impl FnMut() -> Result<()>,
    ) -> Result<Round> {
        let mut connection = Connection::open(address)?;
        let mut looked = Ok(());
        let begin = Instant::now();
        let answer = connection.exchange_with(|stream| {
            stream.write_all(self.head.as_bytes())?;
            for number in 0..self.pieces {
                if number == self.pieces / 2 {
                    looked = half_sent();
                }
                self.piece.restamp();
                stream.write_all(self.piece.bytes())?;
            }
            Ok(())
        })?;
        looked?;
        let orders = self.pieces * PIECE_ORDERS;
        let all = format!("\"accepted\":{orders},");
        ensure!(
            answer.status == 200 && answer.body.contains(&all),
            "the import got status {}: {}",
            answer.status,
            answer.body
        );
        Ok(Round {
            orders,
            duration: begin.elapsed(),
            ..Round::default()
        })
    }
}

fn request(target: &Target) -> Sample {
    let dialect = first_dialect().id();
    Sample {
        method: "PUT",
        target: format!("/v1/imports/{ID}?dialect={dialect}"),
        headers: vec![
            ("authorization", format!("Bearer {}", target.secret)),
            ("content-type", "application/x-ndjson".to_owned()),
        ],
        body: String::new(),
    }
}
