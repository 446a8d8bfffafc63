//! Reads request bodies: media type, content coding, size and pace, each within limits.

use std::io::{self, BufRead, Read};
use std::time::Instant;

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame};
use tokio::task::block_in_place;
use wharfinger_core::order::failure::RequestFailure;

use super::pace::Pace;
use crate::intake::app::App;
use crate::intake::request_context::{self, Call};
use crate::intake::{LARGE_BODY_BYTES, SLICE_BYTES, overloaded};
use crate::runtime::budget::Lease;
use crate::runtime::turns::Closed;
use crate::serve::transport::Transport;

/// Largest window of a zstd body (RFC 9659), as a power of two in bytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Bytes that are decompressed per step.
const STEP_BYTES: usize = 64 << 10;

/// Initial capacity for a body that arrives in pieces. The buffer grows as data arrives, because many clients may announce
/// large bodies.
const FIRST_ROOM_BYTES: usize = 1 << 20;

/// A body and its memory lease.
pub(super) struct ReadBody {
    pub(super) body: request_context::Body,
    pub(super) lease: Lease,
}

impl ReadBody {
    /// The bytes of the body. Their memory stays leased until they are dropped.
    pub(super) fn into_bytes(self) -> Bytes {
        struct Leased(
            Bytes,
            #[expect(dead_code, reason = "dropped with the bytes")] Lease,
        );
        impl AsRef<[u8]> for Leased {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Leased(self.body.bytes, self.lease))
    }
}

/// Media types that a route accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// JSON.
    Json,
    /// JSON or JSON Lines.
    JsonOrLines,
}

/// A supported content coding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads the whole body. If the request is refused, the caller must handle the unread rest.
///
/// # Errors
/// In this order: the media type or coding is not supported; the body is too large, too slow or broken off; it cannot be
/// decoded.
pub(super) async fn read(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
    accepts: Accepts,
) -> Result<ReadBody, RequestFailure> {
    let mut lease = call.lease(&app.body_budget);
    if body.is_end_stream() {
        // An empty body has no media type to check.
        let body = request_context::Body {
            bytes: Bytes::new(),
            is_lines: false,
            said_form: false,
        };
        return Ok(ReadBody { body, lease });
    }
    let media = match media(headers) {
        Some(media @ (Media::Json | Media::Form)) => media,
        Some(Media::Lines) if accepts == Accepts::JsonOrLines => Media::Lines,
        Some(Media::Lines) | None => return Err(unsupported(accepts)),
    };
    let coding = coding(headers)?;
    let bytes_max = app.limits.body_bytes_max;
    let collected = collect(body, bytes_max, &app.transport, &mut lease).await?;
    let bytes = match coding {
        Coding::Identity => collected,
        Coding::Gzip | Coding::Zstd => undo(app, coding, &collected, bytes_max, &mut lease).await?,
    };
    if media == Media::Form && !looks_like_json(&bytes) {
        return Err(unsupported(accepts));
    }
    let body = request_context::Body {
        bytes,
        is_lines: media == Media::Lines,
        said_form: media == Media::Form,
    };
    Ok(ReadBody { body, lease })
}

fn unsupported(accepts: Accepts) -> RequestFailure {
    let wanted = match accepts {
        Accepts::Json => "application/json",
        Accepts::JsonOrLines => "application/json, application/x-ndjson or application/jsonl",
    };
    RequestFailure::UnsupportedMediaType { wanted }
}

/// Whether a body begins like a JSON object or array. A form never does, because its names are percent-encoded.
fn looks_like_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let first = body.iter().find(|byte| !b" \t\r\n".contains(byte));
    matches!(first, Some(b'{' | b'['))
}

/// A supported media type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// One JSON text.
    Json,
    /// JSON Lines: one JSON text per line.
    Lines,
    /// The default of curl and PHP. Accepted as one JSON text if the body begins like one.
    Form,
}

/// The media type of a body in UTF-8. A missing type counts as JSON, and so does any that ends in `+json`.
pub(super) fn media(headers: &HeaderMap) -> Option<Media> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Some(Media::Json);
    };
    let mut parts = value.to_str().ok()?.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let media = match media_type.as_str() {
        "application/x-ndjson" | "application/jsonl" | "application/ndjson" => Media::Lines,
        "application/json" => Media::Json,
        "application/x-www-form-urlencoded" => Media::Form,
        other if other.ends_with("+json") => Media::Json,
        _ => return None,
    };
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            let charset = charset.trim_matches('"');
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    });
    is_utf8.then_some(media)
}

/// The content coding of a body.
///
/// # Errors
/// [`RequestFailure::UnsupportedEncoding`].
pub(super) fn coding(headers: &HeaderMap) -> Result<Coding, RequestFailure> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = codings.next() else {
        return Ok(Coding::Identity);
    };
    if codings.next().is_some() {
        return Err(RequestFailure::UnsupportedEncoding);
    }
    let name = value.to_str().unwrap_or_default().trim();
    match name.to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Coding::Identity),
        "gzip" | "x-gzip" => Ok(Coding::Gzip),
        "zstd" => Ok(Coding::Zstd),
        _ => Err(RequestFailure::UnsupportedEncoding),
    }
}

