//! Imports: more orders than one request can hold, sent as one long body of lines and processed in constant memory.
//!
//! The body is split into chunks of some thousand lines. Each chunk is judged and admitted as a batch of its own. Its
//! transaction also stores the import's progress, so no chunk is stored twice. While one chunk is committed, the next one is
//! judged. A thread that may block on the body reads and judges.
//!
//! May import `intake` and the rooms below it.

mod chunks;
mod feed;
mod trial;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;
use wharfinger_core::judge::{self, Judged};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::failure::RequestFailure;

use self::chunks::{Chunk, Chunks};
pub(crate) use self::feed::{Pieces, feed};
pub(crate) use self::trial::Trial;
use crate::access::secret;
use crate::intake::app::App;
use crate::intake::batch_reply::one_outcome_a_slot;
use crate::intake::claims::Receiving;
use crate::intake::request_context::{BatchOptions, Call, OwnedCall};
use crate::intake::{admit, heading, judge_for};
use crate::runtime::budget::Lease;
use crate::runtime::turns::on_behalf_of;
use crate::store::prepare::{Heading, Submission, prepare};
use crate::store::{Admitted, ImportStep, RETRY_AFTER, StoreError};

/// Imports that may be received concurrently. Each holds a blocking thread; the runtime has twice as many.
pub const AT_ONCE_MAX: usize = 256;

/// Memory that an import uses before any data has arrived, in bytes: queued pieces and buffers.
pub(crate) const BYTES_MIN: usize = 512 << 10;

/// Blank lines that every import may have.
const BLANK_LINES_FREE: u64 = 10_000;
/// Additional blank lines per non-blank line.
const BLANK_LINES_PER_ORDER: u64 = 2;
/// Largest allowed expansion by decompression. The first bytes, as many as a body may have, are exempt.
const EXPANSION_MAX: u64 = 200;

/// One part of an import: the body of one request.
pub(crate) struct Part {
    /// The request.
    pub(crate) call: OwnedCall,
    /// The options of the request.
    pub(crate) options: BatchOptions,
    /// The import's id.
    pub(crate) id: Uuid,
    /// Lines that were committed before this part.
    pub(crate) lines_before: u64,
    /// The claim that excludes other parts. `None` in a dry run.
    pub(crate) receiving: Option<Receiving>,
}

/// The body of a part.
pub(crate) struct Source<R> {
    /// The decompressed bytes.
    pub(crate) plain: R,
    /// Bytes read before decompression.
    pub(crate) bytes_read: Arc<AtomicU64>,
    /// Memory lease of the part.
    pub(crate) memory: Lease,
    /// Bytes of the lease that are needed whatever has arrived.
    pub(crate) bytes_min: usize,
}

/// Why a part was not processed to its end. Chunks committed before that stay.
pub(crate) enum Stopped {
    /// The body broke off or cannot be decoded.
    Broken,
    /// The store did not commit a chunk.
    Store(StoreError),
    /// The orders cannot be judged.
    Refused(RequestFailure),
}

/// A chunk that is being committed.
type Commit = JoinHandle<Result<Admitted, StoreError>>;

/// Processes a part to the end of its body. With a `trial`, records the outcomes and stores nothing. Blocks: call it on a
/// thread that may block, outside the async workers of the runtime of `handle`.
pub(crate) fn receive(
    app: &Arc<App>,
    part: &Part,
    source: Source<impl Read>,
    handle: &Handle,
    mut trial: Option<&mut Trial>,
) -> Result<(), Stopped> {
    let call = part.call.call();
    let mut pieces = Pipeline {
        app,
        part,
        call,
        limits: Limits {
            // The limit per request does not apply to chunks.
            orders_per_batch_max: usize::MAX,
            ..app.limits
        },
        lines: part.lines_before,
        orders: 0,
        began: Instant::now(),
    };
    let mut incoming = Incoming::new(source, &app.limits);
    let mut commit: Option<Commit> = None;
    let key_id = part.call.key_id();
    let settle = |commit: Option<Commit>| match commit {
        Some(commit) => settled(handle, commit),
        None => Ok(()),
    };
    loop {
        let chunk = match incoming.next() {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return settle(commit),
            Err(stopped) => return settle(commit).and(Err(stopped)),
        };
        // Judging a chunk counts as large work and takes turns with that of other callers.
        let turn = on_behalf_of(key_id, app.large_work.take());
        let turn = handle.block_on(turn).ok();
        if let Some(trial) = trial.as_deref_mut() {
            pieces.try_out(&chunk, trial, handle)?;
            continue;
        }
        let judged = pieces.judge(&chunk);
        drop(turn);
        let submission = match judged {
            Ok(submission) => submission,
            Err(failure) => return settle(commit).and(Err(Stopped::Refused(failure))),
        };
        settle(commit.take())?;
        let app = Arc::clone(app);
        commit = Some(handle.spawn(async move { admit(&app, submission).await }));
    }
}

