//! Erasing a person: the orders of the customer with an e-mail address keep only the fields that their dialect retains.
//!
//! An order belongs to the customer if any of its revisions has the address. All its revisions are erased, including those with
//! another address, which is usually the same person's.
//!
//! The orders are found and recorded before anything changes, so that the next erasure completes an interrupted one. Open orders
//! are cancelled, so that they get no further revision. Then every block with texts of the orders is rewritten, a few per
//! transaction, together with the e-mail index. Each transaction leaves the store consistent. Rejected orders and saved responses
//! follow. At the end the log is checkpointed and emptied.

mod blocks;
mod dismissals;
mod find;
mod hold_notes;
mod vacuum;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wharfinger_core::decide::admit::Move;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::reading::email;

use self::blocks::Blocks;
use self::find::{find, places_of, scan};
use self::vacuum::vacuum;
use crate::clock;
use crate::store::addresses::erase::{sweep, unfinished};
use crate::store::addresses::jobs::{self, Left};
use crate::store::api::{EraseCustomer, ErasedCustomer, Erasure, StoreError, TransitionById};
use crate::store::destinations::attempts;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::engine::home::Home;
use crate::store::engine::wal::write_back::{compact, empty_log};
use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::journal::end::read_counters;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::read::locate::Located;
use crate::store::receipts::rejections;
use crate::store::stats;
use crate::store::stock::customer_numbers;
use crate::store::transition::process_cancel::move_located;
use crate::store::write::audit::write_audit;
use crate::store::write::job::Task;
use crate::store::write::merge;
use crate::store::write::txn::WriteTxn;
use crate::store::{Store, journal, replies};

/// Orders that are recorded or cancelled in one transaction.
const SLICE_ORDERS: usize = 1_024;
/// Blocks that are rewritten in one transaction. Each has about a MiB of text.
const SLICE_BLOCKS: usize = 16;
/// The largest database file that is rewritten without a request. That takes about a second, and as much memory as the file.
const COMPACTED_BYTES_MAX: u64 = 128 << 20;
/// The pause when the writer's queue is full.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// The person to erase.
#[derive(Debug)]
struct Person {
    organisation: OrganisationId,
    /// The e-mail address in its normal form.
    address: String,
    hash: EmailHash,
    /// The number of the customer with that address. Orders without an address may belong to it.
    customer: Option<u64>,
}

/// The state of an erasure.
struct Erasing<'s> {
    store: &'s Store,
    person: Arc<Person>,
    who: String,
    /// The batches that had data of the person.
    batches: HashSet<[u8; 16]>,
    done: Erasure,
}

impl Store {
    /// Erases a person from an organisation: from every revision of its orders, rejected orders and saved responses.
    ///
    /// Open orders are cancelled. Then the log is checkpointed and emptied, so that it does not contain the person either. A
    /// large database file may have copies in unused space until it is compacted. An interrupted erasure of the organisation is
    /// resumed.
    pub async fn erase_customer(
        &self,
        request: EraseCustomer,
    ) -> Result<ErasedCustomer, StoreError> {
        let hash = self.email_key.hash(&request.email);
        if hash == EmailHash::NONE {
            return Err(StoreError::Refused("an e-mail address is required".into()));
        }
        let organisation = request.organisation;
        let address = email::normal(&request.email).into_owned();
        let of_address = address.clone();
        let find = move |connection: &Connection| {
            customer_numbers::number_of(connection, organisation, &of_address)
        };
        let person = Person {
            organisation,
            address,
            hash,
            customer: self.readers.read(find).await?,
        };
        let mut erasing = Erasing {
            store: self,
            person: Arc::new(person),
            who: request.who,
            batches: HashSet::new(),
            done: Erasure::default(),
        };
        let end = erasing.find_orders(0).await?;
        erasing.cancel().await?;
        // A draft may have been placed in the meantime, and its sub-orders are in later blocks. No draft is left now.
        erasing.find_orders(end).await?;
        let orders = erasing.cancel().await?;
        // Blocks are rewritten only in their table.
        merge::all(&self.writer).await?;
        erasing.note(&orders).await?;
        erasing.customer().await?;
        erasing.texts(&orders).await?;
        erasing.hold_notes(&orders).await?;
        erasing.rejections().await?;
        erasing.notes().await?;
        erasing.file_names().await?;
        erasing.statistics().await?;
        erasing.answers().await?;
        erasing.deliveries().await?;
        erasing.addresses().await?;
        // The log still has what was rewritten while it was recent, as it was before.
        merge::all(&self.writer).await?;
        erasing.compact(request.compact).await?;
        erasing.empty_log().await?;
        erasing.forget(&orders).await?;
        let erasure = erasing.done;
        let finish = move |_: &mut WriteTxn<'_>| Ok(erasure.clone());
        let finished = self
            .change(Task::of(1), request.save_reply, |_| true, finish)
            .await;
        finished.map(|(erasure, reply)| ErasedCustomer { erasure, reply })
    }
}

