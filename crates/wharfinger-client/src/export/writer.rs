//! Writes exported orders, one at a time.

use std::io::Write;

use anyhow::{Context, Result};
use serde_json::value::RawValue;

use super::table::Table;
use super::{Export, Format};
use crate::out_file::OutFile;
use crate::terminal::{complain, is_output_closed, shown};

/// An export that is being written. Dropped before [`Writer::finish`], it leaves no file.
pub struct Writer<'o> {
    kind: Kind<'o>,
    orders: u64,
    has_file: bool,
}

enum Kind<'o> {
    Lines(OutFile<'o>),
    Table(Box<Table<'o>>),
}

impl<'o> Writer<'o> {
    pub(super) fn begin(export: &Export, out: &'o mut dyn Write) -> Result<Self> {
        let out = OutFile::begin(export.to.as_deref(), out)?;
        let kind = match export.format {
            Format::Ndjson => Kind::Lines(out),
            Format::Csv => Kind::Table(Box::new(Table::begin(out, export.rows)?)),
        };
        Ok(Self {
            kind,
            orders: 0,
            has_file: export.to.is_some(),
        })
    }

    /// Writes an order as a server shows it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn order(&mut self, order: &RawValue) -> Result<()> {
        self.orders += 1;
        match &mut self.kind {
            Kind::Lines(out) => Ok(out.write_line(order.get())?),
            Kind::Table(table) => table.order(order),
        }
    }

    /// Writes an order in another form. What the form requires and the order lacks is named on standard error.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn in_form(&mut self, key: &str, missing: &[impl AsRef<str>], order: &str) -> Result<()> {
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.iter().map(AsRef::as_ref).collect();
            let missing = missing.join(", ");
            complain(format_args!("{}: missing: {}", shown(key), shown(&missing)));
        }
        self.orders += 1;
        match &mut self.kind {
            Kind::Lines(out) => Ok(out.write_line(order)?),
            // A table of another form is refused before.
            Kind::Table(_) => anyhow::bail!("a table has the native form"),
        }
    }

    /// Completes the export, and says how many orders it has. Says nothing if its reader has gone before the end.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<()> {
        let orders = self.orders;
        match self.kind {
            Kind::Lines(out) => out.finish()?,
            Kind::Table(table) => table.finish().context("cannot write the table")?,
        }
        if !self.has_file && is_output_closed() {
            return Ok(());
        }
        let what = if orders == 1 { "order" } else { "orders" };
        complain(format_args!("{orders} {what} exported"));
        Ok(())
    }
}
