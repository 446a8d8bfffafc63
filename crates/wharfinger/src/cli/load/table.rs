//! Tables: CSV with a header that names the columns.

use std::io::{self, BufRead};

use anyhow::{Context, Result, bail};
use csv::{ByteRecord, ReaderBuilder};
use wharfinger_client::formulas::unguarded;
use wharfinger_core::decide::catalogue::import::{self, LineProblem, LoadLine, unknown_name};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::problem::Path;

use super::files::{Read, Stream};

/// A table being read.
pub(super) struct Table {
    rows: csv::Reader<Lines>,
    /// Column names.
    columns: Vec<String>,
    row: ByteRecord,
    limits: Limits,
}

impl Table {
    /// Starts a table: reads its header.
    pub(super) fn begin<L: LoadLine>(stream: Stream) -> Result<Self> {
        let limits = Limits::default();
        let lines = Lines::new(stream, limits.order_bytes_max as u64);
        let mut rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(lines);
        let mut row = ByteRecord::new();
        let known = L::ATTRIBUTES.join(", ");
        if !rows.read_byte_record(&mut row).map_err(read_error)? {
            bail!("is empty; its first line must name columns: {known}");
        }
        let line = rows.get_ref().begins_at;
        let columns = names::<L>(&row).with_context(|| format!("line {line}"))?;
        Ok(Self {
            rows,
            columns,
            row,
            limits,
        })
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.rows.get_ref().bytes_read
    }

    /// The number of a column, from 1.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let at = self.columns.iter().position(|column| column == name)?;
        Some(at + 1)
    }

    /// The next row. `None` at the end.
    pub(super) fn next<L: LoadLine>(&mut self) -> Result<Option<Read<L>>> {
        self.rows.get_mut().begin_row();
        let is_there = self.rows.read_byte_record(&mut self.row);
        let line = self.rows.get_ref().begins_at;
        let is_there = is_there
            .map_err(read_error)
            .with_context(|| format!("line {line}"))?;
        let content = || self.read_row::<L>();
        Ok(is_there.then(|| Read {
            line,
            content: content(),
        }))
    }

    fn read_row<L: LoadLine>(&self) -> import::ReadLine<L> {
        let (fields, columns) = (self.row.len(), self.columns.len());
        if fields != columns {
            return Err(vec![LineProblem {
                path: Path::default(),
                code: "wrong_columns",
                message: format!(
                    "the line has {fields} fields, but the header has {columns} columns"
                ),
            }]);
        }
        let mut texts = Vec::with_capacity(columns);
        let mut problems = Vec::new();
        for (column, field) in self.columns.iter().zip(&self.row) {
            match str::from_utf8(field) {
                Ok(text) => texts.push(unguarded(text)),
                Err(_) => problems.push(LineProblem {
                    path: Path::of(column),
                    code: "not_utf8",
                    message: format!("{column} is not UTF-8"),
                }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        import::read_row(&columns, &texts, &self.limits)
    }
}

/// Parses the header.
fn names<L: LoadLine>(header: &ByteRecord) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for field in header {
        let name = str::from_utf8(field).context("the column names are not UTF-8")?;
        let name = name.trim();
        if !L::ATTRIBUTES.contains(&name) {
            bail!("{}", unknown_name("column", name, L::ATTRIBUTES));
        }
        if names.iter().any(|before| before == name) {
            bail!("the column {name} appears twice");
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The cause of a CSV error, without the crate's wording.
fn read_error(error: csv::Error) -> anyhow::Error {
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        return error.into();
    }
    anyhow::Error::msg("cannot be read")
}

/// Passes a stream on line by line. This gives the line on which each row begins, despite blank lines and rows of several
/// lines. It also limits a row whose quote is not closed.
struct Lines {
    stream: Stream,
    row_bytes_max: u64,
    bytes_read: u64,
    /// Complete lines passed on.
    ended: u64,
    /// Whether nothing of the row has been seen yet.
    is_before_row: bool,
    /// The first line of the row, from 1.
    begins_at: u64,
    row_bytes: u64,
}

impl Lines {
    fn new(stream: Stream, row_bytes_max: u64) -> Self {
        Self {
            stream,
            row_bytes_max,
            bytes_read: 0,
            ended: 0,
            is_before_row: true,
            begins_at: 1,
            row_bytes: 0,
        }
    }

    fn begin_row(&mut self) {
        self.is_before_row = true;
        self.row_bytes = 0;
    }
}

impl io::Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.stream.fill_buf()?;
        let available = &available[..available.len().min(buffer.len())];
        let end = memchr::memchr(b'\n', available);
        let piece = &available[..end.map_or(available.len(), |end| end + 1)];
        let length = piece.len();
        let is_blank = piece.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        buffer[..length].copy_from_slice(piece);
        if self.is_before_row && !is_blank {
            self.is_before_row = false;
            self.begins_at = self.ended + 1;
        }
        self.ended += u64::from(end.is_some());
        self.stream.consume(length);
        self.bytes_read += length as u64;
        if !self.is_before_row {
            self.row_bytes += length as u64;
        }
        if self.row_bytes > self.row_bytes_max {
            let bytes_max = self.row_bytes_max;
            return Err(io::Error::other(format!(
                "the row is larger than {bytes_max} bytes; is there an unclosed quote?"
            )));
        }
        Ok(length)
    }
}
