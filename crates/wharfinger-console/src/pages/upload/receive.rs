//! Receives a file from a form, without holding it in memory.

use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::{Field, Multipart};
use tokio::time::timeout;

use super::shelf::FILE_BYTES_MAX;
use crate::texts::is_hidden;

/// How long the browser may send nothing.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Bytes of a field that is no file.
const FIELD_BYTES_MAX: usize = 4_096;
/// Fields of a form.
const FIELDS_MAX: usize = 10;
/// Bytes that are read and not passed on, at most.
const AHEAD_MAX: usize = 1 << 20;
/// Characters of a file's name that are kept.
const NAME_CHARS_MAX: usize = 255;

/// A form with a file.
#[derive(Default)]
pub(super) struct Form {
    /// Fields before the file.
    fields: Vec<(String, String)>,
    /// The file's name, its content and its size.
    pub(super) file: Option<(String, File, u64)>,
}

impl Form {
    /// The value of a field. Empty if it is absent.
    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    }
}

/// Why a form was not received.
#[derive(Debug)]
pub(super) enum NotReceived {
    /// The file is too large.
    TooLarge,
    /// What `may_begin` said.
    Refused(Box<axum::response::Response>),
    /// The body is no form with one file.
    NotForm,
    /// A field is too long, or there are too many.
    FieldTooLarge,
    /// The body ended early.
    Ended,
    /// Nothing arrived for too long.
    Slow,
    /// The file cannot be kept.
    NoRoom(std::io::Error),
}

/// Receives a form. Before the file is read, `may_begin` sees the fields that came before it.
///
/// # Errors
/// Nothing is kept then. The rest of the body is read, so that the browser shows the answer.
pub(super) async fn receive(
    headers: &HeaderMap,
    body: Body,
    may_begin: impl FnOnce(&Form) -> Result<(), Box<axum::response::Response>>,
) -> Result<Form, NotReceived> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let boundary = kind.and_then(|kind| multer::parse_boundary(kind).ok());
    let boundary = boundary.ok_or(NotReceived::NotForm)?;
    let ahead = Arc::new(AtomicUsize::new(0));
    let body = PieceByPiece {
        body: body.into_data_stream(),
        ahead: Arc::clone(&ahead),
        rests: false,
    };
    let mut parts = Parts {
        multipart: Multipart::new(body, boundary),
        ahead,
    };
    let received = read(&mut parts, may_begin).await;
    if received.is_err() {
        parts.drain().await;
    }
    received
}

async fn read(
    parts: &mut Parts,
    may_begin: impl FnOnce(&Form) -> Result<(), Box<axum::response::Response>>,
) -> Result<Form, NotReceived> {
    let mut form = Form::default();
    let mut may_begin = Some(may_begin);
    while let Some(mut part) = parts.next().await? {
        let name = part.field.name().unwrap_or_default().to_owned();
        let Some(file_name) = part.field.file_name() else {
            let value = part.text().await?;
            form.fields.push((name, value));
            if form.fields.len() > FIELDS_MAX {
                return Err(NotReceived::FieldTooLarge);
            }
            continue;
        };
        let file_name = sane_name(file_name);
        let Some(may_begin) = may_begin.take() else {
            return Err(NotReceived::NotForm);
        };
        if let Err(refused) = may_begin(&form) {
            part.discard().await;
            return Err(NotReceived::Refused(refused));
        }
        match part.keep().await {
            Ok((file, bytes)) => form.file = Some((file_name, file, bytes)),
            Err(why) => {
                part.discard().await;
                return Err(why);
            }
        }
    }
    match may_begin {
        // Without a file, the token of the form was not looked at yet.
        Some(may_begin) => may_begin(&form)
            .map(|()| form)
            .map_err(NotReceived::Refused),
        None => Ok(form),
    }
}

/// The parts of a form.
struct Parts {
    multipart: Multipart<'static>,
    /// Bytes that are read and not passed on.
    ahead: Arc<AtomicUsize>,
}

/// A part of a form.
struct Part {
    field: Field<'static>,
    ahead: Arc<AtomicUsize>,
}

