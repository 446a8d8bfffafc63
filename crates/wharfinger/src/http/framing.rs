//! Watches the framing of requests while their bytes arrive.
//!
//! A request with both `Content-Length` and `Transfer-Encoding`, or with a transfer coding other than a single `chunked`, can
//! smuggle another request past a proxy. It must be refused, and the connection closed. hyper uses the last transfer coding and
//! drops the others silently, so code behind hyper cannot detect this. This module runs before hyper. It follows heads and
//! bodies only as far as needed to find where each head begins.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::long_head::{LongHead, TooMuch};
use crate::runtime::budget::Lease;

/// Longest head, or line before a chunk, in bytes. hyper refuses longer heads.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Header fields of a request. hyper refuses more in HTTP/1.1, without a word.
pub(super) const FIELDS_MAX: usize = 100;

/// Bytes of a head that each connection may use without a lease.
const HEAD_BYTES_FREE: usize = 4 << 10;

/// Bytes per read from a client that pipelines requests.
const READ_BYTES_AHEAD: usize = 8 << 10;

const FRAMED_TWICE: &str = "Send either Content-Length or Transfer-Encoding, not both";
const OTHER_CODING: &str =
    "Transfer-Encoding must be a single chunked; use Content-Encoding for compression";

/// The first request of a connection, from 1, whose body length is ambiguous, with the reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts(Arc<OnceLock<(u64, &'static str)>>);

impl Doubts {
    /// Why it is ambiguous where this request begins or ends.
    pub(super) fn about(&self, request: u64) -> Option<&'static str> {
        let (first, why) = self.0.get()?;
        (*first <= request).then_some(*why)
    }

    /// The number of the first such request.
    #[cfg(any(test, fuzzing))]
    pub(super) fn first(&self) -> Option<u64> {
        self.0.get().map(|(request, _)| *request)
    }
}

/// A stream whose incoming bytes are watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    /// Memory lease for the heads of this connection's requests.
    heads: Lease,
    /// Whether the client appears to pipeline requests.
    is_ahead: bool,
    /// The head after whose beginning nothing more is read.
    refused: Option<LongHead>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, doubts: Doubts, heads: Lease) -> Self {
        Self {
            stream,
            watch: Watch {
                state: State::Head,
                lines: Vec::new(),
                requests: 0,
                head_bytes: 0,
                head_lines: 0,
                crowded: None,
                doubts,
            },
            heads,
            is_ahead: false,
            refused: None,
        }
    }

    /// Looks at bytes as if they had arrived.
    #[cfg(any(test, fuzzing))]
    pub(super) fn see(&mut self, bytes: &[u8]) {
        self.watch.see(bytes);
    }

    /// Leases memory for the latest head: for hyper's copy and for the watched one.
    fn hold_head(&mut self) -> io::Result<()> {
        let beyond = self.watch.head_bytes.saturating_sub(HEAD_BYTES_FREE);
        if self.heads.resize(2 * beyond) {
            Ok(())
        } else {
            Err(io::ErrorKind::OutOfMemory.into())
        }
    }
}

#[derive(Debug)]
struct Watch {
    state: State,
    /// The head, or the line before a chunk, as received so far.
    lines: Vec<u8>,
    requests: u64,
    /// Bytes of the latest head that were received.
    head_bytes: usize,
    /// Lines of the head that were received, with the request line.
    head_lines: usize,
    /// The first head with too many fields, and the number of requests before it.
    crowded: Option<(u64, LongHead)>,
    doubts: Doubts,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// A body with this many bytes left.
    Body(u64),
    /// The size line of a chunk.
    ChunkSize,
    /// A chunk with this many bytes left, including its line end.
    Chunk(u64),
    /// After the last chunk.
    Trailers,
    /// The framing cannot be followed. hyper reports the error.
    Lost,
}

