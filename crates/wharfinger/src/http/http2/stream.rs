//! One request in HTTP/2, and its response.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::sync::OwnedSemaphorePermit;

use super::body::{Received, Shared};
use super::{Tally, UNSENT_BYTES_MAX};
use crate::clock;
use crate::http::answer::large_body;
use crate::http::body::body_pace;
use crate::http::connections::Connection;
use crate::http::forwarded::Client;
use crate::http::framing::HEAD_BYTES_MAX;
use crate::http::guard::{self, IsOutOfMemory};
use crate::http::long_head::{LongHead, TooMuch};
use crate::http::pace::Pace;
use crate::http::seats::{InProgress, Serving, Share, counted_as};
use crate::http::simulate::Cut;
use crate::runtime::budget::{Budget, Holder, Lease};
use crate::serve::transport::Transport;

/// Bytes that a field counts besides its name and value (RFC 9113, section 6.5.2).
const FIELD_BYTES: usize = 32;

/// What serves one request.
pub(super) struct Exchange {
    client: Client,
    routes: Router,
    in_progress: InProgress,
    transport: Transport,
    body_bytes_max: usize,
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
        headers: &HeaderMap,
    ) -> Self {
        // A proxy's connection has requests of many clients.
        let client = connection.proxies.client(connection.address, headers);
        let client = client.over(connection.has_tls);
        let holder = Holder::Address(counted_as(SocketAddr::new(client.address, 0)));
        Self {
            client,
            routes: connection.routes.clone(),
            in_progress: InProgress::new(&connection.seated.seat, &Arc::new(Share::default())),
            transport: connection.transport,
            body_bytes_max: connection.body_bytes_max,
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
        let serving = Serving::begin(self.in_progress.clone());
        let is_head = request.method() == Method::HEAD;
        let shared = Arc::default();
        let Some(response) = self.answer(request, &shared, &mut respond).await else {
            self.tally.count_reset();
            return;
        };
        if response.extensions().get::<Cut>().is_some() {
            // What a closed connection is in HTTP/1.1.
            respond.send_reset(Reason::INTERNAL_ERROR);
            self.tally.count_answered();
            return;
        }
        self.count(&response);
        let transport = &self.transport;
        let mut pace = Pace::new(transport.write_timeout, transport.bytes_per_second_min);
        match send(response, is_head, &mut respond, &mut pace).await {
            Ok(()) => self.tally.count_answered(),
            Err(_ended) => return self.tally.count_reset(),
        }
        drop(serving);
        let pace = body_pace(transport);
        shared.discard(self.body_bytes_max, pace).await;
    }

    /// The response to the request. `None` if the client cancelled it.
    async fn answer(
        &mut self,
        request: Request<RecvStream>,
        shared: &Arc<Shared>,
        respond: &mut SendResponse<Bytes>,
    ) -> Option<Response> {
        let target = request.uri().path_and_query();
        let target = target.map_or(0, |target| target.as_str().len());
        let head = target + head_bytes(request.headers());
        let is_affordable = self.memory.grow(UNSENT_BYTES_MAX + head);
        if head > HEAD_BYTES_MAX {
            let path = request.uri().path().as_bytes();
            return Some(LongHead::at(path, TooMuch::Bytes).response());
        }
        let mut request = self.translate(request, shared);
        if !is_affordable {
            request.extensions_mut().insert(IsOutOfMemory);
        }
        let mut answer = guard::serve(self.routes.clone(), request);
        loop {
            tokio::select! {
                response = &mut answer => return Some(response),
                () = shared.wanted() => {
                    let mut go_on = http::Response::new(());
                    *go_on.status_mut() = StatusCode::CONTINUE;
                    // An error means that the stream has ended, which the next poll tells.
                    let _ = respond.send_informational(go_on);
                }
                _ = poll_fn(|context| respond.poll_reset(context)) => return None,
            }
        }
    }

    /// Counts the body of a response, unless it is large: a large one is counted elsewhere, or shared by all.
    fn count(&mut self, response: &Response) {
        if large_body(response).is_none()
            && let Some(bytes) = response.body().size_hint().exact()
        {
            // If the budget is exhausted, the work is done and must be answered.
            let _ = self.memory.grow(usize::try_from(bytes).unwrap_or_default());
        }
    }

    /// The request in the form that HTTP/1.1 would give it.
    fn translate(&self, request: Request<RecvStream>, shared: &Arc<Shared>) -> Request<Body> {
        let (mut parts, stream) = request.into_parts();
        parts.extensions.insert(self.client);
        parts.extensions.insert(self.in_progress.clone());
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
        let body = Received::new(stream, &parts.headers, shared);
        Request::from_parts(parts, Body::new(body))
    }
}

/// The bytes that a head counts.
fn head_bytes(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    let bytes = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
    bytes.sum()
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