impl Parts {
    async fn next(&mut self) -> Result<Option<Part>, NotReceived> {
        let next = timeout(IDLE_MAX, self.multipart.next_field()).await;
        let next = next.map_err(|_| NotReceived::Slow)?;
        self.ahead.store(0, Ordering::Relaxed);
        let part = |field| Part {
            field,
            ahead: Arc::clone(&self.ahead),
        };
        next.map(|next| next.map(part))
            .map_err(|error| why_unread(&error))
    }

    /// Reads the rest of the form, in vain.
    async fn drain(&mut self) {
        for _ in 0..FIELDS_MAX {
            let Ok(Some(mut part)) = self.next().await else {
                return;
            };
            part.discard().await;
        }
    }
}

impl Part {
    async fn chunk(&mut self) -> Result<Option<Bytes>, NotReceived> {
        let piece = timeout(IDLE_MAX, self.field.chunk()).await;
        let piece = piece.map_err(|_| NotReceived::Slow)?;
        self.ahead.store(0, Ordering::Relaxed);
        piece.map_err(|error| why_unread(&error))
    }

    async fn text(&mut self) -> Result<String, NotReceived> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.chunk().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > FIELD_BYTES_MAX {
                return Err(NotReceived::FieldTooLarge);
            }
        }
        String::from_utf8(bytes).map_err(|_| NotReceived::NotForm)
    }

    /// Writes a file's content into a file without a name.
    async fn keep(&mut self) -> Result<(File, u64), NotReceived> {
        let mut file = tempfile::tempfile().map_err(NotReceived::NoRoom)?;
        let mut bytes = 0;
        while let Some(piece) = self.chunk().await? {
            bytes += piece.len() as u64;
            if bytes > FILE_BYTES_MAX {
                return Err(NotReceived::TooLarge);
            }
            let written = tokio::task::block_in_place(|| file.write_all(&piece));
            written.map_err(NotReceived::NoRoom)?;
        }
        Ok((file, bytes))
    }

    /// Reads what is left of a file, in vain. A browser that is not done with sending shows no answer.
    async fn discard(&mut self) {
        let mut left = 4 * FILE_BYTES_MAX;
        while let Ok(Some(piece)) = self.chunk().await {
            left = left.saturating_sub(piece.len() as u64);
            if left == 0 {
                break;
            }
        }
    }
}

/// Why the parser could not go on.
fn why_unread(error: &multer::Error) -> NotReceived {
    use multer::Error::{
        IncompleteFieldData, IncompleteHeaders, IncompleteStream, StreamReadFailed,
    };
    let is_cut = matches!(
        error,
        IncompleteFieldData { .. } | IncompleteHeaders | IncompleteStream
    );
    let is_unread = matches!(error, StreamReadFailed(cause) if !is_no_part(&**cause));
    if is_cut || is_unread {
        NotReceived::Ended
    } else {
        NotReceived::NotForm
    }
}

/// Bytes that do not begin a part.
#[derive(Debug)]
struct NoPart;

impl std::fmt::Display for NoPart {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a part does not begin")
    }
}

impl std::error::Error for NoPart {}

/// Whether an error of reading is [`NoPart`].
fn is_no_part(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let error = cause.downcast_ref::<io::Error>();
    let inner = error.and_then(io::Error::get_ref);
    matches!(inner, Some(inner) if inner.is::<NoPart>())
}

/// Passes a body on piece by piece. The parser would otherwise take as much as has arrived, and any number of bytes that do
/// not begin a part.
struct PieceByPiece {
    body: BodyDataStream,
    ahead: Arc<AtomicUsize>,
    /// Whether the parser looks at the latest piece before it gets the next one.
    rests: bool,
}

impl Stream for PieceByPiece {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(Pin::new(&mut self.body).poll_next(context));
        self.rests = true;
        Poll::Ready(next.map(|piece| {
            let piece = piece.map_err(io::Error::other)?;
            let before = self.ahead.fetch_add(piece.len(), Ordering::Relaxed);
            if before > AHEAD_MAX {
                return Err(io::Error::other(NoPart));
            }
            Ok(piece)
        }))
    }
}

