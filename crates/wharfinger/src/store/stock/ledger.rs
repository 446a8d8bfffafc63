//! Stock: an append-only ledger plus a snapshot table that is advanced in batches. On hand = snapshot + later entries.
//!
//! An order of two products out of a million would dirty two pages of the snapshot, as much work as everything else that it writes.
//! Orders therefore write to the ledger only. From time to time its entries are applied to the snapshot, for many orders at once and
//! in the order of the table.

use std::collections::HashMap;

use wharfinger_core::decide::catalogue::ProductNumber;
use wharfinger_core::order::ids::OrganisationId;

use crate::store::engine::driver::{Connection, Engine, OptionalExtension, Statement, params};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::format::varint::{Damage, read_number, read_signed, write_number, write_signed};

/// The snapshot is advanced when this many products have later entries.
const FOLDED_TOGETHER: usize = 16_384;

/// The snapshot is advanced when there are this many later entries. Each reader of stock reads all of them.
const ENTRIES_TOGETHER: i64 = 4_096;

/// The most products whose snapshot quantity is cached.
const KNOWN_MAX: usize = 1 << 20;

/// The cause of a stock change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// A load of products.
    Loaded = 0,
    /// An order took stock.
    Taken = 1,
    /// An order returned stock.
    GivenBack = 2,
}

/// The quantities on hand. Kept between transactions, and brought up to date in each.
#[derive(Default)]
pub(crate) struct Stock {
    /// The id of the last ledger entry that is in the snapshot.
    folded: i64,
    /// The id of the last ledger entry that was read.
    read: i64,
    /// The sum of the entries between them, by product.
    since: HashMap<ProductNumber, i64>,
    /// Cached quantities of the snapshot.
    known: HashMap<ProductNumber, i64>,
}

impl Stock {
    /// Reads the current stock.
    pub(crate) fn now(connection: &Connection) -> Result<Self, Fault> {
        let mut stock = Self::default();
        stock.catch_up(connection)?;
        Ok(stock)
    }

    /// Reads the ledger entries written since, by any process.
    pub(crate) fn catch_up(&mut self, connection: &Connection) -> Result<(), Fault> {
        let folded = setting(connection, FOLDED)?;
        if folded != self.folded {
            *self = Self {
                folded,
                read: folded,
                ..Self::default()
            };
        }
        let select = "select id, changes from stock_ledger where id > ?1 and sound(stock_ledger.intact) order by id";
        let mut select = connection.prepare_cached(select)?;
        let mut rows = select.query([self.read])?;
        while let Some(row) = rows.next()? {
            self.read = row.get(0)?;
            let changes = row.blob(1)?;
            add(changes, &mut self.since)?;
        }
        Ok(())
    }

    /// The sum of the later entries of a product, which the snapshot does not contain.
    pub(crate) fn since(&self, product: ProductNumber) -> i64 {
        self.since.get(&product).copied().unwrap_or(0)
    }

    /// The quantity of a product on hand.
    pub(crate) fn pieces(
        &mut self,
        connection: &Connection,
        product: ProductNumber,
    ) -> Result<i64, Fault> {
        let in_table = match self.known.get(&product) {
            Some(&pieces) => pieces,
            None => {
                if self.known.len() == KNOWN_MAX {
                    self.known.clear();
                }
                let pieces = read_pieces(connection, product)?;
                self.known.insert(product, pieces);
                pieces
            }
        };
        Ok(in_table + self.since(product))
    }

    /// Whether there are enough later entries to advance the snapshot.
    pub(crate) fn is_far_behind(&self) -> bool {
        self.since.len() >= FOLDED_TOGETHER || self.read - self.folded >= ENTRIES_TOGETHER
    }

    /// Adds the entries that were read to the snapshot.
    pub(crate) fn apply_ledger(&mut self, connection: &Connection) -> Result<(), Fault> {
        let add =
            "update stock set pieces = pieces + ?2 where product = ?1 and sound(stock.intact)";
        let mut add = connection.prepare_cached(add)?;
        let insert = "insert into stock (organisation, product, pieces) \
                      select organisation, number, ?2 from products where number = ?1";
        let mut insert = connection.prepare_cached(insert)?;
        let mut changes: Vec<_> = self.since.drain().collect();
        changes.sort_unstable();
        for (product, by) in changes {
            if add.execute((product.0, by))? == 0 {
                insert.execute((product.0, by))?;
            }
            if let Some(pieces) = self.known.get_mut(&product) {
                *pieces += by;
            }
        }
        self.folded = self.read;
        set_folded(connection, self.folded)
    }
}

