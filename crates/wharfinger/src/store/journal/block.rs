//! The compressed columns of a block: the orders of one organisation, in frames that can be read separately.
//!
//! - `indexes`: the position of each entry in its batch, as runs. Not compressed, because resubmissions look them up.
//! - `emails`: a hash of each entry's e-mail address; absent if no entry has one. Not compressed, because lookups read them.
//! - `keys`: the order keys of the entries, compressed together.
//! - `texts`: a directory of frames, then the frames. A frame holds the compressed texts of up to 64 neighbouring entries.

use crate::store::format::email_hash::EmailHash;
use crate::store::format::entry_addr::ENTRIES_MAX;
use crate::store::format::varint::{
    Damage, Texts, pack, read_bytes, read_count, read_signed, unpack, unpacked, write_number,
    write_signed,
};

/// A block with this many bytes of text, before compression, is full.
pub(crate) const BLOCK_BYTES_MAX: usize = 1 << 20;
/// The most entries in a frame.
const FRAME_ENTRIES_MAX: usize = 64;
/// A frame with this many bytes of text, before compression, is full.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// The compressed columns of a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// The number of entries.
    pub entries: usize,
    /// The position of each entry in its batch, encoded as runs.
    pub indexes: Vec<u8>,
    /// The hashes of the entries' e-mail addresses. `None` if no entry has an address.
    pub emails: Option<Vec<u8>>,
    /// The order keys of the entries, compressed.
    pub keys: Vec<u8>,
    /// The texts of the entries: directory and compressed frames.
    pub texts: Vec<u8>,
    /// The length of the texts in bytes, before compression.
    pub plain_bytes: usize,
}

/// An entry of a block.
pub(crate) struct Entry<'b> {
    /// Its position in its batch.
    pub index: u32,
    /// Its order key.
    pub key: &'b str,
    /// The hash of its e-mail address.
    pub email: EmailHash,
    /// Its text.
    pub text: &'b str,
}

impl Block {
    /// Calls `take` with each entry, in order.
    pub(crate) fn for_each(&self, mut take: impl FnMut(Entry<'_>)) -> Result<(), Damage> {
        let lacks = Damage("a block lacks an entry");
        let mut indexes = decode_indexes(&self.indexes)?.into_iter();
        let mut hashes = EmailHash::each(self.emails.as_deref().unwrap_or_default());
        let keys = unpacked(&self.keys)?;
        let mut keys = Texts::each(&keys)?;
        let mut frames = Frames::of(&self.texts)?;
        while let Some((entries, packed)) = frames.next()? {
            let frame = unpacked(packed)?;
            let mut texts = Texts::each(&frame)?;
            for _ in 0..entries {
                take(Entry {
                    index: indexes.next().ok_or(lacks)?,
                    key: keys.next().ok_or(lacks)?,
                    email: hashes.next().unwrap_or(EmailHash::NONE),
                    text: texts.next().ok_or(lacks)?,
                });
            }
        }
        match indexes.next() {
            Some(_) => Err(lacks),
            None => Ok(()),
        }
    }
}

/// Encodes entries as a block.
#[derive(Default)]
pub(crate) struct Builder {
    entries: usize,
    bytes: usize,
    runs: Vec<(u32, u32)>,
    emails: Vec<u8>,
    has_email: bool,
    keys: String,
    directory: Vec<u8>,
    frames: Vec<u8>,
    frame: String,
    frame_entries: usize,
}

impl Builder {
    /// Adds an entry.
    pub(crate) fn push(&mut self, index: u32, key: &str, email: EmailHash, text: &str) {
        debug_assert!(!text.contains('\0') && !key.contains('\0'));
        match self.runs.last_mut() {
            Some((start, count)) if *start + *count == index => *count += 1,
            _ => self.runs.push((index, 1)),
        }
        self.emails.extend_from_slice(&email.to_bytes());
        self.has_email |= email != EmailHash::NONE;
        self.keys.push_str(key);
        self.keys.push('\0');
        self.frame.push_str(text);
        self.frame.push('\0');
        self.frame_entries += 1;
        self.entries += 1;
        self.bytes += text.len();
        if self.frame_entries == FRAME_ENTRIES_MAX || self.frame.len() >= FRAME_BYTES_MAX {
            self.end_frame();
        }
    }

