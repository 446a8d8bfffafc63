//! `wharfinger export`: orders as a file, from a server or from a store.
//!
//! Where the orders come from is the caller's business: [`Export::over_http`] reads a server's list, and whoever has a store
//! gives its orders to a [`Writer`].

mod order;
mod pages;
mod table;
mod writer;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use wharfinger_core::convert::RenderAs;
use wharfinger_core::dialects;

pub use self::writer::Writer;
use crate::filters::Filters;
use crate::http::Client;
use crate::terminal::{Exit, is_output_closed};

/// What is exported, and how it is written.
#[derive(Args, Debug)]
pub struct Export {
    /// How the orders are written
    #[arg(long, default_value = "ndjson")]
    pub format: Format,
    /// What a row of CSV is
    #[arg(long, default_value = "orders")]
    pub rows: Rows,
    /// The form of the orders: a dialect, or `submitted` for the text as it was sent [default: the native form with what
    /// the server adds]
    #[arg(long = "as", value_name = "FORM", value_parser = form)]
    pub form: Option<String>,
    /// Which orders
    #[command(flatten)]
    pub filters: Filters,
    /// Give up after this long without an answer of the server, such as 90s or 10m
    #[arg(long, env = "WHARFINGER_PATIENCE", value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub patience: Duration,
    /// File to write, which appears when it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// How orders are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An order on each line, as JSON
    Ndjson,
    /// A table with a header row and comma-separated cells
    Csv,
}

/// What a row of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// An order
    Orders,
    /// A line of an order, with the columns of the order on each of its rows
    Lines,
}

fn form(name: &str) -> Result<String, String> {
    let known = RenderAs::named(name).map(|_| name.to_owned());
    known.ok_or_else(|| format!("expected submitted, or one of {}", dialects::ids()))
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<jiff::SignedDuration>().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "expected a time such as 90s or 10m".to_owned())
}

impl Export {
    /// Begins to write.
    ///
    /// # Errors
    /// A table is to have another form, or the file cannot be written.
    pub fn writer<'o>(&self, out: &'o mut dyn Write) -> Result<Writer<'o>> {
        if self.format == Format::Csv && self.form.is_some() {
            bail!("a table has the columns of the native form; use --as with --format ndjson");
        }
        Writer::begin(self, out)
    }

    /// Whether nobody reads the export any more: the reader of standard output is gone.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.to.is_none() && is_output_closed()
    }

    /// Exports from a server.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, or the orders cannot be written. Then the file is not there.
    pub fn over_http(&self, client: &Client, out: &mut dyn Write) -> Result<Exit> {
        let mut writer = self.writer(out)?;
        pages::each(client, self, &mut writer)?;
        writer.finish()?;
        Ok(Exit::Done)
    }
}
