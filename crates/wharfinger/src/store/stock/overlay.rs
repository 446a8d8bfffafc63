//! What orders take from enforced catalogues. Changes are collected in a transaction and written once.

use std::collections::{HashMap, HashSet};

use wharfinger_core::decide::catalogue::{
    self, AdmittedLine, Attach, Attached, Demand, Identifier, KnownCustomers, Offer, PIECES_MAX,
    ProductNumber,
};
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::problem::Problem;

use super::customer_numbers;
use super::ledger::{Cause, Ledger, Stock, lock_stock};
use super::product_cache::ProductCache;
use crate::store::engine::driver::{Connection, params};
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::index::kept_index::KeptIndex;

/// The catalogue and customers as a transaction sees them: the stored state plus the transaction's own changes.
#[derive(Default)]
pub(crate) struct CatalogueOverlay {
    /// State kept between transactions.
    kept: Kept,
    /// Whether `kept` was brought up to date in this transaction.
    is_up_to_date: bool,
    /// Whether to lock the stock before it is changed. Not in a dry run, and not again.
    locks_stock: bool,
    /// The change of each product's quantity.
    changed: HashMap<ProductNumber, i64>,
    ledger: HashMap<(OrganisationId, Cause), Noted>,
    /// Customers registered in this transaction, by e-mail address.
    registered: HashMap<(OrganisationId, String), Registered>,
    /// The numbers of the registered customers.
    new_customers: HashSet<(OrganisationId, u64)>,
    /// The number for the next new customer of an organisation.
    next_customers: HashMap<OrganisationId, u64>,
    /// Customers that requested a new password.
    passwords: Vec<(OrganisationId, u64)>,
}

/// State kept between transactions. Each transaction that needs it brings it up to date.
#[derive(Default)]
pub(crate) struct Kept {
    product_cache: ProductCache,
    stock: Stock,
    /// The numbers of dialects. They never change.
    pub dialects: HashMap<&'static str, DialectId>,
    /// What is known about the index.
    pub index: KeptIndex,
    /// From when on batches are counted in the statistics as they are stored. It never changes.
    pub stats_begin_ms: Option<i64>,
}

/// A new customer that is not written yet.
struct Registered {
    id: u64,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// Stock changes of one organisation and one cause.
struct Noted {
    /// The first order that caused a change.
    first: EntryAddr,
    changes: Vec<(ProductNumber, i64)>,
}

/// The catalogue decision on an order: its lines, and the customer it is attached to.
pub(crate) type Decided = (Vec<AdmittedLine>, Attached);

impl CatalogueOverlay {
    /// Begins a transaction with the state kept from earlier ones.
    pub(crate) fn new(kept: Kept) -> Self {
        Self {
            kept,
            locks_stock: true,
            ..Self::default()
        }
    }

    /// The state to keep after the transaction is on disk.
    pub(crate) fn into_kept(self) -> Kept {
        self.kept
    }

    /// Decides what an order gets, or returns all problems if it gets nothing. Takes nothing from stock yet.
    pub(crate) fn decide(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
        demand: &Demand,
    ) -> Result<Result<Decided, Vec<Problem>>, Fault> {
        self.catch_up(connection)?;
        // Looks up each product once, even if several lines name it.
        let mut found = HashMap::<&Identifier, Option<Offer>>::new();
        let mut product_cache = Vec::with_capacity(demand.lines.len());
        for line in &demand.lines {
            let offer = match found.get(&line.product) {
                Some(known) => known.clone(),
                None => {
                    let offer = self.offer(connection, organisation, demand, &line.product)?;
                    found.insert(&line.product, offer.clone());
                    offer
                }
            };
            product_cache.push(offer);
        }
        let known = self.known(connection, organisation, &demand.customer)?;
        Ok(catalogue::decide(demand, &product_cache, known))
    }

    /// A product. Its quantity is filled in only if the order takes stock.
    fn offer(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
        demand: &Demand,
        product: &Identifier,
    ) -> Result<Option<Offer>, Fault> {
        let found = self
            .kept
            .product_cache
            .find(connection, organisation, product)?;
        let Some(mut offer) = found else {
            return Ok(None);
        };
        if demand.takes_stock {
            offer.pieces = self.pieces(connection, offer.product)?;
        }
        Ok(Some(offer))
    }

    fn catch_up(&mut self, connection: &Connection) -> Result<(), Fault> {
        if !self.is_up_to_date {
            self.kept.product_cache.catch_up(connection)?;
            self.kept.stock.catch_up(connection)?;
            self.is_up_to_date = true;
        }
        Ok(())
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
            known.has_id = is_stored || self.new_customers.contains(&(organisation, id));
        }
        if let (true, Some(email)) = (attach.registers, &attach.email) {
            known.of_email = self.customer_of(connection, organisation, email)?;
        }
        Ok(known)
    }

