//! On PostgreSQL each statement costs a round trip, so the index pages of many keys of many organisations are fetched in one or
//! two queries.

use std::sync::LazyLock;

use tokio_postgres::types::ToSql;

use super::{CachedPage, PageCache, Until};
use crate::store::engine::driver::Row;
use crate::store::engine::fault::Fault;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::PREFETCHED_MAX;
use crate::store::index::page::Page;

/// The most neighbouring pages of a key space that are prefetched in one query.
const NEIGHBOURS_MAX: usize = 32;
/// Keys that usually count up, for each page of neighbours that is fetched.
const KEYS_A_PAGE: usize = 8;

/// For each key space, neighbouring pages, and where each ends; or null for the page, and where the first page will end. A key
/// space has `begins` as its prefix and ends before `ends`.
const NEIGHBOURS: &str = "select space.at, leaf.first, leaf.orders, \
        (select next.first from order_leaves next where next.first > coalesce(leaf.first, space.begins) \
            and next.first < space.ends and next.organisation = space.organisation order by next.first limit 1) as until \
    from unnest(?1::bigint[], ?2::bigint[], ?3::bytea[], ?4::bytea[], ?5::bytea[], ?6::bytea[], ?7::bigint[]) \
        as space (at, organisation, begins, ends, lowest, highest, pages) left join lateral \
        (select first, orders from order_leaves where organisation = space.organisation \
            and first <= space.highest and first >= coalesce( \
                (select first from order_leaves where organisation = space.organisation \
                    and first <= space.lowest and first >= space.begins order by first desc limit 1), space.lowest) \
            and sound(order_leaves.intact) order by first limit space.pages) as leaf on true";
/// The pages that cover some keys, and where each ends.
const EACH: &str = "select leaf.at, leaf.first, leaf.orders, \
        (select next.first from order_leaves next where next.first > leaf.first and next.first < leaf.ends \
            and next.organisation = leaf.organisation order by next.first limit 1) as until \
    from (select distinct on (first) at, organisation, ends, first, orders \
        from unnest(?1::bigint[], ?2::bigint[], ?3::bytea[], ?4::bytea[], ?5::bytea[]) as wanted (at, organisation, begins, ends, key) \
        cross join lateral (select first, orders from order_leaves where organisation = wanted.organisation \
            and first <= wanted.key and first >= wanted.begins and sound(order_leaves.intact) order by first desc limit 1) as each \
        order by first) as leaf";

/// The same for one key space on Citus, which asks one node if the organisation is the same value in all conditions.
static NEIGHBOURS_ON_CITUS: LazyLock<String> =
    LazyLock::new(|| NEIGHBOURS.replace("space.organisation", FIRST_ORGANISATION));
static EACH_ON_CITUS: LazyLock<String> = LazyLock::new(|| {
    let each = EACH.replace("wanted.organisation", FIRST_ORGANISATION);
    each.replace("leaf.organisation", FIRST_ORGANISATION)
});
const FIRST_ORGANISATION: &str = "(?2::bigint[])[1]";

/// The keys of the table that are wanted of a key space, sorted.
struct Wanted {
    key_space: KeySpace,
    begins: Vec<u8>,
    ends: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

impl Wanted {
    fn organisation(&self) -> i64 {
        self.key_space.organisation.0.into()
    }
}

impl PageCache<'_> {
    /// Whether [`Self::prefetch`] has an effect: only on PostgreSQL.
    pub(crate) fn can_prefetch(&self) -> bool {
        self.connection.postgres().is_some()
    }

    /// Reads the pages that cover these keys of the table, in two round trips for every [`PREFETCHED_MAX`] keys.
    pub(crate) fn prefetch(
        &mut self,
        wanted: impl IntoIterator<Item = (KeySpace, Vec<Vec<u8>>)>,
    ) -> Result<(), Fault> {
        if !self.can_prefetch() {
            return Ok(());
        }
        self.park();
        let (mut together, mut keys) = (Vec::new(), 0);
        for (key_space, keys_of_table) in wanted {
            self.check_one(key_space.organisation)?;
            for some in keys_of_table.chunks(PREFETCHED_MAX) {
                together.extend(self.wanted(&key_space, some));
                keys += some.len();
                if keys >= PREFETCHED_MAX {
                    self.prefetch_together(std::mem::take(&mut together))?;
                    keys = 0;
                }
            }
        }
        self.prefetch_together(together)
    }

    /// As [`Self::prefetch`], of sorted keys of several key spaces.
    pub(crate) fn prefetch_keys<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> Result<(), Fault> {
        let mut wanted: Vec<(KeySpace, Vec<Vec<u8>>)> = Vec::new();
        for key in keys {
            match wanted.last_mut() {
                Some((key_space, keys)) if key_space.has(key) => keys.push(key.to_vec()),
                _ => {
                    let unknown = || Fault::Damaged("a recent change has an unknown key".into());
                    let key_space = KeySpace::of_key(key).ok_or_else(unknown)?;
                    wanted.push((key_space, vec![key.to_vec()]));
                }
            }
        }
        self.prefetch(wanted)
    }

