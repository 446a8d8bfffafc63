//! Sends on many connections from one thread. It reads the available responses, sends the next requests, and sleeps when there
//! is nothing to do.
//!
//! With a thread per connection, each response would wake a thread. That costs more than everything else a sender does, and
//! would be measured as part of the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Run;
use crate::body::Body;
use crate::http_client::{self, Incoming};
use crate::measurements::Round;

/// Bytes per read.
const PIECE: usize = 64 << 10;

/// A connection and its request in flight.
struct Line<'r> {
    stream: TcpStream,
    request: &'r mut Body,
    /// Bytes of the request that were written.
    written: usize,
    written_at: Instant,
    incoming: Incoming,
    /// Requests answered.
    answered: u64,
    /// Whether a request is in flight.
    is_busy: bool,
}

/// Sends on all these connections until the limit is reached. Each connection sends one request after another.
pub(crate) fn send_on(requests: &mut [(SocketAddr, &mut Body)], run: &Run<'_>) -> Result<Round> {
    let sent = Lines::open(requests);
    run.ready.wait();
    let sent = sent.and_then(|lines| lines.send(run));
    run.failed.fetch_or(sent.is_err(), Ordering::Relaxed);
    sent
}

struct Lines<'r> {
    poll: Poll,
    lines: Vec<Line<'r>>,
}

impl<'r> Lines<'r> {
    /// Opens new connections for every round, because a server closes connections that stay idle during the other side's round.
    fn open(requests: &'r mut [(SocketAddr, &mut Body)]) -> Result<Self> {
        let poll = Poll::new()?;
        let mut lines = Vec::with_capacity(requests.len());
        for (address, request) in requests {
            let stream = http_client::connect(*address)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            let token = Token(lines.len());
            poll.registry().register(&mut stream, token, both)?;
            lines.push(Line {
                stream,
                request,
                written: 0,
                written_at: Instant::now(),
                incoming: Incoming::default(),
                answered: 0,
                is_busy: false,
            });
        }
        Ok(Self { poll, lines })
    }

    fn send(mut self, run: &Run<'_>) -> Result<Round> {
        let begin = Instant::now();
        let mut round = Round::default();
        for line in &mut self.lines {
            line.begin()?;
        }
        let mut piece = vec![0; PIECE];
        let mut events = Events::with_capacity(self.lines.len());
        let mut at_it = self.lines.len();
        while at_it > 0 {
            self.wait(&mut events)?;
            for event in &events {
                let line = &mut self.lines[event.token().0];
                if !line.is_busy || !line.go_on(&mut piece)? {
                    continue;
                }
                round.latencies.push(line.written_at.elapsed());
                round.orders += line.take_answer(run)?;
                let failed = run.failed.load(Ordering::Relaxed);
                if failed || run.until.is_reached(begin, line.answered) {
                    at_it -= 1;
                } else {
                    line.begin()?;
                }
            }
        }
        round.duration = begin.elapsed();
        Ok(round)
    }

    /// Sleeps until a connection is ready.
    fn wait(&mut self, events: &mut Events) -> Result<()> {
        loop {
            match self.poll.poll(events, Some(http_client::TIMEOUT)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                waited => {
                    waited?;
                    ensure!(!events.is_empty(), "the server does not respond");
                    return Ok(());
                }
            }
        }
    }
}

impl Line<'_> {
    fn begin(&mut self) -> Result<()> {
        self.request.restamp();
        self.incoming.clear();
        self.is_busy = true;
        self.written = 0;
        self.written_at = Instant::now();
        self.write().context("cannot send to the server")
    }

    /// Writes as much as the socket accepts.
    fn write(&mut self) -> io::Result<()> {
        while let rest @ [_, ..] = &self.request.bytes()[self.written..] {
            match self.stream.write(rest) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes and reads what is possible. Returns whether the response is complete.
    fn go_on(&mut self, piece: &mut [u8]) -> Result<bool> {
        let written = self.write();
        // A request may be refused before all of it was sent. The response then gives the reason.
        match (written, self.read(piece)) {
            (_, Ok(true)) => Ok(true),
            (Err(error), _) => Err(error).context("cannot send to the server"),
            (Ok(()), read) => read,
        }
    }

    fn read(&mut self, piece: &mut [u8]) -> Result<bool> {
        loop {
            match self.stream.read(piece) {
                Ok(bytes) => {
                    if self.incoming.is_whole_with(&piece[..bytes])? {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("cannot read the server's response"),
            }
        }
    }

    /// Checks the complete response. Returns the number of orders in its request.
    fn take_answer(&mut self, run: &Run<'_>) -> Result<u64> {
        let answer = self.incoming.answer()?;
        let orders = run.check.orders(self.request);
        run.check.look(answer.status, answer.body, orders)?;
        self.is_busy = false;
        self.answered += 1;
        run.until.tell(self.answered);
        Ok(orders as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};

    use super::super::{Check, Sender};
    use crate::body::{Body, Envelope, Lane, Mix, Shape};
    use crate::identities::Identities;

    /// More than any kernel buffers while nobody reads.
    const LONG_BYTES: usize = 64 << 20;

    /// Sends one long request to a server that reads only its first bytes and responds with `answer`. Returns the sender's
    /// error.
    fn made_of(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shape = Shape {
            orders: 1,
            envelope: Envelope::One,
            mix: Mix::Fresh,
        };
        let mut request = Body::new("{}", &Identities::of("DEMO"), shape, Lane::only(), 0);
        request.append(&vec![b' '; LONG_BYTES]);
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
            // In two pieces, as responses may arrive.
            let (first, second) = answer.split_at(answer.len() / 2);
            stream.write_all(first).unwrap();
            stream.write_all(second).unwrap();
            if !answer.is_empty() {
                // Keep the connection open until the sender is done.
                let _ = end.recv();
            }
        });
        let mut sender = Sender::new(address, Check::Status(202), vec![request]);
        let error = sender.send_requests(1).expect_err("this is no good answer");
        drop(ended);
        server.join().unwrap();
        format!("{error:#}")
    }

    #[test]
    fn a_refusal_is_told_that_comes_before_all_was_sent() {
        let told = made_of(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large");
        assert!(told.contains("status 413: too large"), "{told}");
    }

    #[test]
    fn a_server_that_hangs_up_is_told_of() {
        let told = made_of(b"");
        assert!(told.contains("server"), "{told}");
    }
}
