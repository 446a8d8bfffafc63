//! `wharfinger batches`: receipts, the outcome of each order, and the rejected orders.

mod rejected;
mod views;

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use uuid::Uuid;

use self::rejected::Rejected;
use self::views::{RECEIPTS, RESULTS, Receipt};
use crate::connect::Connection;
use crate::pages::{Query, each};
use crate::since::Since;
use crate::table::{Format, Table, write_parts};
use crate::terminal::{Exit, write_raw_json};

#[derive(Args, Debug)]
pub struct Batches {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List receipts, newest first
    #[command(
        after_help = "Example: wharfinger batches list --profile shop --status partial --received-after 2h"
    )]
    List(List),
    /// Show a receipt
    #[command(
        after_help = "Example: wharfinger batches show --profile shop 0192f1a0-0000-7000-8000-000000000000"
    )]
    Show(Show),
    /// List the outcome of each order of a batch
    #[command(
        after_help = "Example: wharfinger batches results --profile shop 0192f1a0-0000-7000-8000-000000000000 --outcome updated"
    )]
    Results(Results),
    /// List the rejected orders of a batch with their errors, or get them for mending
    #[command(
        after_help = "Example: wharfinger batches rejected --profile shop 0192f1a0-0000-7000-8000-000000000000 --resend-form > mend.json"
    )]
    Rejected(Rejected),
}

#[derive(Args, Debug)]
struct List {
    /// Only batches with orders of this organisation
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    org: Option<String>,
    /// Only batches of this dialect
    #[arg(long)]
    dialect: Option<String>,
    /// Only batches with this status: complete, partial or rejected
    #[arg(long)]
    status: Option<String>,
    /// Only batches received at this time or later: RFC 3339, or how long ago, such as 10m
    #[arg(long, value_name = "TIME")]
    received_after: Option<Since>,
    /// Only batches received before this time
    #[arg(long, value_name = "TIME")]
    received_before: Option<Since>,
    /// Only the batches of this import
    #[arg(long, value_name = "ID")]
    import: Option<Uuid>,
    /// Print so many, at most [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args, Debug)]
struct Show {
    /// The batch's id
    id: Uuid,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args, Debug)]
struct Results {
    /// The batch's id
    id: Uuid,
    /// Only orders with this outcome: accepted, updated, unchanged, rejected or withheld
    #[arg(long)]
    outcome: Option<String>,
    /// Print so many, at most [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

impl Batches {
    /// Runs the command.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        match self.command {
            Command::List(list) => list.run(out)?,
            Command::Show(show) => show.run(out)?,
            Command::Results(results) => results.run(out)?,
            Command::Rejected(rejected) => rejected.run(out)?,
        }
        Ok(Exit::Done)
    }
}

impl List {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let query = Query::default()
            .with("organisation", self.org)
            .with("dialect", self.dialect)
            .with("status", self.status)
            .with("received_after", self.received_after)
            .with("received_before", self.received_before)
            .with("import", self.import);
        let mut table = Table::new(out, self.format, RECEIPTS);
        each(&client, "/v1/batches", query, self.limit, |receipt| {
            table.row(receipt)
        })?;
        table.finish("there are no such batches")?;
        Ok(())
    }
}

impl Show {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let json: Box<RawValue> = client.get(&format!("/v1/batches/{}", self.id))?;
        if self.json {
            return write_raw_json(out, &json);
        }
        let receipt: Receipt = serde_json::from_str(json.get())?;
        write_parts(out, &receipt.parts())
    }
}

impl Results {
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let query = Query::default().with("outcome", self.outcome);
        let path = format!("/v1/batches/{}/results", self.id);
        let mut table = Table::new(out, self.format, RESULTS);
        each(&client, &path, query, self.limit, |result| {
            table.row(result)
        })?;
        table.finish("there are no such orders in this batch")?;
        Ok(())
    }
}
