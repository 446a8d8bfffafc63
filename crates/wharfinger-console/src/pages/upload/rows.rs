//! Rows in a file without a name, page by page: what became of each order of an upload.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

/// Rows of a page.
pub(super) const PAGE_ROWS: usize = 50;

/// What became of one order.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    /// Its place in the file, from 1.
    pub(super) number: u64,
    /// The line or the row of the file where it begins.
    pub(super) line: u64,
    /// Its key, if it can be read.
    pub(super) key: Option<String>,
    /// What became of it, or `not sent`.
    pub(super) outcome: String,
    /// What is wrong with it.
    pub(super) faults: Vec<RowFault>,
    /// How many more faults it has.
    pub(super) more: usize,
}

/// One fault of an order.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct RowFault {
    /// The attribute, as a JSON pointer. May be empty.
    pub(super) pointer: String,
    /// The row and the column of a table.
    pub(super) cell: Option<(u64, String)>,
    /// A sentence.
    pub(super) message: String,
    /// What was probably meant.
    pub(super) hint: Option<String>,
    /// Whether the order is taken nevertheless.
    pub(super) is_warning: bool,
}

/// Rows that are kept in a file.
pub(super) struct Rows {
    file: File,
    end: u64,
    /// Where each page begins.
    pages: Vec<u64>,
    count: usize,
}

impl Rows {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            end: 0,
            pages: Vec::new(),
            count: 0,
        })
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds rows.
    pub(super) fn add<'r>(&mut self, rows: impl Iterator<Item = &'r Row>) -> io::Result<()> {
        let mut text = Vec::new();
        for row in rows {
            if self.count.is_multiple_of(PAGE_ROWS) {
                self.pages.push(self.end + text.len() as u64);
            }
            serde_json::to_writer(&mut text, row)?;
            text.push(b'\n');
            self.count += 1;
        }
        self.file.write_all(&text)?;
        self.end += text.len() as u64;
        Ok(())
    }

    /// The rows of a page, from 0.
    pub(super) fn page(&self, number: usize) -> io::Result<Vec<Row>> {
        let Some(begin) = self.pages.get(number) else {
            return Ok(Vec::new());
        };
        let end = self.pages.get(number + 1).unwrap_or(&self.end);
        let mut text = vec![0; usize::try_from(end - begin).unwrap_or_default()];
        self.file.read_exact_at(&mut text, *begin)?;
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let rows: Result<_, _> = lines.map(serde_json::from_slice).collect();
        rows.map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: u64) -> Row {
        Row {
            number: line + 1,
            line,
            key: Some(format!("A\n{line}")),
            outcome: "accepted".into(),
            faults: Vec::new(),
            more: 0,
        }
    }

    #[test]
    fn rows_are_read_page_by_page() {
        let mut rows = Rows::new().unwrap();
        let all: Vec<_> = (0..120).map(row).collect();
        for some in all.chunks(7) {
            rows.add(some.iter()).unwrap();
        }
        assert_eq!(rows.count(), 120);
        for (number, expected) in all.chunks(PAGE_ROWS).enumerate() {
            assert_eq!(rows.page(number).unwrap(), expected);
        }
        assert_eq!(rows.page(3).unwrap(), []);
    }
}
