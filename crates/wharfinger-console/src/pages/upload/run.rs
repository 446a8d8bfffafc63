//! A task that checks or sends the orders of a file, and what it has done so far.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use wharfinger_client::report::Error;

use super::answer::{Answered, OrderOutcome, Outcome, Target, send};
use super::reading::{Batch, FAULTS_MAX, Fits, Order, read};
use super::rows::{Row, RowFault, Rows};
use super::shelf::{Shelf, State, Upload, lock};
use crate::digits::hex;
use crate::host::Session;
use crate::visit::Shared;

/// How long a run waits for a server that is overloaded or limits the rate.
const PATIENCE: Duration = Duration::from_mins(10);
/// Why a run has ended that a person stopped.
const STOPPED: &str = "You stopped it.";
/// Batches that are listed.
const BATCHES_MAX: usize = 1_000;

/// A dry run of a file, or its sending.
pub(super) struct Run {
    /// Whether nothing is stored.
    pub(super) is_dry: bool,
    is_stopped: AtomicBool,
    seen: Mutex<Seen>,
    rows: Mutex<Lists>,
}

/// All orders, and those with faults.
struct Lists {
    all: Rows,
    faulty: Rows,
}

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) is_done: bool,
    /// Why not everything was judged or sent.
    pub(super) error: Option<String>,
    /// Why it waits now.
    pub(super) waits: Option<&'static str>,
    pub(super) bytes_read: u64,
    pub(super) counts: Counts,
    /// The ids of the batches, with how many orders of each were rejected.
    pub(super) batches: Vec<(String, u64)>,
}

/// Counts of orders.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Counts {
    pub(super) orders: u64,
    pub(super) accepted: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) rejected: u64,
    pub(super) withheld: u64,
    pub(super) not_sent: u64,
    pub(super) warnings: u64,
    pub(super) batches: u64,
}

impl Run {
    /// Prepares a run.
    ///
    /// # Errors
    /// There is no room for its results.
    pub(super) fn new(is_dry: bool) -> std::io::Result<Self> {
        Ok(Self {
            is_dry,
            is_stopped: AtomicBool::new(false),
            seen: Mutex::default(),
            rows: Mutex::new(Lists {
                all: Rows::new()?,
                faulty: Rows::new()?,
            }),
        })
    }

    pub(super) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    pub(super) fn is_running(&self) -> bool {
        !lock(&self.seen).is_done
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// A page of orders, and how many there are.
    pub(super) fn page(&self, is_all: bool, number: usize) -> std::io::Result<(Vec<Row>, usize)> {
        let lists = lock(&self.rows);
        let rows = if is_all { &lists.all } else { &lists.faulty };
        Ok((rows.page(number)?, rows.count()))
    }

    fn waits(&self, why: Option<&'static str>) {
        lock(&self.seen).waits = why;
    }

    fn note(&self, batch: &Batch, outcome: Option<Outcome>) -> Result<(), String> {
        let mut results = Vec::new();
        let mut seen = lock(&self.seen);
        let counts = &mut seen.counts;
        counts.orders += batch.orders.len() as u64;
        counts.not_sent += (batch.orders.len() - batch.sent()) as u64;
        if let Some(outcome) = outcome {
            counts.accepted += outcome.accepted;
            counts.updated += outcome.updated;
            counts.unchanged += outcome.unchanged;
            counts.rejected += outcome.rejected;
            counts.withheld += outcome.withheld;
            counts.batches += 1;
            let warned = |one: &&OrderOutcome| !one.warnings.is_empty();
            counts.warnings += outcome.results.iter().filter(warned).count() as u64;
            if !self.is_dry && seen.batches.len() < BATCHES_MAX {
                seen.batches.push((outcome.id, outcome.rejected));
            }
            results = outcome.results;
        }
        seen.bytes_read = seen.bytes_read.max(batch.bytes_read);
        drop(seen);
        let rows = rows_of(batch, results);
        let mut lists = lock(&self.rows);
        let faulty = rows.iter().filter(|row| !row.faults.is_empty());
        let kept = lists.faulty.add(faulty).and_then(|()| {
            if self.is_dry {
                lists.all.add(rows.iter())
            } else {
                Ok(())
            }
        });
        kept.map_err(|error| format!("The server cannot store the results: {error}."))
    }
}

/// What became of each order of a batch that has a result or was not sent, in the order of the file.
fn rows_of(batch: &Batch, results: Vec<OrderOutcome>) -> Vec<Row> {
    let mut results = results.into_iter().peekable();
    let (mut rows, mut sent) = (Vec::new(), 0);
    for (number, order) in (batch.first + 1..).zip(&batch.orders) {
        match order {
            Order::NotSent(row) => rows.push(row.clone()),
            Order::Sent { line, cells } => {
                if let Some(result) = results.next_if(|result| result.index == sent) {
                    let fault = |error: Error, is_warning| {
                        let cell = cells.as_ref();
                        let cell = cell.and_then(|cells| cells.place_of(&error.pointer));
                        RowFault {
                            cell: cell
                                .map(|(row, column)| (row, column.unwrap_or_default().into())),
                            pointer: error.pointer,
                            message: error.message,
                            hint: error.hint,
                            is_warning,
                        }
                    };
                    let more = result.errors.len() + result.warnings.len();
                    let errors = result.errors.into_iter().map(|error| fault(error, false));
                    let warnings = result.warnings.into_iter().map(|error| fault(error, true));
                    rows.push(Row {
                        number,
                        line: *line,
                        key: result.key,
                        outcome: result.outcome,
                        faults: errors.chain(warnings).take(FAULTS_MAX).collect(),
                        more: more.saturating_sub(FAULTS_MAX),
                    });
                }
                sent += 1;
            }
        }
    }
    rows
}

/// What a run needs.
pub(super) struct Job {
    pub(super) host: Shared,
    pub(super) session: Session,
    pub(super) shelf: Arc<Shelf>,
    pub(super) upload: Arc<Upload>,
    pub(super) run: Arc<Run>,
    pub(super) fits: Fits,
}

impl Job {
    /// Begins the run. It goes on when the request that began it has ended.
    pub(super) fn spawn(self) {
        tokio::spawn(async move {
            let ends = Ends(Arc::clone(&self.run));
            let error = self.work().await.err();
            let is_whole = error.is_none();
            lock(&self.run.seen).error = error;
            if is_whole && !self.run.is_dry {
                self.upload.drop_content();
            }
            drop(ends);
        });
    }

