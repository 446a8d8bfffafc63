//! `wharfinger convert`: orders of one dialect as orders of another, on this machine.
//!
//! ```text
//! mod.rs       the command
//! order.rs     one order: judged, converted, and judged again
//! losses.rs    what the other form cannot hold
//! written.rs   the orders in a file again
//! ```

mod losses;
mod order;
mod written;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde::Serialize;

use self::order::{Conversion, Converted, Note};
use self::written::Written;
use crate::named::NamedDialect;
use crate::offline::Offline;
use crate::out_file::OutFile;
use crate::report::{Fault, Place};
use crate::source::{Input, Record, is_stdin};
use crate::terminal::{Exit, complain, shown, write_json};

/// Convert orders from one dialect to another, without a server
#[derive(Args, Debug)]
#[command(
    after_help = "The orders go to standard output. Standard error names, order by order, what the other\n\
form requires and the order lacks, which values change, and what the form cannot hold.\n\
Invalid orders are named there too, and are not converted. The exit status is 3 if an\n\
order is invalid, or would be rejected in the other form.\n\n\
Examples: wharfinger convert orders.json --from DIALECT --to native --org TRK001\n          \
          wharfinger convert shop.csv --map shopify --from native --to DIALECT --org TRK001"
)]
pub struct Convert {
    #[command(flatten)]
    input: Input,
    /// The dialect of the orders
    #[arg(long, value_name = "DIALECT")]
    from: NamedDialect,
    /// The dialect to convert them to
    #[arg(long, value_name = "DIALECT")]
    to: NamedDialect,
    /// The organisation of orders that do not name one
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    org: Option<String>,
    /// The time zone of dates that carry none, as the organisation has it
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    time_zone: TimeZone,
    /// File to write, which appears when it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How the orders are written
    #[arg(long, default_value = "ndjson")]
    format: Format,
    /// Name invalid orders and losses as JSON, one object per line, and the counts last
    #[arg(long)]
    json: bool,
}

/// How orders are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An order on each line
    Ndjson,
    /// An array, or an object of named orders if batches of the dialect are such objects
    Json,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "expected a time zone such as Europe/Berlin".to_owned())
}

/// What became of the orders.
#[derive(Debug, Default, Serialize)]
struct Counts {
    converted: u64,
    /// Converted, but a server would reject them.
    incomplete: u64,
    /// Converted with a loss.
    lossy: u64,
    invalid: u64,
}

impl Convert {
    /// Runs the command.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        self.input.check()?;
        let org = self.org.as_deref();
        let mut conversion = Conversion {
            from: Offline::new(self.from.0, org, self.time_zone.clone())?,
            to: Offline::new(self.to.0, org, self.time_zone.clone())?,
            zone: self.time_zone.clone(),
        };
        let mut counts = Counts::default();
        let out = OutFile::begin(self.out.as_deref(), out)?;
        let mut written = Written::begin(out, self.format, self.to.0)?;
        for file in &self.input.files {
            let mut opened = self.input.open(file, self.from.0)?;
            let name = match is_stdin(file) {
                true => "-".into(),
                false => file.display().to_string(),
            };
            let mut place = Place {
                file: name.into(),
                line: 0,
                index: 0,
                key: None,
            };
            while let Some(record) = opened.source.next()? {
                place.line = record.line;
                place.key.clone_from(&record.name);
                self.take(
                    &record,
                    &mut place,
                    &mut conversion,
                    &mut counts,
                    &mut written,
                )?;
                place.index += 1;
            }
        }
        written.finish()?;
        match self.json {
            true => write_json(&mut std::io::stderr(), &counts)?,
            false => complain(format_args!("{counts}")),
        }
        Ok(match counts.invalid + counts.incomplete {
            0 => Exit::Done,
            _ => Exit::SomeRejected,
        })
    }

    /// Converts an order, and says what there is to say about it.
    fn take(
        &self,
        record: &Record,
        place: &mut Place,
        conversion: &mut Conversion,
        counts: &mut Counts,
        written: &mut Written<'_>,
    ) -> Result<()> {
        match conversion.convert(record, place) {
            Converted::Invalid(faults) => {
                counts.invalid += 1;
                faults.iter().try_for_each(|fault| self.complain_of(fault))
            }
            Converted::Order { text, note } => {
                counts.converted += 1;
                counts.incomplete += u64::from(!note.missing.is_empty());
                counts.lossy += u64::from(!note.left_out.is_empty() || !note.changed.is_empty());
                written.add(record.name.as_deref(), &text)?;
                self.name_losses(place, &note)
            }
        }
    }

    fn complain_of(&self, fault: &Fault) -> Result<()> {
        if self.json {
            return write_json(&mut std::io::stderr(), fault);
        }
        complain(format_args!("{fault}"));
        Ok(())
    }

    fn name_losses(&self, place: &Place, note: &Note) -> Result<()> {
        if note.is_empty() {
            return Ok(());
        }
        if self.json {
            let line = serde_json::json!({
                "file": &*place.file, "line": place.line, "index": place.index, "key": place.key,
                "missing": note.missing, "changed": note.changed, "left_out": note.left_out,
            });
            return write_json(&mut std::io::stderr(), &line);
        }
        let (file, line) = (shown(&place.file), place.line);
        let key = place
            .key_shown()
            .map_or(String::new(), |key| format!(" {key}"));
        complain(format_args!(
            "{file}:{line}:{key} {}",
            shown(&note.to_string())
        ));
        Ok(())
    }
}

/// A sentence for the user.
impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let orders = if self.converted == 1 {
            "order"
        } else {
            "orders"
        };
        write!(out, "{} {orders} converted", self.converted)?;
        for (count, what) in [
            (self.incomplete, "would be rejected"),
            (self.lossy, "with losses"),
            (self.invalid, "invalid"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