impl Watch {
    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Lost => return,
                State::Body(left) => {
                    let (left, rest) = pass(left, bytes);
                    self.state = if left == 0 {
                        State::Head
                    } else {
                        State::Body(left)
                    };
                    rest
                }
                State::Chunk(left) => {
                    let (left, rest) = pass(left, bytes);
                    let done = left == 0;
                    self.state = if done {
                        State::ChunkSize
                    } else {
                        State::Chunk(left)
                    };
                    rest
                }
                State::Head | State::ChunkSize | State::Trailers => self.see_line(bytes),
            };
        }
    }

    /// Consumes bytes up to a line end. Returns the rest.
    fn see_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(at) = memchr::memchr(b'\n', bytes) else {
            self.lines.extend_from_slice(bytes);
            self.note_head_bytes();
            // A head that is too long is refused at once.
            if self.lines.len() > HEAD_BYTES_MAX && self.state != State::Head {
                self.state = State::Lost;
            }
            return &[];
        };
        let (line, rest) = bytes.split_at(at + 1);
        self.lines.extend_from_slice(line);
        self.note_head_bytes();
        let is_blank = ends_blank(&self.lines);
        match self.state {
            State::ChunkSize => self.state = behind_chunk_size(&self.lines),
            State::Trailers if is_blank => self.state = State::Head,
            State::Head if is_blank && self.lines.len() > 2 => self.state = self.behind_head(),
            // Blank lines before a head are skipped. After any other line, the head or the trailers continue.
            State::Head if is_blank => {}
            State::Head => {
                self.count_line();
                return rest;
            }
            State::Trailers | State::Body(_) | State::Chunk(_) | State::Lost => return rest,
        }
        self.head_lines = 0;
        self.lines.clear();
        self.lines.shrink_to(HEAD_BYTES_FREE);
        rest
    }

    fn note_head_bytes(&mut self) {
        if self.state == State::Head {
            self.head_bytes = self.lines.len();
        }
    }

    fn count_line(&mut self) {
        self.head_lines += 1;
        if self.head_lines > FIELDS_MAX + 1 && self.crowded.is_none() {
            let head = LongHead::of(&self.lines, TooMuch::Fields);
            self.crowded = Some((self.requests, head));
        }
    }

    /// The head that is too long, as it has arrived so far.
    fn long_head(&self) -> Option<LongHead> {
        let is_long = self.state == State::Head && self.lines.len() >= HEAD_BYTES_MAX;
        is_long.then(|| LongHead::of(&self.lines, TooMuch::Bytes))
    }

    /// The head with too many fields, if it arrived in the latest read, before which `seen` requests had arrived.
    fn crowded_head(&self, seen: u64) -> Option<LongHead> {
        // If other requests came in the same read, hyper must answer them first.
        let (before, head) = self.crowded?;
        (before == seen).then_some(head)
    }

    fn behind_head(&mut self) -> State {
        self.requests += 1;
        let mut length = None;
        let mut codings = Vec::new();
        for line in self.lines.split(|&byte| byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                length = Some(value);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                codings.extend(value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii));
            }
        }
        let is_chunked = !codings.is_empty();
        let is_plain = matches!(codings[..], [coding] if coding.eq_ignore_ascii_case(b"chunked"));
        let doubt = match (is_chunked, length.is_some()) {
            (true, true) => Some(FRAMED_TWICE),
            (true, false) if !is_plain => Some(OTHER_CODING),
            (true | false, _) => None,
        };
        if let Some(why) = doubt {
            // Keep the first one: the framing after it is unknown.
            let _ = self.doubts.0.set((self.requests, why));
            return State::Lost;
        }
        match length.map(|length| std::str::from_utf8(length).ok()?.parse().ok()) {
            _ if is_chunked => State::ChunkSize,
            None | Some(Some(0)) => State::Head,
            Some(Some(length)) => State::Body(length),
            Some(None) => State::Lost,
        }
    }
}

/// Consumes up to `left` bytes. Returns how many are still left, and the remaining bytes.
fn pass(left: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (left - here as u64, &bytes[here..])
}

/// Whether the last line is empty.
fn ends_blank(lines: &[u8]) -> bool {
    lines.ends_with(b"\n\n") || lines.ends_with(b"\n\r\n") || matches!(lines, b"\n" | b"\r\n")
}

fn behind_chunk_size(line: &[u8]) -> State {
    const LINE_END: u64 = 2;
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let digits = std::str::from_utf8(digits.trim_ascii()).unwrap_or_default();
    match u64::from_str_radix(digits, 16) {
        Ok(0) => State::Trailers,
        Ok(size) => State::Chunk(size.saturating_add(LINE_END)),
        Err(_) => State::Lost,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(head) = this.refused {
            return Poll::Ready(Err(head.into()));
        }
        let before = buffer.filled().len();
        let is_at_head = this.watch.state == State::Head;
        if is_at_head && this.is_ahead && buffer.remaining() > READ_BYTES_AHEAD {
            // Limits the read, because hyper grows its buffer with the size of its reads.
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(READ_BYTES_AHEAD));
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
        } else {
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        }
        let read = &buffer.filled()[before..];
        this.is_ahead = is_at_head && read.len() >= READ_BYTES_AHEAD;
        let seen = this.watch.requests;
        this.watch.see(read);
        this.hold_head()?;
        if let Some(head) = this.watch.long_head() {
            return Poll::Ready(Err(head.into()));
        }
        if is_at_head && let Some(head) = this.watch.crowded_head(seen) {
            // hyper reports an error only in a head that has begun, and must not see the end of this one.
            this.refused = Some(head);
            buffer.set_filled(before + 1);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::budget::Budget;

    /// The number of the ambiguous request when the bytes arrive in pieces of this size. 0 if there is none.
    fn found(bytes: &str, piece: usize) -> u64 {
        let doubts = Doubts::default();
        let heads = Budget::new(0, 100).lease([None, None]);
        let mut watched = Watched::new((), doubts.clone(), heads);
        for piece in bytes.as_bytes().chunks(piece) {
            watched.see(piece);
        }
        doubts.first().unwrap_or(0)
    }

    #[test]
    fn it_is_found_however_the_bytes_come() {
        let twice = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n";
        let sized = "POST / HTTP/1.1\r\ncontent-length: 30\r\n\r\ncontent-length:transfer-encodi";
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
                       5;x=y\r\n\r\n\r\n\r\r\n0\r\ncontent-length: 3\r\n\r\n";
        let bare = "GET / HTTP/1.1\nhost: x\n\n";
        for piece in [1, 2, 3, 7, 1_000] {
            assert_eq!(found(twice, piece), 1);
            let behind = format!("{sized}{chunked}\r\n{bare}{twice}");
            assert_eq!(found(&behind, piece), 4, "in pieces of {piece}");
            assert_eq!(found(&format!("{sized}{chunked}{bare}"), piece), 0);
            for codings in [
                "gzip, chunked",
                "chunked, chunked",
                "chunked,",
                "identity",
                "chunked\r\nTransfer-Encoding: chunked",
                "",
            ] {
                let coded = format!("POST / HTTP/1.1\r\ntransfer-encoding: {codings}\r\n\r\n");
                assert_eq!(found(&format!("{chunked}{coded}"), piece), 2, "{codings}");
            }
            let spelled = "POST / HTTP/1.1\r\nTRANSFER-ENCODING:\tChunked \r\n\r\n0\r\n\r\n";
            assert_eq!(found(spelled, piece), 0);
        }
    }
}
