//! Tables for terminals. Columns are as wide as their widest cell; the last one has no padding.

use std::io::{Result, Write};

/// Writes a table of four columns.
pub(super) fn write(out: &mut dyn Write, head: [&str; 4], rows: &[[String; 4]]) -> Result<()> {
    let head = head.map(str::to_owned);
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(rows);
        cells
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    for row in std::iter::once(&head).chain(rows) {
        write!(out, "   ")?;
        for (cell, width) in row.iter().zip(widths) {
            write!(out, "{cell:<width$}  ")?;
        }
        writeln!(out, "{}", row[3])?;
    }
    Ok(())
}
