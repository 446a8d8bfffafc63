//! A block in one piece of bytes.

use super::{BlockHead, BlockRow, NewColumns, NewRow, Written};
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::BlockId;
use crate::store::format::varint::{
    Damage, read_bytes, read_count, read_number, read_signed, write_number, write_signed,
};

/// A block in one piece of bytes.
#[derive(Clone, Copy)]
pub(super) struct Encoded<'b> {
    pub id: BlockId,
    /// Whether it has open orders.
    pub has_open: bool,
    pub bytes: &'b [u8],
}

impl<'b> Encoded<'b> {
    /// Reads only what a pack must know about its blocks.
    pub(super) fn new(bytes: &'b [u8]) -> Result<Self, Damage> {
        let mut rest = bytes;
        let id = BlockId(read_signed(&mut rest)?);
        // The numbers from the first position to the dialect, the checksum, the slots and the indexes.
        for _ in 0..7 {
            read_number(&mut rest)?;
        }
        read_bytes(&mut rest, 8)?;
        for _ in 0..2 {
            let length = read_count(&mut rest)?;
            read_bytes(&mut rest, length)?;
        }
        let has_open = read_count(&mut rest)? > 0;
        Ok(Self {
            id,
            has_open,
            bytes,
        })
    }
}

impl NewColumns<'_> {
    /// The length of the columns in bytes, without those of the new orders and the API key.
    pub(crate) fn bytes(&self) -> usize {
        let of = self.columns;
        let optional = [self.batches, of.emails, of.keys, of.texts];
        let optional = optional.into_iter().flatten().map(<[u8]>::len);
        of.slots.len() + of.indexes.len() + optional.sum::<usize>()
    }

    /// All columns, each behind the other.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (written, of) = (self.written, self.columns);
        let key_id = self.key_id.map(str::as_bytes);
        let more = self.new.len() + key_id.map_or(0, <[u8]>::len) + 64;
        let mut out = Vec::with_capacity(self.bytes() + more);
        write_signed(&mut out, self.id.0);
        write_number(&mut out, self.first_position);
        write_number(&mut out, self.events);
        write_signed(&mut out, written.epoch);
        write_signed(&mut out, written.stamp);
        write_signed(&mut out, written.at_ms);
        // The clock seldom goes back, so this is nearly always 0.
        let ahead = written.latest_ms.wrapping_sub(written.at_ms);
        write_signed(&mut out, ahead);
        write_signed(&mut out, self.dialect.0);
        out.extend_from_slice(&self.checksum.to_le_bytes());
        for bytes in [of.slots, of.indexes, self.new] {
            write_number(&mut out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        for bytes in [key_id, self.batches, of.emails, of.keys, of.texts] {
            // 0 stands for null.
            write_number(&mut out, bytes.map_or(0, |bytes| bytes.len() as u64 + 1));
            out.extend_from_slice(bytes.unwrap_or_default());
        }
        out
    }

    /// As a row with columns of its own.
    pub(crate) fn to_row(self) -> NewRow {
        let of = self.columns;
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let head = BlockHead {
            id: self.id,
            first_position: self.first_position,
            events: self.events,
            written: self.written,
            batches: owned(self.batches),
            dialect: self.dialect,
            key_id: self.key_id.map(str::to_owned),
            slots: of.slots.to_vec(),
            indexes: of.indexes.to_vec(),
        };
        let row = BlockRow {
            head,
            checksum: self.checksum,
            emails: owned(of.emails),
            keys: owned(of.keys),
            texts: owned(of.texts),
        };
        let new = Bitset(self.new.to_vec());
        NewRow { row, new }
    }
}

