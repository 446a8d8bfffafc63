//! Hashes of all pages of a database. They show which pages differ from an earlier backup, and verify a restored database.

use sha2::{Digest, Sha256};

/// The first bytes of the encoding.
const MAGIC: &[u8; 8] = b"WHFPAGE1";
/// Bytes of a hash: half of a SHA-256.
const HASH_BYTES: usize = 16;

/// The hash of a page.
type Hash = [u8; HASH_BYTES];

/// No page has this hash. It stands for a page that was not copied yet.
const NONE: Hash = [0; HASH_BYTES];

/// The hashes of the pages of a database, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageHashes {
    page_bytes: u32,
    hashes: Vec<Hash>,
}

impl PageHashes {
    /// No hashes yet, of a database with pages of this size.
    #[must_use]
    pub fn new(page_bytes: u32) -> Self {
        Self {
            page_bytes,
            hashes: Vec::new(),
        }
    }

    /// Bytes of a page.
    #[must_use]
    pub fn page_bytes(&self) -> u32 {
        self.page_bytes
    }

    /// How many pages there are.
    #[must_use]
    pub fn pages(&self) -> u32 {
        u32::try_from(self.hashes.len()).unwrap_or(u32::MAX)
    }

    /// Sets the hash of a page, numbered from 1, from its bytes. Returns whether `base` has the same page.
    pub(super) fn set(&mut self, page: u32, bytes: &[u8], base: Option<&Self>) -> bool {
        let at = index(page);
        if self.hashes.len() <= at {
            self.hashes.resize(at + 1, NONE);
        }
        self.hashes[at] = hash(bytes);
        base.is_some_and(|base| base.hashes.get(at) == Some(&self.hashes[at]))
    }

    /// Makes it the hashes of this many pages. Returns the pages without a hash.
    pub(super) fn cut(&mut self, pages: u32) -> Vec<u32> {
        self.hashes.resize(pages as usize, NONE);
        let numbered = (1..=pages).zip(&self.hashes);
        numbered
            .filter(|(_, hash)| **hash == NONE)
            .map(|(page, _)| page)
            .collect()
    }

    /// The pages that `base` does not have or has with other content.
    #[must_use]
    pub fn changed_since(&self, base: &Self) -> Vec<u32> {
        let numbered = (1..=self.pages()).zip(&self.hashes);
        let is_changed = |(page, hash): &(u32, &Hash)| base.hashes.get(index(*page)) != Some(hash);
        numbered.filter(is_changed).map(|(page, _)| page).collect()
    }

    /// Whether a page, numbered from 1, has this content.
    #[must_use]
    pub fn fits(&self, page: u32, bytes: &[u8]) -> bool {
        self.hashes.get(index(page)) == Some(&hash(bytes))
    }

    /// The hashes as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAGIC.len() + 4 + self.hashes.len() * HASH_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.page_bytes.to_be_bytes());
        self.hashes
            .iter()
            .for_each(|hash| out.extend_from_slice(hash));
        out
    }

    /// Decodes the result of [`Self::encode`]. `None` if it is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (page_bytes, rest) = rest.split_first_chunk()?;
        let page_bytes = u32::from_be_bytes(*page_bytes);
        let (hashes, []) = rest.as_chunks() else {
            return None;
        };
        page_bytes.is_power_of_two().then(|| Self {
            page_bytes,
            hashes: hashes.to_vec(),
        })
    }
}

/// The position of a page, numbered from 1, in a list.
fn index(page: u32) -> usize {
    page.saturating_sub(1) as usize
}

fn hash(page: &[u8]) -> Hash {
    let digest = Sha256::digest(page);
    let mut hash = NONE;
    hash.copy_from_slice(&digest[..HASH_BYTES]);
    hash
}
