//! Rewriting blocks without the data of a person.

use std::collections::HashSet;

use wharfinger_core::reading::email::is_mentioned;
use wharfinger_core::reading::erase::erased;

use super::find::Dialects;
use super::{Person, first_block};
use crate::store::addresses::Entry;
use crate::store::addresses::erase::take_out;
use crate::store::engine::fault::Fault;
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::index::key_space::KeySpace;
use crate::store::journal::admissions;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::{Journal, content_hash};
use crate::store::journal::rewrite::{self, rewrite};
use crate::store::write::txn::WriteTxn;

/// Rewrites blocks in one transaction.
pub(super) struct Blocks<'k, 'c> {
    txn: &'k mut WriteTxn<'c>,
    person: &'k Person,
    /// The orders to erase.
    orders: &'k HashSet<EntryAddr>,
    journal: Journal<'c>,
    dialects: Dialects,
    /// Entries to remove from the e-mail index.
    hashes: Vec<Entry>,
}

/// A text that was rewritten.
struct Written {
    order: EntryAddr,
    addr: EntryAddr,
    hash: Option<u128>,
}

impl<'k, 'c> Blocks<'k, 'c> {
    /// Starts without any entries to remove.
    pub(super) fn new(
        txn: &'k mut WriteTxn<'c>,
        person: &'k Person,
        orders: &'k HashSet<EntryAddr>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            journal: Journal::new(txn.connection),
            txn,
            person,
            orders,
            dialects: Dialects::default(),
            hashes: Vec::new(),
        })
    }

    /// Rewrites blocks, and updates both indexes.
    pub(super) fn erase(mut self, blocks: &[BlockId]) -> Result<(), Fault> {
        let connection = self.txn.connection;
        let organisation = self.person.organisation;
        // Earlier blocks were purged since they were found.
        let first = first_block(connection, organisation)?;
        for &id in blocks.iter().filter(|id| **id >= first) {
            self.block(id)?;
        }
        take_out(connection, organisation, &mut self.hashes)
    }

    fn block(&mut self, id: BlockId) -> Result<(), Fault> {
        let connection = self.txn.connection;
        let number = self.journal.head(id)?.dialect;
        let dialect = self.dialects.get(connection, number)?;
        let (person, orders, hashes) = (self.person, self.orders, &mut self.hashes);
        let mut written = Vec::new();
        rewrite(connection, id, |ordinal, entry| {
            let addr = id.entry(ordinal);
            match entry.entry_outcome {
                EntryOutcome::Accepted { .. } | EntryOutcome::Updated { .. } => {
                    let order = entry
                        .entry_outcome
                        .order(addr)
                        .filter(|of| orders.contains(of));
                    if let Some(order) = order {
                        entry.text = erased(dialect.name_case(), dialect.fields(), &entry.text);
                        take_hash(entry, addr, hashes);
                        written.push(Written {
                            order,
                            addr,
                            hash: content_hash(&entry.text, dialect.name_case()),
                        });
                    }
                }
                // Nobody reads the texts of these entries.
                EntryOutcome::Unchanged { order, .. } if orders.contains(&order) => {
                    entry.text.clear();
                    entry.email = EmailHash::NONE;
                }
                EntryOutcome::Refused
                    if entry.email == person.hash && is_mentioned(&entry.text, &person.address) =>
                {
                    entry.text.clear();
                    entry.email = EmailHash::NONE;
                }
                EntryOutcome::Unchanged { .. }
                | EntryOutcome::Refused
                | EntryOutcome::Purged
                | EntryOutcome::Transition { .. }
                | EntryOutcome::Fulfilled { .. } => {}
            }
        })?;
        self.journal.forget(id);
        let orders = self.orders;
        let is_erased = |ordinal| orders.contains(&id.entry(ordinal));
        admissions::forget_customers(connection, id, is_erased)?;
        let key_space = KeySpace::new(person.organisation, number);
        for text in written {
            self.rehash(&key_space, &text)?;
        }
        Ok(())
    }

    /// Updates the content hash in the index if this text is the latest of its order.
    fn rehash(&mut self, key_space: &KeySpace, text: &Written) -> Result<(), Fault> {
        let key = self.journal.key(text.order)?;
        let Some((row, holds)) = self.txn.index.at(key_space, &key, text.order)? else {
            // The order was purged since it was found.
            return Ok(());
        };
        let unreadable = || Fault::Damaged("an erased text is not JSON".into());
        let hash = text.hash.ok_or_else(unreadable)?;
        if row.latest == text.addr {
            let of = (row.id, holds);
            self.txn
                .index
                .change(key_space, &key, of, |row| row.hash = hash)?;
        }
        Ok(())
    }
}

/// Removes the hash of an entry, and notes it for removal from the e-mail index.
fn take_hash(entry: &mut rewrite::Entry, addr: EntryAddr, hashes: &mut Vec<Entry>) {
    if entry.email != EmailHash::NONE {
        let hash = entry.email;
        hashes.push(Entry { hash, place: addr });
        entry.email = EmailHash::NONE;
    }
}
