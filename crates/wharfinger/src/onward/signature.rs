//! Signs deliveries by Standard Webhooks 1.0 (<https://github.com/standard-webhooks/standard-webhooks>, read 2026-11-30).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::store::SigningSecret;

/// Begins a secret for HMAC-SHA256, which both sides know.
const SHARED: &str = "whsec_";
/// Begins a private key for ed25519.
const PRIVATE: &str = "whsk_";
/// Begins the public key of a private key.
const PUBLIC: &str = "whpk_";
/// Bytes of a new secret, and of the seed of a private key.
const SECRET_BYTES: usize = 32;
/// Bytes that a shared secret may have. Shorter ones can be guessed.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// Signs deliveries by the secrets of a destination that are in use.
pub struct Signer(Vec<(SigningKey, Option<i64>)>);

enum SigningKey {
    Shared(hmac::Key),
    Private(Ed25519KeyPair),
}

impl Signer {
    /// A signer by these secrets.
    ///
    /// # Errors
    /// A secret cannot be read. The sentence does not quote it.
    pub fn new(secrets: &[SigningSecret]) -> Result<Self, String> {
        let keys = secrets.iter().map(|secret| {
            let key = read(&secret.secret);
            let key = key.ok_or("a secret of the destination cannot be read; rotate it")?;
            Ok((key, secret.until_ms))
        });
        Ok(Self(keys.collect::<Result<_, String>>()?))
    }

    /// The value of `webhook-signature`: a signature for each secret that is in use then, separated by spaces. `at_s` is the value
    /// of `webhook-timestamp`, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, at_s: i64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{at_s}.").into_bytes();
        signed.extend_from_slice(body);
        let at_ms = at_s.saturating_mul(1_000);
        let keys = self.0.iter();
        let in_use = keys.filter(|(_, until_ms)| until_ms.is_none_or(|until_ms| until_ms > at_ms));
        let signatures = in_use.map(|(key, _)| key.sign(&signed));
        Vec::from_iter(signatures).join(" ")
    }
}

impl SigningKey {
    fn sign(&self, signed: &[u8]) -> String {
        match self {
            Self::Shared(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, signed))),
            Self::Private(key) => format!("v1a,{}", STANDARD.encode(key.sign(signed))),
        }
    }
}

fn read(secret: &str) -> Option<SigningKey> {
    if let Some(shared) = secret.strip_prefix(SHARED) {
        let bytes = STANDARD.decode(shared).ok()?;
        let is_sound = SHARED_BYTES.contains(&bytes.len());
        return is_sound.then(|| SigningKey::Shared(hmac::Key::new(hmac::HMAC_SHA256, &bytes)));
    }
    private(secret).map(SigningKey::Private)
}

/// The key pair of a private key: its seed, which the public key may follow.
fn private(secret: &str) -> Option<Ed25519KeyPair> {
    let bytes = STANDARD.decode(secret.strip_prefix(PRIVATE)?).ok()?;
    let (seed, public) = bytes.split_at_checked(SECRET_BYTES)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    let is_sound = public.is_empty() || public == pair.public_key().as_ref();
    is_sound.then_some(pair)
}

/// Whether a text is a secret that can sign.
#[must_use]
pub fn is_secret(text: &str) -> bool {
    read(text).is_some()
}

/// A new secret for HMAC-SHA256.
#[must_use]
pub fn new_shared_secret() -> String {
    format!("{SHARED}{}", STANDARD.encode(random()))
}

/// A new private key for ed25519.
#[must_use]
pub fn new_private_key() -> String {
    format!("{PRIVATE}{}", STANDARD.encode(random()))
}

/// The public key (`whpk_…`) of a private key. `None` for a shared secret, which has none.
#[must_use]
pub fn public_key(secret: &str) -> Option<String> {
    let pair = private(secret)?;
    Some(format!(
        "{PUBLIC}{}",
        STANDARD.encode(pair.public_key().as_ref())
    ))
}

fn random() -> [u8; SECRET_BYTES] {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::{Signer, is_secret, new_private_key, new_shared_secret, public_key};
    use crate::store::SigningSecret;

    fn signer(secrets: &[(&str, Option<i64>)]) -> Signer {
        let secrets = secrets.iter().map(|(secret, until_ms)| SigningSecret {
            secret: (*secret).to_owned(),
            until_ms: *until_ms,
        });
        Signer::new(&Vec::from_iter(secrets)).unwrap()
    }

    /// The example of the specification's libraries.
    #[test]
    fn the_known_example_has_its_known_signature() {
        let signer = signer(&[("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None)]);
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = signer.sign(id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_secrets_are_rotated_each_signs() {
        let (old, new) = (new_shared_secret(), new_private_key());
        let secrets = [(&*new, None), (&*old, Some(2_000))];
        let both = signer(&secrets).sign("a", 1, b"{}");
        let signatures = Vec::from_iter(both.split(' '));
        assert_eq!(signatures.len(), 2, "{both}");
        assert_eq!(signer(&secrets[1..]).sign("a", 1, b"{}"), signatures[1]);
        let one = signer(&secrets).sign("a", 2, b"{}");
        assert!(one.starts_with("v1a,") && !one.contains(' '), "{one}");
    }

    #[test]
    fn the_public_key_verifies_what_the_private_key_signs() {
        let secret = new_private_key();
        let signature = signer(&[(&secret, None)]).sign("a", 1, b"body");
        let signature = STANDARD
            .decode(signature.strip_prefix("v1a,").unwrap())
            .unwrap();
        let public = public_key(&secret).unwrap();
        let public = STANDARD
            .decode(public.strip_prefix("whpk_").unwrap())
            .unwrap();
        let key = UnparsedPublicKey::new(&ED25519, public);
        assert!(key.verify(b"a.1.body", &signature).is_ok());
        assert!(key.verify(b"a.2.body", &signature).is_err());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        assert!(is_secret(&new_shared_secret()) && is_secret(&new_private_key()));
        assert_eq!(public_key(&new_shared_secret()), None);
        for text in ["", "whsec_", "whsec_%", "whsec_AAAA", "whsk_AAAA", "secret"] {
            assert!(!is_secret(text), "{text}");
        }
    }
}
