//! The bytes of a file that are not read yet. The buffer grows up to the longest order.

use std::io::{ErrorKind, Read};

use anyhow::{Error, Result, anyhow};

use super::{Decoded, ORDER_BYTES_MAX};

/// Bytes that are read from the file at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// The bytes that are not read yet, with the line and column of the first.
pub(super) struct Window {
    reader: Decoded,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
    line: u64,
    column: u64,
}

impl Window {
    pub(super) fn new(reader: Decoded) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            is_at_end: false,
            line: 1,
            column: 1,
        }
    }

    /// The bytes at hand.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The line of the first byte at hand, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads more bytes. Returns false at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or the bytes at hand are already as many as an order may have.
    pub(super) fn fill(&mut self) -> Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        if self.rest().len() >= ORDER_BYTES_MAX {
            let mebibytes = ORDER_BYTES_MAX >> 20;
            return Err(anyhow!(
                "{}: the order that begins in line {} is longer than {mebibytes} MiB",
                self.reader.name,
                self.line
            ));
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.end * 2, 0);
        }
        let read = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|error| self.unreadable(&error))?;
        self.end += read;
        self.is_at_end = read == 0;
        Ok(read > 0)
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        let file = &self.reader.name;
        if error.kind() == ErrorKind::UnexpectedEof {
            return anyhow!(
                "{file}: the compressed data is cut off after line {}",
                self.line
            );
        }
        anyhow!("{file}: cannot read on after line {}: {error}", self.line)
    }

    /// The first byte that is not white space. The white space is dropped. `None` at the end of the file.
    pub(super) fn first(&mut self) -> Result<Option<u8>> {
        loop {
            let rest = self.rest();
            let is_filled = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let at = rest.iter().position(is_filled);
            let byte = at.and_then(|at| rest.get(at).copied());
            self.consume(at.unwrap_or(rest.len()));
            if byte.is_some() || !self.fill()? {
                return Ok(byte);
            }
        }
    }

    /// Drops bytes at hand.
    pub(super) fn consume(&mut self, count: usize) {
        let gone = &self.buffer[self.start..self.start + count];
        let lines = memchr::memchr_iter(b'\n', gone).count() as u64;
        match memchr::memrchr(b'\n', gone) {
            Some(last) => self.column = (count - last) as u64,
            None => self.column += count as u64,
        }
        self.line += lines;
        self.start += count;
    }

    /// The text of the first bytes at hand. They are dropped.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub(super) fn take_text(&mut self, count: usize) -> Result<String> {
        let bytes = &self.rest()[..count];
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = bytes.get(at).copied().unwrap_or_default();
                return Err(self.fault(
                    at,
                    &format!(
                        "byte 0x{byte:02X} is not UTF-8; if the file is Latin-1, convert it with `iconv -f LATIN1 -t UTF-8`"
                    ),
                ));
            }
        };
        self.consume(count);
        Ok(text)
    }

    /// The sentence about a fault at an offset of the bytes at hand.
    pub(super) fn fault(&self, offset: usize, reason: &str) -> Error {
        let before = &self.rest()[..offset.min(self.rest().len())];
        let line = self.line + memchr::memchr_iter(b'\n', before).count() as u64;
        let column = match memchr::memrchr(b'\n', before) {
            Some(last) => (before.len() - last) as u64,
            None => self.column + before.len() as u64,
        };
        anyhow!("{}: line {line}, byte {column}: {reason}", self.reader.name)
    }

    /// The sentence about a file that ends too early.
    pub(super) fn cut_off(&self, what: &str) -> Error {
        anyhow!("{}: the file ends {what}", self.reader.name)
    }
}
