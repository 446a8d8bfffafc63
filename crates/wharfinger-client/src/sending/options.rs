//! The options of commands that send orders.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use wharfinger_core::dialect::Dialect;

use super::deliver::{encoded_name, nonce};
use super::outputs::Written;
use super::pipeline::{Sent, Target, send};
use super::{Bar, Names, Orders, Outputs};
use crate::http::{Client, Limits, Patient};
use crate::source::{Progress, is_stdin};
use crate::terminal::{Exit, shown, write_json};

/// Bytes of a batch at most, however much the server takes. It bounds the memory of the client.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// How orders are sent.
#[derive(Args, Clone, Debug)]
pub(crate) struct SendOptions {
    /// Orders per batch, at most; fewer if the server takes fewer
    #[arg(long, env = "WHARFINGER_BATCH", value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: u32,
    /// Batches in flight at the same time, at most
    #[arg(long, env = "WHARFINGER_IN_FLIGHT", value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    in_flight: u32,
    /// Give up after this long without progress, such as 90s or 10m
    #[arg(long, env = "WHARFINGER_PATIENCE", value_name = "TIME", default_value = "10m", value_parser = duration)]
    patience: Duration,
    /// Only judge the orders, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// Have all orders judged again, also those that an earlier run has sent
    #[arg(long)]
    again: bool,
    /// Write the files of results into this directory [default: beside FILE]
    #[arg(long, env = "WHARFINGER_OUT", value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// A file to send.
pub(crate) struct Job<'j> {
    /// The file, as the user named it.
    pub(crate) file: &'j Path,
    pub(crate) client: &'j Client,
    pub(crate) dialect: &'static dyn Dialect,
    /// The organisation of orders that name none.
    pub(crate) organisation: Option<String>,
    /// How far the file is read.
    pub(crate) progress: Progress,
}

impl SendOptions {
    /// Names of the files of results of a file.
    pub(crate) fn names(&self, file: &Path) -> Names {
        Names::beside(file, self.out.as_deref(), self.dry_run)
    }

    /// Sends the orders of a file. The results are unfinished files.
    ///
    /// # Errors
    /// Nothing was sent: the server cannot be reached or refuses the key, or the files of results cannot be written.
    pub(crate) fn send(&self, job: Job<'_>, orders: &mut dyn Orders) -> Result<(Sent, Outputs)> {
        let bar = Bar::begin(job.progress);
        let on_wait = |wait: &_| bar.tell(wait);
        let patient = Patient::new(job.client, self.patience, &on_wait);
        let limits = Limits::fetch(&patient)?;
        let only = limits.only_organisation().map(str::to_owned);
        let target = Target {
            dialect: job.dialect,
            organisation: job.organisation.or(only),
            file_name: encoded_name(job.file),
            dry_run: self.dry_run,
            nonce: if self.again { nonce()? } else { Vec::new() },
            orders_max: limits.orders_max(self.batch as usize),
            bytes_max: limits.bytes_max(BATCH_BYTES_MAX),
            in_flight: self.in_flight as usize,
        };
        let mut outputs = Outputs::begin(self.names(job.file), job.file, job.client, &target)?;
        let sent = send(&target, &patient, orders, &mut outputs, &bar);
        bar.finish();
        Ok((sent, outputs))
    }

    /// Ends a run: names its files, and prints the summary.
    ///
    /// # Errors
    /// Why not everything was sent; or the files of results or `out` cannot be written.
    pub(crate) fn conclude(
        &self,
        file: &Path,
        sent: Sent,
        outputs: Outputs,
        out: &mut dyn Write,
    ) -> Result<Exit> {
        let file = match is_stdin(file) {
            true => "standard input".to_owned(),
            false => file.display().to_string(),
        };
        let Sent { totals, mut error } = sent;
        if error.is_none() && totals.orders == 0 {
            error = Some(anyhow!("{} has no orders", shown(&file)));
        }
        let is_empty = totals.orders == 0;
        let mut ending =
            "not everything was sent; run the same command again, nothing is stored twice";
        let written = match &error {
            None => outputs.finish().unwrap_or_else(|failure| {
                ending = "everything was sent, but the files of results could not be written; \
                          run the same command again, nothing is stored twice";
                error = Some(failure);
                Written::default()
            }),
            // The error of the run is the one to tell.
            Some(_) => outputs.leave(is_empty).unwrap_or_default(),
        };
        let sentence = error.as_ref().map(|error| format!("{error:#}"));
        if self.json {
            write_json(out, &totals.to_json(&file, &written, sentence.as_deref()))?;
        } else if !is_empty {
            totals.write(out, &file, &written, self.dry_run)?;
        }
        let Some(error) = error else {
            if totals.rejected == 0 {
                return Ok(Exit::Done);
            }
            if let (false, false, Some(rejected)) = (self.json, self.dry_run, &written.rejected) {
                let argument = argument(rejected);
                writeln!(
                    out,
                    "Mend the rejected orders, then: wharfinger resend {}",
                    shown(&argument)
                )?;
            }
            return Ok(Exit::SomeRejected);
        };
        if is_empty {
            return Err(error);
        }
        Err(error.context(format!("{}: {ending}", shown(&file))))
    }
}

/// A file's name as an argument that can be pasted into a shell.
pub(crate) fn argument(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:@%+,".contains(letter);
    let quoted = match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    };
    match name.starts_with('-') {
        true => format!("-- {quoted}"),
        false => quoted,
    }
}

/// Reads a time such as `10m`.
fn duration(text: &str) -> Result<Duration> {
    let duration = text.parse::<jiff::SignedDuration>().ok();
    let Some(duration) = duration.and_then(|duration| Duration::try_from(duration).ok()) else {
        bail!("expected a time such as 90s or 10m");
    };
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_for_a_shell_where_that_is_needed() {
        for (name, expected) in [
            ("a/b-1.json", "a/b-1.json"),
            ("größe.json", "größe.json"),
            ("a b;c", "'a b;c'"),
            ("it's $(x)", r"'it'\''s $(x)'"),
            ("~x", "'~x'"),
            ("-x.json", "-- -x.json"),
            ("-x y", "-- '-x y'"),
        ] {
            assert_eq!(argument(name), expected);
        }
    }
}
