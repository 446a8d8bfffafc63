//! The files beside a file: rejected orders, reasons, receipts.
//!
//! They are written under names that end in `.part`, and get their own names when the whole file is sent. After a run that failed
//! or was killed, the files of an earlier run are still whole, and those of this run are visibly unfinished.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::batch::Batch;
use super::deliver::{Delivery, Part};
use super::part_file::{PartFile, name, remove, with_ending};
use super::{Receipt, RejectedOrder, Target};
use crate::http::Client;
use crate::report::{self, Error, Place, REASON_COLUMNS};
use crate::source::is_stdin;
use crate::terminal::complain;

/// The hint for an order that was not sent.
const NOT_SENT: &str = "not sent; mend it in the CSV file, then submit that again";
/// The ending of the rejected orders' name.
pub(crate) const REJECTED: &str = ".rejected.ndjson";
const REASONS: &str = ".reasons.csv";
/// The ending of the receipts' name.
pub(crate) const RECEIPTS: &str = ".receipts.ndjson";

/// What the names of the files beside a file begin with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Names(PathBuf);

impl Names {
    /// The names for a file, beside it or in another directory. A dry run has names of its own.
    pub(crate) fn beside(file: &Path, directory: Option<&Path>, is_dry_run: bool) -> Self {
        let file = match is_stdin(file) {
            true => Path::new("stdin"),
            false => file,
        };
        let mut names = match (directory, file.file_name()) {
            (Some(directory), Some(name)) => directory.join(name),
            (Some(_) | None, _) => file.to_owned(),
        };
        if is_dry_run {
            names = with_ending(&names, ".dry-run");
        }
        Self(names)
    }

    /// The name with this ending.
    pub(crate) fn with(&self, ending: &str) -> PathBuf {
        with_ending(&self.0, ending)
    }
}

/// The files of a run.
pub(crate) struct Outputs {
    names: Names,
    /// The file that is sent, as the user named it.
    file: Arc<str>,
    /// What all receipts have in common.
    common: Receipt,
    rejected: PartFile,
    reasons: csv::Writer<PartFile>,
    receipts: PartFile,
    /// Orders that the server rejected. They are in the file of rejected orders.
    rejected_count: u64,
    /// Orders that have reasons: also those that were not sent.
    reasons_count: u64,
}

/// The names of the files that were written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) rejected: Option<String>,
    pub(crate) reasons: Option<String>,
    pub(crate) receipts: Option<String>,
}

impl Outputs {
    /// Begins the files. Nothing of an earlier run is changed yet.
    ///
    /// # Errors
    /// A file cannot be written, or another process writes the same files.
    pub(crate) fn begin(
        names: Names,
        file: &Path,
        client: &Client,
        target: &Target<'_>,
    ) -> Result<Self> {
        let receipts = PartFile::begin(names.with(RECEIPTS))?;
        let rejected = PartFile::begin(names.with(REJECTED))?;
        let mut reasons = csv::Writer::from_writer(PartFile::begin(names.with(REASONS))?);
        reasons.write_record(REASON_COLUMNS)?;
        Ok(Self {
            common: Receipt {
                url: client.url().to_owned(),
                key_id: client.key().id.clone(),
                dialect: target.dialect.id().to_owned(),
                organisation: target.organisation.clone(),
                dry_run: target.dry_run,
                ..Receipt::default()
            },
            file: file.display().to_string().into(),
            names,
            rejected,
            reasons,
            receipts,
            rejected_count: 0,
            reasons_count: 0,
        })
    }

    /// Reports a batch. The batches come in the order of the file.
    pub(super) fn add(&mut self, delivery: &Delivery) -> Result<()> {
        let Delivery {
            batch,
            parts,
            error,
        } = delivery;
        let mut position = 0;
        for (number, part) in parts.iter().enumerate() {
            // Orders that were not sent belong to the part of the next one that was, or to the last part.
            let is_last = number + 1 == parts.len() && error.is_none();
            let end = match (is_last, part.sent.last()) {
                (false, Some(last)) => last + 1,
                (true, _) | (false, None) => batch.orders.len(),
            };
            self.add_part(batch, position, end, Some(part))?;
            position = end;
        }
        if error.is_none() && position < batch.orders.len() {
            self.add_part(batch, position, batch.orders.len(), None)?;
        }
        Ok(())
    }

    /// Reports the orders of a batch from one position up to another, which were sent in one request, or not at all.
    fn add_part(
        &mut self,
        batch: &Batch,
        start: usize,
        end: usize,
        part: Option<&Part>,
    ) -> Result<()> {
        let mut receipt = self.receipt(batch, start, end, part);
        let mut rejections = part
            .map(|part| part.outcome.rejections())
            .into_iter()
            .flatten()
            .peekable();
        let mut sent = 0;
        for at in start..end {
            let record = &batch.orders[at].record;
            let is_sent = record.faults.is_empty();
            let rejection = rejections.next_if(|rejection| is_sent && rejection.index == sent);
            sent += usize::from(is_sent);
            if is_sent && rejection.is_none() {
                continue;
            }
            let key = rejection.and_then(|rejection| rejection.key.clone());
            let place = Place {
                file: Arc::clone(&self.file),
                line: record.line,
                index: batch.first_index + at as u64,
                key: key.clone().or_else(|| record.name.clone()),
            };
            for fault in &record.faults {
                let mut fault = fault.fault(place.clone());
                fault.error.hint = Some(NOT_SENT.to_owned());
                self.reasons.write_record(report::reason(&fault))?;
            }
            for error in rejection
                .into_iter()
                .flat_map(|rejection| &rejection.errors)
            {
                let error = placed(error, sent, record.line);
                let fault = record.fault(place.clone(), false, error);
                self.reasons.write_record(report::reason(&fault))?;
            }
            // What was not sent lacks something that only the file has. Its text could be taken for the whole order.
            if is_sent {
                self.rejected.write_all(batch.text(at))?;
                self.rejected.write_all(b"\n")?;
                self.rejected_count += 1;
            }
            receipt.rejected_orders.push(RejectedOrder {
                line: record.line,
                key,
                name: record.name.clone(),
                not_sent: !is_sent,
            });
        }
        receipt.rejected = receipt.rejected_orders.len() as u64;
        self.reasons_count += receipt.rejected;
        let mut line = serde_json::to_vec(&receipt)?;
        line.push(b'\n');
        self.receipts.write_all(&line)?;
        Ok(())
    }

