//! `wharfinger batches rejected`: the rejected orders, with their errors or as they are sent again.

use std::io::{Read, Write};

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::views::{Problem, cell};
use crate::connect::Connection;
use crate::http::{Client, Request};
use crate::pages::{Query, each};
use crate::table::{Column, Format, Table};
use crate::terminal::{complain, is_output_closed, write_raw_json};

#[derive(Args, Debug)]
pub(super) struct Rejected {
    /// The batch's id
    id: Uuid,
    /// Print the orders only, in the dialect's envelope: fix them, and send them again
    #[arg(long, conflicts_with_all = ["index", "json", "csv", "limit"])]
    resend_form: bool,
    /// Print only the order at this position of the batch, from 0, byte for byte
    #[arg(long, value_name = "POSITION", conflicts_with_all = ["json", "csv", "limit"])]
    index: Option<u32>,
    /// Print so many orders, at most [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

/// A rejected order.
#[derive(Debug, Deserialize)]
struct RejectedOrder {
    index: u64,
    line: Option<u64>,
    name: Option<String>,
    errors: Vec<Problem>,
}

/// One error of a rejected order: a row.
#[derive(Debug, Deserialize)]
struct Row {
    index: u64,
    line: Option<u64>,
    name: Option<String>,
    error: Problem,
}

const COLUMNS: &[Column<Row>] = &[
    ("INDEX", |row| row.index.to_string()),
    ("LINE", |row| cell(row.line.as_ref())),
    ("NAME", |row| cell(row.name.as_ref())),
    ("POINTER", |row| row.error.pointer.clone()),
    ("CODE", |row| row.error.code.clone()),
    ("MESSAGE", |row| row.error.message.clone()),
    ("HINT", |row| cell(row.error.hint.as_ref())),
];

impl Rejected {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let path = format!("/v1/batches/{}/rejected", self.id);
        if self.resend_form || self.index.is_some() {
            let query = Query::default()
                .with("form", self.resend_form.then_some("resend"))
                .with("index", self.index);
            let wants_line_end = self.resend_form;
            return copy(&client, &query.of(&path), wants_line_end, out);
        }
        if self.format.json {
            return each(&client, &path, Query::default(), self.limit, |order| {
                write_raw_json(out, order)
            });
        }
        let mut table = Table::new(out, self.format, COLUMNS);
        each(&client, &path, Query::default(), self.limit, |order| {
            for row in rows(order)? {
                table.cells_of(&row)?;
            }
            Ok(())
        })?;
        table.finish("no order of this batch was rejected")?;
        Ok(())
    }
}

/// The rows of an order: one per error.
fn rows(order: &RawValue) -> Result<impl Iterator<Item = Row>> {
    let order: RejectedOrder = serde_json::from_str(order.get())?;
    let RejectedOrder {
        index, line, name, ..
    } = order;
    Ok(order.errors.into_iter().map(move |error| Row {
        index,
        line,
        name: name.clone(),
        error,
    }))
}

/// Copies a response to the output, piece by piece.
fn copy(client: &Client, target: &str, wants_line_end: bool, out: &mut dyn Write) -> Result<()> {
    let request = Request {
        timeout: None,
        ..Request::get(target)
    };
    let response = client.send(&request)?.successful()?;
    let left_out = response.header("wharfinger-left-out").unwrap_or("0");
    let left_out: u64 = left_out.parse().unwrap_or(0);
    let mut body = response.into_reader();
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = body.read(&mut piece).context("the response broke off")?;
        if length == 0 || is_output_closed() {
            break;
        }
        out.write_all(&piece[..length])?;
    }
    if wants_line_end {
        writeln!(out)?;
    }
    out.flush()?;
    if left_out > 0 {
        complain(format_args!(
            "wharfinger: warning: {left_out} rejected orders are left out, because they are not JSON or no longer kept; without --resend-form they are listed"
        ));
    }
    Ok(())
}