/// The last part of a name, without characters that are not seen, and not too long. Browsers write three characters of it as escapes, and
/// no others (HTML, section 4.10.21.8).
fn sane_name(name: &str) -> String {
    let name = name
        .replace("%22", "\"")
        .replace("%0D", " ")
        .replace("%0A", " ");
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_seen = |letter: &char| !letter.is_control() && !is_hidden(*letter);
    let plain = last.chars().filter(is_seen);
    let plain: String = plain.take(NAME_CHARS_MAX).collect();
    let plain = plain.trim();
    if plain.is_empty() {
        "file".to_owned()
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_folders_and_what_cannot_be_shown() {
        for (name, expected) in [
            ("a.csv", "a.csv"),
            ("../../etc/a b.csv", "a b.csv"),
            ("C:\\x\\Bestellungen größe.csv", "Bestellungen größe.csv"),
            ("a\r\nb\u{0}.json", "ab.json"),
            ("<script>", "<script>"),
            ("exe\u{202e}nosj.\u{200b}x", "exenosj.x"),
            ("a%22b%0D%0Ac%20.csv", "a\"b  c%20.csv"),
            ("a/", "file"),
            ("", "file"),
        ] {
            assert_eq!(sane_name(name), expected);
        }
        assert_eq!(sane_name(&"ä".repeat(999)).chars().count(), NAME_CHARS_MAX);
    }

    fn form(parts: &[(&str, Option<&str>, &str)]) -> (HeaderMap, Body) {
        let mut body = String::new();
        for (name, file, content) in parts {
            let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
            body += &format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
            );
        }
        body += "--b--\r\n";
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            "multipart/form-data; boundary=b".parse().unwrap(),
        );
        (headers, Body::from(body))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_form_is_received_in_order() {
        let parts = [("csrf", None, "t"), ("file", Some("a.json"), "[{}]")];
        let (headers, body) = form(&parts);
        let received = receive(&headers, body, |form| {
            assert_eq!(form.field("csrf"), "t");
            Ok(())
        });
        let received = received.await.unwrap();
        let (name, _, bytes) = received.file.unwrap();
        assert_eq!((name.as_str(), bytes), ("a.json", 4));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_form_is_refused_before_its_file_is_kept() {
        let parts = [("file", Some("a.json"), "[{}]"), ("csrf", None, "t")];
        let (headers, body) = form(&parts);
        let received = receive(&headers, body, |form| {
            assert_eq!(form.field("csrf"), "");
            Err(Box::default())
        });
        assert!(matches!(received.await, Err(NotReceived::Refused(_))));
        let (mut headers, body) = form(&parts[1..]);
        let none = receive(&headers, body, |_| Err(Box::default()));
        assert!(matches!(none.await, Err(NotReceived::Refused(_))));
        let pieces = (0..100_000).map(|_| Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 100])));
        let endless = Body::from_stream(futures_util::stream::iter(pieces));
        let none = receive(&headers, endless, |_| Ok(()));
        assert!(matches!(none.await, Err(NotReceived::NotForm)));
        headers.clear();
        let none = receive(&headers, Body::empty(), |_| Ok(()));
        assert!(matches!(none.await, Err(NotReceived::NotForm)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_cause_of_a_broken_form_is_told_apart() {
        let file = ("file", Some("a.json"), "[{}]");
        let long = "x".repeat(FIELD_BYTES_MAX + 1);
        let (headers, body) = form(&[("note", None, &long), file]);
        let received = receive(&headers, body, |_| Ok(()));
        assert!(matches!(received.await, Err(NotReceived::FieldTooLarge)));
        let (headers, body) = form(&[file, file]);
        let received = receive(&headers, body, |_| Ok(()));
        assert!(matches!(received.await, Err(NotReceived::NotForm)));
        // The connection ends in the middle of the file.
        let begin =
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n[{";
        let broken = Err(io::Error::from(io::ErrorKind::ConnectionReset));
        for rest in [vec![], vec![broken]] {
            let pieces = std::iter::once(Ok(Bytes::from_static(begin.as_bytes()))).chain(rest);
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            let received = receive(&headers, body, |_| Ok(()));
            assert!(matches!(received.await, Err(NotReceived::Ended)));
        }
    }
}
