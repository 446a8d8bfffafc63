//! What enforced catalogues have, as orders take from it: noted while jobs run, written once a transaction.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use wharfinger_core::canonical::Amount;
use wharfinger_core::catalogue::{
    self, AdmittedLine, Attach, Attached, Demand, Identifier, KnownCustomers, Offer, ProductNumber,
};
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::json::Decimal;
use wharfinger_core::problem::Problem;

use super::fault::Fault;
use crate::store::bytes::{write_number, write_signed};
use crate::store::place::Place;

/// Products, pieces and customers, with what the transaction has changed so far laid over what is stored.
#[derive(Default)]
pub(super) struct Shelves {
    /// Pieces on hand of the products that were changed.
    pieces: HashMap<ProductNumber, i64>,
    ledger: Vec<Entry>,
    /// Customers that were registered, by e-mail address.
    registered: HashMap<(OrganisationId, String), Registered>,
    /// The number that the next customer of an organisation gets.
    next_customers: HashMap<OrganisationId, u64>,
    /// Customers that asked for a new password.
    passwords: Vec<(OrganisationId, u64)>,
}

/// A customer who is yet to be written.
struct Registered {
    id: u64,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// A change of stock.
struct Entry {
    organisation: OrganisationId,
    cause: Cause,
    order: Place,
    changes: Vec<(ProductNumber, i64)>,
}

/// Why stock changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was loaded.
    Loaded = 0,
    /// An order took it.
    Taken = 1,
    /// An order gave it back.
    GivenBack = 2,
}

/// What an order gets.
pub(super) type Decided = (Vec<AdmittedLine>, Attached);

impl Shelves {
    /// Decides what an order gets; all that is wrong where it gets nothing. Nothing is taken yet.
    pub(super) fn decide(
        &self,
        connection: &Connection,
        organisation: OrganisationId,
        demand: &Demand,
    ) -> Result<Result<Decided, Vec<Problem>>, Fault> {
        let mut offers = Vec::with_capacity(demand.lines.len());
        for line in &demand.lines {
            let found = find(connection, organisation, &line.product)?;
            offers.push(found.map(|offer| self.with_pieces(offer)));
        }
        let known = self.known(connection, organisation, &demand.customer)?;
        Ok(catalogue::decide(demand, &offers, known))
    }

    fn with_pieces(&self, mut offer: Offer) -> Offer {
        if let Some(&pieces) = self.pieces.get(&offer.product) {
            offer.pieces = u64::try_from(pieces).unwrap_or_default();
        }
        offer
    }

    fn known(
        &self,
        connection: &Connection,
        organisation: OrganisationId,
        attach: &Attach,
    ) -> Result<KnownCustomers, Fault> {
        let mut known = KnownCustomers::default();
        if let Some(id) = attach.id {
            let select = "select 1 from customers where organisation = ?1 and id = ?2";
            let mut select = connection.prepare_cached(select)?;
            let is_stored = select.exists((organisation.0, id.cast_signed()))?;
            let mut new = self.registered.iter();
            known.has_id =
                is_stored || new.any(|((of, _), new)| *of == organisation && new.id == id);
        }
        if let (true, Some(email)) = (attach.registers, &attach.email) {
            known.of_email = self.customer_of(connection, organisation, email)?;
        }
        Ok(known)
    }

    /// The customer with an e-mail address.
    fn customer_of(
        &self,
        connection: &Connection,
        organisation: OrganisationId,
        email: &str,
    ) -> Result<Option<u64>, Fault> {
        if let Some(new) = self.registered.get(&(organisation, email.to_owned())) {
            return Ok(Some(new.id));
        }
        let select = "select id from customers where organisation = ?1 and email = ?2";
        let mut select = connection.prepare_cached(select)?;
        let found: Option<i64> = select
            .query_row((organisation.0, email), |row| row.get(0))
            .optional()?;
        Ok(found.map(i64::cast_unsigned))
    }

    /// Attaches an order to its customer, who may be new; the customer's number.
    pub(super) fn attach(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
        (attach, attached): (&Attach, Attached),
    ) -> Result<Option<u64>, Fault> {
        let id = match (attached, &attach.email) {
            (Attached::To(id), _) => id,
            (Attached::New, Some(email)) => {
                let id = self.next_customer(connection, organisation)?;
                let new = Registered {
                    id,
                    first_name: attach.first_name.clone(),
                    last_name: attach.last_name.clone(),
                };
                self.registered.insert((organisation, email.clone()), new);
                id
            }
            (Attached::Nobody, _) | (Attached::New, None) => return Ok(None),
        };
        if attach.wants_new_password {
            self.passwords.push((organisation, id));
        }
        Ok(Some(id))
    }

