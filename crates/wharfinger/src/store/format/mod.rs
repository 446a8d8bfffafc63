//! The smallest encodings of the store: numbers, blobs, addresses of entries, hashes of e-mail addresses.
//!
//! Imports no other room.

pub(super) mod bitset;
pub(super) mod dialect_id;
pub(super) mod email_hash;
pub(super) mod entry_addr;
pub(super) mod id_map;
pub(super) mod varint;
