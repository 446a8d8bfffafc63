//! Random ids and secrets, from the operating system's generator.

use std::cell::RefCell;

use sha2::{Digest, Sha256};
use wharfinger_core::letters::hex;
use wharfinger_core::order::ids::BatchId;

use crate::clock;

/// Prefix of secrets, so that scanners can find leaked ones.
const SECRET_PREFIX: &str = "whf_";

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Random bytes fetched per system call, enough for many ids.
const POOL_BYTES: usize = 512;

thread_local! {
    /// Random bytes not yet used.
    static POOL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Random bytes for ids, which must be unique but not secret.
fn random_for_id<const N: usize>() -> [u8; N] {
    POOL.with_borrow_mut(|pool| {
        if pool.len() < N {
            *pool = random::<POOL_BYTES>().to_vec();
        }
        let rest = pool.len() - N;
        let taken = pool.last_chunk().copied();
        pool.truncate(rest);
        taken.expect("the pool has many times as many bytes as an id")
    })
}

/// A new batch id.
#[must_use]
pub fn batch_id() -> BatchId {
    let unix_ms = u64::try_from(clock::now_ms()).unwrap_or_default();
    BatchId::new(unix_ms, u64::from_be_bytes(random_for_id()))
}

/// The id of a dry-run batch. It begins with eight zeros, like a timestamp in early 1970. Neither it nor the ids of its orders
/// can be confused with stored ones.
#[must_use]
pub fn trial_batch_id() -> BatchId {
    let [first, second] = random_for_id();
    let low = u64::from(u16::from_be_bytes([first, second]));
    BatchId::new(low, u64::from_be_bytes(random_for_id()))
}

/// A new request id.
#[must_use]
pub fn request_id() -> String {
    uuid::Builder::from_random_bytes(random_for_id())
        .into_uuid()
        .to_string()
}

/// A new public key id: `key_` and 12 hexadecimal digits.
#[must_use]
pub fn key_id() -> String {
    format!("key_{}", hex(&random::<6>()))
}

/// A new secret of 256 bits.
#[must_use]
pub fn key_secret() -> String {
    format!("{SECRET_PREFIX}{}", hex(&random::<32>()))
}

/// A new token of 256 bits for a session of the console.
#[must_use]
pub fn session_token() -> String {
    hex(&random::<32>())
}

/// The stored hash of a secret. Secrets are long and random, so a plain hash is safe.
#[must_use]
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