/// Locks the stock of all organisations until the end of the transaction, and waits for others that have.
///
/// Entries of the ledger are numbered over all organisations, and readers continue after the last number that they saw. So entries
/// must be written in the order of commits. Orders that take stock lock the store for that. Orders that give it back lock only
/// their organisation, and this: whoever cancels does not know before whether the order had taken any. It is the last lock that a
/// transaction takes, so nobody who has it waits for another. The number is "stock" in ASCII.
pub(crate) fn lock_stock(connection: &Connection) -> Result<(), Fault> {
    if connection.engine() == Engine::Postgres {
        connection.execute_batch("select pg_advisory_xact_lock(x'73746f636b'::bigint)")?;
    }
    Ok(())
}

/// The setting with the id of the last ledger entry in the snapshot.
const FOLDED: &str = "stock_folded";
/// The setting that each load of products increments.
const CATALOGUE_VERSION: &str = "catalogue_version";

fn setting(connection: &Connection, name: &str) -> Result<i64, Fault> {
    let select = "select value from settings where name = ?1 and sound(settings.intact)";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_row([name], |row| row.get(0))?)
}

fn set_folded(connection: &Connection, entry: i64) -> Result<(), Fault> {
    let update = "update settings set value = ?2 where name = ?1";
    connection
        .prepare_cached(update)?
        .execute((FOLDED, entry))?;
    Ok(())
}

/// The catalogue version. It changes with each load of products.
pub(crate) fn catalogue_version(connection: &Connection) -> Result<i64, Fault> {
    setting(connection, CATALOGUE_VERSION)
}

/// Records a load of products, which wrote both the snapshot and the ledger. All earlier entries must be in the snapshot
/// already.
pub(crate) fn loaded(connection: &Connection) -> Result<(), Fault> {
    let select = "select coalesce(max(id), 0) from stock_ledger";
    let last = connection
        .prepare_cached(select)?
        .query_row((), |row| row.get(0))?;
    set_folded(connection, last)?;
    let update = "update settings set value = value + 1 where name = ?1 and sound(settings.intact)";
    connection
        .prepare_cached(update)?
        .execute([CATALOGUE_VERSION])?;
    Ok(())
}

/// The quantity of a product in the snapshot.
fn read_pieces(connection: &Connection, product: ProductNumber) -> Result<i64, Fault> {
    let select = "select pieces from stock where product = ?1 and sound(stock.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row([product.0], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Adds the changes of a ledger entry to `sums`.
pub(crate) fn add(
    mut changes: &[u8],
    sums: &mut HashMap<ProductNumber, i64>,
) -> Result<(), Damage> {
    while !changes.is_empty() {
        let product = ProductNumber(read_number(&mut changes)?.cast_signed());
        *sums.entry(product).or_default() += read_signed(&mut changes)?;
    }
    Ok(())
}

/// Appends to the stock ledger.
pub(crate) struct Ledger<'c> {
    insert: Statement<'c>,
    now_ms: i64,
}

impl<'c> Ledger<'c> {
    pub(crate) fn new(connection: &'c Connection, now_ms: i64) -> Result<Self, Fault> {
        let insert = "insert into stock_ledger (organisation, at_ms, cause, place, changes) values (?1, ?2, ?3, ?4, ?5)";
        Ok(Self {
            insert: connection.prepare_cached(insert)?,
            now_ms,
        })
    }

    /// Appends one entry, with the change of each product's quantity.
    pub(crate) fn insert(
        &mut self,
        organisation: OrganisationId,
        cause: Cause,
        order: Option<EntryAddr>,
        changes: &[(ProductNumber, i64)],
    ) -> Result<(), Fault> {
        let mut packed = Vec::with_capacity(changes.len() * 4);
        for (product, by) in changes {
            write_number(&mut packed, product.0.cast_unsigned());
            write_signed(&mut packed, *by);
        }
        self.insert.execute(params![
            organisation.0,
            self.now_ms,
            cause as u8,
            order.map(|order| order.0),
            packed
        ])?;
        Ok(())
    }
}
