//! The rows of the table of index pages.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;

use crate::store::engine::driver::{Connection, OptionalExtension, Session, params};
use crate::store::engine::fault::Fault;
use crate::store::index::key_space::KeySpace;
use crate::store::index::page::Page;

/// The page that covers a key of the table, in a key space that begins with `?2`.
const FIND: &str = "select first, orders from order_leaves where first <= ?1 and first >= ?2 and organisation = ?3 \
    and sound(order_leaves.intact) order by first desc limit 1";
/// The first key of the next page, in a key space that ends before `?2`.
const NEXT: &str = "select first from order_leaves where first > ?1 and first < ?2 and of_organisation(?3) order by first limit 1";
const WRITE: &str = "insert into order_leaves (first, organisation, entries, orders) values (?1, ?2, ?3, ?4) \
    on conflict (first) do update set entries = excluded.entries, orders = excluded.orders";
pub(super) const INSERT_TOGETHER: &str = "insert into order_leaves (first, organisation, entries, orders) \
    select unnest(?1::bytea[]), unnest(?2::bigint[]), unnest(?3::integer[]), unnest(?4::bytea[])";
pub(super) const UPDATE_TOGETHER: &str = "update order_leaves leaf set entries = new.entries, orders = new.orders \
    from unnest(?1::bytea[], ?2::bigint[], ?3::integer[], ?4::bytea[]) as new (first, organisation, entries, orders) \
    where leaf.first = new.first and leaf.organisation = new.organisation";
const DELETE: &str = "delete from order_leaves where first = ?1";
const DELETE_TOGETHER: &str = "delete from order_leaves leaf using unnest(?1::bytea[], ?2::bigint[]) as gone (first, organisation) \
    where leaf.first = gone.first and leaf.organisation = gone.organisation";

/// Pages that one statement writes, at most: some 4 MiB.
const WRITTEN_TOGETHER: usize = 1_024;

/// Reads the page that covers a key of the table, with its first key.
pub(crate) fn find_page(
    connection: &Connection,
    key_space: &KeySpace,
    key: &[u8],
) -> Result<Option<(Vec<u8>, Page)>, Fault> {
    let mut find = connection.prepare_cached(FIND)?;
    let prefix = key_space.prefix().as_bytes();
    let mut rows = find.query((key, prefix, key_space.organisation.0))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((row.get(0)?, Page::decode(row.blob(1)?)?)))
}

/// Deletes the pages with these first keys.
pub(super) fn delete_leaves(connection: &Connection, firsts: &[&[u8]]) -> Result<(), Fault> {
    let Some(session) = connection.postgres().filter(|_| !firsts.is_empty()) else {
        for first in firsts {
            connection.execute(DELETE, [*first])?;
        }
        return Ok(());
    };
    let organisations = firsts.iter().map(|first| KeySpace::organisation_of(first));
    let organisations: Vec<i64> = organisations.collect();
    execute_together(
        session,
        DELETE_TOGETHER,
        &[&firsts, &organisations],
        &organisations,
    )?;
    Ok(())
}

/// Executes a statement of arrays that changes pages of these organisations. Returns how many.
fn execute_together(
    session: &Session,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    organisations: &[i64],
) -> Result<usize, Fault> {
    if !session.is_citus() || sql == INSERT_TOGETHER {
        return Ok(session.prepare(sql)?.execute_arrays(values)?);
    }
    // Citus would ask all nodes. It cannot see in a join which of them have the rows.
    let organisations = BTreeSet::from_iter(organisations.iter().copied());
    let organisations = Vec::from_iter(organisations);
    let of = values.len() + 1;
    let sql = format!("{sql} and leaf.organisation = any(?{of}::bigint[])");
    let values = Vec::from_iter(
        values
            .iter()
            .copied()
            .chain([&organisations as &(dyn ToSql + Sync)]),
    );
    Ok(session.prepare(&sql)?.execute_arrays(&values)?)
}

/// Writes pages with their first keys. On PostgreSQL, `together` either inserts or updates. One statement for both would have to
/// find out which rows exist, which costs as much again.
pub(super) fn write_leaves(
    connection: &Connection,
    pages: &[(&[u8], &Page)],
    together: &str,
) -> Result<(), Fault> {
    if pages.is_empty() {
        return Ok(());
    }
    let organisation = |page: &Page| {
        let any = page.orders().next();
        any.map_or(0, |(_, order)| order.id.block().organisation().0)
    };
    let entries = |page: &Page| i32::try_from(page.len()).unwrap_or(i32::MAX);
    let Some(session) = connection.postgres() else {
        let mut write = connection.prepare_cached(WRITE)?;
        for (first, page) in pages {
            let row = params![*first, organisation(page), entries(page), page.encode()];
            write.execute(row)?;
        }
        return Ok(());
    };
    if pages.len() > WRITTEN_TOGETHER {
        let mut some = pages.chunks(WRITTEN_TOGETHER);
        return some.try_for_each(|pages| write_leaves(connection, pages, together));
    }
    let firsts = Vec::from_iter(pages.iter().map(|(first, _)| *first));
    let organisations = pages.iter().map(|(_, page)| i64::from(organisation(page)));
    let organisations: Vec<i64> = organisations.collect();
    let entries = Vec::from_iter(pages.iter().map(|(_, page)| entries(page)));
    let packed = Vec::from_iter(pages.iter().map(|(_, page)| page.encode()));
    let values: [&(dyn ToSql + Sync); 4] = [&firsts, &organisations, &entries, &packed];
    match execute_together(session, together, &values, &organisations)? {
        rows if rows == pages.len() => Ok(()),
        _ => Err(Fault::Damaged("an index page is missing".into())),
    }
}

/// The first key of the page after the one that begins with `first`, in the same key space.
pub(super) fn next_first(
    connection: &Connection,
    key_space: &KeySpace,
    first: &[u8],
) -> Result<Option<Vec<u8>>, Fault> {
    let mut next = connection.prepare_cached(NEXT)?;
    let end = key_space.end();
    let bounds = (first, end.as_bytes(), key_space.organisation.0);
    Ok(next.query_row(bounds, |row| row.get(0)).optional()?)
}
