//! The rows of a CSV file: UTF-8, with bounded memory, and numbered as a spreadsheet numbers them.

use std::io::{self, BufRead, Chain, Cursor, Read};

use anyhow::{Context, Result, bail};
use csv::{ReaderBuilder, StringRecord};

/// Bytes of a row.
const ROW_BYTES_MAX: usize = 1 << 20;
/// Separators that are recognised. The first wins if two occur equally often.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A stream of any length.
pub(super) type Stream = Box<dyn BufRead + Send>;

/// Reads rows, the first of which names the columns.
pub(super) struct Rows {
    rows: csv::Reader<Lines>,
    fields: StringRecord,
    /// Rows read that were not blank.
    count: u64,
    /// The names of the columns, without white space around them.
    pub(super) columns: Vec<String>,
}

impl Rows {
    /// Reads the names of the columns. Recognises the separator in them, unless it is given.
    ///
    /// # Errors
    /// The stream is empty, not UTF-8, or cannot be read.
    pub(super) fn begin(mut stream: Stream, separator: Option<u8>) -> Result<Self> {
        let head = head(&mut stream)?;
        let separator = separator.unwrap_or_else(|| separator_of(&head));
        let lines = Lines::new(Cursor::new(head).chain(stream));
        let rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(lines);
        let mut rows = Self {
            rows,
            fields: StringRecord::new(),
            count: 0,
            columns: Vec::new(),
        };
        if rows.next()?.is_none() {
            bail!("is empty; the first row must name the columns");
        }
        let names = rows.fields.iter().map(|name| name.trim().to_owned());
        rows.columns = names.collect();
        Ok(rows)
    }

    /// Reads the next row that is not blank. Returns its number, from 1 for the first row of the file. `None` at the end.
    ///
    /// # Errors
    /// The stream is not UTF-8 or cannot be read, or a row is too large.
    pub(super) fn next(&mut self) -> Result<Option<u64>> {
        self.rows.get_mut().begin_row();
        let is_there = self.rows.read_record(&mut self.fields);
        let is_there = is_there.map_err(|error| {
            if let csv::ErrorKind::Io(error) = error.into_kind() {
                return anyhow::Error::from(error);
            }
            anyhow::Error::msg("cannot be read")
        })?;
        self.count += u64::from(is_there);
        Ok(is_there.then(|| self.count + self.rows.get_ref().blank_lines))
    }

    /// The fields of the row that was read last.
    pub(super) fn fields(&self) -> &StringRecord {
        &self.fields
    }
}

/// Reads the first line, with its line breaks inside quotes. It may be cut off if it is too large.
fn head(stream: &mut Stream) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut is_quoted = false;
    while head.len() < ROW_BYTES_MAX {
        let read = stream
            .take(ROW_BYTES_MAX as u64)
            .read_until(b'\n', &mut head);
        let length = read.context("cannot be read")?;
        let line = &head[head.len() - length..];
        is_quoted ^= line.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        let is_blank = head.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if length == 0 || (!is_quoted && !is_blank) {
            break;
        }
    }
    Ok(head)
}

/// The separator that occurs most often outside of quotes.
fn separator_of(head: &[u8]) -> u8 {
    let mut counts = [0; SEPARATORS.len()];
    let mut is_quoted = false;
    for byte in head {
        is_quoted ^= *byte == b'"';
        let known = SEPARATORS.iter().position(|separator| separator == byte);
        if let Some(known) = known.filter(|_| !is_quoted) {
            counts[known] += 1;
        }
    }
    let most = counts.iter().max();
    let at = counts.iter().position(|count| Some(count) == most);
    SEPARATORS[at.unwrap_or_default()]
}

/// Passes a stream on line by line. So it knows which row a piece belongs to, and can refuse a row that is too large before
/// the parser has kept it.
struct Lines {
    stream: Chain<Cursor<Vec<u8>>, Stream>,
    utf8: Utf8,
    /// Lines passed on.
    lines: u64,
    /// Blank lines between rows, which the parser skips.
    blank_lines: u64,
    /// Whether the line so far is blank.
    is_blank_line: bool,
    /// Whether nothing of the row was passed on yet.
    is_before_row: bool,
    row_begins_at_line: u64,
    row_bytes: usize,
}

