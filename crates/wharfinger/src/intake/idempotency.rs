//! `Idempotency-Key`: a repeated request runs once and returns the same response.
//!
//! The response is saved in the same transaction as the change, so one exists if and only if the other does. Concurrent
//! requests with the same key are detected here. If another server process commits first, the store's transaction detects it.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use sha2::{Digest, Sha256};
use wharfinger_core::dialect::{Credentials, Reply};
use wharfinger_core::order::failure::RequestFailure;

use crate::access::encrypt;
use crate::clock;
use crate::intake::request_context::{Body, Call};
use crate::store::{SaveReply, SavedReply, Store, StoreError};

/// Name of the header field.
const FIELD: &str = "idempotency-key";

/// The longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// Value of `Retry-After` while a request with the same key is in progress, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Idempotency keys of the requests in progress, the store that saves responses, and for how long.
pub struct Idempotency {
    store: Arc<Store>,
    kept_for: Duration,
    at_work: Arc<Mutex<HashSet<Whose>>>,
}

/// An API key's id, and an idempotency key of that caller.
type Whose = (String, String);

/// The part of a request body that its fingerprint covers.
#[derive(Clone, Copy)]
pub struct Sent<'b> {
    /// The bytes, decompressed.
    bytes: &'b [u8],
    /// Whether the media type declares JSON Lines.
    is_lines: bool,
}

impl<'b> From<&'b [u8]> for Sent<'b> {
    fn from(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            is_lines: false,
        }
    }
}

impl<'b> From<&'b Body> for Sent<'b> {
    fn from(body: &'b Body) -> Self {
        Self {
            bytes: &body.bytes,
            is_lines: body.is_lines,
        }
    }
}

/// The response to a request.
pub enum Answered {
    /// A response that was made for this request.
    Now(Reply),
    /// The saved response to an earlier request with the same idempotency key.
    Replayed(SavedReply),
}

/// How a response is saved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SaveAs {
    /// As it is.
    Plain,
    /// Encrypted, so that only the caller's own secret opens it. For responses that contain a secret.
    Encrypted,
}

/// How to handle a request.
pub enum Begin {
    /// It has no idempotency key: run it.
    Unkept,
    /// It is new: run it and save the response.
    New(IdempotencyGuard),
    /// It already ran: return the saved response.
    Done(SavedReply),
}

/// A request that holds its idempotency key. Until this is dropped, other requests with the key are refused.
pub struct IdempotencyGuard {
    store: Arc<Store>,
    /// The caller's secret, if the response is saved encrypted.
    secret: Option<String>,
    whose: Whose,
    fingerprint: [u8; 32],
    kept_until_ms: i64,
    at_work: Arc<Mutex<HashSet<Whose>>>,
}

impl Drop for IdempotencyGuard {
    fn drop(&mut self) {
        lock(&self.at_work).remove(&self.whose);
    }
}

impl IdempotencyGuard {
    /// What the store saves with the change: the response that `encode` makes from the result.
    pub fn save_reply<T: ?Sized>(
        &self,
        encode: impl Fn(&T) -> Reply + Send + Sync + 'static,
    ) -> SaveReply<T> {
        let secret = self.secret.clone();
        SaveReply {
            key_id: self.whose.0.clone(),
            idempotency_key: self.whose.1.clone(),
            fingerprint: self.fingerprint,
            kept_until_ms: self.kept_until_ms,
            encode: Box::new(move |result| {
                let mut reply = encode(result);
                if let Some(secret) = &secret {
                    reply.body = encrypt::encrypt_for(secret, &reply.body);
                }
                reply
            }),
        }
    }

    /// The response that another process has saved in the meantime.
    ///
    /// # Errors
    /// The response belongs to a different request, is missing, or cannot be read.
    pub async fn saved(&self, call: &Call<'_>) -> Result<SavedReply, RequestFailure> {
        let saved = self.find(call).await?;
        saved.ok_or(RequestFailure::IdempotencyKeyBusy {
            retry_after_s: RETRY_AFTER_S,
        })
    }

