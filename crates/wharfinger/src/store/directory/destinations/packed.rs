//! Positions of the feed, packed: those that a parked order key waits with, and those that are done behind a cursor.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::api::FeedPlace;
use crate::store::format::varint::{Damage, read_number, write_number};

const BROKEN: Damage = Damage("the positions of a destination are out of range");
/// Places that are read, at most.
const PLACES_MAX: usize = 10_000_000;

/// Packs ascending positions.
pub(crate) fn positions(positions: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0;
    for &position in positions {
        write_number(&mut out, position.wrapping_sub(last));
        last = position;
    }
    out
}

/// Reads the result of [`positions`].
pub(crate) fn read_positions(mut bytes: &[u8]) -> Result<Vec<u64>, Damage> {
    let mut positions = Vec::new();
    let mut last = 0_u64;
    while !bytes.is_empty() {
        last = last.wrapping_add(read_number(&mut bytes)?);
        positions.push(last);
    }
    Ok(positions)
}

/// Packs ascending places as runs of neighbours: for each, the organisation, the first position and how many follow, the first two
/// as differences.
pub(crate) fn places(places: &[FeedPlace]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = FeedPlace {
        organisation: OrganisationId(0),
        position: 0,
    };
    let is_next = |left: &FeedPlace, right: &FeedPlace| {
        left.organisation == right.organisation && left.position.wrapping_add(1) == right.position
    };
    for run in places.chunk_by(is_next) {
        let (first, end) = (run[0], run[run.len() - 1]);
        let organisations = first.organisation.0.wrapping_sub(last.organisation.0);
        if organisations > 0 {
            last.position = 0;
        }
        write_number(&mut out, organisations.into());
        write_number(&mut out, first.position.wrapping_sub(last.position));
        write_number(&mut out, run.len() as u64 - 1);
        last = end;
    }
    out
}

/// Reads the result of [`places`].
pub(crate) fn read_places(mut bytes: &[u8]) -> Result<Vec<FeedPlace>, Damage> {
    let mut places = Vec::new();
    let (mut organisation, mut position) = (0_u32, 0_u64);
    while !bytes.is_empty() {
        let organisations = read_number(&mut bytes)?;
        if organisations > 0 {
            position = 0;
        }
        let organisations = u32::try_from(organisations).map_err(|_| BROKEN)?;
        organisation = organisation.wrapping_add(organisations);
        position = position.wrapping_add(read_number(&mut bytes)?);
        let more = usize::try_from(read_number(&mut bytes)?).map_err(|_| BROKEN)?;
        if more >= PLACES_MAX - places.len() {
            return Err(BROKEN);
        }
        for distance in 0..=more as u64 {
            places.push(FeedPlace {
                organisation: OrganisationId(organisation),
                position: position.wrapping_add(distance),
            });
        }
        position = position.wrapping_add(more as u64);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_come_back(found in prop::collection::btree_set((0_u32..4, 1_u64..60), 0..100)) {
            let found = found.into_iter().map(|(organisation, position)| FeedPlace {
                organisation: OrganisationId(organisation),
                position,
            });
            let found = Vec::from_iter(found);
            prop_assert_eq!(read_places(&places(&found)), Ok(found));
        }

        #[test]
        fn positions_come_back(found: BTreeSet<u64>) {
            let found = Vec::from_iter(found);
            prop_assert_eq!(read_positions(&positions(&found)), Ok(found));
        }

        #[test]
        fn damaged_places_do_no_harm(bytes in prop::collection::vec(0_u8..0x40, 0..100)) {
            let _ = read_places(&bytes);
            let _ = read_positions(&bytes);
        }
    }

    #[test]
    fn ten_thousand_neighbours_cost_a_few_bytes() {
        let place = |position| FeedPlace {
            organisation: OrganisationId(1),
            position,
        };
        assert!(places(&Vec::from_iter((1..=10_000).map(place))).len() < 6);
    }
}