    fn next_customer(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
    ) -> Result<u64, Fault> {
        let next = match self.next_customers.get(&organisation) {
            Some(&next) => next,
            None => {
                let select = "select max(id) from customers where organisation = ?1";
                let mut select = connection.prepare_cached(select)?;
                let last: Option<i64> = select.query_row([organisation.0], |row| row.get(0))?;
                last.unwrap_or(0).cast_unsigned() + 1
            }
        };
        self.next_customers.insert(organisation, next + 1);
        Ok(next)
    }

    /// Takes what was decided that an order gets.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        order: Place,
        lines: &[AdmittedLine],
    ) -> Result<(), Fault> {
        self.change(connection, (Cause::Taken, order), lines, -1)
    }

    /// Gives back what lines of an order had taken.
    pub(super) fn give_back(
        &mut self,
        connection: &Connection,
        order: Place,
        lines: &[AdmittedLine],
    ) -> Result<(), Fault> {
        self.change(connection, (Cause::GivenBack, order), lines, 1)
    }

    fn change(
        &mut self,
        connection: &Connection,
        (cause, order): (Cause, Place),
        lines: &[AdmittedLine],
        sign: i64,
    ) -> Result<(), Fault> {
        let mut changes = Vec::new();
        for line in lines {
            let Some(product) = line.product.filter(|_| line.taken > 0) else {
                continue;
            };
            let by = sign * line.taken.cast_signed();
            let before = match self.pieces.get(&product) {
                Some(&pieces) => pieces,
                None => read_pieces(connection, product)?,
            };
            self.pieces.insert(product, before + by);
            changes.push((product, by));
        }
        if !changes.is_empty() {
            self.ledger.push(Entry {
                organisation: order.block().organisation(),
                cause,
                order,
                changes,
            });
        }
        Ok(())
    }

    /// Writes what was noted, and forgets it: whoever comes next reads it from the store.
    pub(super) fn write(&mut self, connection: &Connection, now_ms: i64) -> Result<(), Fault> {
        self.write_customers(connection)?;
        if self.ledger.is_empty() {
            return Ok(());
        }
        let mut ledger = Ledger::new(connection, now_ms)?;
        for entry in self.ledger.drain(..) {
            let order = Some(entry.order);
            ledger.insert(entry.organisation, entry.cause, order, &entry.changes)?;
        }
        let mut pieces: Vec<_> = self.pieces.drain().collect();
        pieces.sort_unstable();
        for (product, pieces) in pieces {
            set_pieces(connection, product, pieces)?;
        }
        Ok(())
    }

    fn write_customers(&mut self, connection: &Connection) -> Result<(), Fault> {
        let insert = "insert into customers (organisation, id, email, first_name, last_name, wants_new_password) \
                      values (?1, ?2, ?3, ?4, ?5, 0)";
        for ((organisation, email), new) in self.registered.drain() {
            connection.prepare_cached(insert)?.execute(params![
                organisation.0,
                new.id.cast_signed(),
                email,
                new.first_name,
                new.last_name,
            ])?;
        }
        let update =
            "update customers set wants_new_password = 1 where organisation = ?1 and id = ?2";
        for (organisation, id) in self.passwords.drain(..) {
            let parameters = (organisation.0, id.cast_signed());
            connection.prepare_cached(update)?.execute(parameters)?;
        }
        self.next_customers.clear();
        Ok(())
    }
}

/// Writes to the ledger of stock.
pub(super) struct Ledger<'c> {
    insert: CachedStatement<'c>,
    now_ms: i64,
}

impl<'c> Ledger<'c> {
    pub(super) fn new(connection: &'c Connection, now_ms: i64) -> Result<Self, Fault> {
        let insert = "insert into stock_ledger (organisation, at_ms, cause, place, changes) values (?1, ?2, ?3, ?4, ?5)";
        Ok(Self {
            insert: connection.prepare_cached(insert)?,
            now_ms,
        })
    }

