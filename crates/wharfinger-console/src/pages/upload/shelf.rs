//! The files that people have uploaded to this process. They have no name on the disk, so nothing is left of them after a restart.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use wharfinger_client::source::{Kept, Table};

use super::columns::Columns;
use super::run::Run;
use crate::digits;

/// Bytes of a file, at most.
pub(super) const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of a key that are kept at the same time, at most.
const OF_A_KEY_MAX: usize = 5;
/// Files that are kept at the same time, at most.
const FILES_MAX: usize = 50;
/// How long a file and its results are kept.
const KEPT_FOR: Duration = Duration::from_hours(24);
/// Files that are checked or sent at the same time, at most.
const RUNS_MAX: usize = 4;

/// All files.
pub(super) struct Shelf {
    kept: Mutex<Files>,
    /// Permits of those that are checked or sent.
    pub(super) turns: Semaphore,
}

/// The files that are kept, and those that are arriving.
#[derive(Default)]
struct Files {
    uploads: Vec<Arc<Upload>>,
    /// The number and the key of each file that is arriving.
    arriving: Vec<(u64, String)>,
    next: u64,
}

/// The place of a file that is arriving. It is given back when this is dropped.
pub(super) struct Place {
    shelf: Arc<Shelf>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut files = lock(&self.shelf.kept);
        files.arriving.retain(|(number, _)| *number != self.number);
    }
}

/// Why no further file is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The key has too many.
    Key,
    /// The server has too many.
    Server,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            turns: Semaphore::new(RUNS_MAX),
        }
    }

    /// Holds a place for a file of a key, from before it arrives.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn hold(self: &Arc<Self>, key_id: &str) -> Result<Place, Full> {
        let mut files = lock(&self.kept);
        files.check_room(key_id)?;
        let number = files.next;
        files.next += 1;
        files.arriving.push((number, key_id.to_owned()));
        let shelf = Arc::clone(self);
        Ok(Place { shelf, number })
    }

    /// Adds a file that has arrived. It is removed after a day.
    pub(super) fn add(self: &Arc<Self>, upload: Arc<Upload>, place: Place) {
        let id = upload.id.clone();
        lock(&self.kept).uploads.push(upload);
        drop(place);
        let shelf = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            shelf.remove(&id);
        });
    }

    /// Removes a file, and stops what is done with it.
    pub(super) fn remove(&self, id: &str) {
        let mut files = lock(&self.kept);
        let at = files.uploads.iter().position(|upload| upload.id == id);
        let removed = at.map(|at| files.uploads.remove(at));
        drop(files);
        if let Some(removed) = removed {
            removed.stop();
        }
    }

    /// A file of a key.
    pub(super) fn find(&self, id: &str, key_id: &str) -> Option<Arc<Upload>> {
        let files = lock(&self.kept);
        let mut found = files.uploads.iter();
        let found = found.find(|upload| upload.id == id && upload.key_id == key_id);
        found.cloned()
    }

    /// The files of a key, the latest first.
    pub(super) fn of(&self, key_id: &str) -> Vec<Arc<Upload>> {
        let files = lock(&self.kept);
        let own = files
            .uploads
            .iter()
            .rev()
            .filter(|upload| upload.key_id == key_id);
        own.cloned().collect()
    }
}

impl Files {
    /// Whether there is room for one more. A file that is arriving takes a place too.
    fn check_room(&self, key_id: &str) -> Result<(), Full> {
        let kept = self.uploads.iter().map(|upload| upload.key_id.as_str());
        let arriving = self.arriving.iter().map(|(_, key_id)| key_id.as_str());
        let of_key = kept.chain(arriving).filter(|own| *own == key_id);
        if of_key.count() >= OF_A_KEY_MAX {
            return Err(Full::Key);
        }
        if self.uploads.len() + self.arriving.len() >= FILES_MAX {
            return Err(Full::Server);
        }
        Ok(())
    }
}

/// A file, and what is done with it.
pub(super) struct Upload {
    /// Its id, which nobody can guess.
    pub(super) id: String,
    /// The key whose file it is.
    pub(super) key_id: String,
    /// The name that the sender gave it.
    pub(super) name: String,
    /// Its size.
    pub(super) bytes: u64,
    /// The columns and the first rows, if it is CSV.
    pub(super) table: Option<Table>,
    file: Mutex<Option<Arc<File>>>,
    state: Mutex<State>,
}

/// What is known of a file, and done with it.
#[derive(Clone, Default)]
pub(super) struct State {
    /// The organisation of orders that name none. May be empty.
    pub(super) organisation: String,
    /// The dialect of the orders.
    pub(super) dialect: String,
    /// What the columns become.
    pub(super) columns: Columns,
    /// The text of the mapping, once the columns have one.
    pub(super) mapping: Option<String>,
    /// The latest dry run.
    pub(super) check: Option<Arc<Run>>,
    /// The latest time that it was sent.
    pub(super) sending: Option<Arc<Run>>,
}

