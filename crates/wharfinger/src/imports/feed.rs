//! From a body that arrives piece by piece to a reader that waits for it, on a thread that may wait.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Pieces of a body that may wait to be read.
const PIECES_MAX: usize = 4;

/// The end that pieces are put into. An empty one says that the body is whole; an error, or dropping this, that it broke off.
pub(crate) type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// The end that is read.
pub(crate) struct Feed {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    is_whole: bool,
    bytes_read: Arc<AtomicU64>,
}

/// Both ends.
pub(crate) fn feed() -> (Pieces, Feed) {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let feed = Feed {
        pieces,
        current: Bytes::new(),
        is_whole: false,
        bytes_read: Arc::default(),
    };
    (sender, feed)
}

impl Feed {
    /// How many bytes were read from it, told to whoever cannot see through a decoder.
    pub(crate) fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.is_empty() && !self.is_whole {
            let piece = self.pieces.blocking_recv();
            self.current = piece.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
            self.is_whole = self.current.is_empty();
        }
        Ok(&self.current)
    }

    fn consume(&mut self, count: usize) {
        self.current.advance(count);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.bytes_read.fetch_add(count, Ordering::Relaxed);
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = self.fill_buf()?;
        let count = filled.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