    async fn find(&self, call: &Call<'_>) -> Result<Option<SavedReply>, RequestFailure> {
        let (key_id, key) = &self.whose;
        let saved = self.store.saved_reply(key_id, key).await;
        match saved.map_err(|error| call.failure(error))? {
            None => Ok(None),
            Some(saved) if saved.fingerprint != self.fingerprint => {
                Err(RequestFailure::IdempotencyKeyReused)
            }
            Some(saved) => self.opened(saved).map(Some),
        }
    }

    /// Decrypts a saved response, if it was saved encrypted.
    fn opened(&self, mut saved: SavedReply) -> Result<SavedReply, RequestFailure> {
        if let Some(secret) = &self.secret {
            saved.body = encrypt::decrypt(secret, &saved.body).ok_or_else(|| {
                RequestFailure::Conflict(
                    "The request has already run, but its saved response is encrypted with an earlier secret of the calling \
                     key. Find the key in the list and rotate it"
                        .into(),
                )
            })?;
        }
        Ok(saved)
    }
}

impl Idempotency {
    /// Saves responses in this store, for this long.
    #[must_use]
    pub fn new(store: Arc<Store>, kept_for: Duration) -> Self {
        Self {
            store,
            kept_for,
            at_work: Arc::default(),
        }
    }

    /// For how long responses are saved.
    #[must_use]
    pub fn kept_for(&self) -> Duration {
        self.kept_for
    }

    /// Begins a request that changes something. Its response is saved as it is.
    ///
    /// # Errors
    /// A request with the same key is in progress, or the key was used for a different request.
    pub async fn begin<'b>(
        &self,
        call: &Call<'_>,
        body: impl Into<Sent<'b>>,
    ) -> Result<Begin, RequestFailure> {
        self.begin_saving(call, body.into(), SaveAs::Plain).await
    }

    async fn begin_saving(
        &self,
        call: &Call<'_>,
        body: Sent<'_>,
        save_as: SaveAs,
    ) -> Result<Begin, RequestFailure> {
        let Some(key) = &call.idempotency_key else {
            return Ok(Begin::Unkept);
        };
        let guard = self.claim(call, key, body, save_as)?;
        match guard.find(call).await? {
            Some(saved) => Ok(Begin::Done(saved)),
            None => Ok(Begin::New(guard)),
        }
    }

    fn claim(
        &self,
        call: &Call<'_>,
        key: &str,
        body: Sent<'_>,
        save_as: SaveAs,
    ) -> Result<IdempotencyGuard, RequestFailure> {
        let secret = match save_as {
            SaveAs::Plain => None,
            SaveAs::Encrypted => Some(secret_of(call)?),
        };
        let whose = (call.authenticated.key_id().to_owned(), key.to_owned());
        if !lock(&self.at_work).insert(whose.clone()) {
            return Err(RequestFailure::IdempotencyKeyBusy {
                retry_after_s: RETRY_AFTER_S,
            });
        }
        let kept_for_ms = i64::try_from(self.kept_for.as_millis()).unwrap_or(i64::MAX);
        Ok(IdempotencyGuard {
            store: Arc::clone(&self.store),
            secret,
            whose,
            fingerprint: fingerprint(call, body),
            kept_until_ms: clock::now_ms().saturating_add(kept_for_ms),
            at_work: Arc::clone(&self.at_work),
        })
    }

    /// Runs a change once and returns the response that `encode` makes from its result. `change` gets what the store must save.
    /// It returns the result, and the saved response if there is one.
    ///
    /// # Errors
    /// A request with the same key is in progress, or the key was used for a different request, or the store cannot be written.
    pub async fn change<'b, T, R>(
        &self,
        call: &Call<'_>,
        body: impl Into<Sent<'b>>,
        save_as: SaveAs,
        encode: impl Fn(&T) -> Reply + Clone + Send + Sync + 'static,
        change: impl AsyncFnOnce(Option<SaveReply<T>>) -> Result<(R, Option<Reply>), StoreError>,
    ) -> Result<Answered, RequestFailure>
    where
        T: ?Sized,
        R: Borrow<T>,
    {
        let guard = match self.begin_saving(call, body.into(), save_as).await? {
            Begin::Done(saved) => return Ok(Answered::Replayed(saved)),
            Begin::Unkept => None,
            Begin::New(guard) => Some(guard),
        };
        let save_reply = guard.as_ref().map(|guard| guard.save_reply(encode.clone()));
        match (change(save_reply).await, guard) {
            (Err(StoreError::ReplySaved), Some(guard)) => {
                guard.saved(call).await.map(Answered::Replayed)
            }
            (Err(error), _) => Err(call.failure(error)),
            // The saved response is the one that every repetition gets.
            (Ok((_, reply)), Some(_)) if save_as == SaveAs::Plain => {
                reply.map(Answered::Now).ok_or(RequestFailure::Internal)
            }
            (Ok((found, _)), _) => Ok(Answered::Now(encode(found.borrow()))),
        }
    }
}