impl Upload {
    pub(super) fn new(
        id: String,
        key_id: String,
        name: String,
        (file, bytes): (File, u64),
        state: State,
    ) -> Self {
        Self {
            id,
            key_id,
            name,
            bytes,
            table: None,
            file: Mutex::new(Some(Arc::new(file))),
            state: Mutex::new(state),
        }
    }

    pub(super) fn path(&self) -> String {
        format!("/console/upload/{}", self.id)
    }

    pub(super) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
    }

    /// What is being done with it now.
    pub(super) fn running(&self) -> Option<Arc<Run>> {
        let state = lock(&self.state);
        let runs = [&state.sending, &state.check];
        let mut runs = runs.into_iter().flatten();
        runs.find(|run| run.is_running()).cloned()
    }

    /// Begins a run, unless another one is at work.
    pub(super) fn begin(&self, run: &Arc<Run>) -> bool {
        let mut state = lock(&self.state);
        let runs = [&state.sending, &state.check];
        if runs.into_iter().flatten().any(|run| run.is_running()) {
            return false;
        }
        if run.is_dry {
            state.check = Some(Arc::clone(run));
            state.sending = None;
        } else {
            state.sending = Some(Arc::clone(run));
        }
        true
    }

    /// Stops what is being done with it.
    pub(super) fn stop(&self) {
        if let Some(run) = self.running() {
            run.stop();
        }
    }

    /// Removes the content. The results stay.
    pub(super) fn drop_content(&self) {
        lock(&self.file).take();
    }

    /// Whether it can be read.
    pub(super) fn has_content(&self) -> bool {
        lock(&self.file).is_some()
    }

    /// Its content, from the beginning. `None` if it was removed.
    pub(super) fn content(&self) -> Option<Kept<'_>> {
        let file = lock(&self.file).clone()?;
        Some(Kept {
            reader: Box::new(FromStart { file, at: 0 }),
            name: &self.name,
            bytes: self.bytes,
        })
    }
}

/// Reads a file that others read too.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What is behind a lock. A panic elsewhere leaves nothing half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Random text that nobody can guess.
pub(super) fn new_id() -> io::Result<String> {
    digits::random().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(id: &str, key_id: &str) -> Arc<Upload> {
        let file = (tempfile::tempfile().unwrap(), 0);
        let (id, key_id) = (id.to_owned(), key_id.to_owned());
        Arc::new(Upload::new(id, key_id, "a".into(), file, State::default()))
    }

    fn add(shelf: &Arc<Shelf>, id: &str, key_id: &str) -> Result<(), Full> {
        let place = shelf.hold(key_id)?;
        shelf.add(upload(id, key_id), place);
        Ok(())
    }

    #[tokio::test]
    async fn a_key_has_a_few_files_and_sees_no_others() {
        let shelf = Arc::new(Shelf::new());
        for at in 0..OF_A_KEY_MAX {
            add(&shelf, &format!("a{at}"), "one").unwrap();
        }
        assert_eq!(add(&shelf, "more", "one"), Err(Full::Key));
        assert_eq!(add(&shelf, "b", "two"), Ok(()));
        assert!(shelf.find("a0", "two").is_none() && shelf.find("a0", "one").is_some());
        shelf.remove("a0");
        assert_eq!(
            shelf.of("one").first().map(|one| one.id.clone()),
            Some("a4".into())
        );
        assert_eq!(add(&shelf, "a5", "one"), Ok(()));
    }

    #[tokio::test]
    async fn a_file_has_its_place_from_before_it_arrives() {
        let shelf = Arc::new(Shelf::new());
        let mut arriving: Vec<_> = (0..OF_A_KEY_MAX)
            .map(|_| shelf.hold("one").ok().unwrap())
            .collect();
        assert_eq!(shelf.hold("one").err(), Some(Full::Key));
        assert!(shelf.of("one").is_empty());
        // One is given up, one arrives: the second keeps its place.
        arriving.pop();
        let place = arriving.pop().unwrap();
        shelf.add(upload("a", "one"), place);
        let _again = shelf.hold("one").ok().unwrap();
        assert_eq!(shelf.hold("one").err(), Some(Full::Key));
    }

    #[tokio::test]
    async fn the_server_has_so_many_files() {
        let shelf = Arc::new(Shelf::new());
        for at in 0..FILES_MAX {
            add(&shelf, &at.to_string(), &at.to_string()).unwrap();
        }
        assert_eq!(shelf.hold("new").err(), Some(Full::Server));
    }
}
