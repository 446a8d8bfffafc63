//! Erasing a person: the orders of the customer with an e-mail address keep their figures alone.
//!
//! An order is the customer's if any of its revisions has the address; all of it is erased, also revisions with another one,
//! which mostly is the same person's. The orders are found and noted down before anything is changed, so that what is broken
//! off halfway is finished by the next erasure; those that are open are called off, so that no revision comes after. Then every
//! block with texts of theirs is written anew, a few in a transaction, together with the index by address: each leaves a store that
//! is whole. What was rejected and kept answers follow, and last the log is written back and emptied.

mod blocks;
mod find;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wharfinger_core::admit::Move;
use wharfinger_core::caller::Reach;
use wharfinger_core::email;
use wharfinger_core::ids::OrganisationId;

use self::blocks::Blocks;
use self::find::{find, places_of, scan};
use crate::store::addresses::erase::{sweep, unfinished};
use crate::store::addresses::jobs::{self, Left};
use crate::store::api::{EraseCustomer, ErasedCustomer, Erasure, MoveById, StoreError};
use crate::store::engine::connection::Use;
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
use crate::store::stock::customer_numbers;
use crate::store::transition::process_cancel::move_located;
use crate::store::write::audit::write_audit;
use crate::store::write::txn::WriteTxn;
use crate::store::{Store, journal, replies};

/// Orders that are noted down, or called off, at a time.
const SLICE_ORDERS: usize = 1_024;
/// Blocks that are written anew at a time: they have about a MiB of text each.
const SLICE_BLOCKS: usize = 16;
/// The largest database file that is written anew without being asked to: it takes about a second, and as much memory.
const COMPACTED_BYTES_MAX: u64 = 128 << 20;
/// How long to stay away from a store that has too much to do.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Who is erased.
#[derive(Debug)]
struct Person {
    organisation: OrganisationId,
    /// In its normal form.
    address: String,
    hash: EmailHash,
    /// The number of the customer with that address: orders may be attached to it that have no address.
    customer: Option<u64>,
}

/// An erasure at work.
struct Erasing<'s> {
    store: &'s Store,
    person: Arc<Person>,
    who: String,
    /// The batches that had something of the person.
    batches: HashSet<[u8; 16]>,
    done: Erasure,
}

impl Store {
    /// Erases a person from an organisation: from every revision of its orders, rejected orders and saved responses. Then the
    /// log is written back and emptied, so that no file of the store contains the person. Open orders are cancelled. An
    /// interrupted erasure of the organisation is resumed.
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
        // An order that was a draft then may have been placed meanwhile, in parts that stand behind. None is a draft now.
        erasing.find_orders(end).await?;
        let orders = erasing.cancel().await?;
        erasing.note(&orders).await?;
        erasing.customer().await?;
        erasing.texts(&orders).await?;
        erasing.rejections().await?;
        erasing.answers().await?;
        erasing.addresses().await?;
        erasing.compact(request.compact).await?;
        erasing.empty_log().await?;
        erasing.forget(&orders).await?;
        let erasure = erasing.done;
        let finish = move |_: &mut WriteTxn<'_>| Ok(erasure);
        let finished = self
            .change(1, request.remember, None, |_| true, finish)
            .await;
        finished.map(|(erasure, reply)| ErasedCustomer { erasure, reply })
    }
}

