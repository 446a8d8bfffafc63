//! The orders of a file of rejected orders, each with the batch that rejected it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use anyhow::Result;
use jiff::tz::TimeZone;
use wharfinger_core::dialect::Dialect;

use super::rejected::Receipts;
use crate::offline::Offline;
use crate::sending::{Item, Orders, Receipt};
use crate::source::Source;

/// Mended orders.
pub(super) struct Mended {
    source: Box<dyn Source + Send>,
    batches: Batches,
    unmatched: u64,
}

/// The id of a batch. `None` if an order was rejected without being sent, or by a dry run.
type Id = Option<Arc<str>>;

/// How the batch that rejected an order is found.
enum Batches {
    /// The file has as many orders as were rejected: they stand in the same order.
    InTurn(InTurn),
    /// Orders were added or removed: a key tells which one an order is.
    ByKey(ByKey),
}

impl Mended {
    /// The orders of `source`. `copy` reads the same file: its orders are counted first.
    pub(super) fn new(
        source: Box<dyn Source + Send>,
        mut copy: Box<dyn Source + Send>,
        receipts: &Receipts,
        dialect: &'static dyn Dialect,
        organisation: Option<&str>,
    ) -> Result<Self> {
        let mut orders = 0;
        while copy.next()?.is_some() {
            orders += 1;
        }
        let mut rejected = 0;
        for receipt in receipts.read()? {
            rejected += receipt?.rejected_orders.len();
        }
        let batches = if orders == rejected {
            Batches::InTurn(InTurn {
                receipts: Box::new(receipts.read()?),
                waiting: VecDeque::new(),
            })
        } else {
            Batches::ByKey(ByKey::new(receipts, dialect, organisation)?)
        };
        Ok(Self {
            source,
            batches,
            unmatched: 0,
        })
    }

    /// How many orders were not recognised so far.
    pub(super) fn unmatched(&self) -> u64 {
        self.unmatched
    }
}

impl Orders for Mended {
    fn next(&mut self) -> Result<Option<Item>> {
        let Some(record) = self.source.next()? else {
            return Ok(None);
        };
        let found = match &mut self.batches {
            Batches::InTurn(batches) => batches.next()?,
            Batches::ByKey(batches) => batches.find(&record.text),
        };
        self.unmatched += u64::from(found.is_none());
        Ok(Some(Item {
            record,
            mends: found.flatten(),
        }))
    }
}

/// The batches of the rejected orders, in their order.
struct InTurn {
    receipts: Box<dyn Iterator<Item = Result<Receipt>> + Send>,
    waiting: VecDeque<Id>,
}

impl InTurn {
    fn next(&mut self) -> Result<Option<Id>> {
        while self.waiting.is_empty() {
            match self.receipts.next() {
                Some(receipt) => self.waiting.extend(ids(&receipt?)),
                None => return Ok(None),
            }
        }
        Ok(self.waiting.pop_front())
    }
}

/// The batch of each rejected order of a receipt.
fn ids(receipt: &Receipt) -> Vec<Id> {
    let id = receipt.id.as_deref().filter(|_| !receipt.dry_run);
    let id: Id = id.map(Arc::from);
    let orders = receipt.rejected_orders.iter();
    orders
        .map(|order| id.clone().filter(|_| !order.not_sent))
        .collect()
}

/// The batches of the rejected orders, by key.
struct ByKey {
    /// Hashes take less memory than keys.
    batches: HashMap<u64, Id>,
    hasher: RandomState,
    offline: Offline,
}

impl ByKey {
    fn new(
        receipts: &Receipts,
        dialect: &'static dyn Dialect,
        organisation: Option<&str>,
    ) -> Result<Self> {
        let hasher = RandomState::new();
        let mut batches = HashMap::new();
        for receipt in receipts.read()? {
            let receipt = receipt?;
            for (order, id) in receipt.rejected_orders.iter().zip(ids(&receipt)) {
                if let Some(key) = &order.key {
                    batches.insert(hasher.hash_one(key.as_str()), id);
                }
            }
        }
        Ok(Self {
            batches,
            hasher,
            offline: Offline::new(dialect, organisation, TimeZone::UTC)?,
        })
    }

    fn find(&mut self, text: &str) -> Option<Id> {
        let key = self.offline.judge(text).ok()?.key?;
        self.batches
            .get(&self.hasher.hash_one(key.as_str()))
            .cloned()
    }
}
