//! On PostgreSQL each statement costs a round trip, so the index pages of many keys are fetched in one query.

use tokio_postgres::types::ToSql;

use super::{CachedPage, PageCache, Until};
use crate::store::engine::driver::Row;
use crate::store::engine::fault::Fault;
use crate::store::index::key_space::KeySpace;
use crate::store::index::page::Page;

/// The most neighbouring pages that are prefetched in one query.
const NEIGHBOURS_MAX: i64 = 32;

/// Neighbouring pages, and where each ends.
const NEIGHBOURS: &str = "select first, orders, \
        (select next.first from order_leaves next where next.first > order_leaves.first order by next.first limit 1) as until \
    from order_leaves where first <= ?2 and first >= coalesce( \
        (select first from order_leaves where first <= ?1 order by first desc limit 1), ?1) and sound(order_leaves.intact) \
    order by first limit ?3";
/// The pages that cover some keys, and where each ends.
const EACH: &str = "select first, orders, \
        (select next.first from order_leaves next where next.first > leaf.first order by next.first limit 1) as until \
    from (select distinct on (first) first, orders from unnest(?1::bytea[]) as keys (key) cross join lateral \
        (select first, orders from order_leaves where first <= key and sound(order_leaves.intact) order by first desc limit 1) as each \
        order by first) as leaf";

impl PageCache<'_> {
    /// Whether [`Self::prefetch`] has an effect: only on PostgreSQL.
    pub(crate) fn can_prefetch(&self) -> bool {
        self.connection.postgres().is_some()
    }

    /// Reads the pages that cover these order keys, in one or two round trips.
    pub(crate) fn prefetch<'k>(
        &mut self,
        key_space: &KeySpace,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<(), Fault> {
        let Some(session) = self.connection.postgres() else {
            return Ok(());
        };
        self.park();
        let mut keys: Vec<Vec<u8>> = keys.map(|key| key_space.key(key).into_bytes()).collect();
        keys.sort_unstable();
        keys.retain(|key| !self.is_foreseen(key_space, key));
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
            return Ok(());
        };
        // Each key may need a page of its own, and may split it.
        self.make_room(2 * keys.len())?;
        let bounds: [&(dyn ToSql + Sync); 3] = [&first, &last, &NEIGHBOURS_MAX];
        self.keep(
            key_space,
            &session.prepare(NEIGHBOURS)?.query_arrays(&bounds)?,
        )?;
        keys.retain(|key| !self.is_foreseen(key_space, key));
        if !keys.is_empty() {
            self.keep(key_space, &session.prepare(EACH)?.query_arrays(&[&keys])?)?;
        }
        Ok(())
    }

    /// Caches prefetched pages. Skips pages that are cached already, because they may have changed.
    fn keep(&mut self, key_space: &KeySpace, rows: &[tokio_postgres::Row]) -> Result<(), Fault> {
        for row in rows {
            let row = Row::Postgres(row);
            let first: Vec<u8> = row.get(0)?;
            if key_space.has(&first) && !self.kept.contains_key(&first) {
                let page = Page::decode(row.blob(1)?)?;
                let until: Option<Vec<u8>> = row.get(2)?;
                let until = until.map_or(Until::End, Until::Before);
                self.kept.insert(first, CachedPage::stored(page, until));
            }
        }
        Ok(())
    }

    /// Whether a cached page covers a key of the table.
    fn is_foreseen(&self, key_space: &KeySpace, key: &[u8]) -> bool {
        let nearest = self.nearest(key);
        nearest.is_some_and(|(first, kept)| kept.reaches(first, key_space, key) == Some(true))
    }
}
