//! Reading orders: pages, lists, history, the event feed, and the lookup by order id.
//!
//! May import: `addresses` and the rooms below it.

pub(super) mod by_email;
pub(super) mod feed;
pub(super) mod fulfilment;
pub(super) mod history;
pub(super) mod list;
pub(super) mod locate;
pub(super) mod orders;
pub(super) mod walk;
