//! One request in HTTP/2, and its response.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, EXPECT, HOST, RETRY_AFTER as RETRY_AFTER_FIELD,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::sync::OwnedSemaphorePermit;

use super::{Tally, UNSENT_BYTES_MAX};
use crate::clock;
use crate::http::connections::Connection;
use crate::http::forwarded::Proxies;
use crate::http::guard;
use crate::http::pace::Pace;
use crate::http::request_id::{REQUEST_ID, request_id};
use crate::http::seats::{InProgress, Serving, Share, counted_as};
use crate::http::simulate::Cut;
use crate::runtime::budget::{Budget, Holder, Lease};
use crate::store::RETRY_AFTER;

/// Bytes that a field counts besides its name and value (RFC 9113, section 6.5.2).
const FIELD_BYTES: usize = 32;

/// What serves one request.
pub(super) struct Exchange {
    peer: SocketAddr,
    proxies: Proxies,
    routes: Router,
    in_progress: InProgress,
    pace: Pace,
    memory: Lease,
    tally: Arc<Tally>,
    _place: OwnedSemaphorePermit,
}

impl Exchange {
    pub(super) fn new(
        connection: &Connection,
        streams: &Budget,
        tally: &Arc<Tally>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let holder = Holder::Address(counted_as(connection.address));
        let transport = &connection.transport;
        Self {
            peer: connection.address,
            proxies: connection.proxies.clone(),
            routes: connection.routes.clone(),
            in_progress: InProgress::new(&connection.seated.seat, &Arc::new(Share::default())),
            pace: Pace::new(transport.write_timeout, transport.bytes_per_second_min),
            memory: streams.lease([Some(holder), None]),
            tally: Arc::clone(tally),
            _place: place,
        }
    }

    /// Serves the request. Ends early if the client cancels it.
    pub(super) async fn serve(
        mut self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) {
        let _serving = Serving::begin(self.in_progress.clone());
        let is_head = request.method() == Method::HEAD;
        let response = if self
            .memory
            .grow(UNSENT_BYTES_MAX + head_bytes(request.headers()))
        {
            if request.headers().contains_key(EXPECT) {
                let mut go_on = http::Response::new(());
                *go_on.status_mut() = StatusCode::CONTINUE;
                let _ = respond.send_informational(go_on);
            }
            let request = self.translate(request);
            let answer = guard::serve(self.routes.clone(), request);
            tokio::select! {
                response = answer => response,
                _ = poll_fn(|context| respond.poll_reset(context)) => {
                    self.tally.count_reset();
                    return;
                }
            }
        } else {
            overloaded(request.headers())
        };
        if response.extensions().get::<Cut>().is_some() {
            // What a closed connection is in HTTP/1.1.
            respond.send_reset(Reason::INTERNAL_ERROR);
            self.tally.count_answered();
            return;
        }
        match send(response, is_head, &mut respond, &mut self.pace).await {
            Ok(()) => self.tally.count_answered(),
            Err(_ended) => self.tally.count_reset(),
        }
    }

    /// The request in the form that HTTP/1.1 would give it.
    fn translate(&self, request: Request<RecvStream>) -> Request<Body> {
        let (mut parts, stream) = request.into_parts();
        let client = self.proxies.client(self.peer, &parts.headers);
        parts.extensions.insert(client);
        parts.extensions.insert(self.in_progress.clone());
        parts.headers.remove(EXPECT);
        let authority = parts
            .uri
            .authority()
            .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        // A Host field that says something else makes two of them, which the guard refuses.
        if let Some(authority) = authority
            && parts.headers.get(HOST) != Some(&authority)
        {
            parts.headers.append(HOST, authority);
        }
        let target = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        let length = parts.headers.get(CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Request::from_parts(parts, Body::new(Received { stream, left }))
    }
}

/// The bytes that a head counts.
fn head_bytes(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    let bytes = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
    bytes.sum()
}

/// The response if there is no memory for the request.
fn overloaded(headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers_out = response.headers_mut();
    headers_out.insert(REQUEST_ID, request_id(headers));
    headers_out.insert(RETRY_AFTER_FIELD, HeaderValue::from(RETRY_AFTER.as_secs()));
    response
}

/// The body of a request. Reading it lets the client send more.
struct Received {
    stream: RecvStream,
    /// Bytes that are announced and not read yet.
    left: Option<u64>,
}

impl hyper::body::Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let data = match ready!(self.stream.poll_data(context)) {
            Some(Ok(data)) => data,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        // An error means that the stream has ended, which the next read tells.
        let _ = self.stream.flow_control().release_capacity(data.len());
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The client cancelled the request, read too slowly, or the connection ended.
struct Ended;

/// Sends a response at the pace of its client.
async fn send(
    response: Response,
    is_head: bool,
    respond: &mut SendResponse<Bytes>,
    pace: &mut Pace,
) -> Result<(), Ended> {
    let (mut parts, mut body) = response.into_parts();
    // It has no meaning in HTTP/2.
    parts.headers.remove(CONNECTION);
    if let Some(date) = date() {
        parts.headers.entry(DATE).or_insert(date);
    }
    let is_empty = is_head || body.is_end_stream();
    if let Some(length) = body.size_hint().exact()
        && !(is_head && length == 0)
    {
        let length = HeaderValue::from(length);
        parts.headers.entry(CONTENT_LENGTH).or_insert(length);
    }
    let head = http::Response::from_parts(parts, ());
    let sent = respond.send_response(head, is_empty);
    let mut stream = sent.map_err(|_| Ended)?;
    if is_empty {
        return Ok(());
    }
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            _ = poll_fn(|context| stream.poll_reset(context)) => return Err(Ended),
        };
        match frame {
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                send_all(data, &mut stream, pace).await?;
            }
            Some(Err(_broken_off)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Err(Ended);
            }
            None => return stream.send_data(Bytes::new(), true).map_err(|_| Ended),
        }
    }
}

/// Sends data as fast as the client makes room for them. Resets the stream if it does not in time.
async fn send_all(
    mut data: Bytes,
    stream: &mut SendStream<Bytes>,
    pace: &mut Pace,
) -> Result<(), Ended> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len().min(UNSENT_BYTES_MAX));
        if stream.capacity() == 0 {
            let began = Instant::now();
            let room = tokio::time::timeout(pace.left(), room(stream)).await;
            pace.waited(began.elapsed());
            let Ok(room) = room else {
                stream.send_reset(Reason::CANCEL);
                return Err(Ended);
            };
            room?;
        }
        let piece = data.split_to(data.len().min(stream.capacity()));
        pace.moved(piece.len());
        stream.send_data(piece, false).map_err(|_| Ended)?;
    }
    Ok(())
}

/// Waits until something can be sent.
async fn room(stream: &mut SendStream<Bytes>) -> Result<(), Ended> {
    loop {
        match poll_fn(|context| stream.poll_capacity(context)).await {
            Some(Ok(0)) => {}
            Some(Ok(_)) => return Ok(()),
            Some(Err(_)) | None => return Err(Ended),
        }
    }
}

/// The current time as a header field.
fn date() -> Option<HeaderValue> {
    let now = Timestamp::from_millisecond(clock::now_ms()).ok()?;
    let text = DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .ok()?;
    HeaderValue::from_str(&text).ok()
}
