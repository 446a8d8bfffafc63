//! memory: the largest allowed bodies, on many connections, for a long time.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::body::{Body, Envelope, Lane, Mix, Shape};
use crate::first_dialect;
use crate::http_client::Connection;
use crate::measurements::{Measurements, Round, Usage, as_f64};
use crate::report::{Finding, grouped, mebibytes};
use crate::schedule::Schedule;
use crate::sender::Check;
use crate::served::Served;
use crate::target::Target;
use crate::verdict::Verdict;

const CONNECTIONS: u64 = 64;
/// Orders that are stamped together. 64 whole bodies would take 4 GiB in the sender.
const PIECE_ORDERS: usize = 100;

/// The server's defaults, set explicitly so that the limit below matches its configuration. Only the orders per batch are
/// raised: the orders of p1 are so short that a body holds more of them than a batch may have. Short orders are used because
/// they take more memory per byte of a body than long ones.
const OPTIONS: [&str; 3] = [
    "--body-bytes-max=67108864",
    "--body-bytes-in-flight-max=1073741824",
    "--orders-per-batch-max=200000",
];
const BODY_BYTES_IN_FLIGHT_MAX: u64 = 1 << 30;
/// Memory limit of the server: the configured memory for bodies in flight and derived data; as much again for what the
/// allocator keeps of completed ones; and the program with the store's caches.
const BOUND_BYTES: u64 = 2 * BODY_BYTES_IN_FLIGHT_MAX + (256 << 20);
/// Tolerance for a peak that has not grown.
const GROWTH_MAX: f64 = 1.05;

/// Sends the same load twice. The peak memory must not grow in the second half.
pub(crate) fn memory(schedule: &Schedule, body_bytes: usize) -> Result<Finding> {
    let mut served = Served::start_with(&OPTIONS)?;
    let mut requests = requests(&served.target, body_bytes);
    let bytes = grouped(as_f64(requests[0].body_bytes() as u64));
    let dialect = first_dialect().id();
    let what = format!("{dialect}, bodies of {bytes} bytes on {CONNECTIONS} connections");
    let mut refused = 0;
    let mut half = || {
        let address = served.target.address;
        let round = schedule.once(&what, |length| {
            served.measure(|| {
                let (round, refused_now) = send_for(&mut requests, address, length)?;
                refused += refused_now;
                Ok(round)
            })
        })?;
        let usage = Usage {
            memory_peak_bytes: served.memory_peak()?,
            disk_bytes: None,
            orders: round.orders,
        };
        anyhow::Ok((
            usage.memory_peak_bytes,
            Measurements::of(&[round], Some(usage)),
        ))
    };
    let (first_bytes, first) = half()?;
    let (second_bytes, second) = half()?;
    let peak_mib = (mebibytes(second_bytes), "MiB");
    let growth = (as_f64(second_bytes) / as_f64(first_bytes), "×");
    let bound = Verdict::at_most("memory", "peak", peak_mib, mebibytes(BOUND_BYTES), None);
    let steady = Verdict::at_most("memory", "growth", growth, GROWTH_MAX, None);
    Ok(Finding::new("memory", what)
        .side("first half", first)
        .side("second half", second)
        .fact("bodies refused with 503", as_f64(refused))
        .verdicts([bound, steady]))
}

/// A request that is too long to hold in memory. The same orders are sent again and again, and re-stamped while they are
/// written.
struct LongRequest {
    /// Includes the opening bracket of the array.
    head: Vec<u8>,
    /// Some orders, each preceded by a comma.
    piece: Body,
    pieces: usize,
}

/// One request per connection, of about this size but no larger.
fn requests(target: &Target, body_bytes: usize) -> Vec<LongRequest> {
    let shape = Shape {
        orders: PIECE_ORDERS,
        envelope: Envelope::Listed,
        mix: Mix::Fresh,
    };
    let dialect = first_dialect();
    let sample = dialect.samples(&target.sample_key()).batch;
    let first_stamp = target.take_stamps();
    let requests = Lane::each(CONNECTIONS).map(|lane| {
        let piece = Body::new(
            dialect.workload().order,
            &target.identities,
            shape,
            lane,
            first_stamp,
        );
        // The brackets replace the first comma and add one byte.
        let pieces = ((body_bytes - 1) / piece.bytes().len()).max(1);
        let mut request = LongRequest {
            head: Vec::new(),
            piece,
            pieces,
        };
        request.head = target.head(&sample, request.body_bytes()).into_bytes();
        request.head.push(b'[');
        request
    });
    requests.collect()
}

impl LongRequest {
    fn body_bytes(&self) -> usize {
        self.pieces * self.piece.bytes().len() + 1
    }

    fn orders(&self) -> usize {
        self.pieces * self.piece.orders()
    }

    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        for piece in 0..self.pieces {
            self.piece.restamp();
            let commas_left_out = usize::from(piece == 0);
            out.write_all(&self.piece.bytes()[commas_left_out..])?;
        }
        out.write_all(b"]")
    }
}

/// Returns the result, and the number of requests refused for lack of memory. Those are sent again at once, which is harder on
/// the server than waiting as it asks.
fn send_for(
    requests: &mut [LongRequest],
    address: SocketAddr,
    length: Duration,
) -> Result<(Round, u64)> {
    let sent: Vec<Result<(Round, u64)>> = std::thread::scope(|scope| {
        let sending = requests
            .iter_mut()
            .map(|request| scope.spawn(move || send_on_one(address, request, length)));
        let sending: Vec<_> = sending.collect();
        let ended = sending.into_iter().map(|sender| {
            let ended = sender.join();
            ended.unwrap_or_else(|_| bail!("a sender panicked"))
        });
        ended.collect()
    });
    let mut round = Round::default();
    let mut refused = 0;
    for sent in sent {
        let (sent, refused_here) = sent?;
        refused += refused_here;
        round.add(sent);
    }
    Ok((round, refused))
}

fn send_on_one(
    address: SocketAddr,
    request: &mut LongRequest,
    length: Duration,
) -> Result<(Round, u64)> {
    let check = Check::Taken(first_dialect().workload().taken);
    let mut connection = Connection::open(address)?;
    let begin = Instant::now();
    let mut round = Round::default();
    let mut refused = 0;
    while begin.elapsed() < length {
        let written_at = Instant::now();
        let answer = connection.exchange_with(|stream| request.write(stream))?;
        let closes = answer.closes;
        if answer.status == REFUSED {
            refused += 1;
        } else {
            check.look(answer.status, answer.body, request.orders())?;
            round.latencies.push(written_at.elapsed());
            round.orders += request.orders() as u64;
        }
        if closes {
            connection = Connection::open(address)?;
        }
    }
    round.duration = begin.elapsed();
    Ok((round, refused))
}

/// Service Unavailable: the right response when there is no memory for a body.
const REFUSED: u16 = 503;
