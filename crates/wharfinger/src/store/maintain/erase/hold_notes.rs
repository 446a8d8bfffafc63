//! Erasing what people noted about the orders of a person: when they decided on held orders, or dismissed rejected ones.

use std::collections::HashSet;
use std::sync::Arc;

use wharfinger_core::reading::email;

use super::find::places_of;
use super::{Erasing, Person, SLICE_ORDERS};
use crate::store::api::StoreError;
use crate::store::engine::driver::Connection;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::journal::holds;
use crate::store::journal::read::Journal;
use crate::store::receipts::closed;
use crate::store::write::txn::WriteTxn;

impl Erasing<'_> {
    /// Deletes what people noted when they released or refused the orders.
    pub(super) async fn hold_notes(
        &self,
        orders: &Arc<HashSet<EntryAddr>>,
    ) -> Result<(), StoreError> {
        let (first, last) = places_of(self.person.organisation);
        let mut next = Some(EntryAddr(first.0 - 1));
        while let Some(after) = next {
            let of = Arc::clone(orders);
            let look = move |connection: &Connection, _: &Person| {
                let (noted, next) = holds::notes_between(connection, (after, last), SLICE_ORDERS)?;
                let mut journal = Journal::new(connection);
                let mut found = Vec::new();
                for entry in noted {
                    let order = journal.entry_outcome(entry)?.order(entry);
                    found.extend(order.filter(|order| of.contains(order)).map(|_| entry));
                }
                Ok((found, next))
            };
            let (found, further) = self.read(look).await?;
            let forget = move |txn: &mut WriteTxn<'_>, _: &Person| {
                let mut found = found.iter();
                found.try_for_each(|entry| holds::forget(txn.connection, *entry))
            };
            self.write(forget).await?;
            next = further;
        }
        Ok(())
    }

    /// Removes the notes of dismissed orders that mention the person.
    pub(super) async fn notes(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let look = move |connection: &Connection, person: &Person| {
                let is_of_person = |note: &str| email::is_mentioned(note, &person.address);
                closed::find_notes(connection, person.organisation, is_of_person, after)
            };
            let (found, next) = self.read(look).await?;
            if !found.is_empty() {
                let erase = move |txn: &mut WriteTxn<'_>, _: &Person| {
                    closed::erase_notes(txn.connection, &found)
                };
                self.write(erase).await?;
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }
}
