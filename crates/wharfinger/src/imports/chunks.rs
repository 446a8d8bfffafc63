//! Splits a stream into chunks of whole lines. A chunk is judged and committed as one batch.

use std::io::{self, Read};

use bytes::Bytes;

/// Lines per chunk.
const LINES: u64 = 4_096;
/// A chunk is full at this many bytes.
const BYTES: usize = 4 << 20;
/// Bytes per read.
const STEP_BYTES: usize = 64 << 10;

/// The most bytes that a chunk may use in memory.
#[cfg(test)]
fn bytes_max(line_bytes_max: usize) -> usize {
    BYTES + line_bytes_max + 2 * STEP_BYTES
}

/// Some whole lines, including their line ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The lines. A line over the limit is cut one byte above the limit.
    pub(crate) bytes: Bytes,
    /// The number of lines, including blank ones.
    pub(crate) lines: u64,
}

/// Splits a stream into chunks.
pub(crate) struct Chunks<R> {
    reader: R,
    line_bytes_max: usize,
    /// Whole lines, then the beginning of the next one.
    buffer: Vec<u8>,
    /// Offset of the incomplete line.
    line_start: usize,
    /// Whole lines in the buffer.
    lines: u64,
    /// Read buffer.
    step: Vec<u8>,
    /// How the stream ended. `None` before its end.
    ended: Option<io::Result<()>>,
    /// Bytes read from the stream.
    bytes_read: u64,
}

impl<R: Read> Chunks<R> {
    /// Starts on a stream. Lines longer than `line_bytes_max` are cut.
    pub(crate) fn new(reader: R, line_bytes_max: usize) -> Self {
        Self {
            reader,
            line_bytes_max,
            buffer: Vec::new(),
            line_start: 0,
            lines: 0,
            step: vec![0; STEP_BYTES],
            ended: None,
            bytes_read: 0,
        }
    }

    /// Whether to read more before the next chunk is taken.
    pub(crate) fn wants_more(&self) -> bool {
        self.lines < LINES && self.line_start < BYTES && self.ended.is_none()
    }

    /// Bytes of the next chunk that are in memory.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes read from the stream.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The next chunk. Call it when [`Self::wants_more`] is false. `None` at the end of the stream. If the stream breaks off,
    /// the whole lines before that come first. An incomplete line is discarded then.
    ///
    /// # Errors
    /// The stream's error.
    pub(crate) fn take(&mut self) -> io::Result<Option<Chunk>> {
        if let Some(Ok(())) = self.ended
            && self.line_start < self.buffer.len()
        {
            // The last line may lack a line end.
            self.line_start = self.buffer.len();
            self.lines += 1;
        }
        if self.lines == 0 {
            return match self.ended.take() {
                None | Some(Ok(())) => Ok(None),
                Some(Err(error)) => Err(error),
            };
        }
        let rest = self.buffer.split_off(self.line_start);
        let bytes = std::mem::replace(&mut self.buffer, rest).into();
        self.line_start = 0;
        let lines = std::mem::take(&mut self.lines);
        Ok(Some(Chunk { bytes, lines }))
    }

    /// Reads a little more. Blocks until the stream has data.
    pub(crate) fn read_on(&mut self) {
        match self.reader.read(&mut self.step) {
            Ok(0) => self.ended = Some(Ok(())),
            Ok(count) => {
                self.bytes_read += u64::try_from(count).unwrap_or(u64::MAX);
                self.take_in(count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.ended = Some(Err(error)),
        }
    }

    /// Finds the line ends in the bytes that were read, and cuts lines that are too long.
    fn take_in(&mut self, count: usize) {
        let step = std::mem::take(&mut self.step);
        let mut rest = &step[..count];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end);
            self.extend_line(line);
            self.buffer.push(b'\n');
            self.lines += 1;
            self.line_start = self.buffer.len();
            rest = behind.get(1..).unwrap_or_default();
        }
        self.extend_line(rest);
        self.step = step;
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        let room = (self.line_start + self.line_bytes_max + 1).saturating_sub(self.buffer.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(kept);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Yields its pieces one by one, then fails or ends.
    struct Pieces {
        pieces: std::vec::IntoIter<Vec<u8>>,
        breaks: bool,
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.pieces.next() {
                Some(piece) => {
                    buffer[..piece.len()].copy_from_slice(&piece);
                    Ok(piece.len())
                }
                None if self.breaks => Err(io::ErrorKind::ConnectionReset.into()),
                None => Ok(0),
            }
        }
    }

    fn next<R: Read>(chunks: &mut Chunks<R>) -> io::Result<Option<Chunk>> {
        while chunks.wants_more() {
            chunks.read_on();
        }
        chunks.take()
    }

    fn read(pieces: Vec<Vec<u8>>, breaks: bool) -> (Vec<u8>, u64, bool) {
        let pieces = pieces.into_iter();
        let mut chunks = Chunks::new(Pieces { pieces, breaks }, 8);
        let (mut bytes, mut lines) = (Vec::new(), 0);
        loop {
            match next(&mut chunks) {
                Ok(Some(chunk)) => {
                    assert!(chunk.lines > 0);
                    bytes.extend_from_slice(&chunk.bytes);
                    lines += chunk.lines;
                }
                Ok(None) => return (bytes, lines, false),
                Err(_) => return (bytes, lines, true),
            }
        }
    }

    #[test]
    fn the_last_line_needs_no_end_and_a_cut_one_is_not_received() {
        let pieces = || vec![b"{}\n\n{".to_vec(), b"}".to_vec()];
        assert_eq!(read(pieces(), false), (b"{}\n\n{}".to_vec(), 3, false));
        assert_eq!(read(pieces(), true), (b"{}\n\n".to_vec(), 2, true));
        assert_eq!(read(vec![], false), (Vec::new(), 0, false));
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_short() {
        let pieces = vec![
            b"0123456".to_vec(),
            b"789abc".to_vec(),
            b"def\n{}\n".to_vec(),
        ];
        assert_eq!(read(pieces, false), (b"012345678\n{}\n".to_vec(), 2, false));
    }

    #[test]
    fn pieces_are_of_bounded_size() {
        let pieces = vec![b"12345678\n".repeat(7_000); 100].into_iter();
        let mut chunks = Chunks::new(
            Pieces {
                pieces,
                breaks: false,
            },
            8,
        );
        let mut lines = 0;
        while let Some(chunk) = next(&mut chunks).expect("it does not break off") {
            assert!(chunk.lines <= LINES + 7_282, "{}", chunk.lines);
            assert!(chunk.bytes.len() <= bytes_max(8));
            lines += chunk.lines;
        }
        assert_eq!(lines, 700_000);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_it_comes(lines in prop::collection::vec("[a-c]{0,8}", 0..40), cuts in prop::collection::vec(1_usize..20, 1..40)) {
            let text = lines.join("\n").into_bytes();
            let mut pieces = Vec::new();
            let mut rest = text.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece.to_vec());
                rest = behind;
            }
            let count = text.iter().filter(|byte| **byte == b'\n').count();
            let has_rest = !text.is_empty() && !text.ends_with(b"\n");
            let (bytes, lines, _) = read(pieces, false);
            prop_assert_eq!(bytes, text);
            prop_assert_eq!(lines, count as u64 + u64::from(has_rest));
        }
    }
}
