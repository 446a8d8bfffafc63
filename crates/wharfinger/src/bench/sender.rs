//! Sends requests on some connections until it is enough, and checks every answer.

mod lines;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::body::Body;
use super::figures::Round;

/// Characters of an unexpected answer that are shown.
const SHOWN_CHARS_MAX: usize = 300;

/// How an answer is looked at.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// It says yes to all the orders.
    Taken(fn(&str) -> usize),
    /// It shows so many orders.
    Shown(fn(&str) -> usize, usize),
    /// It is of this status: the server knows nothing of orders.
    Status(u16),
}

/// When a connection has sent enough.
#[derive(Clone, Copy)]
enum Until<'u> {
    Elapsed(Duration),
    Requests(u64),
    /// Another thread says so. It is told of each connection's first answer.
    Told {
        stop: &'u AtomicBool,
        answered: &'u mpsc::Sender<()>,
    },
}

/// What the threads of one round of sending share.
struct Run<'u> {
    check: Check,
    until: Until<'u>,
    /// All connections are open.
    ready: Barrier,
    /// One of the threads has: the others need not go on.
    failed: AtomicBool,
}

/// Requests that are ready to be sent, those of each connection apart.
pub(super) struct Sender {
    /// The connections go to them in turns.
    addresses: Vec<SocketAddr>,
    check: Check,
    requests: Vec<Body>,
}

impl Sender {
    /// Requests for this address, those of each connection apart.
    pub(super) fn new(address: SocketAddr, check: Check, requests: Vec<Body>) -> Self {
        Self {
            addresses: vec![address],
            check,
            requests,
        }
    }

    /// Spreads the connections evenly over these addresses, in place of the one.
    pub(super) fn spread_over(self, addresses: Vec<SocketAddr>) -> Self {
        Self { addresses, ..self }
    }

    /// Sends for so long, one request after the other on each connection.
    pub(super) fn send_for(&mut self, length: Duration) -> Result<Round> {
        self.send(Until::Elapsed(length))
    }

    /// Sends so many requests on each connection.
    pub(super) fn send_requests(&mut self, count: u64) -> Result<Round> {
        self.send(Until::Requests(count))
    }

    /// Sends while something else is done, which begins when the first request of these was answered. What each came to.
    pub(super) fn send_during<T: Send>(
        &mut self,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Round)> {
        let stop = AtomicBool::new(false);
        let (answered, first_answer) = mpsc::channel();
        std::thread::scope(|scope| {
            let stop = &stop;
            let sending = scope.spawn(move || {
                let answered = &answered;
                self.send(Until::Told { stop, answered })
            });
            // Where there is no answer, the sender says why.
            let _ = first_answer.recv();
            let done = work();
            stop.store(true, Ordering::Relaxed);
            let sent = sending.join();
            let sent = sent.unwrap_or_else(|_| bail!("a sender panicked"))?;
            Ok((done?, sent))
        })
    }

    /// A thread a core sends, each on its share of the connections.
    fn send(&mut self, until: Until<'_>) -> Result<Round> {
        let addresses = self.addresses.iter().copied().cycle();
        let mut requests: Vec<_> = addresses.zip(&mut self.requests).collect();
        let share = requests.len().div_ceil(available_parallelism()?.get());
        let shares: Vec<_> = requests.chunks_mut(share).collect();
        let run = Run {
            check: self.check,
            until,
            ready: Barrier::new(shares.len()),
            failed: AtomicBool::new(false),
        };
        let sent: Vec<Result<Round>> = std::thread::scope(|scope| {
            let mut senders = Vec::new();
            let run = &run;
            for share in shares {
                senders.push(scope.spawn(move || lines::send_on(share, run)));
            }
            let ended = senders.into_iter().map(|sender| {
                let ended = sender.join();
                ended.unwrap_or_else(|_| bail!("a sender panicked"))
            });
            ended.collect()
        });
        let mut round = Round::default();
        for sent in sent {
            round.add(sent?);
        }
        Ok(round)
    }
}

impl Until<'_> {
    /// Whether a connection that has sent so many requests since then need not send more.
    fn is_reached(self, begin: Instant, requests: u64) -> bool {
        match self {
            Self::Elapsed(length) => begin.elapsed() >= length,
            Self::Requests(count) => requests >= count,
            Self::Told { stop, .. } => stop.load(Ordering::Relaxed),
        }
    }

    /// Tells of a connection's first answer; its requests so far.
    fn tell(self, requests: u64) {
        match self {
            Self::Elapsed(_) | Self::Requests(_) => (),
            Self::Told { answered, .. } if requests == 1 => {
                // Only the first to answer is waited for.
                let _ = answered.send(());
            }
            Self::Told { .. } => (),
        }
    }
}

impl Check {
    /// The orders that a request is about.
    fn orders(self, request: &Body) -> usize {
        match self {
            Self::Taken(_) | Self::Status(_) => request.orders(),
            Self::Shown(_, orders) => orders,
        }
    }

    /// Whether an answer is as it should be.
    pub(super) fn look(self, status: u16, answer: &str, orders: usize) -> Result<()> {
        let is_good = match self {
            Self::Taken(count) | Self::Shown(count, _) => {
                (200..300).contains(&status) && count(answer) == orders
            }
            Self::Status(expected) => status == expected,
        };
        if is_good {
            return Ok(());
        }
        let shown: String = answer.chars().take(SHOWN_CHARS_MAX).collect();
        bail!("a request about {orders} good orders was answered with status {status} and {shown}");
    }
}

/// The address behind `http://host:port`.
pub(super) fn address_of(url: &str) -> Result<SocketAddr> {
    use std::net::ToSocketAddrs;
    let authority = url.strip_prefix("http://");
    let authority = authority.with_context(|| {
        format!("'{url}' is not of the form http://host:port; TLS is not spoken")
    })?;
    let authority = authority.trim_end_matches('/');
    ensure!(
        !authority.contains('/'),
        "'{url}' has a path; give only http://host:port"
    );
    let with_port = if authority.contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let addresses = with_port.to_socket_addrs();
    let mut addresses = addresses.with_context(|| format!("cannot find the host of '{url}'"))?;
    addresses
        .next()
        .with_context(|| format!("the host of '{url}' has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        let address = address_of("http://127.0.0.1:8080/").unwrap();
        assert_eq!(address.to_string(), "127.0.0.1:8080");
        assert_eq!(address_of("http://127.0.0.1").unwrap().port(), 80);
        assert!(address_of("https://127.0.0.1:8080").is_err());
        assert!(address_of("http://127.0.0.1:8080/path").is_err());
    }

    #[test]
    fn an_answer_that_leaves_an_order_out_is_not_good() {
        let check = Check::Taken(str::len);
        assert!(check.look(200, "aaa", 3).is_ok());
        assert!(check.look(200, "aa", 3).is_err());
        assert!(check.look(500, "aaa", 3).is_err());
    }
}