impl Lines {
    fn new(stream: Chain<Cursor<Vec<u8>>, Stream>) -> Self {
        Self {
            stream,
            utf8: Utf8::default(),
            lines: 0,
            blank_lines: 0,
            is_blank_line: true,
            is_before_row: true,
            row_begins_at_line: 1,
            row_bytes: 0,
        }
    }

    fn begin_row(&mut self) {
        self.is_before_row = true;
        self.row_bytes = 0;
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.stream.fill_buf()?;
        let available = &available[..available.len().min(buffer.len())];
        let end = memchr::memchr(b'\n', available);
        let piece = &available[..end.map_or(available.len(), |end| end + 1)];
        let length = piece.len();
        self.utf8.check(piece).map_err(|(byte, at)| {
            let line = self.lines + 1;
            io::Error::other(format!(
                "line {line} is not UTF-8: byte {at} of the line is 0x{byte:02X}; save the file as \"CSV UTF-8\", or convert it, \
                 for example with: iconv -f WINDOWS-1252 -t UTF-8 FILE"
            ))
        })?;
        let is_blank = piece.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        buffer[..length].copy_from_slice(piece);
        if self.is_before_row && !is_blank {
            self.is_before_row = false;
            self.row_begins_at_line = self.lines + 1;
        }
        // A line break may come after its row was read to the end, if it is CRLF. Then the line is not blank.
        self.is_blank_line &= is_blank;
        if end.is_some() {
            self.blank_lines += u64::from(self.is_before_row && self.is_blank_line);
            self.lines += 1;
            self.is_blank_line = true;
        }
        self.stream.consume(length);
        self.row_bytes += length;
        if self.row_bytes > ROW_BYTES_MAX {
            let line = self.row_begins_at_line;
            return Err(io::Error::other(format!(
                "the row that begins on line {line} is larger than {ROW_BYTES_MAX} bytes; is a quote not closed?"
            )));
        }
        Ok(length)
    }
}

/// Checks that a stream is UTF-8, piece by piece.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character whose rest is in the next piece.
    begun: Vec<u8>,
    /// Bytes of the line before the next piece.
    line_bytes: usize,
}