/// The incoming lines of a part, within limits.
struct Incoming<R> {
    chunks: Chunks<R>,
    coded_bytes_read: Arc<AtomicU64>,
    memory: Lease,
    bytes_min: usize,
    /// Bytes of the chunk that is being judged or committed.
    at_work: usize,
    /// Decompressed bytes that are allowed however small the compressed body is.
    plain_bytes_free: u64,
}

impl<R: Read> Incoming<R> {
    fn new(source: Source<R>, limits: &Limits) -> Self {
        Self {
            chunks: Chunks::new(source.plain, limits.order_bytes_max),
            coded_bytes_read: source.bytes_read,
            memory: source.memory,
            bytes_min: source.bytes_min,
            at_work: 0,
            plain_bytes_free: u64::try_from(limits.body_bytes_max).unwrap_or(u64::MAX),
        }
    }

    /// Waits for the next chunk. `None` at the end.
    fn next(&mut self) -> Result<Option<Chunk>, Stopped> {
        while self.chunks.wants_more() {
            self.chunks.read_on();
            self.bound()?;
        }
        let chunk = self.chunks.take().map_err(|_| Stopped::Broken)?;
        self.at_work = chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
        Ok(chunk)
    }

    fn bound(&mut self) -> Result<(), Stopped> {
        // The data being read and the chunk in progress, and as much again for derived data.
        let bytes = 2 * (self.chunks.buffered() + self.at_work);
        if !self.memory.resize(self.bytes_min + bytes) {
            let retry_after_s = RETRY_AFTER.as_secs();
            return Err(Stopped::Refused(RequestFailure::Overloaded {
                retry_after_s,
            }));
        }
        let coded = self.coded_bytes_read.load(Ordering::Relaxed);
        let expanded_max = coded.saturating_mul(EXPANSION_MAX);
        if self.chunks.bytes_read() > expanded_max.saturating_add(self.plain_bytes_free) {
            return Err(Stopped::Refused(RequestFailure::BrokenBody(
                "The body decompresses to more than 200 times its size; send it with less compression, or uncompressed",
            )));
        }
        Ok(())
    }
}

fn settled(handle: &Handle, commit: Commit) -> Result<(), Stopped> {
    match handle.block_on(commit) {
        Ok(Ok(_done)) => Ok(()),
        Ok(Err(error)) => Err(Stopped::Store(error)),
        Err(_panicked) => Err(Stopped::Refused(RequestFailure::Internal)),
    }
}

/// Judges the chunks of a part, one after another.
struct Pipeline<'p> {
    app: &'p App,
    part: &'p Part,
    call: Call<'p>,
    limits: Limits,
    lines: u64,
    /// Non-blank lines of this part.
    orders: u64,
    began: Instant,
}

impl Pipeline<'_> {
    fn judged<'b>(&mut self, chunk: &'b Chunk) -> Result<Judged<'b>, RequestFailure> {
        let body = judge::Body {
            bytes: &chunk.bytes,
            lines_before: Some(usize::try_from(self.lines).unwrap_or(usize::MAX)),
        };
        let judged = judge_for(&self.call, &self.part.options, body, &self.limits)?;
        self.bound_blank_lines(chunk, judged.slots.len())?;
        Ok(judged)
    }

    /// Dry run: records the outcomes of a chunk.
    fn try_out(
        &mut self,
        chunk: &Chunk,
        trial: &mut Trial,
        handle: &Handle,
    ) -> Result<(), Stopped> {
        let judged = self.judged(chunk).map_err(Stopped::Refused)?;
        let batch = secret::trial_batch_id();
        let rules = self.app.access.rules();
        let heading = Heading {
            rules: Some(&rules),
            ..heading(self.app, &self.call, &self.part.options, batch)
        };
        let tried = self.app.store.try_batch(prepare(&heading, &judged.slots));
        let decided = handle.block_on(tried).map_err(Stopped::Store)?;
        let outcomes = one_outcome_a_slot(&judged.slots, decided);
        let names = self.part.options.dialect.name_case();
        trial.note(chunk.lines, names, &judged.slots, &outcomes);
        self.lines += chunk.lines;
        Ok(())
    }

    fn judge(&mut self, chunk: &Chunk) -> Result<Submission, RequestFailure> {
        let judged = self.judged(chunk)?;
        // An import can outlive the rules that there were when it began.
        let rules = self.app.access.rules();
        let heading = Heading {
            rules: Some(&rules),
            ..heading(self.app, &self.call, &self.part.options, secret::batch_id())
        };
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

    /// Refuses a part of mostly blank lines: they cost the sender almost nothing.
    fn bound_blank_lines(&mut self, chunk: &Chunk, orders: usize) -> Result<(), RequestFailure> {
        self.orders += u64::try_from(orders).unwrap_or(u64::MAX);
        let lines = self.lines + chunk.lines - self.part.lines_before;
        let blank = lines.saturating_sub(self.orders);
        if blank > BLANK_LINES_FREE + BLANK_LINES_PER_ORDER * self.orders {
            return Err(RequestFailure::BrokenBody(
                "The body has too many blank lines; an import may have 10,000 plus two per order",
            ));
        }
        Ok(())
    }
}
