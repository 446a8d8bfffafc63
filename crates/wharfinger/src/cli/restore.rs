//! `wharfinger restore`: makes a store from a backup.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::backup::Bar;
use super::{check, shown, write_json};
use crate::backup::{self, Restored, Source};
use crate::serve::config::DATA_DEFAULT;
use crate::store::{self, StoreFacts};

/// Restore the store from a backup
#[derive(Args, Debug)]
#[command(
    after_help = "Name the full backup first, then all increments in the order in which they were made. One of them may be - \
for an archive on standard input. The data directory must be empty, or not exist. Every part is compared \
with its digest, and the order of the increments is checked. If anything is wrong, the directory stays as it \
was. The restored store is verified as by `wharfinger check`. A store that was backed up with faults is \
restored with them, and the command ends with status 1.\n\n\
The command then says where the feed of each organisation ends, and how far each destination was. With \
--instead-of, it also says what the store in that data directory has beyond the backup.\n\n\
To go on in PostgreSQL, copy the restored store there with `wharfinger copy`.\n\n\
Examples: wharfinger restore /backup/monday /backup/tuesday.tar.zst --data ./restored\n          \
ssh backup@example.com 'cat orders.tar.zst' | wharfinger restore - --data ./restored"
)]
pub(super) struct Restore {
    /// The full backup, then its increments: directories or archives
    #[arg(value_name = "BACKUP", required = true)]
    backups: Vec<PathBuf>,
    /// Data directory to restore into
    #[arg(long, env = "WHARFINGER_DATA", value_name = "DIRECTORY", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Data directory of the store that is replaced: says which events and destinations lie beyond the backup
    #[arg(long, env = "WHARFINGER_INSTEAD_OF", value_name = "DIRECTORY")]
    instead_of: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Restore {
    /// Runs the command. Blocks until it is done.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let sources = self.backups.iter().map(|named| Source::named(named));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let replaced = self.instead_of.as_deref().map(facts_of).transpose()?;
        let bar = Bar::default();
        let restored = backup::restore(&sources, &self.data, &mut |stage, done, all| {
            bar.tell(stage, done, all);
        })?;
        drop(bar);
        if self.json {
            write_json(out, &as_json(&restored, replaced.as_ref()))?;
        } else {
            self.print(out, &restored, replaced.as_ref())?;
        }
        let faults = restored.report.faults.len();
        if faults > 0 {
            bail!("the store was restored as it was backed up, and has {faults} faults");
        }
        Ok(())
    }

    fn print(
        &self,
        out: &mut dyn Write,
        restored: &Restored,
        replaced: Option<&StoreFacts>,
    ) -> Result<()> {
        let moment = shown(&restored.manifest.moment);
        check::write_report(out, &restored.report)?;
        writeln!(
            out,
            "restored the store of {moment} into {}",
            self.data.display()
        )?;
        for feed in &restored.facts.feeds {
            let (code, position) = (&feed.organisation, feed.position);
            write!(out, "feed of {}: ends at position {position}", shown(code))?;
            match replaced.and_then(|facts| position_of(facts, code)) {
                Some(beyond) if beyond > position => writeln!(
                    out,
                    "; events {} to {beyond} of the other store are not in it",
                    position + 1
                )?,
                Some(_) | None => writeln!(out)?,
            }
        }
        for destination in &restored.facts.destinations {
            let (id, delivered) = (&destination.id, destination.delivered);
            write!(out, "destination {id}: {delivered} events were delivered")?;
            match replaced.and_then(|facts| stamp_of(facts, id)) {
                Some(beyond) if beyond > restored.facts.stamp => writeln!(
                    out,
                    "; it has read beyond the backup, and its receiver has events that are not in it"
                )?,
                Some(beyond) if beyond > destination.stamp => {
                    writeln!(
                        out,
                        "; the events that it got since then are delivered again"
                    )?;
                }
                Some(_) | None => writeln!(out)?,
            }
        }
        writeln!(
            out,
            "a cursor from after {moment} lies beyond the backup: its reader gets 410 once, with the cursor to go on from"
        )?;
        Ok(())
    }
}

fn facts_of(data: &Path) -> Result<StoreFacts> {
    store::facts_of(data).with_context(|| format!("cannot read the store in {}", data.display()))
}

fn position_of(facts: &StoreFacts, organisation: &str) -> Option<u64> {
    let mut feeds = facts.feeds.iter();
    let feed = feeds.find(|feed| feed.organisation == organisation);
    feed.map(|feed| feed.position)
}

fn stamp_of(facts: &StoreFacts, destination: &str) -> Option<i64> {
    let mut destinations = facts.destinations.iter();
    let found = destinations.find(|found| found.id == destination);
    found.map(|found| found.stamp)
}

fn as_json(restored: &Restored, replaced: Option<&StoreFacts>) -> serde_json::Value {
    let mut line = check::as_json(&restored.report);
    line["moment"] = restored.manifest.moment.clone().into();
    let feeds = restored.facts.feeds.iter().map(|feed| {
        serde_json::json!({
            "organisation": feed.organisation,
            "position": feed.position,
            "position_replaced": replaced.and_then(|facts| position_of(facts, &feed.organisation)),
        })
    });
    line["feeds"] = feeds.collect();
    let destinations = restored.facts.destinations.iter().map(|destination| {
        let beyond = replaced.and_then(|facts| stamp_of(facts, &destination.id));
        serde_json::json!({
            "id": destination.id,
            "delivered": destination.delivered,
            "is_beyond": beyond.map(|stamp| stamp > restored.facts.stamp),
        })
    });
    line["destinations"] = destinations.collect();
    line
}
