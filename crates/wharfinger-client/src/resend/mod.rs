//! `wharfinger resend`: rejected orders that were mended.
//!
//! ```text
//! mended.rs    the orders of a file of rejected orders, each with the batch that rejected it
//! rejected.rs  the receipts beside that file
//! ```

mod mended;
mod rejected;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Error, Result};
use clap::Args;

use self::mended::Mended;
use self::rejected::Receipts;
use crate::connect::Connection;
use crate::http::Refusal;
use crate::named::NamedDialect;
use crate::sending::{Job, SendOptions};
use crate::source::Input;
use crate::terminal::{Exit, complain};

#[derive(Args, Debug)]
#[command(
    after_help = "FILE is a file of rejected orders that `wharfinger submit` wrote. Mend the orders in it, then send it. The dialect \
and the organisation come from the file of receipts beside it. The receipt of each new batch names the batch that it mends \
(`mends`).\n\n\
An order is recognised by its key. If its key is new or missing, its line counts, unless lines were added or removed. An order \
that is not recognised is sent too, but its receipt names no batch.\n\n\
CSV rows that made no order are not in FILE. Mend them in the CSV file, then send that with `wharfinger submit`.\n\n\
The results are written beside FILE, under its whole name: FILE.rejected.ndjson and so on, as by `wharfinger submit`. Orders \
that are rejected once more can be mended there and sent again.\n\n\
Exit status: 0 if every order was accepted, 3 if some were rejected, 1 after an error.\n\n\
Example:\n  \
wharfinger resend orders.json.rejected.ndjson --url http://127.0.0.1:8080 --key-file key.json"
)]
pub struct Resend {
    /// The file of rejected orders, mended
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The dialect in which the orders are written [default: the one in the receipts]
    #[arg(long, env = "WHARFINGER_DIALECT", value_name = "DIALECT")]
    dialect: Option<NamedDialect>,
    /// The organisation of orders that name none [default: the one in the receipts]
    #[arg(long = "org", env = "WHARFINGER_ORG", value_name = "CODE")]
    organisation: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    options: SendOptions,
}

impl Resend {
    /// Runs the command.
    ///
    /// # Errors
    /// A file cannot be read, or the server cannot be reached or refuses the requests.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        let receipts = Receipts::beside(&self.file)?;
        let first = receipts.first()?;
        let NamedDialect(dialect) = match self.dialect {
            Some(dialect) => dialect,
            None => first.dialect.parse().map_err(Error::msg)?,
        };
        let organisation = self.organisation.clone().or(first.organisation);
        let input = Input {
            files: vec![self.file.clone()],
            map: None,
        };
        let opened = input.open(&self.file, dialect)?;
        let mut orders = Mended::new(
            opened.source,
            input.open(&self.file, dialect)?.source,
            &receipts,
            dialect,
            organisation.as_deref(),
        )?;
        let job = Job {
            file: &self.file,
            client: &self.connection.client()?,
            dialect,
            organisation,
            progress: opened.progress,
        };
        let (mut sent, outputs) = self.options.send(job, &mut orders)?;
        match orders.unmatched() {
            0 => {}
            1 => complain(format_args!(
                "wharfinger: 1 order is not among the rejected ones; its receipt names no batch that it mends"
            )),
            many => complain(format_args!(
                "wharfinger: {many} orders are not among the rejected ones; their receipts name no batch that they mend"
            )),
        }
        sent.error = sent.error.map(explained);
        self.options.conclude(&self.file, sent, outputs, out)
    }
}

/// Says what to do if the server does not know the batch that rejected the orders.
fn explained(error: Error) -> Error {
    match error.downcast_ref::<Refusal>() {
        Some(refusal) if refusal.status.as_u16() == 400 && refusal.detail.contains("mends") => {
            error.context("to send orders whose rejecting batch is gone, use `wharfinger submit -`")
        }
        Some(_) | None => error,
    }
}