impl Erasing<'_> {
    /// Reads at one moment.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Person) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let person = Arc::clone(&self.person);
        let read = move |connection: &Connection| read(connection, &person);
        self.store.readers.read(read).await
    }

    /// Has a slice written, when the writer has room for it: requests come first.
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

    /// Finds the person's orders from a block on, and notes them down; the block that comes after those that were looked at.
    async fn find_orders(&mut self, first: u32) -> Result<u32, StoreError> {
        let count = |connection: &Connection, person: &Person| {
            Ok(read_counters(connection, person.organisation)?.block)
        };
        // What comes later is not of the time that is erased.
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

    /// Calls the open orders off among those that are noted down, with an event each; all that are, also by an erasure that
    /// was broken off.
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

    /// Notes in the audit log how many orders are erased, and of nobody.
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

    /// Deletes the customer that orders may be attached to.
    async fn customer(&mut self) -> Result<(), StoreError> {
        let delete = |txn: &mut WriteTxn<'_>, person: &Person| {
            customer_numbers::delete(txn.connection, person.organisation, &person.address)
        };
        self.done.customers = u64::from(self.write(delete).await?);
        Ok(())
    }

    /// Writes the blocks anew that have texts of the orders, or of what was refused of the person; also what was added to an
    /// order that is processed, as long as there is any.
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

    /// Takes out of what was rejected whatever mentions the address.
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

    /// Erases the answers that were kept for batches of the person's, and those that mention the address.
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

    /// Takes what is left of the address out of the index by address: of orders that were purged, and in runs that nobody finished.
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

    /// Writes the database file anew, if it is small or that is asked for: where rows were moved from one page to another, SQLite
    /// leaves what they were in the unused part of a page, and only this is sure to leave it behind. PostgreSQL leaves rows as
    /// they were until they are vacuumed.
    async fn compact(&mut self, is_asked_for: bool) -> Result<(), StoreError> {
        let home = self.store.home.clone();
        let compacting = tokio::task::spawn_blocking(move || match &home {
            Home::File(file) => {
                let is_small =
                    std::fs::metadata(file).is_ok_and(|file| file.len() <= COMPACTED_BYTES_MAX);
                if is_small || is_asked_for {
                    compact(file, is_small)?;
                }
                Ok(is_small || is_asked_for)
            }
            Home::Server(_) => vacuum(&home, is_asked_for),
        });
        let compacted = compacting
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        self.done.compacted = compacted.map_err(|fault: Fault| StoreError::from(fault))?;
        Ok(())
    }

    /// Empties the log, which still has the pages as they were.
    async fn empty_log(&self) -> Result<(), StoreError> {
        let Home::File(file) = self.store.home.clone() else {
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

    /// Notes that nothing is left to be done of these orders.
    async fn forget(&self, orders: &HashSet<EntryAddr>) -> Result<(), StoreError> {
        let orders: Vec<EntryAddr> = orders.iter().copied().collect();
        for orders in orders.chunks(SLICE_ORDERS) {
            let orders = orders.to_vec();
            let forget = move |txn: &mut WriteTxn<'_>, _: &Person| {
                let delete = "delete from erasures where id = ?1";
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
    /// What is looked for where orders are not apart.
    fn mentioned(&self) -> (OrganisationId, &str) {
        (self.organisation, &self.address)
    }
}

/// The orders that are noted down for an organisation.
fn noted(connection: &Connection, person: &Person) -> Result<HashSet<EntryAddr>, Fault> {
    let select = "select id from erasures where id between ?1 and ?2 and sound(erasures.intact)";
    let mut select = connection.prepare_cached(select)?;
    let (first, last) = places_of(person.organisation);
    let found = select.query_map((first.0, last.0), |row| row.get(0).map(EntryAddr))?;
    Ok(found.into_iter().collect())
}

/// Calls off the orders among these that are open; how many.
fn cancel(txn: &mut WriteTxn<'_>, orders: &[EntryAddr], who: &str) -> Result<u64, Fault> {
    let mut journal = Journal::new(txn.connection);
    let mut located = Vec::with_capacity(orders.len());
    for &place in orders {
        if is_there(&mut journal, place)? {
            located.push(Some(Located {
                place,
                dialect: journal.head(place.block())?.dialect,
                key: journal.key(place)?,
            }));
        }
    }
    let request = MoveById {
        ids: Vec::new(),
        reach: Reach::All,
        wanted: Move::Cancel { release_key: false },
        key_id: who.to_owned(),
        remember: None,
    };
    let moved = move_located(txn, &request, &located)?;
    Ok(moved.iter().filter(|moved| moved.is_ok()).count() as u64)
}

/// Whether an order that was found before is still there: it may have been purged.
fn is_there(journal: &mut Journal<'_>, order: EntryAddr) -> Result<bool, Fault> {
    let BlockId(first) = first_block(journal.connection(), order.block().organisation())?;
    Ok(order.block().0 >= first && journal.mark(order)? != EntryOutcome::Purged)
}

/// The first block of an organisation's journal.
fn first_block(connection: &Connection, organisation: OrganisationId) -> Result<BlockId, Fault> {
    let start = journal::start::start(connection, organisation)?;
    Ok(BlockId::new(organisation, start.block))
}

/// Tables that hold what names a person.
const TABLES_OF_PERSONS: [&str; 7] = [
    "answers",
    "blocks",
    "customers",
    "email_parts",
    "fulfilments",
    "order_leaves",
    "rejections",
];

/// Has PostgreSQL drop what rows were before; or write their tables anew, so that nothing is left of them.
fn vacuum(home: &Home, is_whole: bool) -> Result<bool, Fault> {
    let connection = home.connect(Use::Write)?;
    connection.execute_batch("set statement_timeout = 0")?;
    let how = if is_whole { "vacuum (full)" } else { "vacuum" };
    for table in TABLES_OF_PERSONS {
        connection.execute_batch(&format!("{how} {table}"))?;
    }
    Ok(is_whole)
}
