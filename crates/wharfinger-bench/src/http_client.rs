//! A minimal HTTP client for senders: one request at a time per connection, with raw bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Longest wait for a response: the server's own limit.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(600);
/// Longest head of a response, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A persistent connection.
pub(crate) struct Connection {
    stream: TcpStream,
    incoming: Incoming,
}

/// A response as received so far.
#[derive(Default)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    /// The head and its size in bytes, once it is complete.
    head: Option<(Head, usize)>,
}

/// The fields of a response head that a sender needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_bytes: usize,
    closes: bool,
}

/// A response.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a str,
    /// Whether the server closes the connection after it.
    pub(crate) closes: bool,
}

/// Connects to a server.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .with_context(|| format!("cannot connect to the server at {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream,
            incoming: Incoming::default(),
        })
    }

    /// Sends a whole request and reads the response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.exchange_with(|stream| stream.write_all(request))
    }

    /// Sends a request through `write`, and reads the response.
    pub(crate) fn exchange_with(
        &mut self,
        write: impl FnOnce(&mut TcpStream) -> io::Result<()>,
    ) -> Result<Answer<'_>> {
        let written = write(&mut self.stream);
        // A request may be refused before all of it was sent. The response then gives the reason.
        match (written, self.read()) {
            (_, Ok(())) => self.incoming.answer(),
            (Err(error), Err(_)) => Err(error).context("cannot send to the server"),
            (Ok(()), Err(error)) => Err(error),
        }
    }

    fn read(&mut self) -> Result<()> {
        self.incoming.clear();
        let mut piece = [0; 8 << 10];
        loop {
            let read = self.stream.read(&mut piece);
            let length = read.context("cannot read the server's response")?;
            if self.incoming.is_whole_with(&piece[..length])? {
                return Ok(());
            }
        }
    }
}

impl Incoming {
    /// Clears it for the next response.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.head = None;
    }

    /// Adds bytes that were read. Returns whether the response is complete.
    pub(crate) fn is_whole_with(&mut self, piece: &[u8]) -> Result<bool> {
        ensure!(!piece.is_empty(), "the server closed the connection");
        self.bytes.extend_from_slice(piece);
        if self.head.is_none() {
            let Some(at) = find(&self.bytes, b"\r\n\r\n") else {
                let length = self.bytes.len();
                ensure!(
                    length < HEAD_BYTES_MAX,
                    "the head of the response has no end"
                );
                return Ok(false);
            };
            self.head = Some((parse_head(&self.bytes[..at + 4])?, at + 4));
        }
        let end = self.head.map(|(head, bytes)| bytes + head.body_bytes);
        let length = Some(self.bytes.len());
        ensure!(length <= end, "the server sent more than the response");
        Ok(length == end)
    }

    /// The complete response.
    pub(crate) fn answer(&self) -> Result<Answer<'_>> {
        let (head, body_begin) = self.head.context("no response arrived")?;
        let body = std::str::from_utf8(&self.bytes[body_begin..]);
        Ok(Answer {
            status: head.status,
            body: body.context("the response is not UTF-8")?,
            closes: head.closes,
        })
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|bytes| bytes == wanted)
}

fn parse_head(head: &[u8]) -> Result<Head> {
    let head = std::str::from_utf8(head).context("the head of the response is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let status = status.context("the response is not HTTP")?;
    let mut body_bytes = None;
    let mut closes = false;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse();
            body_bytes =
                Some(length.context("the Content-Length of the response is not a number")?);
        }
        closes |=
            name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close");
    }
    let no_length = || format!("the response, with status {status}, has no Content-Length");
    Ok(Head {
        status,
        body_bytes: body_bytes.with_context(no_length)?,
        closes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_status_and_length() {
        let head = parse_head(b"HTTP/1.1 202 Accepted\r\nX: 1\r\nContent-Length: 17\r\n\r\n");
        let expected = Head {
            status: 202,
            body_bytes: 17,
            closes: false,
        };
        assert_eq!(head.unwrap(), expected);
        let last = b"HTTP/1.1 503 Busy\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        assert!(parse_head(last).unwrap().closes);
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"hello\r\n\r\n").is_err());
    }
}
