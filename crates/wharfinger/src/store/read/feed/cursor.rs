//! The bytes of a cursor. However many organisations there are, they are few.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::api::{Epoch, FeedCursor, LAGGING_MAX};
use crate::store::format::varint::{Damage, read_bytes, read_count, read_number, write_number};

const BAD: Damage = Damage("it is no cursor of the feed");

impl FeedCursor {
    /// The cursor as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.epoch.0.to_le_bytes().to_vec();
        write_number(&mut out, self.from.cast_unsigned());
        write_number(&mut out, self.to.wrapping_sub(self.from).cast_unsigned());
        write_number(&mut out, self.next.0.into());
        let count = self.lagging.len() as u64;
        write_number(&mut out, count << 1 | u64::from(self.skips_purged));
        for (organisation, position) in &self.lagging {
            write_number(&mut out, organisation.0.into());
            write_number(&mut out, *position);
        }
        out
    }

    /// Decodes the result of [`Self::encode`]. `None` if it is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        read(bytes).ok()
    }
}

fn read(mut bytes: &[u8]) -> Result<FeedCursor, Damage> {
    let bytes = &mut bytes;
    let epoch = read_bytes(bytes, 8)?.try_into().map_err(|_| BAD)?;
    let from = i64::try_from(read_number(bytes)?).map_err(|_| BAD)?;
    let stamps = i64::try_from(read_number(bytes)?).map_err(|_| BAD)?;
    let to = from.checked_add(stamps).ok_or(BAD)?;
    let next = organisation(bytes)?;
    let count = read_count(bytes)?;
    let skips_purged = count & 1 == 1;
    let mut lagging = Vec::new();
    for _ in 0..count >> 1 {
        let of = organisation(bytes)?;
        let is_behind = lagging.last().is_none_or(|(before, _)| *before < of);
        if !is_behind || lagging.len() > LAGGING_MAX {
            return Err(BAD);
        }
        lagging.push((of, read_number(bytes)?));
    }
    if !bytes.is_empty() {
        return Err(BAD);
    }
    Ok(FeedCursor {
        epoch: Epoch(i64::from_le_bytes(epoch)),
        from,
        to,
        next,
        lagging,
        skips_purged,
    })
}

fn organisation(bytes: &mut &[u8]) -> Result<OrganisationId, Damage> {
    let id = u32::try_from(read_number(bytes)?).map_err(|_| BAD)?;
    Ok(OrganisationId(id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors() -> impl Strategy<Value = FeedCursor> {
        let lagging = prop::collection::btree_map(any::<u32>(), any::<u64>(), 0..=LAGGING_MAX + 1);
        let stamps = (0..=i64::MAX, 0..=i64::MAX);
        let numbers = (any::<i64>(), stamps, any::<u32>(), any::<bool>());
        (numbers, lagging).prop_map(|((epoch, (one, other), next, skips_purged), lagging)| {
            let lagging = lagging.into_iter();
            FeedCursor {
                epoch: Epoch(epoch),
                from: one.min(other),
                to: one.max(other),
                next: OrganisationId(next),
                lagging: lagging.map(|(id, at)| (OrganisationId(id), at)).collect(),
                skips_purged,
            }
        })
    }

    proptest! {
        #[test]
        fn cursors_come_back_and_are_short(cursor in cursors()) {
            let bytes = cursor.encode();
            // With what the server adds, in base64: under 200 characters.
            prop_assert!(bytes.len() < 140);
            prop_assert_eq!(FeedCursor::decode(&bytes), Some(cursor));
        }

        #[test]
        fn what_lacks_bytes_or_has_more_is_no_cursor(cursor in cursors(), cut: prop::sample::Index) {
            let mut bytes = cursor.encode();
            prop_assert_eq!(FeedCursor::decode(&bytes[..cut.index(bytes.len())]), None);
            bytes.push(0);
            prop_assert_eq!(FeedCursor::decode(&bytes), None);
        }

        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = FeedCursor::decode(&bytes);
        }
    }
}