    /// The number of entries.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Whether the block should take no more entries.
    pub(crate) fn is_full(&self) -> bool {
        self.entries == ENTRIES_MAX || self.bytes >= BLOCK_BYTES_MAX
    }

    fn end_frame(&mut self) {
        let length = pack(&mut self.frames, self.frame.as_bytes());
        write_number(&mut self.directory, self.frame_entries as u64);
        write_number(&mut self.directory, length as u64);
        self.frame.clear();
        self.frame_entries = 0;
    }

    /// Returns the block of all added entries. The builder is then empty and keeps its buffers.
    pub(crate) fn finish(&mut self) -> Block {
        if self.frame_entries > 0 {
            self.end_frame();
        }
        let mut texts = Vec::with_capacity(self.directory.len() + self.frames.len() + 3);
        write_number(&mut texts, self.directory.len() as u64);
        texts.extend_from_slice(&self.directory);
        texts.extend_from_slice(&self.frames);
        let mut keys = Vec::new();
        pack(&mut keys, self.keys.as_bytes());
        let block = Block {
            entries: self.entries,
            indexes: encode_runs(&self.runs),
            emails: self.has_email.then(|| self.emails.clone()),
            keys,
            texts,
            plain_bytes: self.bytes,
        };
        (self.entries, self.bytes) = (0, 0);
        self.runs.clear();
        self.emails.clear();
        self.has_email = false;
        self.keys.clear();
        self.directory.clear();
        self.frames.clear();
        block
    }
}

fn encode_runs(runs: &[(u32, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0;
    for &(start, count) in runs {
        write_signed(&mut out, i64::from(start) - i64::from(last));
        write_number(&mut out, u64::from(count));
        last = start + count;
    }
    out
}

/// Decodes `indexes`: the position of each entry in its batch.
pub(crate) fn decode_indexes(mut bytes: &[u8]) -> Result<Vec<u32>, Damage> {
    const BROKEN: Damage = Damage("a block's indexes are out of range");
    let mut indexes = Vec::new();
    let mut last = 0_i64;
    while !bytes.is_empty() {
        let start = last.saturating_add(read_signed(&mut bytes)?);
        let count = read_count(&mut bytes)?;
        if count > ENTRIES_MAX - indexes.len() {
            return Err(BROKEN);
        }
        let start = u32::try_from(start).map_err(|_| BROKEN)?;
        let end = start.checked_add(count as u32).ok_or(BROKEN)?;
        indexes.extend(start..end);
        last = i64::from(end);
    }
    Ok(indexes)
}

/// Decodes `keys`: the order key of each entry.
pub(crate) fn decode_keys(bytes: &[u8]) -> Result<Texts, Damage> {
    Texts::split(unpack(bytes)?)
}

/// A walk over the frames of a block.
struct Frames<'b> {
    directory: &'b [u8],
    rest: &'b [u8],
}

impl<'b> Frames<'b> {
    fn of(texts: &'b [u8]) -> Result<Self, Damage> {
        let mut rest = texts;
        let length = read_count(&mut rest)?;
        let directory = read_bytes(&mut rest, length)?;
        Ok(Self { directory, rest })
    }

    /// The next frame: how many entries it has, and their compressed texts.
    fn next(&mut self) -> Result<Option<(usize, &'b [u8])>, Damage> {
        if self.directory.is_empty() {
            return Ok(None);
        }
        let entries = read_count(&mut self.directory)?;
        let length = read_count(&mut self.directory)?;
        Ok(Some((entries, read_bytes(&mut self.rest, length)?)))
    }
}

/// The texts of neighbouring entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The ordinal of the first entry.
    pub first: usize,
    texts: Texts,
}

impl Frame {
    /// The text of an entry. `None` if the entry is not in this frame.
    pub(crate) fn text(&self, ordinal: usize) -> Option<&str> {
        self.texts.get(ordinal.checked_sub(self.first)?)
    }

