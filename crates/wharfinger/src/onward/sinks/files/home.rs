//! The directory of a destination: checked, locked, and searched.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::writer::Writer;
use super::{ROOT, names};
use crate::onward::sinks::Failure;
use crate::store::sync_directory;

/// Says whose directory it is, and what was written.
const MARK: &str = ".wharfinger";
const MARK_NEW: &str = ".wharfinger.new";
/// Locked while a server writes there. Separate from the mark, which is replaced.
const LOCK: &str = ".wharfinger.lock";

/// How often the lock is tried, and with what pause. A program that is about to start another one has the files of this process for
/// a moment.
const LOOKS_MAX: usize = 10;
const LOOK: Duration = Duration::from_millis(10);

/// The content of the mark. It is written before a file gets its final name. So if the partial file of this number is still there,
/// the file was not finished. If it is not, the file was finished, even if somebody has taken it away since.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Mark {
    destination: String,
    /// The latest replay.
    replays: i64,
    /// The number of the last file. 0 if there is none.
    number: u64,
    /// The last event of each organisation in it, by code.
    events: HashMap<String, LastEvent>,
}

/// The last event of an organisation in a file. In a store that was restored to an earlier moment, another event may have its
/// position, with a later time.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct LastEvent {
    pub(super) position: u64,
    pub(super) at_ms: i64,
}

/// A directory that this process writes to.
pub(super) struct Home {
    directory: PathBuf,
    mark: Mark,
    _lock: File,
}

impl Home {
    /// Takes a directory below the root, and creates it if it is missing. Removes partial files.
    pub(super) fn take(
        root: &Path,
        below: &str,
        destination: Uuid,
        replays: i64,
    ) -> Result<Self, Failure> {
        let directory = inside(root, below)?;
        let fault = |error: io::Error| about(&directory, &error);
        let lock = lock(&directory)?;
        let found = read_mark(&directory).map_err(fault)?;
        let listed = list(&directory).map_err(fault)?;
        let destination = destination.to_string();
        let mut mark = match found {
            Some(mark) if mark.destination != destination => {
                return Err(Failure::refused(format!(
                    "{} belongs to destination {}; give each destination a directory of its own",
                    directory.display(),
                    mark.destination
                )));
            }
            Some(mark) => mark,
            None => Mark {
                destination,
                replays,
                number: listed.last,
                events: HashMap::new(),
            },
        };
        if listed
            .partial
            .iter()
            .any(|(number, _)| *number == mark.number)
        {
            mark.number = mark.number.saturating_sub(1);
            mark.events.clear();
        }
        if mark.replays < replays {
            mark.replays = replays;
            mark.events.clear();
        }
        // Before the partial files are removed: without them, the mark counts.
        write_mark(&directory, &mark).map_err(fault)?;
        for (_, partial) in listed.partial {
            std::fs::remove_file(directory.join(partial)).map_err(fault)?;
        }
        Ok(Self {
            directory,
            mark,
            _lock: lock,
        })
    }

    /// The number of the last file.
    pub(super) fn number(&self) -> u64 {
        self.mark.number
    }

    /// Whether the last file has an event, or one behind it.
    pub(super) fn has(&self, code: &str, event: LastEvent) -> bool {
        let last = self.mark.events.get(code);
        last.is_some_and(|last| last.position >= event.position && last.at_ms >= event.at_ms)
    }

    /// Finishes the next file.
    pub(super) fn finish(
        &mut self,
        writer: Writer,
        name: &str,
        events: HashMap<String, LastEvent>,
    ) -> Result<(), Failure> {
        let before = self.mark.clone();
        self.mark.number += 1;
        self.mark.events = events;
        let synced = writer.sync();
        let written = synced.and_then(|synced| {
            write_mark(&self.directory, &self.mark)?;
            synced.rename(name)
        });
        written.map_err(|error| {
            // The partial file may have been removed by somebody. The mark must not take that for a finished one.
            let undone = write_mark(&self.directory, &before);
            if let Err(error) = undone {
                tracing::warn!(%error, "The mark of a directory could not be taken back.");
            }
            self.fault(&error)
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Explains an error of the files.
    pub(super) fn fault(&self, error: &io::Error) -> Failure {
        about(&self.directory, error)
    }
}

/// Explains an error about a directory, with the remedy.
fn about(directory: &Path, error: &io::Error) -> Failure {
    let directory = directory.display();
    use ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let kind = error.kind();
    if matches!(kind, StorageFull | QuotaExceeded) {
        let why = format!(
            "the disk of {directory} is full; free some space, or move finished files away"
        );
        return Failure::new("full", why);
    }
    Failure::refused(if kind == NotFound {
        format!(
            "{directory} or the file that was being written there was removed; leave .partial files and the directory alone"
        )
    } else if matches!(kind, PermissionDenied | ReadOnlyFilesystem) {
        format!("this server may not write to {directory} ({error}); let its user write there")
    } else {
        format!("cannot write to {directory}: {error}")
    })
}

fn lock(directory: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(directory.join(LOCK));
    let file = file.map_err(|error| about(directory, &error))?;
    for _ in 0..LOOKS_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            Err(TryLockError::Error(error)) => return Err(about(directory, &error)),
        }
    }
    Err(Failure::fenced(format!(
        "another server writes to {} at present",
        directory.display()
    )))
}

/// The files of a directory.
#[derive(Default)]
struct Listed {
    /// The number of the last finished file. 0 if there is none.
    last: u64,
    /// The numbers and names of partial files.
    partial: Vec<(u64, String)>,
}

fn list(directory: &Path) -> io::Result<Listed> {
    let mut listed = Listed::default();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(number) = names::number_of_partial(&name) {
            listed.partial.push((number, name));
        } else if let Some(number) = names::number(&name) {
            listed.last = number.max(listed.last);
        }
    }
    Ok(listed)
}

/// The directory, which is made if it is missing.
fn inside(root: &Path, below: &str) -> Result<PathBuf, Failure> {
    if !root.is_dir() {
        return Err(Failure::refused(format!(
            "the directory {} of {ROOT} does not exist; create it",
            root.display()
        )));
    }
    let directory = root.join(below);
    let fault = |error: io::Error| about(&directory, &error);
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o750);
    builder.create(&directory).map_err(fault)?;
    let real = directory.canonicalize().map_err(fault)?;
    let root = root.canonicalize().map_err(fault)?;
    if !real.starts_with(&root) {
        return Err(Failure::refused(format!(
            "{} leads out of the directory of {ROOT}",
            directory.display()
        )));
    }
    Ok(directory)
}

fn read_mark(directory: &Path) -> io::Result<Option<Mark>> {
    match std::fs::read(directory.join(MARK)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_mark(directory: &Path, mark: &Mark) -> io::Result<()> {
    let new = directory.join(MARK_NEW);
    std::fs::write(&new, serde_json::to_vec(mark)?)?;
    File::open(&new)?.sync_all()?;
    std::fs::rename(&new, directory.join(MARK))?;
    sync_directory(directory)
}