impl Utf8 {
    /// Checks the next piece, which ends at the end of a line at the latest. Returns the first invalid byte, and its position
    /// in the line, from 1.
    fn check(&mut self, piece: &[u8]) -> Result<(), (u8, usize)> {
        let before = self.begun.len();
        let joined;
        let checked = match before {
            0 => piece,
            _ => {
                self.begun.extend_from_slice(piece);
                joined = std::mem::take(&mut self.begun);
                &joined[..]
            }
        };
        if let Err(error) = str::from_utf8(checked) {
            let at = error.valid_up_to();
            if error.error_len().is_some() || checked.ends_with(b"\n") {
                return Err((checked[at], self.line_bytes - before + at + 1));
            }
            self.begun = checked[at..].to_vec();
        }
        self.line_bytes = match piece.ends_with(b"\n") {
            true => 0,
            false => self.line_bytes + piece.len(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// Each row with its number, read through a buffer of `buffer_bytes`.
    fn read(file: &[u8], buffer_bytes: usize) -> Result<Vec<(u64, Vec<String>)>> {
        let stream = BufReader::with_capacity(buffer_bytes, Cursor::new(file.to_vec()));
        let mut rows = Rows::begin(Box::new(stream), None)?;
        let mut read = vec![(0, rows.columns.clone())];
        while let Some(number) = rows.next()? {
            let fields = rows.fields().iter().map(String::from);
            read.push((number, fields.collect()));
        }
        Ok(read)
    }

    fn error(file: &[u8]) -> String {
        let errors = [1, 3, 8192]
            .map(|bytes| format!("{:#}", read(file, bytes).expect_err("it is invalid")));
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        errors[0].clone()
    }

    #[test]
    fn rows_are_numbered_as_in_a_spreadsheet() {
        let file = "name; price\r\n\"a\nb\";\"1,\"\"5\"\r\n\r\n;\r\nc;2".as_bytes();
        let row = |cells: [&str; 2]| cells.map(String::from).to_vec();
        for buffer_bytes in [1, 2, 3, 7, 8192] {
            assert_eq!(
                read(file, buffer_bytes).unwrap(),
                [
                    (0, row(["name", "price"])),
                    (2, row(["a\nb", "1,\"5"])),
                    (4, row(["", ""])),
                    (5, row(["c", "2"])),
                ],
                "{buffer_bytes}"
            );
        }
    }

    #[test]
    fn the_separator_is_recognised_outside_of_quotes() {
        for (head, separator) in [
            ("a,b;c,d\n", b','),
            ("a;b;c\n", b';'),
            ("\"a, b, c\";b\n", b';'),
            ("a\tb, c\td\n", b'\t'),
            ("a\n", b','),
            ("", b','),
        ] {
            assert_eq!(separator_of(head.as_bytes()), separator, "{head}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_named_by_line_and_byte() {
        let said = error(b"name,city\n1,M\xc3\xbcnchen\n2,M\xfcnchen\n");
        assert!(
            said.starts_with("line 3 is not UTF-8: byte 4 of the line is 0xFC; "),
            "{said}"
        );
        assert!(said.contains("iconv -f WINDOWS-1252"), "{said}");
        let cut_off = error(b"name\nM\xc3\nx\n");
        assert!(
            cut_off.starts_with("line 2 is not UTF-8: byte 2 "),
            "{cut_off}"
        );
        assert!(error(b"").starts_with("is empty"), "nothing");
        assert!(error(b"\n\r\n").starts_with("is empty"), "blank lines");
    }

    #[test]
    fn a_row_without_end_is_refused_in_bounded_memory() {
        /// Repeats one byte. Counts what was taken.
        struct Endless(u8, std::sync::Arc<std::sync::atomic::AtomicUsize>);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(self.0);
                self.1
                    .fetch_add(buffer.len(), std::sync::atomic::Ordering::Relaxed);
                Ok(buffer.len())
            }
        }
        for (begin, line) in [("name\n\"x", 2), ("name\n\n\nx", 4), ("na", 1), ("\"na", 1)] {
            let taken = std::sync::Arc::default();
            let endless = Endless(b'y', std::sync::Arc::clone(&taken));
            let stream = Cursor::new(begin.as_bytes()).chain(endless);
            let read = || -> Result<()> {
                let mut rows = Rows::begin(Box::new(BufReader::new(stream)), None)?;
                rows.next()?;
                Ok(())
            };
            let said = format!("{:#}", read().expect_err(begin));
            let begins = format!("the row that begins on line {line} is larger than 1048576 bytes");
            assert!(said.starts_with(&begins), "{begin:?}: {said}");
            let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
            assert!(taken < 4 << 20, "{taken} bytes were read");
        }
    }

    proptest! {
        #[test]
        fn what_a_writer_writes_is_read_again(
            cells in proptest::collection::vec(proptest::collection::vec("[a-zé;,\"\t\n\r ']{0,5}", 3), 1..6),
            separator in proptest::sample::select(SEPARATORS.to_vec()),
            buffer_bytes in 1..40usize,
        ) {
            let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
            writer.write_record(["one", "two", "three"]).unwrap();
            for row in &cells {
                writer.write_record(row).unwrap();
            }
            let file = writer.into_inner().unwrap();
            let read = read(&file, buffer_bytes).unwrap();
            let rows: Vec<_> = read.into_iter().skip(1).collect();
            let expected: Vec<_> = (2..).zip(cells).collect();
            prop_assert_eq!(rows, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(file in proptest::collection::vec(any::<u8>(), 0..80), buffer_bytes in 1..9usize) {
            // A carriage return alone is no line break that is promised to work.
            let mut file = file;
            let alone = |at: &usize| file[*at] == b'\r' && file.get(at + 1) != Some(&b'\n');
            let alone: Vec<usize> = (0..file.len()).filter(alone).collect();
            alone.into_iter().for_each(|at| file[at] = b' ');
            let said = |bytes| read(&file, bytes).map_err(|error| format!("{error:#}"));
            prop_assert_eq!(said(8192), said(buffer_bytes));
        }
    }
}
