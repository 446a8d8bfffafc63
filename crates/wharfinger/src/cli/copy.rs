//! `wharfinger copy`: copies a store to another place.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{check, write_json};
use crate::serve::config::locate;
use crate::store::StoreError;
use crate::store::{self, Copied, Hold, Location, SCHEMES, Stage};

/// Copy the store to PostgreSQL or back
#[derive(Args, Debug)]
#[command(
    after_help = "PLACE is a data directory, or a PostgreSQL database as postgres://USER@HOST/NAME. Everything is\n\
copied: orders with their history, receipts, rejected orders, saved responses, imports, keys, the\n\
audit log, catalogues and stock. Ids and positions stay the same, so cursors and idempotency keys\n\
stay valid.\n\n\
Stop the servers of both places first. The copy is a snapshot of one moment: nobody can write to\n\
the source while the command runs. The target must be empty, or an unfinished copy. To resume an\n\
interrupted copy, run the same command again. It first compares the copied rows with the source; if\n\
the source has changed, it reports that and copies nothing. No other command opens an unfinished\n\
copy. To discard one, delete the directory or drop the database.\n\n\
At the end, all rows are read back and compared, and the copy is verified as by `wharfinger check`:\n\
exit status 1, and a sentence for each fault. The source is not changed. Do not let a server accept\n\
orders into it any more; delete it when you no longer need it.\n\n\
If the URL has no password, it comes from a file, or from WHARFINGER_DATABASE_PASSWORD.\n\n\
Examples: wharfinger copy --from ./wharfinger-data --to postgres://wharfinger@db.example.com/orders\n          \
wharfinger copy --from postgres://wharfinger@db.example.com/orders --to ./wharfinger-data"
)]
pub(super) struct Copy {
    /// The store to copy from
    #[arg(
        long,
        env = "WHARFINGER_FROM",
        value_name = "PLACE",
        hide_env_values = true
    )]
    from: String,
    /// The store to copy to
    #[arg(
        long,
        env = "WHARFINGER_TO",
        value_name = "PLACE",
        hide_env_values = true
    )]
    to: String,
    /// File with the password of the database to copy from
    #[arg(long, env = "WHARFINGER_FROM_PASSWORD_FILE", value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// File with the password of the database to copy to
    #[arg(long, env = "WHARFINGER_TO_PASSWORD_FILE", value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// PEM file with the CA of the databases' certificates; enables TLS
    #[arg(long, env = "WHARFINGER_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Copy {
    /// Runs the copy. Blocks until it is done.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let ca = self.database_ca.as_deref();
        let from = location(&self.from, self.from_password_file.as_deref(), ca)?;
        let to = location(&self.to, self.to_password_file.as_deref(), ca)?;
        for location in [&from, &to] {
            super::warn_if_exposed(location);
        }
        let _held = (hold_source(&from)?, hold_target(&from, &to)?);
        let bar = bar();
        let copied = store::copy(&from, &to, &mut |stage, done, all| {
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(name(stage));
        });
        bar.finish_and_clear();
        let cannot = || format!("cannot copy {from} to {to}");
        let copied = match copied {
            Err(StoreError::Unavailable(why) | StoreError::DiskFull(why)) => bail!(
                "{}: {why}; to resume the copy, run the same command again",
                cannot()
            ),
            copied => copied.with_context(cannot)?,
        };
        self.print(out, &copied, &to)
    }

    fn print(&self, out: &mut dyn Write, copied: &Copied, to: &Location) -> Result<()> {
        let Copied {
            rows,
            resumed,
            report,
        } = copied;
        if self.json {
            let mut line = check::as_json(report);
            line["rows"] = (*rows).into();
            line["resumed"] = (*resumed).into();
            write_json(out, &line)?;
        } else {
            if *resumed > 0 {
                writeln!(
                    out,
                    "resumed after {resumed} rows that had already been copied"
                )?;
            }
            writeln!(out, "copied {rows} rows to {to}, and verified them")?;
            check::write_report(out, report)?;
        }
        if !report.faults.is_empty() {
            bail!(
                "the copy equals its source, and both have {} faults",
                report.faults.len()
            );
        }
        Ok(())
    }
}

/// Parses a place: a data directory or a database URL.
fn location(named: &str, password_file: Option<&Path>, ca: Option<&Path>) -> Result<Location> {
    let is_database = SCHEMES.iter().any(|scheme| named.starts_with(scheme));
    match password_file {
        Some(file) if !is_database => bail!(
            "{named} is a data directory, which has no password (given in {}); name a database as postgres://USER@HOST/NAME",
            file.display()
        ),
        _ => locate(
            named.into(),
            is_database.then(|| named.to_owned()),
            password_file,
            ca.map(Path::to_owned),
        ),
    }
}

/// Locks the source directory, so that no server uses it.
fn hold_source(from: &Location) -> Result<Option<Hold>> {
    match from {
        Location::Database(_) => Ok(None),
        Location::Directory(directory) if directory.is_dir() => {
            Ok(Some(store::hold(directory, false)?))
        }
        Location::Directory(directory) => {
            bail!("there is no data directory {}", directory.display())
        }
    }
}

/// Creates the target directory if it does not exist, and locks it.
fn hold_target(from: &Location, to: &Location) -> Result<Option<Hold>> {
    if let (Location::Database(one), Location::Database(other)) = (from, to)
        && one.url == other.url
    {
        bail!("{from} is both the source and the target");
    }
    let Location::Directory(directory) = to else {
        return Ok(None);
    };
    if let Location::Directory(from) = from
        && directory.is_dir()
        && std::fs::canonicalize(from)? == std::fs::canonicalize(directory)?
    {
        bail!(
            "{} and {} are the same directory",
            from.display(),
            directory.display()
        );
    }
    store::make_directory(directory)
        .with_context(|| format!("cannot create the directory {}", directory.display()))?;
    Ok(Some(store::hold(directory, false)?))
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Resuming => "comparing copied rows with the source",
        Stage::Copying => "copying",
        Stage::ReadingBack => "reading back",
        Stage::Checking => "checking",
    }
}

/// A progress bar, drawn on terminals only.
fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} rows  {elapsed}  {msg}")
    {
        bar.set_style(style);
    }
    bar
}
