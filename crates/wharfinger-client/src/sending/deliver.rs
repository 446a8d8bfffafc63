//! One batch to the server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use form_urlencoded::{Serializer, byte_serialize};
use sha2::{Digest, Sha256};
use wharfinger_core::letters::hex;

use super::Target;
use super::answer::Outcome;
use super::batch::Batch;
use crate::http::{Patient, Request};
use crate::source::is_stdin;

/// The longest name of a file that servers take, in characters.
const FILE_NAME_CHARS_MAX: usize = 255;
/// How long a server may take for one batch, at most. After that the request is sent again.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// How long a server may take at least, however little patience the user has.
const ANSWER_MIN: Duration = Duration::from_secs(1);

/// A batch, and how far it came.
pub(super) struct Delivery {
    pub(super) batch: Batch,
    /// What the server answered, in the order of the file. One answer, unless the batch was too large for the server.
    pub(super) parts: Vec<Part>,
    /// Why the rest was not delivered.
    pub(super) error: Option<Error>,
}

/// Orders of a batch that were sent in one request.
pub(super) struct Part {
    /// Their positions in the batch.
    pub(super) sent: Vec<usize>,
    pub(super) outcome: Outcome,
    /// Whether this is the saved answer to a request of an earlier run.
    pub(super) is_replayed: bool,
    /// The `Idempotency-Key`. A dry run has none.
    pub(super) idempotency_key: Option<String>,
}

/// Sends a batch.
pub(super) fn deliver(target: &Target<'_>, patient: &Patient<'_>, batch: Batch) -> Delivery {
    let path = target.path(batch.mends.as_deref());
    let mut parts = Vec::new();
    // What is still to be sent, the first last.
    let mut waiting = vec![batch.sent()];
    let mut error = None;
    while let Some(mut sent) = waiting.pop() {
        if sent.is_empty() {
            continue;
        }
        match send(target, patient, &path, &batch, &sent) {
            Ok(Some((outcome, is_replayed, idempotency_key))) => parts.push(Part {
                sent,
                outcome,
                is_replayed,
                idempotency_key,
            }),
            // A run that is started again halves at the same places.
            Ok(None) if sent.len() > 1 => {
                let second = sent.split_off(sent.len() / 2);
                waiting.push(second);
                waiting.push(sent);
            }
            Ok(None) => {
                error = Some(too_large(&batch, sent[0]));
                break;
            }
            Err(failure) => {
                error = Some(failure.context(lines(&batch, &sent)));
                break;
            }
        }
    }
    Delivery {
        batch,
        parts,
        error,
    }
}

fn too_large(batch: &Batch, at: usize) -> Error {
    let bytes = batch.text(at).len();
    let line = batch.orders[at].record.line;
    anyhow!(
        "the order that begins in line {line} has {bytes} bytes; the server, or a proxy before it, takes no request of this size \
         (413)"
    )
}

/// The lines of orders, for a message.
fn lines(batch: &Batch, sent: &[usize]) -> String {
    let line = |at: Option<&usize>| at.map_or(0, |at| batch.orders[*at].record.line);
    let (first, last) = (line(sent.first()), line(sent.last()));
    if first == last {
        format!("the order in line {first} was not taken")
    } else {
        format!("the orders in lines {first} to {last} were not taken")
    }
}

/// Sends orders in one request. `None` if that is too large for the server.
fn send(
    target: &Target<'_>,
    patient: &Patient<'_>,
    path: &str,
    batch: &Batch,
    sent: &[usize],
) -> Result<Option<(Outcome, bool, Option<String>)>> {
    let (Some(&first), Some(&last)) = (sent.first(), sent.last()) else {
        return Ok(None);
    };
    let body = batch.body(first, last);
    let position = batch.first_index + first as u64;
    let key = (!target.dry_run).then(|| target.idempotency_key(path, position, body));
    let mut headers = vec![("content-type", "application/x-ndjson")];
    if let Some(key) = &key {
        headers.push(("idempotency-key", key));
    }
    if let Some(name) = &target.file_name {
        headers.push(("wharfinger-file-name", name));
    }
    let answered = patient.send(&Request {
        method: "POST",
        target: path,
        headers: &headers,
        body,
        timeout: Some(ANSWER_MAX.min(patient.patience().max(ANSWER_MIN))),
    })?;
    if answered.status.as_u16() == 413 {
        return Ok(None);
    }
    let is_replayed = answered.header("idempotent-replayed") == Some("true");
    let outcome = Outcome::read(&answered, sent.len())?;
    Ok(Some((outcome, is_replayed, key)))
}

impl Target<'_> {
    /// Path and query of a request that submits orders.
    fn path(&self, mends: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("dialect", self.dialect.id());
        query.append_pair("results", "rejected");
        if let Some(organisation) = &self.organisation {
            query.append_pair("organisation", organisation);
        }
        if let Some(mends) = mends {
            query.append_pair("mends", mends);
        }
        if self.dry_run {
            query.append_pair("dry_run", "true");
        }
        format!("/v1/batches?{}", query.finish())
    }

    /// The key of a request: the same for the same orders at the same position, whichever run sends them.
    fn idempotency_key(&self, path: &str, position: u64, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(b"wharfinger submit 1\n");
        for part in [self.nonce.as_slice(), path.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(position.to_be_bytes());
        hash.update(body);
        hex(&hash.finalize())
    }
}

/// The name of a file as the server takes it: percent-encoded UTF-8, without control characters. `None` for standard input.
pub(super) fn encoded_name(file: &Path) -> Option<String> {
    if is_stdin(file) {
        return None;
    }
    let name = file.file_name()?.to_string_lossy();
    let chars = name.chars().filter(|char| !char.is_control());
    let name: String = chars.take(FILE_NAME_CHARS_MAX).collect();
    // Forms write a space as `+`, and a plus as `%2B`.
    let encoded: String = byte_serialize(name.as_bytes()).collect();
    (!encoded.is_empty()).then(|| encoded.replace('+', "%20"))
}

/// Random bytes for a run that is to be judged anew.
pub(super) fn nonce() -> Result<Vec<u8>> {
    let mut nonce = vec![0; 16];
    getrandom::fill(&mut nonce).context("the system gives no random numbers")?;
    Ok(nonce)
}
