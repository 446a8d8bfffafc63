//! E-mail addresses as the index stores them: hashed with a key that each store generates for itself.

use siphasher::sip::SipHasher13;

/// The key of the hash. Without it, an index cannot be searched for guessed addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EmailKey(pub(crate) [u8; 16]);

/// The hash of an address in its normal form. [`Self::NONE`] if there is no address. Ordered as in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EmailHash(pub i64);

/// Bytes of a hash.
pub(crate) const HASH_BYTES: usize = 8;

impl EmailHash {
    /// The hash when there is no address.
    pub(crate) const NONE: Self = Self(0);

    /// The stored form.
    pub(crate) fn to_bytes(self) -> [u8; HASH_BYTES] {
        self.0.to_le_bytes()
    }

    /// Reads the stored form.
    pub(crate) fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(i64::from_le_bytes(bytes))
    }

    /// The hashes of a block's entries.
    pub(crate) fn each(emails: &[u8]) -> impl ExactSizeIterator<Item = Self> {
        let (hashes, _) = emails.as_chunks();
        hashes.iter().map(|&bytes| Self::from_bytes(bytes))
    }
}

impl EmailKey {
    /// The hash of an address. Independent of the spelling, because the address is normalised.
    pub(crate) fn hash(&self, address: &str) -> EmailHash {
        let normal = wharfinger_core::reading::email::normal(address);
        if normal.is_empty() {
            return EmailHash::NONE;
        }
        let hash = SipHasher13::new_with_key(&self.0).hash(normal.as_bytes());
        EmailHash(hash.max(1).cast_signed())
    }
}

/// Hides the key from logs.
impl std::fmt::Debug for EmailKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("EmailKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_key_and_not_on_the_spelling() {
        let key = EmailKey([7; 16]);
        assert_eq!(key.hash("ann@example.com"), key.hash(" Ann@Example.COM "));
        assert_ne!(key.hash("ann@example.com"), key.hash("anne@example.com"));
        assert_ne!(
            key.hash("ann@example.com"),
            EmailKey([8; 16]).hash("ann@example.com")
        );
        assert_eq!(key.hash(" "), EmailHash::NONE);
    }

    #[test]
    fn hashes_come_back() {
        let hashes = [EmailHash(-5), EmailHash::NONE, EmailHash(i64::MAX)];
        let bytes = hashes.map(EmailHash::to_bytes).concat();
        assert_eq!(EmailHash::each(&bytes).collect::<Vec<_>>(), hashes);
    }
}
