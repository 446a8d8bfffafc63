//! Erasing a person from what stands beside rejected orders: notes of dismissals, and names of files.

use wharfinger_core::reading::email;

use super::{Erasing, Person};
use crate::store::api::StoreError;
use crate::store::engine::driver::Connection;
use crate::store::receipts::{closed, files};
use crate::store::write::txn::WriteTxn;

impl Erasing<'_> {
    /// Removes the notes of dismissed orders that mention the person.
    pub(super) async fn notes(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let look = move |connection: &Connection, person: &Person| {
                let is_of_person = |note: &str| email::is_beside_anything(note, &person.address);
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

    /// Removes the names of files that have the address in them.
    pub(super) async fn file_names(&mut self) -> Result<(), StoreError> {
        let mut next = Some(files::FileOf::default());
        while let Some(after) = next {
            let look = move |connection: &Connection, person: &Person| {
                let is_of_person = |name: &str| email::is_beside_anything(name, &person.address);
                files::find_mentions(connection, person.organisation, is_of_person, after)
            };
            let (found, then) = self.read(look).await?;
            if !found.is_empty() {
                let erase =
                    move |txn: &mut WriteTxn<'_>, _: &Person| files::erase(txn.connection, &found);
                self.write(erase).await?;
            }
            next = then;
        }
        Ok(())
    }
}