/// The secret that the caller presented.
fn secret_of(call: &Call<'_>) -> Result<String, RequestFailure> {
    match call.dialect.credentials(&call.head) {
        Credentials::Secret(secret) | Credentials::Pair { secret, .. } => Ok(secret),
        Credentials::Missing => Err(RequestFailure::Unauthorized),
    }
}

/// Ignores poisoning: the set is never left half changed.
fn lock(set: &Mutex<HashSet<Whose>>) -> std::sync::MutexGuard<'_, HashSet<Whose>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The hash of everything that determines what a request means. Requests with equal hashes are the same request.
///
/// The organisation is the resolved one. It may come from a header field, the path, the query, or an API key that has only one.
/// Dry runs are not covered: their responses are neither saved nor replayed.
fn fingerprint(call: &Call<'_>, body: Sent<'_>) -> [u8; 32] {
    let parts = [
        call.dialect.id(),
        call.operation.method,
        call.target,
        call.organisation.map_or("", |found| found.code.as_str()),
        if body.is_lines { "lines" } else { "json" },
    ];
    let mut hash = Sha256::new();
    for part in parts {
        // The length prefix makes the concatenation unambiguous.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update(body.bytes);
    hash.finalize().into()
}

/// Reads the idempotency key of a request. Quoted and bare keys are equal.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: there is more than one field, or its value is not a key.
pub fn key_in(headers: &HeaderMap) -> Result<Option<String>, RequestFailure> {
    let mut fields = headers.get_all(FIELD).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    let key = field.to_str().ok().and_then(unquoted);
    let is_one = fields.next().is_none();
    let key = key.filter(|key| is_one && (1..=KEY_CHARS_MAX).contains(&key.chars().count()));
    key.map(Some).ok_or_else(|| {
        RequestFailure::BadParameter(format!(
            "Idempotency-Key must be given once, with 1 to {KEY_CHARS_MAX} printable ASCII characters"
        ))
    })
}

/// Decodes a structured-field string (RFC 8941). A bare value is returned as it is.
fn unquoted(field: &str) -> Option<String> {
    let field = field.trim();
    let Some(inner) = field.strip_prefix('"') else {
        return Some(field.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => text.push(letters.next().filter(|next| matches!(next, '"' | '\\'))?),
            _ => text.push(letter),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(FIELD, field.parse().expect("a header field"));
        }
        key_in(&headers).map_err(|_| ())
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same() {
        assert_eq!(read(&[]), Ok(None));
        for same in ["abc-1", "\"abc-1\"", " \"abc-1\" "] {
            assert_eq!(read(&[same]), Ok(Some("abc-1".into())), "{same}");
        }
        assert_eq!(read(&[r#""a\"b\\c""#]), Ok(Some(r#"a"b\c"#.into())));
        let longest = "k".repeat(255);
        assert_eq!(read(&[&longest]), Ok(Some(longest)));
        let too_long = "k".repeat(256);
        for wrong in ["", "\"\"", "\"a", "\"a\"b\"", r#""a\b""#, too_long.as_str()] {
            assert_eq!(read(&[wrong]), Err(()), "{wrong}");
        }
        assert_eq!(read(&["a", "b"]), Err(()));
    }
}
