//! Destinations at work: who delivers, how far it is, and what is to be delivered.
//!
//! A destination is a cursor on the feed and a short list of parked order keys. There are no rows for events that wait. The server that
//! holds the lease of a destination reads its events here, and reports here what became of them.
//!
//! May import: `read` and the rooms below it.

pub(super) mod attempts;
mod deliveries;
mod leases;
mod reports;
mod start;
pub(super) mod status;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

/// The organisations of a destination, in ascending order. `None` for all.
fn reached(reach: &OrgAccess) -> Option<Vec<OrganisationId>> {
    match reach {
        OrgAccess::All => None,
        OrgAccess::Only(ids) => {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            Some(ids)
        }
    }
}
