//! Loads files into a catalogue. Shared by `products load` and `customers load`.

mod files;
mod table;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use wharfinger_core::decide::admit::Policy;
use wharfinger_core::decide::catalogue::import::{LineProblem, LoadLine};
use wharfinger_core::order::ids::OrganisationId;

use self::files::{File, Read};
use super::{KeptIn, directory, find_organisation, write_json};
use crate::store::{COMMAND_LINE, LineOutcome, Load, LoadCounts, Loaded, Store, StoreError};

/// Lines per transaction. It takes some tenths of a second, during which a server's writes wait. Smaller transactions would
/// rewrite the same index pages more often if a file is unsorted.
const SLICE_LINES: usize = 20_000;

/// Most lines that can be loaded all or nothing. They form one transaction, during which all other writes wait.
const WHOLE_LINES_MAX: usize = 100_000;

/// What to load, and where.
#[derive(Args, Debug)]
pub(super) struct LoadFiles {
    /// Files to load; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The organisation to load into
    #[arg(long, value_name = "CODE")]
    org: String,
    /// Format of files whose names do not end in .csv, .ndjson or .jsonl [default: csv]
    #[arg(long)]
    format: Option<Format>,
    /// Load nothing if any line is invalid; at most 100000 lines
    #[arg(long)]
    all_or_nothing: bool,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table with a header line and comma-separated fields
    Csv,
    /// A JSON object on each line
    Ndjson,
}

/// Entries that a command can load.
pub(super) trait Loadable: LoadLine {
    /// Plural name, for messages.
    const WHAT: &'static str;

    /// Loads one slice.
    async fn load(store: &Store, load: Load<Self>) -> Result<Loaded, StoreError>;
}

/// The result, as it is printed.
#[derive(Serialize)]
struct Printed {
    created: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withheld: u64,
}

impl LoadFiles {
    pub(super) async fn run<L: Loadable>(self, out: &mut dyn Write) -> Result<()> {
        let store = self.data.open()?;
        let organisation = find_organisation(&directory(store.as_ref()).await?, &self.org)?.id;
        let files = self.files.iter().map(|path| File::open(path, self.format));
        let mut files: Vec<File> = files.collect::<Result<_>>()?;
        let mut loading = Loading::<L> {
            store: store.as_ref(),
            organisation,
            policy: if self.all_or_nothing {
                Policy::AllOrNothing
            } else {
                Policy::Partial
            },
            bar: bar(&files),
            slice: Slice::default(),
            entry: None,
            counts: LoadCounts::default(),
        };
        let done = loading.run(&mut files).await;
        loading.bar.finish_and_clear();
        let counts = loading.counts;
        store.close().await;
        print::<L>(out, counts, self.json)?;
        done?;
        let lines = counts.taken() + counts.rejected + counts.withheld;
        match (counts.rejected, self.all_or_nothing) {
            (0, _) => Ok(()),
            (rejected, false) => {
                bail!(
                    "{rejected} of {lines} lines were not loaded; fix them and load the file again"
                )
            }
            (rejected, true) => {
                bail!("nothing was loaded because {rejected} of {lines} lines are invalid")
            }
        }
    }
}

fn print<L: Loadable>(out: &mut dyn Write, counts: LoadCounts, json: bool) -> Result<()> {
    let LoadCounts {
        created,
        updated,
        unchanged,
        rejected,
        withheld,
    } = counts;
    if json {
        let printed = Printed {
            created,
            updated,
            unchanged,
            rejected,
            withheld,
        };
        return write_json(out, &printed);
    }
    let what = L::WHAT;
    writeln!(
        out,
        "{what}: {created} created, {updated} updated, {unchanged} unchanged"
    )?;
    Ok(())
}

/// Lines of one transaction, and where each came from.
struct Slice<L> {
    lines: Vec<L>,
    positions: Vec<Position>,
    /// Lines among them that cannot be read.
    unreadable: usize,
}

impl<L> Default for Slice<L> {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            positions: Vec::new(),
            unreadable: 0,
        }
    }
}

