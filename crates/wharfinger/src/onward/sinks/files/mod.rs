//! Files of lines of JSON in a directory.
//!
//! A file is written as `….partial`, synced, and then given its final name. Only then its events are taken, so a killed server
//! leaves at most a partial file, which is removed at the next start. If it was killed between the new name and its report, events
//! of the last file come again: they are left out.
//!
//! ```text
//! <root>/<directory>/.wharfinger      whose directory it is, and the positions that the last file ends with
//! <root>/<directory>/.wharfinger.lock locked while open
//! <root>/<directory>/events-….ndjson  finished
//! <root>/<directory>/….partial        being written
//! ```

mod home;
mod names;
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use wharfinger_core::order::organisation::OrgAccess;

use self::home::{Home, LastEvent};
use self::writer::Writer;
use super::settings::Compression;
use super::{Failure, FilesSettings, Opening, Outgoing, Taken};
use crate::clock;

/// The name of the operator's setting, for messages.
const ROOT: &str = "--destinations-files";

/// A directory that is written to.
#[derive(Debug)]
pub struct Files {
    /// Absent only while another thread has it.
    state: Option<Box<State>>,
    interval_ms: i64,
    /// When the open file must be finished.
    due_at_ms: Option<i64>,
}

/// What is written, and where.
struct State {
    home: Home,
    compression: Compression,
    bytes_max: u64,
    /// Whether names have positions.
    has_one_organisation: bool,
    open: Option<Open>,
    /// Events that were given and are not taken.
    waiting: usize,
}

/// A file that is being written.
struct Open {
    writer: Writer,
    first: u64,
    last: u64,
    /// The last event of each organisation, by code.
    events: HashMap<String, LastEvent>,
}

/// An event, detached from the caller's data.
struct Line {
    code: String,
    event: LastEvent,
    body: Bytes,
}

impl std::fmt::Debug for State {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = out.debug_struct("State");
        let number = self.home.number();
        shown.field("number", &number).finish_non_exhaustive()
    }
}

impl Files {
    /// Takes the directory, removes a partial file, and reads the last file.
    pub(super) async fn open(
        settings: &FilesSettings,
        opening: Opening<'_>,
    ) -> Result<Self, Failure> {
        let Some(root) = opening.files_root else {
            return Err(Failure::refused(format!(
                "this server writes no files; start it with {ROOT} DIRECTORY"
            )));
        };
        let (root, settings) = (root.to_owned(), settings.clone());
        let (id, replays) = (opening.destination.id, opening.destination.replays);
        let has_one_organisation = is_one(&opening.destination.reach);
        let interval_ms = i64::from(settings.interval_s) * 1_000;
        let state = apart(move || {
            let home = Home::take(&root, &settings.directory, id, replays)?;
            Ok(Box::new(State {
                home,
                compression: settings.compression,
                bytes_max: settings.bytes_max,
                has_one_organisation,
                open: None,
                waiting: 0,
            }))
        });
        Ok(Self {
            state: Some(state.await?),
            interval_ms,
            due_at_ms: None,
        })
    }

    /// Adds events to the open file. Finishes it if it is large or old enough.
    pub(super) async fn deliver(&mut self, events: &[Outgoing<'_>]) -> Result<Taken, Failure> {
        let lines = events.iter().map(|event| Line {
            code: event.code.to_owned(),
            event: LastEvent {
                position: event.delivery.event.position,
                at_ms: event.delivery.event.at_ms,
            },
            body: event.body.clone(),
        });
        let lines = Vec::from_iter(lines);
        let now_ms = clock::now_ms();
        let is_due = self.due_at_ms.is_some_and(|due_at_ms| due_at_ms <= now_ms);
        let taken = self
            .with(move |state| state.add(&lines, is_due, now_ms))
            .await?;
        let has_open = self
            .state
            .as_ref()
            .is_some_and(|state| state.open.is_some());
        self.due_at_ms = match self.due_at_ms.filter(|_| taken.events == 0) {
            Some(due_at_ms) if has_open => Some(due_at_ms),
            Some(_) | None => has_open.then(|| now_ms.saturating_add(self.interval_ms)),
        };
        Ok(taken)
    }

    pub(super) fn due_at_ms(&self) -> Option<i64> {
        self.due_at_ms
    }

    /// Finishes the open file.
    pub(super) async fn close(mut self) -> Result<Taken, Failure> {
        let now_ms = clock::now_ms();
        self.with(move |state| state.add(&[], true, now_ms)).await
    }

    /// Works on the files on a thread that may wait for the disk.
    async fn with(
        &mut self,
        work: impl FnOnce(&mut State) -> Result<Taken, Failure> + Send + 'static,
    ) -> Result<Taken, Failure> {
        let Some(mut state) = self.state.take() else {
            return Err(Failure::refused("the files were left after a failure"));
        };
        let (state, taken) = apart(move || {
            let taken = work(&mut state)?;
            Ok((state, taken))
        })
        .await?;
        self.state = Some(state);
        Ok(taken)
    }
}

fn is_one(reach: &OrgAccess) -> bool {
    match reach {
        OrgAccess::All => false,
        OrgAccess::Only(organisations) => organisations.len() == 1,
    }
}

/// Runs work on a thread that may wait for the disk.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Failure::refused(format!("writing files failed: {error}"))),
    }
}

impl State {
    /// Adds lines, and finishes the file if it is due or large enough.
    fn add(&mut self, lines: &[Line], is_due: bool, now_ms: i64) -> Result<Taken, Failure> {
        for line in lines {
            self.waiting += 1;
            if self.home.has(&line.code, line.event) {
                continue;
            }
            let written = self.open_file().and_then(|open| open.add(line));
            written.map_err(|error| self.home.fault(&error))?;
        }
        match &self.open {
            Some(open) if is_due || open.writer.bytes() >= self.bytes_max => self.finish(now_ms),
            Some(_) => Ok(Taken::default()),
            // All of them were recognised.
            None => Ok(self.take_all()),
        }
    }

    fn open_file(&mut self) -> io::Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let name = names::partial(self.home.number() + 1, self.compression);
                Open {
                    writer: Writer::create(self.path(&name), self.compression)?,
                    first: 0,
                    last: 0,
                    events: HashMap::new(),
                }
            }
        };
        Ok(self.open.insert(open))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.directory().join(name)
    }

    fn finish(&mut self, now_ms: i64) -> Result<Taken, Failure> {
        if let Some(open) = self.open.take() {
            let positions = self.has_one_organisation.then_some((open.first, open.last));
            let number = self.home.number() + 1;
            let name = names::finished(number, now_ms, positions, self.compression);
            self.home.finish(open.writer, &name, open.events)?;
        }
        Ok(self.take_all())
    }

    fn take_all(&mut self) -> Taken {
        Taken {
            events: std::mem::take(&mut self.waiting),
        }
    }
}

impl Open {
    fn add(&mut self, line: &Line) -> io::Result<()> {
        self.writer.line(&line.body)?;
        if self.first == 0 {
            self.first = line.event.position;
        }
        self.last = line.event.position;
        match self.events.get_mut(&line.code) {
            Some(last) => *last = line.event,
            None => {
                self.events.insert(line.code.clone(), line.event);
            }
        }
        Ok(())
    }
}
