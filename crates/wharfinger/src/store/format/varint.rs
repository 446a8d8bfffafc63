//! Integers of variable length, and compressed blobs.

use std::borrow::Cow;
use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

/// Stored data that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage(pub &'static str);

/// The largest decompressed size that a blob may announce. Batches are far smaller.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Shorter blobs are not compressed, because it is not worth the time: a few orders, or the keys of a hundred.
const COMPRESSED_BYTES_MIN: usize = 2 << 10;

/// The first byte of a blob that is not compressed. Compressed blobs begin with another byte.
const PLAIN: u8 = 0;

/// The compression level. Higher levels cost more time than the saved disk space is worth.
const LEVEL: i32 = 1;

/// Appends a number, seven bits a byte, lowest bits first.
pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a number that may be negative.
pub(crate) fn write_signed(out: &mut Vec<u8>, number: i64) {
    write_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Reads a number and advances `bytes`.
pub(crate) fn read_number(bytes: &mut &[u8]) -> Result<u64, Damage> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            break;
        };
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Damage("a number is truncated"))
}

/// Reads a count and advances `bytes`.
pub(crate) fn read_count(bytes: &mut &[u8]) -> Result<usize, Damage> {
    usize::try_from(read_number(bytes)?).map_err(|_| Damage("a count is too large"))
}

/// Reads a number that may be negative, and advances `bytes`.
pub(crate) fn read_signed(bytes: &mut &[u8]) -> Result<i64, Damage> {
    let number = read_number(bytes)?;
    Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

/// Reads `count` bytes and advances `bytes`.
pub(crate) fn read_bytes<'b>(bytes: &mut &'b [u8], count: usize) -> Result<&'b [u8], Damage> {
    let Some((taken, rest)) = bytes.split_at_checked(count) else {
        return Err(Damage("a field is truncated"));
    };
    *bytes = rest;
    Ok(taken)
}

thread_local! {
    /// A compressor and its output buffer, one per thread because a compressor's tables are large.
    static COMPRESSOR: RefCell<(Compressor<'static>, Vec<u8>)> = RefCell::new((
        Compressor::new(LEVEL).expect("the level is a valid one"),
        Vec::new(),
    ));
    static DECOMPRESSOR: RefCell<Decompressor<'static>> =
        RefCell::new(Decompressor::new().expect("there is no dictionary to be wrong"));
}

/// Appends `plain`, compressed unless it is short. Returns the number of appended bytes.
pub(crate) fn pack(out: &mut Vec<u8>, plain: &[u8]) -> usize {
    if plain.len() < COMPRESSED_BYTES_MIN {
        out.push(PLAIN);
        out.extend_from_slice(plain);
        return 1 + plain.len();
    }
    COMPRESSOR.with_borrow_mut(|(compressor, packed)| {
        packed.clear();
        packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        let length = compressor
            .compress_to_buffer(plain, packed)
            .expect("the buffer has room for the worst case");
        out.extend_from_slice(&packed[..length]);
        length
    })
}

/// Decodes the result of [`pack`].
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, Damage> {
    unpacked(packed).map(Cow::into_owned)
}

/// As [`unpack`]. What was not compressed is not copied.
pub(crate) fn unpacked(packed: &[u8]) -> Result<Cow<'_, [u8]>, Damage> {
    const BROKEN: Damage = Damage("compressed data cannot be decompressed");
    if let Some((&PLAIN, plain)) = packed.split_first() {
        return Ok(Cow::Borrowed(plain));
    }
    let length = match zstd::zstd_safe::get_frame_content_size(packed) {
        Ok(Some(length)) if length <= UNPACKED_BYTES_MAX => length,
        Ok(_) | Err(_) => return Err(BROKEN),
    };
    let length = usize::try_from(length).map_err(|_| BROKEN)?;
    let unpacked =
        DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.decompress(packed, length));
    unpacked.map(Cow::Owned).map_err(|_| BROKEN)
}

/// A list of texts, each with a zero byte at the end. Neither JSON nor an order key can contain a zero byte. The texts are
/// located but not copied, because most readers need one of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    list: String,
    /// The position of each zero byte.
    ends: Vec<usize>,
}

impl Texts {
    /// Locates the texts of a list.
    pub(crate) fn split(list: Vec<u8>) -> Result<Self, Damage> {
        let list =
            String::from_utf8(list).map_err(|_| Damage("a list of texts is not valid UTF-8"))?;
        let ends = memchr::memchr_iter(0, list.as_bytes()).collect();
        Ok(Self { list, ends })
    }

    /// The texts of a list, without locating them first.
    pub(crate) fn each(list: &[u8]) -> Result<impl Iterator<Item = &str>, Damage> {
        let broken = Damage("a list of texts is not valid UTF-8");
        let list = std::str::from_utf8(list).map_err(|_| broken)?;
        Ok(list.split_terminator('\0'))
    }

    /// The number of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text at a position.
    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = match at.checked_sub(1) {
            Some(before) => self.ends[before] + 1,
            None => 0,
        };
        self.list.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u64, signed: i64) {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number);
            write_signed(&mut bytes, signed);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read_number(&mut rest), Ok(number));
            prop_assert_eq!(read_signed(&mut rest), Ok(signed));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn what_is_packed_comes_back(plain: Vec<u8>, times in 1..40_usize) {
            let plain = plain.repeat(times);
            let mut packed = vec![1];
            let length = pack(&mut packed, &plain);
            prop_assert_eq!(packed.len(), 1 + length);
            prop_assert_eq!(unpack(&packed[1..]), Ok(plain));
        }

        #[test]
        fn damaged_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
            let _ = read_number(&mut bytes.as_slice());
        }
    }
}