impl NewRow {
    pub(super) fn columns(&self) -> NewColumns<'_> {
        let (row, head) = (&self.row, &self.row.head);
        NewColumns {
            id: head.id,
            first_position: head.first_position,
            events: head.events,
            written: head.written,
            dialect: head.dialect,
            key_id: head.key_id.as_deref(),
            batches: head.batches.as_deref(),
            columns: row.columns(),
            checksum: row.checksum,
            new: &self.new.0,
        }
    }

    /// All columns, each behind the other.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.columns().encode()
    }

    /// Decodes the result of [`Self::encode`].
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Damage> {
        let bytes = &mut bytes;
        let id = BlockId(read_signed(bytes)?);
        let first_position = read_number(bytes)?;
        let events = read_number(bytes)?;
        let (epoch, stamp) = (read_signed(bytes)?, read_signed(bytes)?);
        let at_ms = read_signed(bytes)?;
        let latest_ms = at_ms.wrapping_add(read_signed(bytes)?);
        let dialect = DialectId(read_signed(bytes)?);
        let checksum = read_bytes(bytes, 8)?;
        let checksum = checksum.try_into().map_or(0, i64::from_le_bytes);
        let (slots, indexes) = (field(bytes)?, field(bytes)?);
        let new = Bitset(field(bytes)?);
        let key_id = field_or_null(bytes)?.map(String::from_utf8).transpose();
        let key_id = key_id.map_err(|_| Damage("the key of a block is not valid UTF-8"))?;
        let batches = field_or_null(bytes)?;
        let row = BlockRow {
            head: BlockHead {
                id,
                first_position,
                events,
                written: Written {
                    epoch,
                    stamp,
                    at_ms,
                    latest_ms,
                },
                batches,
                dialect,
                key_id,
                slots,
                indexes,
            },
            checksum,
            emails: field_or_null(bytes)?,
            keys: field_or_null(bytes)?,
            texts: field_or_null(bytes)?,
        };
        if bytes.is_empty() {
            Ok(Self { row, new })
        } else {
            Err(Damage("something follows behind a block"))
        }
    }
}

fn field(bytes: &mut &[u8]) -> Result<Vec<u8>, Damage> {
    let length = read_count(bytes)?;
    Ok(read_bytes(bytes, length)?.to_vec())
}

fn field_or_null(bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, Damage> {
    let Some(length) = read_count(bytes)?.checked_sub(1) else {
        return Ok(None);
    };
    Ok(Some(read_bytes(bytes, length)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn heads() -> impl Strategy<Value = BlockHead> {
        let numbers = any::<(i64, u64, u64, i64)>();
        let written = any::<(i64, i64, i64, i64)>();
        let bytes = any::<(Option<Vec<u8>>, Vec<u8>, Vec<u8>)>();
        let key_id = option::of(".{0,30}");
        (numbers, written, bytes, key_id).prop_map(|(numbers, written, bytes, key_id)| {
            let (id, first_position, events, dialect) = numbers;
            let (epoch, stamp, at_ms, latest_ms) = written;
            let (batches, slots, indexes) = bytes;
            BlockHead {
                id: BlockId(id),
                first_position,
                events,
                written: Written {
                    epoch,
                    stamp,
                    at_ms,
                    latest_ms,
                },
                batches,
                dialect: DialectId(dialect),
                key_id,
                slots,
                indexes,
            }
        })
    }

    fn rows() -> impl Strategy<Value = NewRow> {
        let columns = any::<(i64, [Option<Vec<u8>>; 3])>();
        (heads(), columns, any::<Vec<u8>>()).prop_map(|(head, (checksum, columns), new)| {
            let [emails, keys, texts] = columns;
            let row = BlockRow {
                head,
                checksum,
                emails,
                keys,
                texts,
            };
            let new = Bitset(new);
            NewRow { row, new }
        })
    }

    proptest! {
        #[test]
        fn rows_come_back(row in rows()) {
            let bytes = row.encode();
            let encoded = Encoded::new(&bytes).expect("it is not damaged");
            prop_assert_eq!((encoded.id, encoded.has_open), (row.row.head.id, !row.new.0.is_empty()));
            prop_assert_eq!(NewRow::decode(&bytes), Ok(row));
        }

        #[test]
        fn a_row_that_lacks_bytes_or_has_more_is_damaged(row in rows(), cut: prop::sample::Index) {
            let mut bytes = row.encode();
            prop_assert!(NewRow::decode(&bytes[..cut.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(NewRow::decode(&bytes).is_err());
        }

        #[test]
        fn damaged_bytes_do_no_harm(bytes: Vec<u8>, row in rows(), at: prop::sample::Index, byte: u8) {
            let _ = NewRow::decode(&bytes);
            let mut bytes = row.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = NewRow::decode(&bytes);
        }
    }
}
