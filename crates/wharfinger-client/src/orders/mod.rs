//! `wharfinger orders`: lists and shows orders, and marks them as processed or cancelled.

pub mod transition;
mod views;

use std::io::{Read, Write};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use uuid::Uuid;

use self::views::{HISTORY, ORDERS, Order};
use crate::connect::Connection;
use crate::filters::Filters;
use crate::http::{Client, Request};
use crate::pages::{Query, each};
use crate::table::{Format, Table, write_parts};
use crate::terminal::{complain, shown, write_raw_json};

/// The commands that read orders.
#[derive(Debug, Subcommand)]
pub enum ReadCommand {
    /// List orders, in every dialect
    #[command(after_help = "Example: wharfinger orders list --profile shop --state pending --csv")]
    List(Box<List>),
    /// Show an order, also in the form of any dialect
    #[command(
        after_help = "Example: wharfinger orders show --profile shop 0192f1a0-0000-7000-8000-000000000000 --as submitted"
    )]
    Show(Show),
    /// List the history of an order, newest first
    #[command(
        after_help = "Example: wharfinger orders history --profile shop 0192f1a0-0000-7000-8000-000000000000"
    )]
    History(History),
}

/// `wharfinger orders list`.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    filters: Filters,
    /// Print so many, at most [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

/// `wharfinger orders show`.
#[derive(Args, Debug)]
pub struct Show {
    /// The order's id
    id: Uuid,
    /// Print it in this form: a dialect, or `submitted` for the text exactly as it was sent
    #[arg(long = "as", value_name = "FORM", conflicts_with = "json")]
    form: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// `wharfinger orders history`.
#[derive(Args, Debug)]
pub struct History {
    /// The order's id
    id: Uuid,
    /// Print so many entries, at most [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

impl ReadCommand {
    /// Runs the command. Blocks until it is done.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<()> {
        match self {
            Self::List(list) => list.run(out),
            Self::Show(show) => show.run(out),
            Self::History(history) => history.run(out),
        }
    }
}

impl List {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let query = self.filters.query();
        let mut table = Table::new(out, self.format, ORDERS);
        each(&client, "/v1/orders", query, self.limit, |order| {
            table.row(order)
        })?;
        table.finish("there are no such orders")?;
        Ok(())
    }
}

impl Show {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let path = format!("/v1/orders/{}", self.id);
        if let Some(form) = &self.form {
            return in_form(&client, &path, form, out);
        }
        let json: Box<RawValue> = client.get(&path)?;
        if self.json {
            return write_raw_json(out, &json);
        }
        let order: Order = serde_json::from_str(json.get())?;
        write_parts(out, &order.parts())
    }
}

/// Prints the order in a form, byte for byte.
fn in_form(client: &Client, path: &str, form: &str, out: &mut dyn Write) -> Result<()> {
    let target = Query::default().with("as", Some(form)).of(path);
    let response = client.send(&Request::get(&target))?.successful()?;
    let missing = response.header("wharfinger-missing").map(str::to_owned);
    let mut body = Vec::new();
    let read = response.into_reader().read_to_end(&mut body);
    read.context("the response broke off")?;
    out.write_all(&body)?;
    writeln!(out)?;
    if let Some(missing) = missing {
        complain(format_args!(
            "wharfinger: warning: the order lacks what this form requires: {}",
            shown(&missing)
        ));
    }
    Ok(())
}

impl History {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let path = format!("/v1/orders/{}/history", self.id);
        let mut table = Table::new(out, self.format, HISTORY);
        each(&client, &path, Query::default(), self.limit, |entry| {
            table.row(entry)
        })?;
        table.finish("the order has no history")?;
        Ok(())
    }
}
