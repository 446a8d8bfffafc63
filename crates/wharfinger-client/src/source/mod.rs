//! Files of orders, read one order at a time in flat memory.
//!
//! ```text
//! form.rs      which form a file has
//! json.rs      an array, an object of named orders, or JSON texts one after another
//! lines.rs     NDJSON: one order per line
//! scan.rs      where a JSON value ends
//! window.rs    the bytes that are not read yet, with their line and column
//! coding.rs    a file or standard input: gzip and zstd undone, byte order mark skipped
//! csv/         rows of a table become orders by a mapping
//! cells.rs     where the values of an order were in a CSV file
//! kept.rs      files that are kept without their names
//! ```

mod cells;
mod coding;
mod csv;
mod form;
mod json;
mod kept;
mod lines;
mod scan;
#[cfg(test)]
mod tests;
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use clap::Args;
use wharfinger_core::dialect::Dialect;

pub use self::cells::{Cell, Cells};
pub use self::coding::Decoded;
pub use self::csv::draft::{
    Attribute, CellReading, Draft, attributes, check as check_mapping, in_zone, preset_of,
    targets_of,
};
pub use self::kept::{Kept, Table, dialect, dialect_ids};
use crate::report::{Error, Fault, Place};

/// Bytes of the longest order that is read. Servers take far shorter ones; a longer one is most likely a file of another form.
pub const ORDER_BYTES_MAX: usize = 16 << 20;

/// One order of a file.
#[derive(Clone, Debug)]
pub struct Record {
    /// The line where it begins, from 1, after decompression.
    pub line: u64,
    /// The sender's name for it, in a file that is an object of orders.
    pub name: Option<String>,
    /// The order's text as it stands. It is UTF-8, but it may be no JSON: whoever judges it finds that out.
    pub text: String,
    /// For CSV, where each value came from.
    pub cells: Option<Arc<Cells>>,
    /// Why the file's rows make no order. If there are any, the order is rejected without being judged or sent.
    pub faults: Vec<SourceFault>,
}

impl Record {
    /// An order that stands in the file as it is.
    #[must_use]
    pub fn of_text(line: u64, text: String) -> Self {
        Self {
            line,
            name: None,
            text,
            cells: None,
            faults: Vec::new(),
        }
    }
}

/// Why rows of a file make no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFault {
    /// The row, counted as a spreadsheet does: the header is row 1.
    pub row: u64,
    /// The column's name in the header. `None` if it is about the whole row.
    pub column: Option<String>,
    /// The attribute that the value would become, as a JSON pointer.
    pub pointer: String,
    /// A stable code.
    pub code: &'static str,
    /// A sentence for the user.
    pub message: String,
}

impl Record {
    /// A fault of the order, with the cell that it came from.
    #[must_use]
    pub fn fault(&self, place: Place, is_warning: bool, error: Error) -> Fault {
        let cells = self.cells.as_ref();
        Fault {
            place,
            cell: cells.and_then(|cells| cells.of(&error.pointer).cloned()),
            is_warning,
            error,
        }
    }
}

impl SourceFault {
    /// The fault of an order.
    #[must_use]
    pub fn fault(&self, mut place: Place) -> Fault {
        let column = self.column.clone();
        let cell = column.map(|column| Cell {
            row: self.row,
            column,
        });
        if cell.is_none() {
            place.line = self.row;
        }
        Fault {
            place,
            cell,
            is_warning: false,
            error: Error {
                pointer: self.pointer.clone(),
                code: self.code.into(),
                message: self.message.clone(),
                ..Error::default()
            },
        }
    }
}

/// How a file holds its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A JSON array.
    Array,
    /// A JSON object. Each order has a name that the sender chose.
    Object,
    /// One order per line, or JSON objects one after another.
    Lines,
}

/// Orders, one at a time.
pub trait Source {
    /// How the file holds its orders.
    fn shape(&self) -> Shape;

    /// The next order, or `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read any further. The sentence names the file, and the line and column where that shows.
    fn next(&mut self) -> Result<Option<Record>>;
}

/// Which files of orders a command reads.
#[derive(Args, Clone, Debug)]
pub struct Input {
    /// Files of orders: JSON (array or object), NDJSON or CSV, also compressed by gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How the columns of a CSV file become orders: a mapping file, or the name of a preset
    #[arg(long, env = "WHARFINGER_MAP", value_name = "MAP")]
    pub map: Option<String>,
}

/// A file that is being read.
pub struct Opened {
    /// Its orders.
    pub source: Box<dyn Source + Send>,
    /// How much of it is read.
    pub progress: Progress,
}

/// How much of a file is read, counted before decompression. Cheap to clone; another thread may look at it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    /// The size of the file in bytes. `None` if it is a pipe.
    pub bytes_total: Option<u64>,
}

impl Progress {
    /// The bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl Input {
    /// Refuses lists of files that cannot be read as they are.
    ///
    /// # Errors
    /// Standard input is named twice.
    pub fn check(&self) -> Result<()> {
        if self.files.iter().filter(|file| is_stdin(file)).count() > 1 {
            bail!("standard input (-) can be read only once");
        }
        Ok(())
    }

    /// Opens one of the files, and finds out which form it has.
    ///
    /// # Errors
    /// The file cannot be read, or has no form that is known.
    pub fn open(&self, file: &Path, dialect: &dyn Dialect) -> Result<Opened> {
        let decoded = Decoded::open(file)?;
        let progress = decoded.progress.clone();
        let source: Box<dyn Source + Send> = match self.is_table(file) {
            true => Box::new(csv::open(decoded, self.map.as_deref(), dialect)?),
            false => form::recognise(decoded, file, dialect)?,
        };
        Ok(Opened { source, progress })
    }

    /// Whether a file is CSV, by its name. With a mapping, so is any file that is not named as JSON.
    fn is_table(&self, file: &Path) -> bool {
        form::has_ending(file, &["csv", "tsv"])
            || self.map.is_some() && !form::has_ending(file, &["json", "ndjson", "jsonl"])
    }
}

/// Whether a file's name stands for standard input.
#[must_use]
pub fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}
