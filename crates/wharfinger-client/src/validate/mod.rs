//! `wharfinger validate`: which orders of files are good, and what is wrong with the others.
//!
//! ```text
//! mod.rs       the command: one file after another
//! local.rs     orders judged on this machine
//! remote.rs    orders judged by a server, which stores nothing
//! repeats.rs   keys that stand in a file twice
//! printer.rs   faults and summaries as text, JSON or CSV
//! ```

mod local;
mod printer;
mod remote;
mod repeats;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use clap::Args;
use jiff::tz::TimeZone;

use self::local::{Local, Verdict};
use self::printer::{Printer, Tally};
use self::remote::Remote;
use self::repeats::Repeats;
use crate::connect::Connection;
use crate::named::NamedDialect;
use crate::offline::Offline;
use crate::report::Place;
use crate::source::{Input, Source, is_stdin};
use crate::terminal::{Exit, complain, sentence, shown};

/// Judge files of orders, and name every fault.
#[derive(Args, Debug)]
#[command(
    after_help = "Without a server, every organisation that an order names is taken as existing, and neither the catalogue nor \
orders that are stored already count. With --url or --profile, the server judges the orders as if they were sent: it \
stores nothing.\n\n\
The exit status is 0 if all orders are good, 3 if some are not, and 1 if a file cannot be read to its end. Keys that \
stand in a file twice are a warning; the first 1,000,000 keys of a file are compared.\n\n\
Examples: wharfinger validate orders.json --dialect DIALECT\n          \
          wharfinger validate orders.ndjson.gz --dialect DIALECT --profile shop\n          \
          wharfinger validate shop.csv --map shopify --org TRK001 --csv"
)]
pub struct Validate {
    #[command(flatten)]
    input: Input,
    /// The dialect of the orders
    #[arg(
        long,
        env = "WHARFINGER_DIALECT",
        value_name = "DIALECT",
        default_value = "native"
    )]
    dialect: NamedDialect,
    /// The organisation of orders that do not name one
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    org: Option<String>,
    /// Print faults and summaries as JSON, one object per line
    #[arg(long)]
    json: bool,
    /// Print faults as a CSV table; the summaries go to standard error
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Who judges.
enum Judge<'c> {
    /// This machine alone.
    Here,
    /// A server. This machine only finds keys that stand in a file twice.
    Server(Remote<'c>),
}

impl Validate {
    /// Runs the command.
    ///
    /// # Errors
    /// A file cannot be read to its end, the server cannot be asked, or `out` cannot be written to.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        self.input.check()?;
        let client = match self.connection.is_named() {
            true => Some(self.connection.client()?),
            false => None,
        };
        let on_wait = remote::tell_wait;
        let patient = client
            .as_ref()
            .map(|client| remote::patient(client, &on_wait));
        let mut judge = match &patient {
            Some(patient) => {
                Judge::Server(Remote::new(patient, self.dialect.0, self.org.as_deref())?)
            }
            None => Judge::Here,
        };
        let mut printer = Printer::begin(out, self.json, self.csv)?;
        let mut sum = Tally::default();
        let mut unreadable = Vec::new();
        for file in &self.input.files {
            let mut tally = Tally::default();
            let read = self.file(file, &mut judge, &mut printer, &mut tally);
            match read {
                Ok(()) => {}
                Err(Failed::Unreadable(error)) => unreadable.push(error),
                Err(Failed::Other(error)) => {
                    printer.finish()?;
                    return Err(error);
                }
            }
            sum.add(&tally);
        }
        printer.finish()?;
        // All but the last are told at once, so that each file has its own line.
        let last = unreadable.pop();
        for error in unreadable {
            complain(format_args!("error: {}", sentence(&error)));
        }
        if let Some(error) = last {
            return Err(error);
        }
        Ok(match sum.bad {
            0 => Exit::Done,
            _ => Exit::SomeRejected,
        })
    }

    /// Judges the orders of a file.
    fn file(
        &self,
        file: &Path,
        judge: &mut Judge<'_>,
        printer: &mut Printer<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failed> {
        let name: Arc<str> = match is_stdin(file) {
            true => "-".into(),
            false => file.display().to_string().into(),
        };
        let opened = self.input.open(file, self.dialect.0);
        let mut source = opened.map_err(Failed::Unreadable)?.source;
        let read = self.orders(&name, &mut *source, judge, printer, tally);
        // What was judged before the fault of a file is told too.
        let is_complete = read.is_ok();
        printer.summary(&name, tally, is_complete, matches!(judge, Judge::Here))?;
        read?;
        if tally.orders() == 0 {
            let nothing = anyhow!("{} has no orders", shown(&name));
            return Err(Failed::Unreadable(nothing));
        }
        Ok(())
    }

    fn orders(
        &self,
        name: &Arc<str>,
        source: &mut dyn Source,
        judge: &mut Judge<'_>,
        printer: &mut Printer<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failed> {
        let offline = Offline::new(self.dialect.0, self.org.as_deref(), TimeZone::UTC)?;
        let mut local = Local::new(offline);
        let mut repeats = Repeats::default();
        let mut index = 0;
        loop {
            let record = match source.next() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    if let Judge::Server(remote) = judge {
                        remote.flush(printer, tally)?;
                    }
                    return Err(Failed::Unreadable(error));
                }
            };
            let mut place = Place {
                file: Arc::clone(name),
                line: record.line,
                index,
                key: record.name.clone(),
            };
            index += 1;
            let verdict = local.judge(&record, &mut place);
            let repeat = verdict
                .identity
                .as_ref()
                .and_then(|identity| repeats.note(identity, &place));
            let Verdict {
                mut faults,
                is_json,
                ..
            } = verdict;
            match judge {
                Judge::Server(remote) if is_json && remote.takes(&record.text) => {
                    remote.push(record, place, repeat, printer, tally)?;
                }
                Judge::Server(remote) => {
                    faults.extend(repeat);
                    remote.push_told(faults, printer, tally)?;
                }
                Judge::Here => {
                    faults.extend(repeat);
                    printer.order(&faults, tally)?;
                }
            }
        }
        if let Judge::Server(remote) = judge {
            remote.flush(printer, tally)?;
        }
        Ok(())
    }
}

/// Why a file was not judged to its end.
enum Failed {
    /// The file cannot be read. The others can.
    Unreadable(anyhow::Error),
    /// The server or the output failed. Going on makes no sense.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
