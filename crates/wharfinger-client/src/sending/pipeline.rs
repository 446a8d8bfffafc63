//! Reads batches, hands them to threads, and reports them in the order of the file.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Error;
use wharfinger_core::dialect::Dialect;

use super::batch::{Batch, Batcher};
use super::deliver::{Delivery, deliver};
use super::{Bar, Orders, Outputs, Totals};
use crate::http::Patient;

/// Bytes of batches that are read and not reported yet, at most. One batch may exceed it.
const BYTES_AHEAD_MAX: usize = 24 << 20;

/// Where orders are sent, and how.
pub(crate) struct Target<'d> {
    /// The dialect of the orders.
    pub(crate) dialect: &'d dyn Dialect,
    /// The organisation of orders that name none.
    pub(crate) organisation: Option<String>,
    /// The name of the file, percent-encoded. `None` for standard input.
    pub(crate) file_name: Option<String>,
    /// Judge only, and store nothing.
    pub(crate) dry_run: bool,
    /// Distinguishes the run from others that send the same orders. Empty if their answers are welcome.
    pub(crate) nonce: Vec<u8>,
    /// Orders of a batch, at most.
    pub(crate) orders_max: usize,
    /// Bytes of a batch, at most.
    pub(crate) bytes_max: usize,
    /// Batches that are sent at the same time, at most.
    pub(crate) in_flight: usize,
}

/// What was sent.
pub(crate) struct Sent {
    /// The counts of everything that the server answered.
    pub(crate) totals: Totals,
    /// Why not everything was sent.
    pub(crate) error: Option<Error>,
}

/// Sends orders. Returns when everything that was begun is answered, also after an error.
pub(crate) fn send(
    target: &Target<'_>,
    patient: &Patient<'_>,
    orders: &mut dyn Orders,
    outputs: &mut Outputs,
    bar: &Bar,
) -> Sent {
    let began = Instant::now();
    let is_stopped = AtomicBool::new(false);
    let (jobs, queue) = channel();
    let queue = Mutex::new(queue);
    let (done, deliveries) = channel();
    let mut sent = std::thread::scope(|scope| {
        for _ in 0..target.in_flight {
            let (done, queue, is_stopped) = (done.clone(), &queue, &is_stopped);
            scope.spawn(move || work(target, patient, queue, &done, is_stopped));
        }
        drop(done);
        let mut run = Run {
            batcher: Batcher::new(orders, target.orders_max, target.bytes_max),
            is_reading: true,
            jobs,
            ahead: BTreeMap::new(),
            bytes_ahead: 0,
            begun: 0,
            reported: 0,
            waiting: BTreeMap::new(),
            totals: Totals::default(),
            error: None,
            reading_error: None,
        };
        loop {
            run.read(target.in_flight * 2);
            if run.begun == run.reported {
                break;
            }
            let Ok((number, delivery)) = deliveries.recv() else {
                break;
            };
            // After a panic in a thread, which the scope passes on, nothing more is read.
            run.is_reading &= !is_stopped.load(Ordering::Relaxed);
            run.report(number, delivery, outputs, bar);
            if run.error.is_some() {
                is_stopped.store(true, Ordering::Relaxed);
                patient.stop();
            }
        }
        Sent {
            totals: run.totals,
            error: run.error.or(run.reading_error),
        }
    });
    sent.totals.duration = began.elapsed();
    sent
}

/// Something of the batch with this number.
type Numbered<T> = (u64, T);

/// The loop of a thread that sends batches.
fn work(
    target: &Target<'_>,
    patient: &Patient<'_>,
    queue: &Mutex<Receiver<Numbered<Batch>>>,
    done: &Sender<Numbered<Option<Delivery>>>,
    is_stopped: &AtomicBool,
) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = next else { break };
        let panics = Panics {
            number,
            patient,
            done,
            is_stopped,
        };
        let is_wanted = !is_stopped.load(Ordering::Relaxed);
        let delivery = is_wanted.then(|| deliver(target, patient, batch));
        drop(panics);
        if delivery
            .as_ref()
            .is_some_and(|delivery| delivery.error.is_some())
        {
            // Before this thread, or another one, takes the next batch.
            is_stopped.store(true, Ordering::Relaxed);
            patient.stop();
        }
        if done.send((number, delivery)).is_err() {
            break;
        }
    }
}

/// Ends the run if the thread panics. Otherwise the others would wait for its batch for ever.
struct Panics<'w> {
    number: u64,
    patient: &'w Patient<'w>,
    done: &'w Sender<Numbered<Option<Delivery>>>,
    is_stopped: &'w AtomicBool,
}

impl Drop for Panics<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.is_stopped.store(true, Ordering::Relaxed);
            self.patient.stop();
            // Fails only if nobody waits.
            let _ = self.done.send((self.number, None));
        }
    }
}

/// The state of a run, in the thread that reads and reports.
struct Run<'o> {
    batcher: Batcher<'o>,
    is_reading: bool,
    jobs: Sender<Numbered<Batch>>,
    /// The bytes of the batches that are not reported yet.
    ahead: BTreeMap<u64, usize>,
    bytes_ahead: usize,
    begun: u64,
    reported: u64,
    /// Deliveries that arrived before those of earlier batches. `None` if a batch was not begun.
    waiting: BTreeMap<u64, Option<Delivery>>,
    totals: Totals,
    /// Why sending ends early.
    error: Option<Error>,
    /// Why reading ended early.
    reading_error: Option<Error>,
}

impl Run<'_> {
    /// Reads batches until enough are on their way.
    fn read(&mut self, batches_max: usize) {
        while self.is_reading
            && self.ahead.len() < batches_max
            && self.bytes_ahead < BYTES_AHEAD_MAX
        {
            match self.batcher.next() {
                Ok(Some(batch)) => {
                    self.ahead.insert(self.begun, batch.bytes());
                    self.bytes_ahead += batch.bytes();
                    // The threads end only after this end of the channel is closed.
                    let _ = self.jobs.send((self.begun, batch));
                    self.begun += 1;
                }
                Ok(None) => self.is_reading = false,
                // What was read before is sent.
                Err(error) => {
                    self.is_reading = false;
                    self.reading_error = Some(error);
                }
            }
        }
    }

    /// Takes a delivery, and reports those whose turn it is.
    fn report(
        &mut self,
        number: u64,
        delivery: Option<Delivery>,
        outputs: &mut Outputs,
        bar: &Bar,
    ) {
        self.waiting.insert(number, delivery);
        while let Some(delivery) = self.waiting.remove(&self.reported) {
            let bytes = self.ahead.remove(&self.reported);
            self.bytes_ahead -= bytes.unwrap_or_default();
            self.reported += 1;
            let Some(mut delivery) = delivery else {
                continue;
            };
            self.totals.add(&delivery);
            let mut error = delivery.error.take();
            if let Err(failure) = outputs.add(&delivery) {
                error = error.or(Some(failure));
            }
            bar.show(&self.totals);
            if let Some(error) = error {
                self.is_reading = false;
                self.error.get_or_insert(error);
            }
        }
    }
}
