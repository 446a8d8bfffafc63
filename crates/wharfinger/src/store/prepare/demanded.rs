//! What an order says besides its text: its e-mail address, as a hash, and what it demands of a catalogue.

use std::sync::Arc;

use wharfinger_core::decide::catalogue::Demand;
use wharfinger_core::dialect::Draft;

use super::{Heading, Row};
use crate::store::format::email_hash::EmailHash;

impl Heading<'_> {
    /// The keyed hash of an e-mail address.
    pub(super) fn hash(&self, email: Option<&str>) -> EmailHash {
        email.map_or(EmailHash::NONE, |email| self.email_key.hash(email))
    }
}

/// Notes what an order demands of a catalogue, if it demands anything.
pub(super) fn note_demand(draft: &Draft, row: &mut Row, demands: &mut Vec<Arc<Demand>>) {
    if let Some(demand) = &draft.demand {
        row.demand = u32::try_from(demands.len()).ok();
        demands.push(Arc::clone(demand));
    }
}