    /// The number of the customer with this e-mail address.
    fn customer_of(
        &self,
        connection: &Connection,
        organisation: OrganisationId,
        email: &str,
    ) -> Result<Option<u64>, Fault> {
        if let Some(new) = self.registered.get(&(organisation, email.to_owned())) {
            return Ok(Some(new.id));
        }
        customer_numbers::number_of(connection, organisation, email)
    }

    /// Attaches an order to its customer, and registers the customer if new. Returns the customer's number.
    pub(crate) fn attach(
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
                self.new_customers.insert((organisation, id));
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
            Some(&next) => Some(next).filter(|next| *next <= PIECES_MAX),
            None => customer_numbers::next_id(connection, organisation)?,
        };
        let none_left = || Fault::Refused("there are no more customer numbers".into());
        let next = next.ok_or_else(none_left)?;
        self.next_customers.insert(organisation, next + 1);
        Ok(next)
    }

    /// Takes the decided quantities from stock.
    pub(crate) fn take(&mut self, order: EntryAddr, lines: &[AdmittedLine]) {
        for line in lines {
            if let Some(product) = line.product {
                self.change((Cause::Taken, order), product, -line.taken.cast_signed());
            }
        }
    }

    /// Returns the quantities that lines of an order had taken. The stock does not exceed [`PIECES_MAX`], as a load may have set
    /// it since.
    pub(crate) fn give_back(
        &mut self,
        connection: &Connection,
        order: EntryAddr,
        lines: &[AdmittedLine],
    ) -> Result<(), Fault> {
        if std::mem::take(&mut self.locks_stock) {
            lock_stock(connection)?;
        }
        self.catch_up(connection)?;
        for line in lines {
            if let Some(product) = line.product {
                let room = PIECES_MAX.saturating_sub(self.pieces(connection, product)?);
                let by = line.taken.min(room).cast_signed();
                self.change((Cause::GivenBack, order), product, by);
            }
        }
        Ok(())
    }

    /// The quantity of a product on hand, including the transaction's own changes.
    fn pieces(&mut self, connection: &Connection, product: ProductNumber) -> Result<u64, Fault> {
        let stored = self.kept.stock.pieces(connection, product)?;
        let changed = self.changed.get(&product).copied().unwrap_or(0);
        Ok(u64::try_from(stored + changed).unwrap_or(0))
    }

    fn change(&mut self, (cause, order): (Cause, EntryAddr), product: ProductNumber, by: i64) {
        if by == 0 {
            return;
        }
        *self.changed.entry(product).or_default() += by;
        let of = (order.block().organisation(), cause);
        let noted = self.ledger.entry(of).or_insert_with(|| Noted {
            first: order,
            changes: Vec::new(),
        });
        noted.changes.push((product, by));
    }

    /// Writes all changes and clears them. Later reads find them in the store.
    pub(crate) fn write(&mut self, connection: &Connection, now_ms: i64) -> Result<(), Fault> {
        self.write_customers(connection)?;
        if self.ledger.is_empty() {
            return Ok(());
        }
        let mut ledger = Ledger::new(connection, now_ms)?;
        for ((organisation, cause), noted) in self.ledger.drain() {
            ledger.insert(organisation, cause, Some(noted.first), &noted.changes)?;
        }
        self.changed.clear();
        self.is_up_to_date = false;
        if self.kept.stock.is_far_behind() {
            self.apply_ledger(connection)?;
        }
        Ok(())
    }

    /// Adds all ledger entries to the snapshot. Required before the snapshot is changed directly.
    pub(crate) fn apply_ledger(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.kept.stock.catch_up(connection)?;
        self.kept.stock.apply_ledger(connection)?;
        // A direct change of the snapshot changes the settings, which must be read again.
        self.is_up_to_date = false;
        Ok(())
    }

    fn write_customers(&mut self, connection: &Connection) -> Result<(), Fault> {
        let insert = "insert into customers (organisation, id, email, first_name, last_name, wants_new_password) \
                      values (?1, ?2, ?3, ?4, ?5, false)";
        for ((organisation, email), new) in self.registered.drain() {
            connection.prepare_cached(insert)?.execute(params![
                organisation.0,
                new.id.cast_signed(),
                email,
                new.first_name,
                new.last_name,
            ])?;
        }
        let update = "update customers set wants_new_password = true \
             where organisation = ?1 and id = ?2 and sound(customers.intact)";
        for (organisation, id) in self.passwords.drain(..) {
            let parameters = (organisation.0, id.cast_signed());
            connection.prepare_cached(update)?.execute(parameters)?;
        }
        self.new_customers.clear();
        self.next_customers.clear();
        Ok(())
    }
}