    fn receipt(&self, batch: &Batch, start: usize, end: usize, part: Option<&Part>) -> Receipt {
        let line = |at: usize| batch.orders.get(at).map_or(0, |order| order.record.line);
        let mut receipt = Receipt {
            mends: batch.mends.as_deref().map(str::to_owned),
            answered_at: jiff::Timestamp::now().to_string(),
            first_line: line(start),
            last_line: line(end.saturating_sub(1)),
            ..self.common.clone()
        };
        if let Some(part) = part {
            let outcome = &part.outcome;
            receipt.id = Some(outcome.id.clone());
            receipt.replayed = part.is_replayed;
            receipt.idempotency_key = part.idempotency_key.clone();
            receipt.received = outcome.received;
            receipt.accepted = outcome.accepted;
            receipt.updated = outcome.updated;
            receipt.unchanged = outcome.unchanged;
        }
        receipt
    }

    /// Gives the files their names. If no order was rejected, files of rejected orders of an earlier run are removed.
    ///
    /// All of them are complete on the disk before the first one gets its name: a full disk takes nothing from an earlier run.
    /// The receipts come last: an interruption never leaves receipts beside rejected orders of another run. A file of rejected
    /// orders that was edited meanwhile is not lost: its name gets the ending `.edited`.
    ///
    /// # Errors
    /// A file cannot be written, renamed or removed.
    pub(crate) fn finish(mut self) -> Result<Written> {
        let mut reasons = reasons(self.reasons)?;
        // The receipts are the latest: that tells whether the rejected orders were edited since.
        for file in [&mut self.rejected, &mut reasons, &mut self.receipts] {
            file.complete()?;
        }
        keep_edited(&self.names)?;
        remove(&self.names.with(RECEIPTS))?;
        Ok(Written {
            rejected: self.rejected.finish(self.rejected_count > 0)?,
            reasons: reasons.finish(self.reasons_count > 0)?,
            receipts: self.receipts.finish(true)?,
        })
    }

    /// Leaves the files unfinished, as they are. If nothing is in them, removes them.
    ///
    /// # Errors
    /// A file cannot be written or removed.
    pub(crate) fn leave(self, is_empty: bool) -> Result<Written> {
        Ok(Written {
            rejected: self.rejected.leave(self.rejected_count > 0)?,
            reasons: reasons(self.reasons)?.leave(self.reasons_count > 0)?,
            receipts: self.receipts.leave(!is_empty)?,
        })
    }
}

/// Renames the rejected orders of an earlier run if somebody has edited them. Without receipts, nobody knows: then too.
fn keep_edited(names: &Names) -> Result<()> {
    let old = names.with(REJECTED);
    let modified = |file: &Path| -> std::io::Result<Option<SystemTime>> {
        match std::fs::metadata(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found?.modified().map(Some),
        }
    };
    let failed = || format!("cannot read {}", name(&old));
    let Some(rejected) = modified(&old).with_context(failed)? else {
        return Ok(());
    };
    // A run writes its receipts last.
    let receipts = modified(&names.with(RECEIPTS)).with_context(failed)?;
    if receipts.is_some_and(|receipts| rejected <= receipts) {
        return Ok(());
    }
    let mut new = with_ending(&old, ".edited");
    let mut number = 1;
    // What was kept before stays.
    while new.symlink_metadata().is_ok() {
        number += 1;
        new = with_ending(&old, &format!(".edited.{number}"));
    }
    let [old_name, new_name] = [&old, &new].map(|file| name(file));
    std::fs::rename(&old, &new).with_context(|| format!("cannot rename {old_name}"))?;
    complain(format_args!(
        "wharfinger: {old_name} was edited after an earlier run, or has no receipts; it is {new_name} now"
    ));
    Ok(())
}

/// Ends the table of reasons.
fn reasons(table: csv::Writer<PartFile>) -> Result<PartFile> {
    table.into_inner().map_err(|error| {
        let failed = error.error().to_string();
        anyhow::Error::msg(failed)
    })
}

/// An error of the order on a line of the body. A place that the message gives in the body becomes one in the file.
fn placed(error: &Error, body_line: usize, line: u64) -> Error {
    let mut error = error.clone();
    let told = format!("line {body_line} column ");
    if error.code == "not_json"
        && let Some((before, after)) = error.message.split_once(&told)
        && let Some((byte, after)) = after.split_once(':')
    {
        error.message =
            format!("{before}byte {byte} of the order that begins in line {line}:{after}");
    }
    error
}