    fn wanted(&self, key_space: &KeySpace, keys: &[Vec<u8>]) -> Option<Wanted> {
        let is_missing = |key: &&Vec<u8>| !self.is_cached(key_space, key);
        let mut keys = Vec::from_iter(keys.iter().filter(is_missing).cloned());
        keys.sort_unstable();
        (!keys.is_empty()).then(|| Wanted {
            key_space: key_space.clone(),
            begins: key_space.prefix().as_bytes().to_vec(),
            ends: key_space.end().into_bytes(),
            keys,
        })
    }

    fn prefetch_together(&mut self, mut wanted: Vec<Wanted>) -> Result<(), Fault> {
        // Each key may need a page of its own, and may split it.
        self.make_room(2 * wanted.iter().map(|of| of.keys.len()).sum::<usize>())?;
        let is_citus = self.connection.citus().is_some();
        let together = if is_citus { 1 } else { wanted.len().max(1) };
        for wanted in wanted.chunks(together) {
            self.read_neighbours(wanted)?;
        }
        for of in &mut wanted {
            of.keys.retain(|key| !self.is_cached(&of.key_space, key));
        }
        wanted.retain(|of| !of.keys.is_empty());
        for wanted in wanted.chunks(together) {
            self.read_each(wanted)?;
        }
        Ok(())
    }

    fn read_neighbours(&mut self, wanted: &[Wanted]) -> Result<(), Fault> {
        let pages = |of: &Wanted| (of.keys.len() / KEYS_A_PAGE + 1).min(NEIGHBOURS_MAX) as i64;
        let values: [&(dyn ToSql + Sync); 7] = [
            &Vec::from_iter(0..wanted.len() as i64),
            &Vec::from_iter(wanted.iter().map(Wanted::organisation)),
            &Vec::from_iter(wanted.iter().map(|of| &of.begins)),
            &Vec::from_iter(wanted.iter().map(|of| &of.ends)),
            &Vec::from_iter(wanted.iter().map(|of| of.keys.first())),
            &Vec::from_iter(wanted.iter().map(|of| of.keys.last())),
            &Vec::from_iter(wanted.iter().map(pages)),
        ];
        self.query([NEIGHBOURS, &NEIGHBOURS_ON_CITUS], &values, wanted)
    }

    fn read_each(&mut self, wanted: &[Wanted]) -> Result<(), Fault> {
        let each = wanted.iter().enumerate();
        let each = each.flat_map(|(at, of)| of.keys.iter().map(move |key| (at, of, key)));
        let each = Vec::from_iter(each);
        let values: [&(dyn ToSql + Sync); 5] = [
            &Vec::from_iter(each.iter().map(|(at, _, _)| *at as i64)),
            &Vec::from_iter(each.iter().map(|(_, of, _)| of.organisation())),
            &Vec::from_iter(each.iter().map(|(_, of, _)| &of.begins)),
            &Vec::from_iter(each.iter().map(|(_, of, _)| &of.ends)),
            &Vec::from_iter(each.iter().map(|(_, _, key)| key)),
        ];
        self.query([EACH, &EACH_ON_CITUS], &values, wanted)
    }

    /// Runs a query for pages of key spaces, or the one for Citus, and caches the pages. Skips pages that are cached already,
    /// because they may have changed.
    fn query(
        &mut self,
        [sql, on_citus]: [&str; 2],
        values: &[&(dyn ToSql + Sync)],
        wanted: &[Wanted],
    ) -> Result<(), Fault> {
        let Some(session) = self.connection.postgres().filter(|_| !wanted.is_empty()) else {
            return Ok(());
        };
        let sql = if session.is_citus() { on_citus } else { sql };
        for row in session.prepare(sql)?.query_arrays(values)? {
            let row = Row::Postgres(&row);
            let Some(of) = wanted.get(row.get::<u32>(0)? as usize) else {
                continue;
            };
            let first: Option<Vec<u8>> = row.get(1)?;
            let is_stored = first.is_some();
            let first = first.unwrap_or_else(|| of.begins.clone());
            if self.kept.contains_key(&first) {
                continue;
            }
            let until: Option<Vec<u8>> = row.get(3)?;
            let until = until.map_or(Until::End, Until::Before);
            let page = if is_stored {
                CachedPage::stored(Page::decode(row.blob(2)?)?, until)
            } else {
                CachedPage::new(Page::default(), until)
            };
            let used = self.validity.transaction;
            self.kept.insert(first, CachedPage { used, ..page });
        }
        Ok(())
    }

    /// Whether a cached page covers a key of the table.
    fn is_cached(&self, key_space: &KeySpace, key: &[u8]) -> bool {
        let nearest = self.nearest(key);
        nearest.is_some_and(|(first, kept)| kept.reaches(first, key_space, key) == Some(true))
    }
}