impl Erasing<'_> {
    /// Reads in one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Person) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let person = Arc::clone(&self.person);
        let read = move |connection: &Connection| read(connection, &person);
        self.store.readers.read(read).await
    }

    /// Runs a write when the writer's queue has room. Requests come first.
    async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&mut WriteTxn<'_>, &Person) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let write = Arc::new(write);
        loop {
            let (write, person) = (Arc::clone(&write), Arc::clone(&self.person));
            let run = move |txn: &mut WriteTxn<'_>| write(txn, &person);
            match self.store.writer.ask(SLICE_ORDERS, run).await {
                Err(StoreError::Overloaded) => tokio::time::sleep(BUSY_PAUSE).await,
                done => return done,
            }
        }
    }

    /// Finds and records the person's orders, beginning with a block. Returns the block after the last one that was searched.
    async fn find_orders(&mut self, first: u32) -> Result<u32, StoreError> {
        let count = |connection: &Connection, person: &Person| {
            Ok(read_counters(connection, person.organisation)?.block)
        };
        // Later orders are not part of this erasure.
        let end = self.read(count).await?;
        let (mut next, mut found) = (Some(first), HashSet::new());
        while let Some(from) = next {
            let look =
                move |connection: &Connection, person: &Person| find(connection, person, from..end);
            let (orders, then) = self.read(look).await?;
            found.extend(orders);
            next = then;
        }
        let found: Vec<EntryAddr> = found.into_iter().collect();
        for orders in found.chunks(SLICE_ORDERS) {
            let orders = orders.to_vec();
            let note = move |txn: &mut WriteTxn<'_>, _: &Person| {
                let insert = "insert into erasures (organisation, id) values (?1, ?2) on conflict do nothing";
                let mut insert = txn.connection.prepare_cached(insert)?;
                for order in &orders {
                    insert.execute((order.block().organisation().0, order.0))?;
                }
                Ok(())
            };
            self.write(note).await?;
        }
        Ok(end)
    }

    /// Cancels the recorded orders that are open, with an event each. Returns all recorded orders, including those of an
    /// interrupted erasure.
    async fn cancel(&mut self) -> Result<Arc<HashSet<EntryAddr>>, StoreError> {
        let noted = self.read(noted).await?;
        let orders: Vec<EntryAddr> = noted.iter().copied().collect();
        for orders in orders.chunks(SLICE_ORDERS) {
            let (orders, who) = (orders.to_vec(), self.who.clone());
            let cancel = move |txn: &mut WriteTxn<'_>, _: &Person| cancel(txn, &orders, &who);
            self.done.cancelled += self.write(cancel).await?;
        }
        Ok(Arc::new(noted))
    }

    /// Writes the number of erased orders to the audit log, without naming the person.
    async fn note(&mut self, orders: &HashSet<EntryAddr>) -> Result<(), StoreError> {
        self.done.orders = orders.len() as u64;
        let (who, count) = (self.who.clone(), orders.len());
        let note = move |txn: &mut WriteTxn<'_>, person: &Person| {
            let mut journal = Journal::new(txn.connection);
            let code = journal.code(person.organisation)?;
            let details = json!({"orders": count});
            let action = "organisation.customer_erased";
            write_audit(txn, &who, action, code, Some(&details)).map(drop)
        };
        self.write(note).await
    }

    /// Deletes the person from the catalogue's customers.
    async fn customer(&mut self) -> Result<(), StoreError> {
        let delete = |txn: &mut WriteTxn<'_>, person: &Person| {
            customer_numbers::delete(txn.connection, person.organisation, &person.address)
        };
        self.done.customers = u64::from(self.write(delete).await?);
        Ok(())
    }

    /// Rewrites the blocks that have texts of the orders, or of refused entries with the person's address. Repeats until no
    /// block is left, because processed orders may be amended in the meantime.
    async fn texts(&mut self, orders: &Arc<HashSet<EntryAddr>>) -> Result<(), StoreError> {
        let mut next = Some(0);
        while let Some(from) = next {
            let of = Arc::clone(orders);
            let look =
                move |connection: &Connection, person: &Person| scan(connection, person, &of, from);
            let scanned = self.read(look).await?;
            for blocks in scanned.blocks.chunks(SLICE_BLOCKS) {
                let (blocks, of) = (blocks.to_vec(), Arc::clone(orders));
                let rewrite = move |txn: &mut WriteTxn<'_>, person: &Person| {
                    Blocks::new(txn, person, &of)?.erase(&blocks)
                };
                self.write(rewrite).await?;
            }
            next = scanned.next;
            let entries: Vec<_> = scanned.entries.into_iter().collect();
            self.warnings(&entries).await?;
            self.batches.extend(entries.iter().map(|(batch, _)| *batch));
        }
        Ok(())
    }

    /// Removes the attribute names from the warnings of some orders.
    async fn warnings(&self, entries: &[([u8; 16], BTreeSet<u32>)]) -> Result<(), StoreError> {
        for entries in entries.chunks(SLICE_ORDERS) {
            let entries = entries.to_vec();
            let erase = move |txn: &mut WriteTxn<'_>, person: &Person| {
                let erase = |(batch, indexes): &([u8; 16], BTreeSet<u32>)| {
                    let organisation = person.organisation;
                    rejections::erase_attributes(txn.connection, organisation, *batch, indexes)
                };
                entries.iter().try_for_each(erase)
            };
            self.write(erase).await?;
        }
        Ok(())
    }

    /// Removes the person from rejected orders that mention the address.
    async fn rejections(&mut self) -> Result<(), StoreError> {
        let mut next = Some(0);
        while let Some(after) = next {
            let look = move |connection: &Connection, person: &Person| {
                rejections::find_mentions(connection, person.mentioned(), after)
            };
            let slice = self.read(look).await?;
            let parts = slice.found;
            let erase = move |txn: &mut WriteTxn<'_>, person: &Person| {
                rejections::erase(txn.connection, &parts, person.mentioned())
            };
            let (erased, batches) = self.write(erase).await?;
            self.done.rejected += erased;
            self.batches.extend(batches);
            next = slice.next;
        }
        Ok(())
    }

    /// Removes the address from the causes of rejections in the statistics.
    async fn statistics(&mut self) -> Result<(), StoreError> {
        let roll_up =
            |txn: &mut WriteTxn<'_>, _: &Person| stats::roll_up(txn.connection, clock::now_ms());
        while self.write(roll_up).await? {}
        let erase = |txn: &mut WriteTxn<'_>, person: &Person| {
            stats::erase_mentions(txn.connection, person.mentioned())
        };
        self.write(erase).await
    }

    /// Erases the saved responses to batches that had data of the person, and those that mention the address.
    async fn answers(&mut self) -> Result<(), StoreError> {
        let batches = Arc::new(std::mem::take(&mut self.batches));
        let mut next = Some(0);
        while let Some(after) = next {
            let of = Arc::clone(&batches);
            let look = move |connection: &Connection, person: &Person| {
                replies::read::find_mentions(connection, person.mentioned(), &of, after)
            };
            let slice = self.read(look).await?;
            let found = slice.found;
            let erase = move |txn: &mut WriteTxn<'_>, _: &Person| {
                replies::read::erase(txn.connection, &found)
            };
            self.done.answers += self.write(erase).await?;
            next = slice.next;
        }
        Ok(())
    }

    /// Erases what receivers have answered to events of the organisation: it may name the person. Finds the destinations that have got
    /// some.
    async fn deliveries(&mut self) -> Result<(), StoreError> {
        let erase = |txn: &mut WriteTxn<'_>, person: &Person| {
            attempts::erase(txn.connection, person.organisation)
        };
        self.done.attempts = self.write(erase).await?;
        let find = |connection: &Connection, person: &Person| {
            attempts::delivered_to(connection, person.organisation)
        };
        self.done.delivered_to = self.read(find).await?;
        Ok(())
    }

    /// Removes the address from the rest of the e-mail index: entries of purged orders, and unfinished runs.
    async fn addresses(&self) -> Result<(), StoreError> {
        let sweep = |txn: &mut WriteTxn<'_>, person: &Person| {
            sweep(txn.connection, person.organisation, person.hash)
        };
        while self.write(sweep).await? {}
        let unfinished =
            |connection: &Connection, person: &Person| unfinished(connection, person.organisation);
        for run in self.read(unfinished).await? {
            let delete = move |txn: &mut WriteTxn<'_>, _: &Person| jobs::delete(txn, run);
            while self.write(delete).await? == Left::Parts {}
        }
        Ok(())
    }

    /// Rewrites the database file if it is small or if that is requested.
    ///
    /// When SQLite moves rows between pages, copies can remain in unused parts of pages. Only a rewrite is sure to remove them.
    /// On PostgreSQL the tables are vacuumed, which removes old row versions.
    async fn compact(&mut self, is_asked_for: bool) -> Result<(), StoreError> {
        let home = self.store.home.clone();
        let compacting = tokio::task::spawn_blocking(move || match &home {
            Home::File(file, _) => {
                let is_small =
                    std::fs::metadata(file).is_ok_and(|file| file.len() <= COMPACTED_BYTES_MAX);
                if is_small || is_asked_for {
                    compact(file, is_small)?;
                }
                Ok(is_small || is_asked_for)
            }
            Home::Server(..) => vacuum(&home, is_asked_for),
        });
        let compacted = compacting
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        self.done.compacted = compacted.map_err(|fault: Fault| StoreError::from(fault))?;
        Ok(())
    }

    /// Empties the write-ahead log, which still has the pages as they were.
    async fn empty_log(&self) -> Result<(), StoreError> {
        let Home::File(file, _) = self.store.home.clone() else {
            return Ok(());
        };
        let emptied = tokio::task::spawn_blocking(move || empty_log(&file)).await;
        let emptied = emptied.map_err(|error| StoreError::Internal(error.to_string()))?;
        if emptied? {
            return Ok(());
        }
        Err(StoreError::Refused(
            "the person was erased from the database, but its log could not be emptied because of a long read; when the read has \
             ended, erase again"
                .into(),
        ))
    }

    /// Deletes the records of these orders: their erasure is complete.
    async fn forget(&self, orders: &HashSet<EntryAddr>) -> Result<(), StoreError> {
        let orders: Vec<EntryAddr> = orders.iter().copied().collect();
        for orders in orders.chunks(SLICE_ORDERS) {
            let orders = orders.to_vec();
            let forget = move |txn: &mut WriteTxn<'_>, _: &Person| {
                let delete = "delete from erasures where id = ?1 and organisation = ?1 >> 42";
                let mut delete = txn.connection.prepare_cached(delete)?;
                for order in &orders {
                    delete.execute([order.0])?;
                }
                Ok(())
            };
            self.write(forget).await?;
        }
        Ok(())
    }
}

