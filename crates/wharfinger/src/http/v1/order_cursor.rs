//! Cursors of lists of orders, and which filters each sort order allows.

use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;

use super::cursor;
use crate::store::{ListCursor, ListOrders, ListedBy};

/// The name of a list in its cursors. A list in another order does not accept them.
fn name(listed_by: ListedBy) -> &'static str {
    match listed_by {
        ListedBy::Newest => "orders, the newest first",
        ListedBy::Key => "orders by key",
        ListedBy::Creation => "orders",
        ListedBy::Change => "orders by change",
        ListedBy::Text => "orders by text",
    }
}

/// Writes the cursor of a list.
pub(super) fn write(listed_by: ListedBy, next: &ListCursor) -> String {
    let list = name(listed_by);
    match next {
        ListCursor::Place {
            organisation,
            place,
        } => cursor::write(list, &(organisation.0, place)),
        ListCursor::Key {
            organisation,
            dialect,
            key,
        } => cursor::write(list, &(organisation.0, dialect, key)),
        ListCursor::Newest {
            at_ms,
            organisation,
            place,
        } => cursor::write(list, &(at_ms, organisation.0, place)),
    }
}

/// Reads the cursor of a list.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: it is not a cursor of a list in this order.
pub(super) fn read(listed_by: ListedBy, after: &str) -> Result<ListCursor, RequestFailure> {
    let list = name(listed_by);
    Ok(match listed_by {
        ListedBy::Newest => {
            let (at_ms, organisation, place): (i64, u32, i64) = cursor::read(list, after)?;
            ListCursor::Newest {
                at_ms,
                organisation: OrganisationId(organisation),
                place,
            }
        }
        ListedBy::Key => {
            let (organisation, dialect, key): (u32, i64, String) = cursor::read(list, after)?;
            ListCursor::Key {
                organisation: OrganisationId(organisation),
                dialect,
                key,
            }
        }
        ListedBy::Creation | ListedBy::Change | ListedBy::Text => {
            let (organisation, place): (u32, i64) = cursor::read(list, after)?;
            ListCursor::Place {
                organisation: OrganisationId(organisation),
                place,
            }
        }
    })
}

/// Checks that the newest orders can come first.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: a filter has an order of its own.
pub(super) fn check_order(request: &ListOrders) -> Result<(), RequestFailure> {
    let filters = [
        ("key", request.key.is_some()),
        ("key_prefix", request.key_prefix.is_some()),
        ("number", request.number.is_some()),
        ("email", request.email.is_some()),
        ("batch", request.batch.is_some()),
        ("updated_after", request.updated_from_ms.is_some()),
    ];
    let other = filters.into_iter().find(|(_, is_given)| *is_given);
    match other.filter(|_| request.newest_first) {
        None => Ok(()),
        Some((filter, _)) => Err(RequestFailure::BadParameter(format!(
            "Parameter order=newest cannot be combined with {filter}, which has an order of its own: leave one of them out"
        ))),
    }
}
