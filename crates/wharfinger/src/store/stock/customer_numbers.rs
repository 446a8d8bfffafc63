//! Customer numbers, which orders refer to.

use wharfinger_core::decide::catalogue::PIECES_MAX;
use wharfinger_core::order::ids::OrganisationId;

use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;

/// The number of the customer with this address, in normal form.
pub(crate) fn number_of(
    connection: &Connection,
    organisation: OrganisationId,
    email: &str,
) -> Result<Option<u64>, Fault> {
    let select = "select id from customers where organisation = ?1 and email = ?2 and sound(customers.intact)";
    let mut select = connection.prepare_cached(select)?;
    let found: Option<i64> = select
        .query_row((organisation.0, email), |row| row.get(0))
        .optional()?;
    Ok(found.map(i64::cast_unsigned))
}

/// Deletes the customer with this address, in normal form. Returns whether there was one.
pub(crate) fn delete(
    connection: &Connection,
    organisation: OrganisationId,
    email: &str,
) -> Result<bool, Fault> {
    let delete = "delete from customers where organisation = ?1 and email = ?2 returning id";
    let mut delete = connection.prepare_cached(delete)?;
    let gone: Option<i64> = delete
        .query_row((organisation.0, email), |row| row.get(0))
        .optional()?;
    let Some(id) = gone else {
        return Ok(false);
    };
    // Orders still refer to the number, so it must not be assigned again.
    let note = "insert into customer_numbers (organisation, last) values (?1, ?2) \
                on conflict (organisation) do update set last = excluded.last \
                where customer_numbers.last < excluded.last";
    connection
        .prepare_cached(note)?
        .execute((organisation.0, id))?;
    Ok(true)
}

/// The number for the next new customer of an organisation. `None` if all numbers are used.
pub(crate) fn next_id(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Option<u64>, Fault> {
    let select = "select coalesce(max(id), 0) from (select max(id) as id from customers where organisation = ?1 \
                  union all select last from customer_numbers where organisation = ?1 and sound(customer_numbers.intact)) as numbers";
    let mut select = connection.prepare_cached(select)?;
    let last: i64 = select.query_row([organisation.0], |row| row.get(0))?;
    let next = last.cast_unsigned() + 1;
    Ok((next <= PIECES_MAX).then_some(next))
}
