//! The orders of a file of rejected orders, each with the batch that rejected it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use anyhow::Result;
use jiff::tz::TimeZone;
use wharfinger_core::dialect::Dialect;

use super::rejected::Receipts;
use crate::offline::Offline;
use crate::sending::{Item, Orders};
use crate::source::Source;

/// Mended orders.
pub(super) struct Mended {
    source: Box<dyn Source + Send>,
    /// For each order of the file, the position of its batch. `None` if it was not recognised.
    found: std::vec::IntoIter<Option<u32>>,
    batches: Vec<Id>,
    unmatched: u64,
}

/// The id of a batch. `None` if it was a dry run.
type Id = Option<Arc<str>>;

impl Mended {
    /// The orders of `source`. `copy` reads the same file: its orders are recognised first.
    pub(super) fn new(
        source: Box<dyn Source + Send>,
        mut copy: Box<dyn Source + Send>,
        receipts: &Receipts,
        dialect: &'static dyn Dialect,
        organisation: Option<&str>,
    ) -> Result<Self> {
        let mut rejected = Rejected::read(receipts)?;
        let mut offline = Offline::new(dialect, organisation, TimeZone::UTC)?;
        let mut found = Vec::new();
        while let Some(record) = copy.next()? {
            let key = offline.judge(&record.text).ok().and_then(|order| order.key);
            found.push(key.and_then(|key| rejected.take(&key)));
        }
        // Keys come first. If no line was added or removed, the others stand where they stood.
        if found.len() == rejected.orders.len() {
            for (order, found) in rejected.orders.iter().zip(&mut found) {
                if found.is_none() && !order.is_taken {
                    *found = Some(order.batch);
                }
            }
        }
        Ok(Self {
            source,
            found: found.into_iter(),
            batches: rejected.batches,
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
        let found = self.found.next().flatten();
        self.unmatched += u64::from(found.is_none());
        let batch = found.and_then(|batch| self.batches.get(batch as usize));
        Ok(Some(Item {
            record,
            mends: batch.cloned().flatten(),
        }))
    }
}

/// The rejected orders that were sent, as they stood in their file.
struct Rejected {
    /// One for each receipt.
    batches: Vec<Id>,
    orders: Vec<RejectedOrder>,
    /// The orders with a key, by its hash: hashes take less memory than keys.
    by_key: HashMap<u64, Same>,
    hasher: RandomState,
}

struct RejectedOrder {
    /// The position of its batch.
    batch: u32,
    /// The position of the next order with the same key.
    next: Option<u32>,
    /// Whether an order of the file has its key.
    is_taken: bool,
}

/// Positions of orders with the same key.
struct Same {
    /// The first one that is not taken. `None` if all are.
    first: Option<u32>,
    last: u32,
}

impl Rejected {
    fn read(receipts: &Receipts) -> Result<Self> {
        let mut rejected = Self {
            batches: Vec::new(),
            orders: Vec::new(),
            by_key: HashMap::new(),
            hasher: RandomState::new(),
        };
        for receipt in receipts.read()? {
            let receipt = receipt?;
            let batch = u32::try_from(rejected.batches.len())?;
            let id = receipt.id.filter(|_| !receipt.dry_run);
            rejected.batches.push(id.map(Arc::from));
            let sent = receipt.rejected_orders.into_iter();
            for order in sent.filter(|order| !order.not_sent) {
                rejected.add(batch, order.key.as_deref())?;
            }
        }
        Ok(rejected)
    }

    fn add(&mut self, batch: u32, key: Option<&str>) -> Result<()> {
        let position = u32::try_from(self.orders.len())?;
        self.orders.push(RejectedOrder {
            batch,
            next: None,
            is_taken: false,
        });
        let Some(key) = key else { return Ok(()) };
        let same = self.by_key.entry(self.hasher.hash_one(key));
        let same = same.or_insert(Same {
            first: Some(position),
            last: position,
        });
        if same.last != position {
            self.orders[same.last as usize].next = Some(position);
            same.last = position;
        }
        Ok(())
    }

    /// The batch of the first order with this key that is not taken. Takes it.
    fn take(&mut self, key: &str) -> Option<u32> {
        let same = self.by_key.get_mut(&self.hasher.hash_one(key))?;
        let order = self.orders.get_mut(same.first? as usize)?;
        same.first = order.next;
        order.is_taken = true;
        Some(order.batch)
    }
}
