//! Lists by the beginning of order keys: through the index, in the order of organisations, dialects and keys.

use wharfinger_core::order::ids::OrganisationId;

use super::{GoesOn, LOOK_ENTRIES, Listing, of_other_list};
use crate::store::api::ListCursor;
use crate::store::engine::fault::Fault;
use crate::store::format::dialect_id::DialectId;
use crate::store::index::key_space::KeySpace;
use crate::store::journal::end::Counters;

/// Fills a page. `counters` are those of the organisations that have matching orders. Returns the cursor of the next page.
pub(super) fn fill(
    listing: &mut Listing<'_>,
    counters: &[(OrganisationId, Counters)],
) -> Result<Option<ListCursor>, Fault> {
    let request = listing.request;
    let reached = match &request.after {
        None => None,
        Some(ListCursor::Key {
            organisation,
            dialect,
            key,
        }) => Some(((*organisation, DialectId(*dialect)), key.as_str())),
        Some(_) => return Err(of_other_list()),
    };
    let mut walk = Walk {
        prefix: request.key_prefix.as_deref().unwrap_or_default(),
        seen: request.after.clone(),
        listing,
    };
    for (organisation, counters) in counters {
        for &(dialect, counts) in counters.states.iter() {
            let at = (*organisation, dialect);
            let is_wanted = walk.listing.dialect.is_none_or(|of| of == dialect);
            let is_behind = reached.is_some_and(|(reached, _)| at < reached);
            if !is_wanted || is_behind || counts.sum(&request.states) == 0 {
                continue;
            }
            let after = reached.filter(|(reached, _)| at == *reached);
            let after = after.map(|(_, key)| key);
            if !walk.of_key_space(&KeySpace::new(at.0, at.1), after)? {
                return Ok(walk.seen);
            }
        }
    }
    Ok(None)
}

/// A walk in the order of keys.
struct Walk<'l, 'c> {
    listing: &'l mut Listing<'c>,
    prefix: &'l str,
    /// How far the list was read.
    seen: Option<ListCursor>,
}

impl Walk<'_, '_> {
    /// Adds orders of a key space, behind a key of the index if there is one.
    fn of_key_space(&mut self, key_space: &KeySpace, after: Option<&str>) -> Result<GoesOn, Fault> {
        if !self.listing.spend(LOOK_ENTRIES) {
            return Ok(false);
        }
        let (organisation, dialect) = (key_space.organisation, key_space.dialect);
        let first = key_space.key(self.prefix).into_bytes();
        let end = behind_all_with(first.clone());
        let mut from = match after {
            Some(key) => successor(key_space.key(key).into_bytes()).max(first),
            None => first,
        };
        loop {
            let bounds = [from.as_slice(), end.as_slice()];
            let (rows, last) = self.listing.lookup.between(key_space, bounds)?;
            for (key, row) in rows {
                let key = String::from_utf8_lossy(&key[key_space.prefix().len()..]).into_owned();
                let is_wanted = self.listing.request.states.contains(&row.state);
                // Behind a key that was released, the id of the order follows.
                let held = key.split('\0').next().unwrap_or_default();
                let cost = if is_wanted { LOOK_ENTRIES } else { 1 };
                if !self.listing.spend(cost)
                    || is_wanted && !self.listing.take(row.id, row.id, Some(held))?
                {
                    return Ok(false);
                }
                self.has_seen((organisation, dialect), &key);
            }
            let Some(last) = last else {
                self.has_seen((organisation, DialectId(dialect.0 + 1)), "");
                return Ok(true);
            };
            from = successor(last);
        }
    }

    fn has_seen(&mut self, (organisation, dialect): (OrganisationId, DialectId), key: &str) {
        self.seen = Some(ListCursor::Key {
            organisation,
            dialect: dialect.0,
            key: key.to_owned(),
        });
    }
}

/// The least text behind this one.
fn successor(mut text: Vec<u8>) -> Vec<u8> {
    text.push(0);
    text
}

/// The least text behind all that begin with this one. No UTF-8 has the last byte 255.
fn behind_all_with(mut prefix: Vec<u8>) -> Vec<u8> {
    if let Some(last) = prefix.last_mut() {
        *last += 1;
    }
    prefix
}