    /// Decompresses only the frame that holds the entry.
    pub(crate) fn read(texts: &[u8], ordinal: usize) -> Result<Self, Damage> {
        let mut frames = Frames::of(texts)?;
        let mut first = 0;
        while let Some((entries, packed)) = frames.next()? {
            if ordinal - first < entries {
                return Self::unpack(packed, first, entries);
            }
            first += entries;
        }
        Err(Damage("a block lacks an entry"))
    }

    fn unpack(packed: &[u8], first: usize, entries: usize) -> Result<Self, Damage> {
        let texts = Texts::split(unpack(packed)?)?;
        if texts.len() != entries {
            return Err(Damage("a frame has the wrong number of entries"));
        }
        Ok(Self { first, texts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn no_zero(max: usize) -> impl Strategy<Value = String> {
        prop::collection::vec(
            any::<char>().prop_map(|c| if c == '\0' { ' ' } else { c }),
            0..max,
        )
        .prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn entries_come_back(
            entries in prop::collection::vec((0_u32..5, no_zero(20), no_zero(100), 0_i64..3), 1..200)
        ) {
            let mut builder = Builder::default();
            let mut index = 0;
            let mut indexes = Vec::new();
            for (gap, key, text, email) in &entries {
                index += gap;
                builder.push(index, key, EmailHash(*email), text);
                indexes.push(index);
                index += 1;
            }
            let block = builder.finish();
            prop_assert_eq!(decode_indexes(&block.indexes), Ok(indexes));
            let keys: Vec<&str> = entries.iter().map(|entry| entry.1.as_str()).collect();
            let stored = decode_keys(&block.keys).expect("the keys are whole");
            let stored: Vec<&str> = (0..stored.len()).filter_map(|at| stored.get(at)).collect();
            prop_assert_eq!(stored, keys);
            let emails: Vec<EmailHash> = entries.iter().map(|entry| EmailHash(entry.3)).collect();
            let has_email = emails.iter().any(|email| *email != EmailHash::NONE);
            let stored = block.emails.as_deref();
            let stored = stored.map(|emails| EmailHash::each(emails).collect());
            prop_assert_eq!(stored, has_email.then_some(emails));
            for (ordinal, (_, _, text, _)) in entries.iter().enumerate() {
                let frame = Frame::read(&block.texts, ordinal).expect("the frame is whole");
                prop_assert_eq!(frame.text(ordinal), Some(text.as_str()));
            }
            prop_assert!(Frame::read(&block.texts, entries.len()).is_err());
            let mut each = Vec::new();
            let copy = |of: Entry<'_>| (of.index, of.key.to_owned(), of.text.to_owned(), of.email.0);
            let read = block.for_each(|entry| each.push(copy(entry)));
            prop_assert_eq!(read, Ok(()));
            let indexes = decode_indexes(&block.indexes).expect("the indexes are whole");
            let given = indexes.iter().zip(&entries);
            let given = given.map(|(index, (_, key, text, email))| (*index, key.clone(), text.clone(), *email));
            prop_assert_eq!(each, Vec::from_iter(given));
        }

        #[test]
        fn damaged_blocks_do_no_harm(bytes: Vec<u8>, ordinal in 0..ENTRIES_MAX) {
            let _ = Frame::read(&bytes, ordinal);
            let _ = decode_indexes(&bytes);
            let _ = decode_keys(&bytes);
        }
    }

    #[test]
    fn a_block_is_full_by_count_or_by_size() {
        let mut builder = Builder::default();
        for index in 0..1024 {
            assert!(!builder.is_full());
            builder.push(index, "k", EmailHash::NONE, "{}");
        }
        assert!(builder.is_full());
        assert_eq!(builder.finish().entries, 1024);
        builder.push(0, "k", EmailHash::NONE, &" ".repeat(1 << 20));
        assert!(builder.is_full());
    }
}