impl Person {
    /// What to search for in rows that mix several orders.
    fn mentioned(&self) -> (OrganisationId, &str) {
        (self.organisation, &self.address)
    }
}

/// The orders that are recorded for an organisation.
fn noted(connection: &Connection, person: &Person) -> Result<HashSet<EntryAddr>, Fault> {
    let select = "select id from erasures where id between ?1 and ?2 and organisation = ?1 >> 42 and sound(erasures.intact)";
    let mut select = connection.prepare_cached(select)?;
    let (first, last) = places_of(person.organisation);
    let found = select.query_map((first.0, last.0), |row| row.get(0).map(EntryAddr))?;
    Ok(found.into_iter().collect())
}

/// Cancels those of the orders that are open. Returns how many.
fn cancel(txn: &mut WriteTxn<'_>, orders: &[EntryAddr], who: &str) -> Result<u64, Fault> {
    let mut journal = Journal::new(txn.connection);
    let mut located = Vec::with_capacity(orders.len());
    for &addr in orders {
        if is_there(&mut journal, addr)? {
            located.push(Some(Located {
                addr,
                dialect: journal.head(addr.block())?.dialect,
                key: journal.key(addr)?,
            }));
        }
    }
    let request = TransitionById {
        ids: Vec::new(),
        reach: OrgAccess::All,
        wanted: Move::Cancel { release_key: false },
        note: None,
        key_id: who.to_owned(),
        save_reply: None,
    };
    let moved = move_located(txn, &request, &located)?;
    Ok(moved.iter().filter(|moved| moved.is_ok()).count() as u64)
}

/// Whether an order that was found before still exists. It may have been purged.
fn is_there(journal: &mut Journal<'_>, order: EntryAddr) -> Result<bool, Fault> {
    let BlockId(first) = first_block(journal.connection(), order.block().organisation())?;
    Ok(order.block().0 >= first && journal.entry_outcome(order)? != EntryOutcome::Purged)
}

/// The first block of an organisation's journal.
fn first_block(connection: &Connection, organisation: OrganisationId) -> Result<BlockId, Fault> {
    let start = journal::start::start(connection, organisation)?;
    Ok(BlockId::new(organisation, start.block))
}
