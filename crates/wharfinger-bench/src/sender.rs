//! Sends requests on several connections until a limit is reached, and checks every response.

mod lines;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::body::Body;
use crate::measurements::Round;

/// Characters of an unexpected response to show.
const SHOWN_CHARS_MAX: usize = 300;

/// How a response is checked.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// All orders must be accepted. The function counts the accepted ones in a response.
    Taken(fn(&str) -> usize),
    /// This many orders must be shown. The function counts those in a response.
    Shown(fn(&str) -> usize, usize),
    /// Only the status is checked, for a server that does not know orders.
    Status(u16),
}

/// When a connection stops sending.
#[derive(Clone, Copy)]
enum Until<'u> {
    Elapsed(Duration),
    Requests(u64),
    /// When another thread sets `stop`. That thread is notified of each connection's first response.
    Told {
        stop: &'u AtomicBool,
        answered: &'u mpsc::Sender<()>,
    },
}

/// State shared by the threads of one round.
struct Run<'u> {
    check: Check,
    until: Until<'u>,
    /// Reached when all connections are open.
    ready: Barrier,
    /// Whether a thread has failed, so that the others can stop.
    failed: AtomicBool,
}

/// Prepared requests, one per connection.
pub(crate) struct Sender {
    /// Server addresses. Connections are assigned to them in turns.
    addresses: Vec<SocketAddr>,
    check: Check,
    requests: Vec<Body>,
}

impl Sender {
    /// Creates a sender to this address, with one prepared request per connection.
    pub(crate) fn new(address: SocketAddr, check: Check, requests: Vec<Body>) -> Self {
        Self {
            addresses: vec![address],
            check,
            requests,
        }
    }

    /// Spreads the connections evenly over these addresses instead.
    pub(crate) fn spread_over(self, addresses: Vec<SocketAddr>) -> Self {
        Self { addresses, ..self }
    }

    /// Sends for this long. Each connection sends one request after another.
    pub(crate) fn send_for(&mut self, length: Duration) -> Result<Round> {
        self.send(Until::Elapsed(length))
    }

    /// Sends this many requests on each connection.
    pub(crate) fn send_requests(&mut self, count: u64) -> Result<Round> {
        self.send(Until::Requests(count))
    }

    /// Sends while `work` runs. `work` begins when the first request was answered. Returns the result of `work` and of sending.
    pub(crate) fn send_during<T: Send>(
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
            // If no response arrives, the sender reports why.
            let _ = first_answer.recv();
            let done = work();
            stop.store(true, Ordering::Relaxed);
            let sent = sending.join();
            let sent = sent.unwrap_or_else(|_| bail!("a sender panicked"))?;
            Ok((done?, sent))
        })
    }

    /// Sends on one thread per core, each with its share of the connections.
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
    /// Whether a connection with this many requests since `begin` may stop.
    fn is_reached(self, begin: Instant, requests: u64) -> bool {
        match self {
            Self::Elapsed(length) => begin.elapsed() >= length,
            Self::Requests(count) => requests >= count,
            Self::Told { stop, .. } => stop.load(Ordering::Relaxed),
        }
    }

    /// Reports a connection's first response. `requests` is the number so far.
    fn tell(self, requests: u64) {
        match self {
            Self::Elapsed(_) | Self::Requests(_) => (),
            Self::Told { answered, .. } if requests == 1 => {
                // The receiver waits only for the first one.
                let _ = answered.send(());
            }
            Self::Told { .. } => (),
        }
    }
}

impl Check {
    /// The number of orders in a request.
    fn orders(self, request: &Body) -> usize {
        match self {
            Self::Taken(_) | Self::Status(_) => request.orders(),
            Self::Shown(_, orders) => orders,
        }
    }

    /// Checks a response.
    pub(crate) fn look(self, status: u16, answer: &str, orders: usize) -> Result<()> {
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
        bail!("a request with {orders} valid orders got status {status}: {shown}");
    }
}

/// Parses the address in `http://host:port`.
pub(crate) fn address_of(url: &str) -> Result<SocketAddr> {
    use std::net::ToSocketAddrs;
    let authority = url.strip_prefix("http://");
    let authority = authority.with_context(|| {
        format!("'{url}' is not of the form http://host:port; TLS is not supported")
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
