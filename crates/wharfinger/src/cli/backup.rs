//! `wharfinger backup`: copies the store beside a running server.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use super::{KeptIn, shown, warn_if_exposed, write_json};
use crate::backup::{self, Made, Request, Source, Stage, Target, Unfinished};
use crate::store::{Location, Options, Store};
use wharfinger_client::terminal;

/// Back up the store
#[derive(Args, Debug)]
#[command(
    after_help = "TO is a new directory, a new archive whose name ends in .tar.zst, or - for an archive on standard\n\
output. It gets its name when the backup is complete and on disk. Nothing that exists is overwritten.\n\n\
Servers may be running. The backup has the state of one moment: every order that was acknowledged before \
the command began is in it. The copy is verified as by `wharfinger check`, and the command needs room for \
it: beside TO, or in --temporary for standard output.\n\n\
With --since, the backup has only what changed since another one. A restore needs that one too, and all \
between it and the last full one. The whole store is still read. With --no-verify, only what changed is \
written, and needs room.\n\n\
A backup contains everything: orders with personal data, and hashes of the keys' secrets, the secrets that \
sign deliveries, and passwords of destinations. Keep it as safe as the store.\n\n\
Examples: wharfinger backup /backup/monday\n          \
wharfinger backup --since /backup/monday /backup/tuesday.tar.zst\n          \
wharfinger backup - | ssh backup@example.com 'umask 077; cat > orders.tar.zst'"
)]
pub(super) struct Backup {
    /// Where to write the backup
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// The backup since which changes are taken: a directory or an archive
    #[arg(long, env = "WHARFINGER_BACKUP_SINCE", value_name = "BACKUP")]
    since: Option<PathBuf>,
    /// Do not verify the copy
    #[arg(long)]
    no_verify: bool,
    /// Where a backup to standard output is prepared; by default the system's directory for temporary files
    #[arg(long, env = "WHARFINGER_BACKUP_TEMPORARY", value_name = "DIRECTORY")]
    temporary: Option<PathBuf>,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

impl Backup {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let location = self.data.location()?;
        warn_if_exposed(&location);
        let to = Target::named(&self.to)?;
        let is_piped = to == Target::Standard;
        if is_piped && std::io::stdout().is_terminal() {
            bail!(
                "standard output is a terminal; name a file, or pipe the archive to another program"
            );
        }
        let since = self.since.as_deref().map(Source::named).transpose()?;
        if since == Some(Source::Standard) {
            bail!("--since is a directory or an archive, not standard input");
        }
        let request = Request {
            from: &location,
            to,
            since,
            verify: !self.no_verify,
            temporary: self.temporary.unwrap_or_else(std::env::temp_dir),
            unfinished: Unfinished::default(),
        };
        remove_at_signals(&request.unfinished)?;
        let made = tokio::task::block_in_place(|| {
            let bar = Bar::default();
            // The reader of an archive must not be gone unnoticed, as that of other output may.
            let mut archive = std::io::stdout();
            backup::make(&request, &mut archive, &mut |stage, done, all| {
                bar.tell(stage, done, all);
            })
        })?;
        note(&location, made.manifest.moment_ms).await;
        if is_piped {
            return print(&mut std::io::stderr(), &made, self.json);
        }
        print(out, &made, self.json)
    }
}

/// Ends the process at SIGTERM and SIGINT, without the directory of the unfinished backup.
fn remove_at_signals(unfinished: &Unfinished) -> Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).context("cannot wait for signals")?;
        let unfinished = unfinished.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_none() {
                return;
            }
            if unfinished.remove() {
                terminal::complain(format_args!(
                    "wharfinger: the backup was interrupted; what was unfinished of it is removed"
                ));
            }
            // As a shell reports a command that a signal ended.
            std::process::exit(128 + kind.as_raw_value());
        });
    }
    Ok(())
}

/// Records the backup in the store.
async fn note(location: &Location, moment_ms: i64) {
    let noted = async {
        let opened =
            tokio::task::block_in_place(|| Store::open_existing(location, &Options::default()));
        let store = opened?;
        let noted = store.note_backup(moment_ms).await;
        store.close().await;
        noted
    };
    if let Err(error) = noted.await {
        // The backup is whole all the same.
        terminal::complain(format_args!(
            "wharfinger: warning: the backup could not be recorded in {location}, so its servers do not show it: {error}"
        ));
    }
}

fn print(out: &mut dyn Write, made: &Made, json: bool) -> Result<()> {
    let manifest = &made.manifest;
    if json {
        return write_json(out, manifest);
    }
    let what = match (&manifest.base, manifest.orders) {
        (Some(base), _) => format!("what changed since {}", shown(&base.moment)),
        (None, Some(orders)) => format!("{orders} orders"),
        (None, None) => "the store".into(),
    };
    let verified = if manifest.verified {
        "verified"
    } else {
        "not verified"
    };
    writeln!(
        out,
        "backed up {what}, as of {}: {}, {verified}",
        manifest.moment,
        HumanBytes(made.bytes)
    )?;
    Ok(())
}

/// A progress bar, drawn on terminals only.
pub(super) struct Bar(ProgressBar);

impl Default for Bar {
    fn default() -> Self {
        let bar = ProgressBar::no_length();
        let style = ProgressStyle::with_template("{bar:30} {percent}%  {elapsed}  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Bar {
    /// Shows how far a stage is.
    pub(super) fn tell(&self, stage: Stage, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
        self.0.set_message(match stage {
            Stage::Copying => "copying",
            Stage::Checking => "checking",
            Stage::Writing => "writing",
            Stage::Reading => "reading",
            Stage::Comparing => "comparing",
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
