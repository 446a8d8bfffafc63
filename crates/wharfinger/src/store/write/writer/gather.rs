//! Waiting for requests that are about to come, so that they share a transaction.
//!
//! On PostgreSQL a transaction has costs for each organisation that it writes to, however many orders there are. Senders that wait
//! for an answer before they send the next batch would otherwise split into groups that take turns: while the transaction of one
//! group runs, the batches of the other arrive. So after a transaction the writer waits until as many jobs are there as were
//! answered or waited at its end, for at most a part of the time that it took.

use std::time::{Duration, Instant};

use super::Thread;
use crate::store::engine::driver::Engine;

/// A transaction that took less is not worth waiting for the next jobs.
const WORTH_WAITING: Duration = Duration::from_millis(6);
/// The wait at most, as a part of the time that the last transaction took.
const PART: u32 = 4;
/// The wait at most.
const WAIT_MAX: Duration = Duration::from_millis(25);
/// How often the writer looks for new jobs.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// After a wait in vain, so many transactions follow without one.
const PAUSE: u32 = 8;

/// What to wait for before the next transaction.
#[derive(Default)]
pub(super) struct Gather {
    /// So many jobs are expected.
    expected: usize,
    /// How long to wait for them, at most.
    at_most: Duration,
    /// Transactions that do not wait.
    paused: u32,
}

impl Gather {
    /// Notes a transaction: when it began, how many jobs it has answered, and how many wait.
    pub(super) fn note(&mut self, began: Instant, answered: usize, waiting: usize) {
        let took = began.elapsed();
        self.expected = answered + waiting;
        self.at_most = match took {
            took if took < WORTH_WAITING => Duration::ZERO,
            took => (took / PART).min(WAIT_MAX),
        };
    }
}

impl Thread {
    /// Waits for the jobs that are expected.
    pub(super) fn gather(&mut self) {
        if self.connection.engine() == Engine::Sqlite || self.gather.at_most.is_zero() {
            return;
        }
        if self.gather.paused > 0 {
            self.gather.paused -= 1;
            return;
        }
        let until = Instant::now() + self.gather.at_most;
        while self.waiting.len() < self.gather.expected {
            if Instant::now() >= until || !self.closing.is_empty() {
                self.gather.paused = PAUSE;
                return;
            }
            std::thread::sleep(LOOK_EVERY);
            self.take_in_all();
        }
    }
}
