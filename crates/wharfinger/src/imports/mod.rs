//! Imports: more orders than one request can hold, taken in from one long body of lines in constant memory.
//!
//! The body is cut into pieces of some thousand lines. Each is judged and admitted as a batch of its own, in one transaction with
//! how far the import is, so that a piece is never taken in twice; while one is committed the next one is judged. What reads and judges
//! is a thread that may wait for the body.

mod chunks;
mod feed;

use std::collections::HashSet;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;
use wharfinger_core::dialect::Asked;
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::judge;
use wharfinger_core::limits::Limits;

use self::chunks::{Chunk, Chunks};
pub(crate) use self::feed::{Pieces, feed};
use crate::app::App;
use crate::call::{Call, OwnedCall};
use crate::intake::{admit, heading, judge_for};
use crate::secret;
use crate::store::prepare::{Submission, prepare};
use crate::store::{Admitted, ImportStep, StoreError};

/// The imports that are receiving at present, by this process.
#[derive(Clone, Default)]
pub struct Imports {
    receiving: Arc<Mutex<HashSet<Whose>>>,
}

/// An API key's id, and the id of an import of that caller's.
type Whose = (String, Uuid);

/// An import that is receiving; while this lives it is the only part that does.
pub(crate) struct Receiving {
    whose: Whose,
    imports: Imports,
}

impl Imports {
    /// Marks an import as receiving; none if it is already.
    pub(crate) fn claim(&self, key_id: &str, id: Uuid) -> Option<Receiving> {
        let whose = (key_id.to_owned(), id);
        self.set().insert(whose.clone()).then(|| Receiving {
            whose,
            imports: self.clone(),
        })
    }

    /// Whether an import is receiving.
    pub(crate) fn is_receiving(&self, key_id: &str, id: Uuid) -> bool {
        self.set().contains(&(key_id.to_owned(), id))
    }

    /// A set is never half changed.
    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<Whose>> {
        self.receiving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.imports.set().remove(&self.whose);
    }
}

/// The memory that an import takes, in bytes: a piece that is read, one that is judged and one that is committed, and what is
/// made of them.
pub(crate) fn bytes_in_flight(limits: &Limits) -> usize {
    6 * chunks::bytes_max(limits.order_bytes_max)
}

/// One part of an import: what one request brings.
pub(crate) struct Part {
    /// The request.
    pub(crate) call: OwnedCall,
    /// What it asks for.
    pub(crate) asked: Asked,
    /// The import.
    pub(crate) id: Uuid,
    /// Lines that were committed before.
    pub(crate) lines_before: u64,
    /// Keeps other parts away.
    pub(crate) receiving: Receiving,
}

/// Why a part was not taken in to its end. What was committed before stays.
pub(crate) enum Stopped {
    /// The body broke off, or cannot be decoded.
    Broken,
    /// The store did not take a piece.
    Store(StoreError),
    /// The orders cannot be judged at all.
    Refused(RequestFailure),
}

/// A piece on its way to the disk.
type Commit = JoinHandle<Result<Admitted, StoreError>>;

/// Takes a part in, to the end of its body. On a thread that may wait, of the runtime that `handle` is of.
pub(crate) fn receive(
    app: &Arc<App>,
    part: &Part,
    body: impl Read,
    handle: &Handle,
) -> Result<(), Stopped> {
    let call = part.call.call();
    let mut pieces = Pipeline {
        app,
        part,
        call,
        limits: Limits {
            // A piece is as large as it is, whatever a request may hold.
            orders_per_batch_max: usize::MAX,
            ..app.limits
        },
        lines: part.lines_before,
        began: Instant::now(),
    };
    let mut chunks = Chunks::new(body, app.limits.order_bytes_max);
    let mut commit: Option<Commit> = None;
    let settle = |commit: Option<Commit>| match commit {
        Some(commit) => settled(handle, commit),
        None => Ok(()),
    };
    loop {
        let chunk = match chunks.next() {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return settle(commit),
            Err(_) => return settle(commit).and(Err(Stopped::Broken)),
        };
        let submission = match pieces.judge(&chunk) {
            Ok(submission) => submission,
            Err(failure) => return settle(commit).and(Err(Stopped::Refused(failure))),
        };
        settle(commit.take())?;
        let app = Arc::clone(app);
        commit = Some(handle.spawn(async move { admit(&app, submission).await }));
    }
}

fn settled(handle: &Handle, commit: Commit) -> Result<(), Stopped> {
    match handle.block_on(commit) {
        Ok(Ok(_done)) => Ok(()),
        Ok(Err(error)) => Err(Stopped::Store(error)),
        Err(_panicked) => Err(Stopped::Refused(RequestFailure::Internal)),
    }
}

/// Pieces being judged, one after another.
struct Pipeline<'p> {
    app: &'p App,
    part: &'p Part,
    call: Call<'p>,
    limits: Limits,
    lines: u64,
    began: Instant,
}

impl Pipeline<'_> {
    fn judge(&mut self, chunk: &Chunk) -> Result<Submission, RequestFailure> {
        let asked = &self.part.asked;
        let body = judge::Body {
            bytes: &chunk.bytes,
            lines_before: Some(usize::try_from(self.lines).unwrap_or(usize::MAX)),
        };
        let judged = judge_for(&self.call, asked, body, &self.limits)?;
        let heading = heading(self.app, &self.call, asked, secret::batch_id());
        let mut submission = prepare(&heading, &judged.slots);
        let active_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began = Instant::now();
        let lines_before = self.lines;
        self.lines += chunk.lines;
        submission.import = Some(ImportStep {
            id: self.part.id,
            lines_before,
            lines_after: self.lines,
            active_ms,
        });
        Ok(submission)
    }
}