    async fn work(&self) -> Result<(), String> {
        self.run.waits(Some("Waiting for other files."));
        let turn = self.shelf.turns.acquire().await;
        let _turn = turn.map_err(|_| "The server is stopping.".to_owned())?;
        self.run.waits(None);
        let state = self.upload.state();
        let target = Target::new(
            &state.dialect,
            &state.organisation,
            &self.upload.name,
            self.run.is_dry,
        );
        let (to, mut batches) = mpsc::channel(1);
        let (upload, fits) = (Arc::clone(&self.upload), self.fits);
        let reading = tokio::task::spawn_blocking(move || {
            let State {
                dialect, mapping, ..
            } = state;
            if let Some(file) = upload.content() {
                read(file, &dialect, mapping.as_deref(), fits, &to);
            }
        });
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            if self.run.is_stopped.load(Ordering::Relaxed) {
                return Err(STOPPED.to_owned());
            }
            self.handle(&target, batch).await?;
        }
        reading
            .await
            .map_err(|_| "The file could not be read.".to_owned())?;
        if self.run.seen().counts.orders == 0 {
            return Err("The file has no orders.".to_owned());
        }
        Ok(())
    }

    async fn handle(&self, target: &Target, mut batch: Batch) -> Result<(), String> {
        if batch.sent() == 0 {
            return self.run.note(&batch, None);
        }
        let body = Bytes::from(std::mem::take(&mut batch.body));
        let key = (!self.run.is_dry).then(|| self.idempotency_key(target, batch.first, &body));
        let began = Instant::now();
        let outcome = loop {
            let body = body.clone();
            match send(&*self.host, &self.session, target, key.as_deref(), body).await {
                Answered::Outcome(outcome) => break outcome,
                Answered::Wait(seconds) => {
                    if self.run.is_stopped.load(Ordering::Relaxed) {
                        return Err(STOPPED.to_owned());
                    }
                    if began.elapsed() > PATIENCE {
                        return Err("The server is overloaded, or the rate limit of the key is reached. Try again later.".into());
                    }
                    self.run.waits(Some(
                        "Waiting, because the server is busy or the rate limit of the key is reached.",
                    ));
                    tokio::time::sleep(Duration::from_secs(seconds.clamp(1, 30))).await;
                }
                Answered::SignedOut => {
                    return Err("Your session has ended, or the key was revoked.".into());
                }
                Answered::Refused(refused) => {
                    let why = refused.sentence().trim_end_matches('.');
                    return Err(format!(
                        "The server refused the orders ({}): {why}.",
                        refused.status
                    ));
                }
            }
        };
        self.run.waits(None);
        self.run.note(&batch, Some(outcome))
    }

    /// The key of a batch: the same if the file is sent again, so that nothing is stored twice.
    fn idempotency_key(&self, target: &Target, first: u64, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        for part in [self.upload.id.as_bytes(), target.path.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(first.to_be_bytes());
        hash.update(body);
        hex(&hash.finalize())
    }
}

/// Marks a run as done, also after a panic.
struct Ends(Arc<Run>);

impl Drop for Ends {
    fn drop(&mut self) {
        let mut seen = lock(&self.0.seen);
        if std::thread::panicking() {
            seen.error = Some("The server had an internal error.".to_owned());
        }
        seen.is_done = true;
        seen.waits = None;
    }
}
