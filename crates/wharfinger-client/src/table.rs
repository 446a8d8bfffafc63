//! Rows of a list: an aligned table, lines of JSON, or CSV. Rows are written as they come, in flat memory.

use std::borrow::Cow;
use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::formulas::guarded;
use crate::terminal::{columns, shown, write_raw_json};

/// The form of a list.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Format {
    /// Print JSON, one object per line
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV with a header
    #[arg(long)]
    pub csv: bool,
}

/// A column of a table: its heading, and the cell of a row.
pub(crate) type Column<T> = (&'static str, fn(&T) -> String);

/// Rows that determine the widths of the columns. Wider cells of later rows move the rest of their line.
const MEASURED_ROWS: usize = 200;
/// Spaces between columns.
const GAP: &str = "  ";

/// Writes rows of type `T`.
pub(crate) struct Table<'o, T: 'static> {
    out: &'o mut dyn Write,
    format: Format,
    columns: &'static [Column<T>],
    /// The first rows, until the widths are known.
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    rows: u64,
}

impl<'o, T: DeserializeOwned> Table<'o, T> {
    pub(crate) fn new(
        out: &'o mut dyn Write,
        format: Format,
        columns: &'static [Column<T>],
    ) -> Self {
        Self {
            out,
            format,
            columns,
            waiting: Vec::new(),
            widths: None,
            rows: 0,
        }
    }

    /// Writes a row. As JSON, it is written as it came.
    ///
    /// # Errors
    /// It is not the expected JSON, or the output cannot be written to.
    pub(crate) fn row(&mut self, json: &RawValue) -> Result<()> {
        if self.format.json {
            self.rows += 1;
            return write_raw_json(self.out, json);
        }
        self.cells_of(&serde_json::from_str(json.get())?)
    }

    /// Writes the cells of a row, as a table or CSV.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub(crate) fn cells_of(&mut self, row: &T) -> Result<()> {
        let cells = self.columns.iter().map(|(_, cell)| cell(row));
        let cells = Vec::from_iter(cells);
        if self.format.csv {
            if self.rows == 0 {
                self.csv_head()?;
            }
            self.rows += 1;
            let cells = cells.iter().map(|cell| guarded(cell).into_owned());
            return self.csv_line(&Vec::from_iter(cells));
        }
        self.rows += 1;
        if self.widths.is_some() {
            return self.line(&cells);
        }
        let cells = cells.iter().map(|cell| shown(cell).into_owned());
        self.waiting.push(cells.collect());
        if self.waiting.len() >= MEASURED_ROWS {
            self.begin()?;
        }
        Ok(())
    }

    /// Writes what is left. An empty table says so; empty CSV has its header.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub(crate) fn finish(mut self, none: &str) -> Result<u64> {
        if self.format.csv && self.rows == 0 {
            self.csv_head()?;
        }
        let is_table = !self.format.csv && !self.format.json;
        if is_table && self.rows == 0 {
            writeln!(self.out, "{none}")?;
        } else if is_table && self.widths.is_none() {
            self.begin()?;
        }
        self.out.flush()?;
        Ok(self.rows)
    }

    /// Determines the widths, and writes the heading and the rows that waited for it.
    fn begin(&mut self) -> Result<()> {
        let heads = self.columns.iter().map(|(head, _)| (*head).to_owned());
        let heads = Vec::from_iter(heads);
        let waiting = std::mem::take(&mut self.waiting);
        let mut widths = vec![0; heads.len()];
        for row in std::iter::once(&heads).chain(&waiting) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        self.widths = Some(widths);
        for row in std::iter::once(&heads).chain(&waiting) {
            self.line(row)?;
        }
        Ok(())
    }

    fn line(&mut self, cells: &[String]) -> Result<()> {
        let widths = self.widths.as_deref().unwrap_or_default();
        let cells = cells.iter().map(|cell| shown(cell));
        let line = aligned(cells, widths, columns());
        writeln!(self.out, "{line}")?;
        Ok(())
    }

    fn csv_head(&mut self) -> Result<()> {
        // Names that programs can use: RECEIVED AT is received_at.
        let heads = self.columns.iter();
        let heads = heads.map(|(head, _)| head.to_lowercase().replace(' ', "_"));
        self.csv_line(&Vec::from_iter(heads))
    }

    fn csv_line(&mut self, cells: &[String]) -> Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.out);
        writer.write_record(cells)?;
        writer.flush()?;
        Ok(())
    }
}

/// A line of cells. On a terminal, it is cut at the last column, so that no line wraps.
fn aligned<'c>(
    cells: impl Iterator<Item = Cow<'c, str>>,
    widths: &[usize],
    columns: Option<usize>,
) -> String {
    let mut line = String::new();
    for (at, (cell, width)) in cells.zip(widths).enumerate() {
        if at > 0 {
            line.push_str(GAP);
        }
        line.push_str(&cell);
        let missing = width.saturating_sub(cell.chars().count());
        line.extend(std::iter::repeat_n(' ', missing));
    }
    line.truncate(line.trim_end().len());
    match columns {
        Some(columns) if line.chars().count() > columns => {
            let kept = line.chars().take(columns.saturating_sub(1));
            kept.chain(['…']).collect()
        }
        _ => line,
    }
}

/// Writes the parts of one thing, a line each. Parts without a value are left out.
///
/// # Errors
/// The output cannot be written to.
pub(crate) fn write_parts(out: &mut dyn Write, parts: &[(&str, String)]) -> Result<()> {
    let present = || parts.iter().filter(|(_, value)| !value.is_empty());
    let width = present().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in present() {
        writeln!(out, "{name:width$}  {}", shown(value))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{Column, Format, Table, aligned};

    type Row = (String, String);
    const COLUMNS: &[Column<Row>] = &[("KEY", |row| row.0.clone()), ("WHY", |row| row.1.clone())];

    fn printed(format: Format, rows: &[&str]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, format, COLUMNS);
        for row in rows {
            table
                .row(&RawValue::from_string((*row).to_owned()).unwrap())
                .unwrap();
        }
        table.finish("none").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_list_is_a_table_or_lines_of_json_or_csv() {
        let rows = [r#"["A-1", "=1+1"]"#, "[\"B\",\"\u{1b}[31m, red\"]"];
        let table = printed(Format::default(), &rows[..1]);
        assert_eq!(table, "KEY  WHY\nA-1  =1+1\n");
        let json = Format {
            json: true,
            csv: false,
        };
        assert_eq!(printed(json, &rows[..1]), "[\"A-1\",\"=1+1\"]\n");
        let csv = Format {
            json: false,
            csv: true,
        };
        assert_eq!(printed(csv, &rows[..1]), "key,why\nA-1,'=1+1\n");
        assert_eq!(printed(csv, &[]), "key,why\n");
        assert_eq!(printed(Format::default(), &[]), "none\n");
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        let row = serde_json::to_string(&("A", "\u{1b}[31m\nred")).unwrap();
        let table = printed(Format::default(), &[&row]);
        assert_eq!(table, "KEY  WHY\nA    \\u{1b}[31m\\nred\n");
    }

    #[test]
    fn lines_fit_the_terminal() {
        let cells = || ["abc".into(), "defg".into()].into_iter();
        assert_eq!(aligned(cells(), &[5, 4], None), "abc    defg");
        assert_eq!(aligned(cells(), &[5, 4], Some(11)), "abc    defg");
        assert_eq!(aligned(cells(), &[5, 4], Some(9)), "abc    d…");
    }
}
