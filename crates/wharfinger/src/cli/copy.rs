//! `wharfinger copy`: copies a store to another place.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{check, write_json};
use crate::config::locate;
use crate::store::StoreError;
use crate::store::{self, Copied, Hold, Location, SCHEMES, Stage};

/// Move a whole store to another place: to PostgreSQL, or back
#[derive(Args, Debug)]
#[command(
    after_help = "PLACE is a data directory, or a database of PostgreSQL as postgres://USER@HOST/NAME. Everything\n\
goes along: orders with their history, receipts, what was rejected, kept answers, imports, keys,\n\
the audit log, catalogues and stock. Ids and positions stay the same, so that cursors and\n\
idempotency keys work on.\n\n\
Stop the servers of both places first. The copy is of one moment: nobody can write to the source\n\
while it runs. The target must be empty, or an unfinished copy: one that was broken off goes on\n\
by the same command where it stopped, after what is there was held against the source; where that\n\
has changed meanwhile, it says so and copies nothing. No other command opens an unfinished copy;\n\
to give one up, delete the directory or drop the database.\n\n\
At the end all rows are read back and compared, and the copy is checked as by `wharfinger check`:\n\
exit status 1 with a sentence for each fault. The source stays as it is. Let no server take orders\n\
into it any more, and delete it when you are content.\n\n\
A password that is not in the URL comes from a file, or from WHARFINGER_DATABASE_PASSWORD.\n\n\
Examples: wharfinger copy --from ./wharfinger-data --to postgres://wharfinger@db.example.com/orders\n          \
wharfinger copy --from postgres://wharfinger@db.example.com/orders --to ./wharfinger-data"
)]
pub(super) struct Copy {
    /// The store that is copied
    #[arg(
        long,
        env = "WHARFINGER_FROM",
        value_name = "PLACE",
        hide_env_values = true
    )]
    from: String,
    /// Where it is copied to
    #[arg(
        long,
        env = "WHARFINGER_TO",
        value_name = "PLACE",
        hide_env_values = true
    )]
    to: String,
    /// File with the password for the database that is copied from
    #[arg(long, env = "WHARFINGER_FROM_PASSWORD_FILE", value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// File with the password for the database that is copied to
    #[arg(long, env = "WHARFINGER_TO_PASSWORD_FILE", value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// File with the CA that signed the certificates of the databases; TLS is spoken to them then
    #[arg(long, env = "WHARFINGER_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// Print what was copied as JSON
    #[arg(long)]
    json: bool,
}

impl Copy {
    /// Runs the copy. Blocks until it is done.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let ca = self.database_ca.as_deref();
        let from = place(&self.from, self.from_password_file.as_deref(), ca)?;
        let to = place(&self.to, self.to_password_file.as_deref(), ca)?;
        for place in [&from, &to] {
            super::warn_if_exposed(place);
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
                "{}: {why}; the same command goes on where it stopped",
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
                writeln!(out, "went on behind {resumed} rows that were there already")?;
            }
            writeln!(
                out,
                "copied {rows} rows to {to}, and read the same ones back"
            )?;
            check::write_report(out, report)?;
        }
        if !report.faults.is_empty() {
            bail!(
                "the copy is the same as its source, and neither is whole: {} faults",
                report.faults.len()
            );
        }
        Ok(())
    }
}

/// Parses a place: a data directory or a database URL.
fn place(named: &str, password_file: Option<&Path>, ca: Option<&Path>) -> Result<Location> {
    let is_database = SCHEMES.iter().any(|scheme| named.starts_with(scheme));
    match password_file {
        Some(file) if !is_database => bail!(
            "{named} is a directory, for which the password in {} is of no use; a database is postgres://USER@HOST/NAME",
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
        bail!("{from} is copied from and to");
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
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    Ok(Some(store::hold(directory, false)?))
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Resuming => "holding what is there against the source",
        Stage::Copying => "copying",
        Stage::ReadingBack => "reading it back",
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
