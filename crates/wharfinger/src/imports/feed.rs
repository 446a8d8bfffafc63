//! Bridges an async body to a blocking reader on another thread.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Pieces of a body that may be queued.
const PIECES_MAX: usize = 4;

/// The sending end. An empty piece marks the end of the body. An error, or dropping this, means that the body broke off.
pub(crate) type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// The receiving end, a blocking reader.
pub(crate) struct Feed {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    is_whole: bool,
    bytes_read: Arc<AtomicU64>,
}

/// Creates both ends.
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
    /// Counter of the bytes read. It is shared, because a decoder hides the feed.
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
