//! Input files: tables and NDJSON, streamed in constant memory.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result, bail};
use wharfinger_core::decide::catalogue::import::{self, LineProblem, LoadLine, ReadLine};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::problem::Step;

use super::Format;
use super::table::Table;

/// Bytes per read.
const STEP_BYTES: usize = 64 << 10;

/// A buffered stream of bytes.
pub(super) type Stream = BufReader<Box<dyn std::io::Read + Send>>;

/// An input file.
pub(super) struct File {
    name: String,
    bytes: Option<u64>,
    content: Content,
}

enum Content {
    /// A table whose header was not read yet.
    Table(Option<Stream>),
    Begun(Table),
    Lines(Lines),
}

/// A line that was read.
pub(super) struct Read<L> {
    /// The number of its first line, from 1.
    pub line: u64,
    /// The line's content, or everything that is wrong with it.
    pub content: ReadLine<L>,
}

impl File {
    /// Opens a file. `-` is the standard input.
    pub(super) fn open(path: &Path, format: Option<Format>) -> Result<Self> {
        let name = path.display().to_string();
        let (stream, bytes): (Box<dyn std::io::Read + Send>, _) = if name == "-" {
            (Box::new(std::io::stdin()), None)
        } else {
            let cannot = || format!("cannot read {name}");
            let file = std::fs::File::open(path).with_context(cannot)?;
            let kind = file.metadata().with_context(cannot)?;
            if kind.is_dir() {
                bail!("{name} is a directory; name the files in it instead");
            }
            (Box::new(file), kind.is_file().then_some(kind.len()))
        };
        let stream = BufReader::with_capacity(STEP_BYTES, stream);
        let content = match format.unwrap_or_else(|| format_of(path)) {
            Format::Csv => Content::Table(Some(stream)),
            Format::Ndjson => Content::Lines(Lines::new(stream)),
        };
        Ok(Self {
            name: if bytes.is_none() && name == "-" {
                "standard input".into()
            } else {
                name
            },
            bytes,
            content,
        })
    }

    /// The size of the file, if known.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.content {
            Content::Table(_) => 0,
            Content::Begun(table) => table.bytes_read(),
            Content::Lines(lines) => lines.bytes_read,
        }
    }

    /// The next line that is not blank. `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn next<L: LoadLine>(&mut self) -> Result<Option<Read<L>>> {
        if let Content::Table(stream) = &mut self.content
            && let Some(stream) = stream.take()
        {
            let table = Table::begin::<L>(stream).with_context(|| self.name.clone())?;
            self.content = Content::Begun(table);
        }
        let read = match &mut self.content {
            Content::Table(_) => Ok(None),
            Content::Begun(table) => table.next(),
            Content::Lines(lines) => lines.next(),
        };
        read.with_context(|| self.name.clone())
    }

    /// The location of a problem, for messages.
    pub(super) fn named(&self, line: u64, problem: &LineProblem) -> String {
        let column = match (&self.content, problem.path.0.first()) {
            (Content::Begun(table), Some(Step::Name(name))) => table.column(name),
            _ => None,
        };
        let name = &self.name;
        match column {
            Some(column) => format!("{name} line {line} column {column}"),
            None => format!("{name} line {line}"),
        }
    }
}

/// The format of a file, by its name.
fn format_of(path: &Path) -> Format {
    let extension = path.extension().unwrap_or_default();
    let is_lines = ["ndjson", "jsonl"].iter().any(|lines| extension == *lines);
    if is_lines {
        Format::Ndjson
    } else {
        Format::Csv
    }
}

/// NDJSON: one JSON object per line.
struct Lines {
    stream: Stream,
    limits: Limits,
    line: Vec<u8>,
    /// Lines read so far, including blank ones.
    count: u64,
    bytes_read: u64,
}

impl Lines {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            limits: Limits::default(),
            line: Vec::new(),
            count: 0,
            bytes_read: 0,
        }
    }

    fn next<L: LoadLine>(&mut self) -> Result<Option<Read<L>>> {
        while self.read_line()? {
            self.count += 1;
            let mut found = None;
            // A byte order mark is allowed only at the beginning of the file. On later lines, a leading space makes it an
            // error.
            let is_later = self.count > 1 && self.line.starts_with("\u{feff}".as_bytes());
            let body = if is_later { &[b' '][..] } else { &[] };
            let body = [body, &self.line].concat();
            let before = usize::try_from(self.count - 1).unwrap_or(usize::MAX);
            import::read_lines(&body, before, &self.limits, |_, content| {
                found = Some(content);
            });
            if let Some(content) = found {
                return Ok(Some(Read {
                    line: self.count,
                    content,
                }));
            }
        }
        Ok(None)
    }

    /// Reads a line. A line over the limit is kept only up to just past the limit. False at the end.
    fn read_line(&mut self) -> Result<bool> {
        self.line.clear();
        let kept_max = self.limits.order_bytes_max + 2;
        loop {
            let available = match self.stream.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot be read"),
            };
            if available.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let end = memchr::memchr(b'\n', available);
            let used = end.map_or(available.len(), |end| end + 1);
            let kept = used.min(kept_max.saturating_sub(self.line.len()));
            self.line.extend_from_slice(&available[..kept]);
            self.stream.consume(used);
            self.bytes_read += used as u64;
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}
