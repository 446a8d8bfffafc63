//! NDJSON: one order per line. Each line is a separate text, so an unreadable line affects no other line.

use super::NameCase;
use super::fault::Fault;
use super::parser::Rules;
use super::reader::{Entry, Envelope, Reader};

/// Reads a body line by line.
#[derive(Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    /// The number of lines read so far, including blank ones.
    count: usize,
    /// The maximum length of a line, in bytes.
    bytes_max: usize,
    reader: Reader<'a>,
}

/// One line of an NDJSON body.
#[derive(Debug)]
pub struct Line<'d, 'a> {
    /// The line number, from 1.
    pub number: usize,
    /// The content of the line.
    pub content: Content<'d, 'a>,
}

/// The content of a line.
#[derive(Debug)]
pub enum Content<'d, 'a> {
    /// One order.
    Order(Entry<'d, 'a>),
    /// Not JSON, or too large: the leading part that is UTF-8, and what is wrong.
    Unreadable(&'a str, Fault),
}

impl<'a> Lines<'a> {
    /// Starts to read a body, or a chunk of one that follows `lines_before` lines.
    #[must_use]
    pub fn new(body: &'a [u8], lines_before: usize, rules: Rules) -> Self {
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        Self {
            rest: body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body),
            count: lines_before,
            bytes_max: rules.order_bytes_max,
            reader: Reader::of_text("", Envelope::One, rules),
        }
    }

    /// Returns the next line that is not blank, or `None` at the end of the body.
    #[expect(
        clippy::should_implement_trait,
        reason = "a line borrows from the reader, which no iterator can express"
    )]
    pub fn next(&mut self) -> Option<Line<'_, 'a>> {
        let bytes = self.next_filled()?;
        let number = self.count;
        let unreadable = |text, fault| Line {
            number,
            content: Content::Unreadable(text, fault),
        };
        let not_json = |offset: usize, reason| Fault::NotJson {
            line: number,
            column: offset + 1,
            reason,
        };
        let (text, valid_bytes) = match simdutf8::compat::from_utf8(bytes) {
            Ok(text) => (text, bytes.len()),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                (str::from_utf8(valid).unwrap_or_default(), valid.len())
            }
        };
        // The size check comes first, because an oversized line may have been cut off anywhere.
        if bytes.len() > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Some(unreadable(text, Fault::TooLarge { bytes_max }));
        }
        if valid_bytes < bytes.len() {
            return Some(unreadable(text, not_json(valid_bytes, "invalid UTF-8")));
        }
        self.reader.begin(text);
        match self.reader.only() {
            Ok(entry) => Some(Line {
                number,
                content: Content::Order(entry),
            }),
            Err(error) => Some(unreadable(text, not_json(error.offset, error.reason))),
        }
    }

    fn next_filled(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', self.rest);
            let (line, rest) = match end {
                Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
                None => (self.rest, &[][..]),
            };
            self.rest = rest;
            self.count += 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
            if !line.iter().all(is_blank) {
                return Some(line);
            }
        }
        None
    }
}

impl NameCase {
    /// Rules without limits, for texts that were judged before.
    pub(super) fn without_bounds(self) -> Rules {
        Rules {
            names: self,
            depth_max: usize::MAX,
            order_bytes_max: usize::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each line that is not blank: its number, and its text or what is wrong with it.
    fn read(body: &[u8]) -> Vec<(usize, Result<String, Fault>)> {
        let mut rules = NameCase::Exact.without_bounds();
        rules.order_bytes_max = 20;
        let mut lines = Lines::new(body, 0, rules);
        let mut read = Vec::new();
        while let Some(line) = lines.next() {
            read.push((
                line.number,
                match line.content {
                    Content::Order(entry) => Ok(entry.raw.to_owned()),
                    Content::Unreadable(_, fault) => Err(fault),
                },
            ));
        }
        read
    }

    #[test]
    fn each_line_stands_for_itself() {
        let body = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \t\n{\"b\":}\n[1,2]\n\xff\n {\"c\":2} \n{\"d\":3} {}\n{\"e\":4}\n{\"f\":\"0123456789abcdef";
        let bad = |line, column, reason| {
            Err(Fault::NotJson {
                line,
                column,
                reason,
            })
        };
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(
            read(body),
            [
                (1, good("{\"a\":1}")),
                (4, bad(4, 6, "expected a value")),
                (5, good("[1,2]")),
                (6, bad(6, 1, "invalid UTF-8")),
                (7, good("{\"c\":2}")),
                (8, bad(8, 9, "unexpected text after the end")),
                (9, good("{\"e\":4}")),
                (10, Err(Fault::TooLarge { bytes_max: 20 })),
            ]
        );
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n\n"), []);
    }
}
