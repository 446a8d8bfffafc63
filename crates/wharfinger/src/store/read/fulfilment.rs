//! The latest report of how far an order is fulfilled.

use wharfinger_core::decide::fulfilment::{Fulfilment, Reported};

use crate::store::engine::driver::OptionalExtension;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::EntryAddr;
use crate::store::journal::read::Journal;

/// The latest fulfilment report of the order whose first revision is at `order`.
pub(crate) fn find(journal: &mut Journal<'_>, order: EntryAddr) -> Result<Option<Reported>, Fault> {
    let select = "select place, report from fulfilments where id = ?1 and organisation = ?1 >> 42 and sound(fulfilments.intact)";
    let mut select = journal.connection().prepare_cached(select)?;
    let found = select.query_row([order.0], |row| {
        Ok((EntryAddr(row.get(0)?), row.get::<String>(1)?))
    });
    let Some((addr, json)) = found.optional()? else {
        return Ok(None);
    };
    let unreadable = || {
        Fault::Damaged(format!(
            "the fulfilment report in entry {} cannot be read",
            addr.0
        ))
    };
    Ok(Some(Reported {
        fulfilment: Fulfilment::from_json(&json).ok_or_else(unreadable)?,
        at_ms: journal.head(addr.block())?.at_ms,
    }))
}
