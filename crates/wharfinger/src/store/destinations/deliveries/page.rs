//! A page of deliveries that is being filled.

use std::collections::HashMap;
use std::ops::Range;

use wharfinger_core::convert::{self, ReadBack, RenderAs};
use wharfinger_core::dialects;
use wharfinger_core::order::ids::{OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use xxhash_rust::xxh3::Xxh3Default;

use super::past::Past;
use super::previous::{Previous, place};
use crate::store::api::{Delivery, Event, FeedCursor, STORED_FORM, Selection};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::Lookup;
use crate::store::journal::dialects::dialect_name;
use crate::store::journal::order_ids::OrderIds;
use crate::store::journal::read::{Head, Journal};
use crate::store::read::feed::reading::{Page, Seen};
use crate::store::read::feed::told::{self, OfEntry};
use crate::store::read::locate::Locator;
use crate::store::read::orders::load;

/// Bytes of orders at which a page is full.
const ORDER_BYTES_MAX: usize = 8 << 20;

/// A page of deliveries.
pub(super) struct Deliveries<'d, 'c> {
    connection: &'c Connection,
    selection: &'d Selection,
    form: Option<Form>,
    limit: usize,
    /// Bytes of the orders on the page.
    bytes: usize,
    order_ids: OrderIds,
    lookup: Lookup<'c>,
    previous: Previous<'d>,
    dialects: HashMap<DialectId, String>,
    /// Keys of orders that were split, by their ids.
    split: HashMap<OrderId, Option<String>>,
    deliveries: Vec<Delivery>,
    /// The block that was read last, and the positions in it.
    last_block: Option<(BlockId, Range<u64>)>,
}

/// The form of the orders.
#[derive(Clone, Copy)]
enum Form {
    /// A form in which an order can be requested.
    As(RenderAs),
    /// As the native API shows it, with everything that is known of it.
    Stored,
}

impl Form {
    fn named(name: &str) -> Option<Self> {
        if name == STORED_FORM {
            return Some(Self::Stored);
        }
        RenderAs::named(name).map(Self::As)
    }
}

/// Which lane an event takes.
struct Lane {
    key: u64,
    label: String,
}

impl<'d, 'c> Deliveries<'d, 'c> {
    pub(super) fn new(connection: &'c Connection, selection: &'d Selection, limit: usize) -> Self {
        let form = selection.form.as_deref();
        Self {
            connection,
            selection,
            form: form.and_then(Form::named),
            limit,
            bytes: 0,
            order_ids: OrderIds::default(),
            lookup: Lookup::new(connection),
            previous: Previous::new(selection),
            dialects: HashMap::new(),
            split: HashMap::new(),
            deliveries: Vec::new(),
            last_block: None,
        }
    }

    pub(super) fn into_deliveries(self) -> Vec<Delivery> {
        self.deliveries
    }

    /// The block that was read last, and the positions in it.
    pub(super) fn last_block(&self) -> Option<&(BlockId, Range<u64>)> {
        self.last_block.as_ref()
    }

    /// Adds an event, unless its order was purged.
    pub(super) fn take_at(
        &mut self,
        journal: &mut Journal<'c>,
        event: &Seen<'_>,
        next: FeedCursor,
    ) -> Result<(), Fault> {
        let head = event.head;
        let positions = head.first_position..head.first_position + head.events;
        self.last_block = Some((event.block, positions));
        let organisation = event.block.organisation();
        let at = (head, event.position);
        let mut delivery = match event.told.of {
            None => self.of_batch(journal, event, next)?,
            Some(of) => {
                let outcome = head.entry_outcomes[of.entry.ordinal()];
                // A purge takes several transactions.
                if journal.is_of_purged(of.entry, outcome)? {
                    return Ok(());
                }
                let told = told::event(journal, &mut self.order_ids, at, &event.told)?;
                match self.of_order(journal, (event, of), told)? {
                    Some(delivery) => Delivery { next, ..delivery },
                    None => return Ok(()),
                }
            }
        };
        let of = (organisation, event.block);
        delivery.previous = self.previous.of(journal, of, at)?;
        self.bytes += delivery.order.as_ref().map_or(0, String::len);
        self.deliveries.push(delivery);
        Ok(())
    }

    fn of_batch(
        &mut self,
        journal: &mut Journal<'c>,
        event: &Seen<'_>,
        next: FeedCursor,
    ) -> Result<Delivery, Fault> {
        let organisation = event.block.organisation();
        let at = (event.head, event.position);
        let told = told::event(journal, &mut self.order_ids, at, &event.told)?;
        let label = told.batch.map(|batch| batch.to_string());
        let label = label.unwrap_or_default();
        Ok(Delivery {
            organisation,
            event: told,
            previous: None,
            previous_of_order: None,
            lane_key: lane_key(organisation, None, &label),
            label,
            order: None,
            next,
        })
    }

    /// The delivery of an event of an order. `None` if the order is gone.
    fn of_order(
        &mut self,
        journal: &mut Journal<'c>,
        (seen, of): (&Seen<'_>, OfEntry),
        event: Event,
    ) -> Result<Option<Delivery>, Fault> {
        let organisation = seen.block.organisation();
        let key = journal.key_at(of.entry, of.order)?;
        let mut past = Past::new(seen.head.entry_outcomes[of.entry.ordinal()], of);
        if past.needs_row() || self.form.is_some() {
            let key_space = KeySpace::new(organisation, seen.head.dialect);
            let found = self.lookup.at(&key_space, &key, of.order)?;
            let Some((row, _)) = found else {
                return Ok(None);
            };
            past.set_row(journal, row)?;
        }
        let previous_of_order = past.previous(journal, &mut self.previous)?;
        let order = match self.form {
            Some(form) => self.rendered(journal, (&past, &key), (seen.head, form))?,
            None => None,
        };
        let lane = self.lane(journal, (organisation, seen.head), &event, key)?;
        Ok(Some(Delivery {
            organisation,
            event,
            previous: None,
            previous_of_order,
            lane_key: lane.key,
            label: lane.label,
            order,
            next: seen.before.clone(),
        }))
    }

    /// The lane of an order: that of its key. A sub-order takes that of the order that was split.
    fn lane(
        &mut self,
        journal: &mut Journal<'c>,
        (organisation, head): (OrganisationId, &Head),
        event: &Event,
        own_key: String,
    ) -> Result<Lane, Fault> {
        let split = match event.origin {
            Some(origin) if event.order != Some(origin) => {
                self.key_of_split(journal, organisation, origin)?
            }
            Some(_) | None => None,
        };
        let key = split.as_deref().unwrap_or(&own_key);
        Ok(Lane {
            key: lane_key(organisation, Some(head.dialect), key),
            label: own_key,
        })
    }

    fn key_of_split(
        &mut self,
        journal: &mut Journal<'c>,
        organisation: OrganisationId,
        origin: OrderId,
    ) -> Result<Option<String>, Fault> {
        if let Some(known) = self.split.get(&origin) {
            return Ok(known.clone());
        }
        let reach = OrgAccess::Only(vec![organisation]);
        let located = Locator::new(self.connection, &reach).find(journal, origin)?;
        let key = located.map(|located| located.key);
        self.split.insert(origin, key.clone());
        Ok(key)
    }

    /// The order as it was after the event, as JSON.
    fn rendered(
        &mut self,
        journal: &mut Journal<'c>,
        (past, key): (&Past, &str),
        (head, form): (&Head, Form),
    ) -> Result<Option<String>, Fault> {
        let Some(row) = past.row_then(journal)? else {
            return Ok(None);
        };
        if !self.dialects.contains_key(&head.dialect) {
            let name = dialect_name(self.connection, head.dialect)?;
            self.dialects.insert(head.dialect, name);
        }
        let Some(dialect) = dialects::find(&self.dialects[&head.dialect]) else {
            return Ok(None);
        };
        let mut order = load(journal, &row, key.to_owned())?;
        if !past.has_report(journal)? {
            order.fulfilment = None;
        }
        let body = match form {
            Form::As(form) => convert::render(&order, dialect, form).body,
            Form::Stored => {
                serde_json::to_vec(&ReadBack::of(&order, dialect)).expect("an order is always JSON")
            }
        };
        let unreadable = |_| Fault::Damaged(format!("order {} is not UTF-8", order.id));
        String::from_utf8(body).map(Some).map_err(unreadable)
    }
}

impl<'c> Page<'c> for Deliveries<'_, 'c> {
    fn has_room(&self) -> bool {
        self.deliveries.len() < self.limit && self.bytes < ORDER_BYTES_MAX
    }

    fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    fn wants(&self, event: &Seen<'_>) -> bool {
        let head = event.head;
        let place = place(event.block.organisation(), event.position);
        self.selection
            .wants(place, head.stamp, event.told.kind, head.at_ms)
    }

    fn take(&mut self, journal: &mut Journal<'c>, event: Seen<'_>) -> Result<(), Fault> {
        let next = event.next();
        self.take_at(journal, &event, next)
    }
}

/// A hash by which events take the same lane: of an order key, or of a batch, which has no dialect.
fn lane_key(organisation: OrganisationId, dialect: Option<DialectId>, key: &str) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(&organisation.0.to_le_bytes());
    hash.update(&dialect.map_or(-1, |dialect| dialect.0).to_le_bytes());
    hash.update(key.as_bytes());
    hash.digest()
}
