//! Which rows of the log of a PostgreSQL database are in memory.
//!
//! Several servers add rows to the log, and a row with a smaller number may be committed after one with a greater number. What a server
//! has not read yet is therefore found by transactions: all that had ended when the log was last read were read, and of the others
//! those that are listed here.

use std::collections::HashSet;

/// What is known about the log.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    /// How often recent changes had been merged into the tables. Another number means that rows of the log are gone. Negative before
    /// the log was read.
    pub generation: i64,
    /// All transactions with lesser ids had ended, and their rows were read.
    oldest: i64,
    /// The greatest id of a transaction whose row was read.
    greatest: i64,
    /// The rows of other transactions that were read: the transaction and the number of each.
    others: Vec<(i64, i64)>,
    /// The numbers of the rows that the runs have.
    numbers: Vec<i64>,
    /// How many of these, from the first on, are being merged into the tables.
    merging: usize,
}

impl Default for Followed {
    fn default() -> Self {
        Self::of_generation(-1)
    }
}

impl Followed {
    /// Nothing was read since the log was merged for the last time.
    pub(super) fn of_generation(generation: i64) -> Self {
        Self {
            generation,
            oldest: 0,
            greatest: 0,
            others: Vec::new(),
            numbers: Vec::new(),
            merging: 0,
        }
    }

    /// The transaction from which on rows may not have been read.
    pub(super) fn oldest(&self) -> i64 {
        self.oldest
    }

    /// The numbers of rows that were read, of transactions from [`Self::oldest`] on.
    pub(super) fn read_since(&self) -> Vec<i64> {
        Vec::from_iter(self.others.iter().map(|(_, number)| *number))
    }

    /// Whether a row was read, and perhaps merged into the tables since.
    pub(super) fn knows(&self, (transaction, number): (i64, i64)) -> bool {
        transaction < self.oldest || self.others.contains(&(transaction, number))
    }

    /// Notes a row that is added to the runs.
    pub(super) fn add(&mut self, (transaction, number): (i64, i64)) {
        self.greatest = self.greatest.max(transaction);
        self.others.push((transaction, number));
        self.numbers.push(number);
    }

    /// All transactions with ids below this one had ended when the log was read.
    ///
    /// After a crash, PostgreSQL may assign ids again whose transactions have left nothing on disk. Ids up to that of a row are not
    /// among these.
    pub(super) fn read_before(&mut self, oldest: i64) {
        let oldest = oldest.min(self.greatest + 1);
        if oldest > self.oldest {
            self.oldest = oldest;
            self.others
                .retain(|(transaction, _)| *transaction >= oldest);
        }
    }

    /// Begins to merge the rows that the runs have.
    pub(super) fn begin_merging(&mut self) {
        self.merging = self.numbers.len();
    }

    /// The numbers of the rows that are being merged.
    pub(super) fn merging(&self) -> &[i64] {
        &self.numbers[..self.merging]
    }

    /// The rows that were being merged are merged, and deleted from the log.
    pub(super) fn merged(&mut self) {
        self.generation += 1;
        let merged: HashSet<i64> = self.numbers.drain(..self.merging).collect();
        self.others.retain(|(_, number)| !merged.contains(number));
        self.merging = 0;
    }

    /// The rows that were being merged are not.
    pub(super) fn stop_merging(&mut self) {
        self.merging = 0;
    }
}