async fn collect(
    body: &mut Body,
    bytes_max: usize,
    transport: &Transport,
    lease: &mut Lease,
) -> Result<Bytes, RequestFailure> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(RequestFailure::BodyTooLarge { bytes_max });
    }
    let mut pace = body_pace(transport);
    let mut first = Bytes::new();
    let mut all = Vec::new();
    loop {
        let frame = next_frame(body, &mut pace).await?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| {
            RequestFailure::BrokenBody("The body ended before its announced length")
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > bytes_max {
            return Err(RequestFailure::BodyTooLarge { bytes_max });
        }
        // Leases what has arrived, not what was announced.
        lease_more(lease, data.len())?;
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(
                announced
                    .min(FIRST_ROOM_BYTES)
                    .max(first.len() + data.len()),
            );
            all.extend_from_slice(&first);
            first.clear();
        }
        all.extend_from_slice(data.chunk());
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// The pace that a client must keep while it sends a body.
pub(super) fn body_pace(transport: &Transport) -> Pace {
    Pace::new(transport.body_idle_timeout, transport.bytes_per_second_min)
}

/// Waits for the next piece of a body. `None` at its end.
///
/// # Errors
/// [`RequestFailure::BodyTimeout`]: the client is too slow.
pub(super) async fn next_frame(
    body: &mut Body,
    pace: &mut Pace,
) -> Result<Option<Result<Frame<Bytes>, axum::Error>>, RequestFailure> {
    // Most bodies arrive with their heads, and need no timer.
    let frame = match body.frame().now_or_never() {
        Some(frame) => frame,
        None => {
            let began = Instant::now();
            let frame = tokio::time::timeout(pace.left(), body.frame()).await;
            pace.waited(began.elapsed());
            frame.map_err(|_elapsed| RequestFailure::BodyTimeout)?
        }
    };
    if let Some(Ok(frame)) = &frame {
        pace.moved(frame.data_ref().map_or(0, Bytes::len));
    }
    Ok(frame)
}

/// Leases memory for more of a body: its bytes, and as much again for derived data.
fn lease_more(lease: &mut Lease, bytes: usize) -> Result<(), RequestFailure> {
    if lease.grow(bytes.saturating_mul(2)) {
        Ok(())
    } else {
        Err(overloaded())
    }
}

/// Decompresses a body. A large one is decompressed off the serving thread, in its caller's turn.
async fn undo(
    app: &App,
    coding: Coding,
    coded: &[u8],
    bytes_max: usize,
    lease: &mut Lease,
) -> Result<Bytes, RequestFailure> {
    let mut decoder = decoder(coding, coded).map_err(|_| RequestFailure::BrokenEncoding)?;
    let mut plain = Vec::new();
    let mut read_on = |plain: &mut Vec<u8>, bytes: usize| {
        let until = plain.len() + bytes;
        read_within(&mut decoder, plain, until, bytes_max, lease)
    };
    if coded.len() < LARGE_BODY_BYTES && read_on(&mut plain, LARGE_BODY_BYTES)? {
        return Ok(plain.into());
    }
    let overloaded = |_: Closed| overloaded();
    let mut turn = app.large_work.take().await.map_err(overloaded)?;
    while !block_in_place(|| read_on(&mut plain, SLICE_BYTES))? {
        turn = turn.pass().await.map_err(overloaded)?;
    }
    Ok(plain.into())
}

/// Memory of a decoder's window, in bytes.
pub(super) fn window_bytes(coding: Coding) -> usize {
    match coding {
        Coding::Identity => 0,
        Coding::Gzip => 64 << 10,
        Coding::Zstd => 1 << ZSTD_WINDOW_LOG_MAX,
    }
}

/// A reader that decompresses as it is read.
///
/// # Errors
/// The decoder cannot be created.
pub(super) fn decoder<'r>(
    coding: Coding,
    coded: impl BufRead + Send + 'r,
) -> io::Result<Box<dyn Read + Send + 'r>> {
    Ok(match coding {
        Coding::Identity => Box::new(coded),
        Coding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(coded)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(coded)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    })
}

/// Reads until the buffer has `until` bytes. Returns whether that was the end.
fn read_within(
    mut decoder: impl Read,
    plain: &mut Vec<u8>,
    until: usize,
    bytes_max: usize,
    lease: &mut Lease,
) -> Result<bool, RequestFailure> {
    while plain.len() < until {
        let read_before = plain.len();
        let step = STEP_BYTES.min(bytes_max + 1 - read_before);
        let mut piece = decoder
            .by_ref()
            .take(u64::try_from(step).unwrap_or_default());
        piece
            .read_to_end(plain)
            .map_err(|_| RequestFailure::BrokenEncoding)?;
        if plain.len() == read_before {
            return Ok(true);
        }
        if plain.len() > bytes_max {
            return Err(RequestFailure::BodyTooLarge { bytes_max });
        }
        lease_more(lease, plain.len() - read_before)?;
    }
    Ok(false)
}