/// The position of a line.
#[derive(Clone, Copy)]
struct Position {
    /// Index of the file.
    file: usize,
    /// Line number, from 1.
    line: u64,
}

/// A load in progress.
struct Loading<'s, L> {
    store: &'s Store,
    organisation: OrganisationId,
    policy: Policy,
    bar: ProgressBar,
    slice: Slice<L>,
    entry: Option<i64>,
    counts: LoadCounts,
}

impl<L: Loadable> Loading<'_, L> {
    /// Loads all files. Stops at a file that cannot be read. The lines before that are loaded, unless the load is all or
    /// nothing.
    async fn run(&mut self, files: &mut [File]) -> Result<()> {
        let read = self.read_all(files).await;
        match (&read, self.policy) {
            (Err(_), Policy::AllOrNothing) => {}
            (Ok(()), Policy::AllOrNothing) | (_, Policy::Partial) => self.flush(files).await?,
        }
        read
    }

    async fn read_all(&mut self, files: &mut [File]) -> Result<()> {
        for at in 0..files.len() {
            while let Some(Read { line, content }) = files[at].next::<L>()? {
                match content {
                    Ok(content) => {
                        self.slice.lines.push(content);
                        self.slice.positions.push(Position { file: at, line });
                    }
                    Err(problems) => {
                        self.slice.unreadable += 1;
                        self.report(&files[at], line, &problems);
                    }
                }
                self.end_slice(files).await?;
            }
        }
        Ok(())
    }

    /// Loads the slice if it is full.
    async fn end_slice(&mut self, files: &[File]) -> Result<()> {
        let lines = self.slice.lines.len() + self.slice.unreadable;
        match self.policy {
            Policy::Partial if lines >= SLICE_LINES => {
                self.flush(files).await?;
                self.bar
                    .set_position(files.iter().map(File::bytes_read).sum());
                Ok(())
            }
            Policy::AllOrNothing if lines > WHOLE_LINES_MAX => bail!(
                "--all-or-nothing accepts at most {WHOLE_LINES_MAX} lines, because it blocks all other writes; omit it, or \
                 load the lines in parts"
            ),
            Policy::Partial | Policy::AllOrNothing => Ok(()),
        }
    }

    async fn flush(&mut self, files: &[File]) -> Result<()> {
        let Slice {
            lines,
            positions,
            unreadable,
        } = std::mem::take(&mut self.slice);
        self.counts.rejected += unreadable as u64;
        if lines.is_empty() && self.entry.is_none() {
            return Ok(());
        }
        let load = Load {
            organisation: self.organisation,
            lines,
            unreadable,
            policy: self.policy,
            who: COMMAND_LINE.into(),
            entry: self.entry,
            save_reply: None,
        };
        let loaded = L::load(self.store, load).await?.lines;
        self.entry = loaded.entry;
        self.counts.add(&loaded.outcomes);
        for (position, outcome) in positions.iter().zip(&loaded.outcomes) {
            if let LineOutcome::Refused(problem) = outcome {
                self.report(
                    &files[position.file],
                    position.line,
                    std::slice::from_ref(problem),
                );
            }
        }
        Ok(())
    }

    /// Reports a line's problems on stderr.
    fn report(&self, file: &File, line: u64, problems: &[LineProblem]) {
        self.bar.suspend(|| {
            let mut errors = std::io::stderr().lock();
            for problem in problems {
                let line = file.named(line, problem);
                // A closed stderr must not stop the load.
                drop(writeln!(errors, "{line}: {}", problem.message));
            }
        });
    }
}

/// A progress bar, drawn on terminals only.
fn bar(files: &[File]) -> ProgressBar {
    let sizes: Option<Vec<u64>> = files.iter().map(File::bytes).collect();
    let (bar, template) = match sizes {
        Some(sizes) => (
            ProgressBar::new(sizes.iter().sum()),
            "{bar:30} {bytes}/{total_bytes}  {eta} left",
        ),
        None => (ProgressBar::no_length(), "{bytes} loaded"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
