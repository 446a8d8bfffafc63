//! Encryption of saved responses that contain a secret. The encryption key is derived from the caller's own secret, of which
//! the store has only a hash. So only the caller can read such a response.

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Domain separation from the stored hash of the same secret.
const PURPOSE: &[u8] = b"wharfinger: answers kept for idempotency keys";

/// Bytes of a nonce: long enough to be chosen at random.
const NONCE_BYTES: usize = 24;

/// Encrypts for the holder of this secret.
#[must_use]
pub(crate) fn encrypt_for(secret: &str, plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
    let sealed = cipher(secret).encrypt(&XNonce::from(nonce), plain);
    let sealed = sealed.expect("an answer is far shorter than the cipher's limit");
    [nonce.as_slice(), &sealed].concat()
}

/// Decrypts the output of [`encrypt_for`]. `None` if the secret is wrong or the data was changed.
#[must_use]
pub(crate) fn decrypt(secret: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher(secret).decrypt(&XNonce::from(*nonce), sealed).ok()
}

/// One derivation step is enough, because a secret has 256 random bits.
fn cipher(secret: &str) -> XChaCha20Poly1305 {
    let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(secret.as_bytes());
    let mut mac = mac.expect("keys of any length are taken");
    mac.update(PURPOSE);
    let key: [u8; 32] = mac.finalize().into_bytes().into();
    XChaCha20Poly1305::new(&Key::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_opens_what_it_has_sealed() {
        let sealed = encrypt_for("one", b"an answer");
        assert_eq!(decrypt("one", &sealed).as_deref(), Some(&b"an answer"[..]));
        assert_eq!(decrypt("two", &sealed), None);
        assert_ne!(encrypt_for("one", b"an answer"), sealed);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(decrypt("one", &changed), None);
            assert_eq!(decrypt("one", &sealed[..at]), None);
        }
    }
}