    /// Notes by how many pieces the stock of some products changes.
    pub(super) fn insert(
        &mut self,
        organisation: OrganisationId,
        cause: Cause,
        order: Option<Place>,
        changes: &[(ProductNumber, i64)],
    ) -> Result<(), Fault> {
        let mut packed = Vec::with_capacity(changes.len() * 4);
        for (product, by) in changes {
            write_number(&mut packed, product.0.cast_unsigned());
            write_signed(&mut packed, *by);
        }
        let order = order.map(|order| order.0);
        self.insert.execute(params![
            organisation.0,
            self.now_ms,
            cause as u8,
            order,
            packed
        ])?;
        Ok(())
    }
}

/// Pieces on hand of a product.
pub(super) fn read_pieces(connection: &Connection, product: ProductNumber) -> Result<i64, Fault> {
    let mut select = connection.prepare_cached("select pieces from stock where product = ?1")?;
    let found = select.query_row([product.0], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Sets the pieces on hand of a product; the ledger is to say why.
pub(super) fn set_pieces(
    connection: &Connection,
    product: ProductNumber,
    pieces: i64,
) -> Result<(), Fault> {
    let replace = "insert or replace into stock (product, pieces) values (?1, ?2)";
    connection
        .prepare_cached(replace)?
        .execute((product.0, pieces))?;
    Ok(())
}

/// Whether each of some products is sold at present.
pub(super) fn are_active(
    connection: &Connection,
    lines: &[AdmittedLine],
) -> Result<Vec<bool>, Fault> {
    let mut select = connection.prepare_cached("select active from products where number = ?1")?;
    let mut is_active = |line: &AdmittedLine| match line.product {
        // It is back-ordered already.
        None => Ok(true),
        Some(product) => {
            let found = select.query_row([product.0], |row| row.get(0)).optional()?;
            Ok(found.unwrap_or(false))
        }
    };
    lines.iter().map(&mut is_active).collect()
}

/// A product of an organisation, with the pieces that are stored.
fn find(
    connection: &Connection,
    organisation: OrganisationId,
    product: &Identifier,
) -> Result<Option<Offer>, Fault> {
    const BY_ID: &str = "select number, active, warehouse, price, markets, pricelists, pieces \
                         from products left join stock on product = number where organisation = ?1 and id = ?2";
    const BY_EAN: &str = "select number, active, warehouse, price, markets, pricelists, pieces \
                          from products left join stock on product = number where organisation = ?1 and ean = ?2";
    const BY_SKU: &str = "select number, active, warehouse, price, markets, pricelists, pieces \
                          from products left join stock on product = number where organisation = ?1 and sku = ?2";
    let organisation = organisation.0;
    let found = match product {
        Identifier::Id(id) => connection
            .prepare_cached(BY_ID)?
            .query_row((organisation, id.cast_signed()), read),
        Identifier::Ean(ean) => connection
            .prepare_cached(BY_EAN)?
            .query_row((organisation, ean), read),
        Identifier::Sku(sku) => connection
            .prepare_cached(BY_SKU)?
            .query_row((organisation, sku), read),
    };
    let Some((offer, price, lists)) = found.optional()? else {
        return Ok(None);
    };
    let [markets, pricelists] = lists;
    Ok(Some(Offer {
        price: price.as_deref().map(amount).transpose()?,
        markets: list(markets)?,
        pricelists: list(pricelists)?,
        ..offer
    }))
}

/// A product's columns, of which some are yet to be read.
type Columns = (Offer, Option<String>, [Option<String>; 2]);

fn read(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let pieces: Option<i64> = row.get(6)?;
    let offer = Offer {
        product: ProductNumber(row.get(0)?),
        active: row.get(1)?,
        warehouse: row.get(2)?,
        price: None,
        markets: Vec::new(),
        pricelists: Vec::new(),
        pieces: u64::try_from(pieces.unwrap_or(0)).unwrap_or_default(),
    };
    Ok((offer, row.get(3)?, [row.get(4)?, row.get(5)?]))
}

/// An amount as it is stored.
pub(super) fn amount(text: &str) -> Result<Amount, Fault> {
    let unreadable = || Fault::Damaged(format!("{text} is stored as an amount"));
    let number = Decimal::parse(text.into()).ok_or_else(unreadable)?;
    Ok(Amount::of(&number))
}

fn list(json: Option<String>) -> Result<Vec<String>, Fault> {
    let unreadable = |_| Fault::Damaged("a product's list of markets cannot be read".into());
    match json {
        None => Ok(Vec::new()),
        Some(json) => serde_json::from_str(&json).map_err(unreadable),
    }
}
