//! HTTP/2, inside TLS.
//!
//! The `h2` crate speaks the protocol; this module has the limits. hyper's own server on top of `h2` cannot end a response that
//! its client leaves unread by keeping the flow-control window closed, so it is not used here.

mod body;
mod stream;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection as H2, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use self::stream::Exchange;
use super::connections::Connection;
use super::framing::HEAD_BYTES_MAX;
use crate::runtime::budget::Budget;

/// Requests at once in a connection.
const STREAMS_MAX: u32 = 100;

/// Bytes of a body that a client may send before the server reads them: in one stream, and in all of a connection.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 512 << 10;

/// Bytes of a response that wait in a stream to be sent.
const UNSENT_BYTES_MAX: usize = 32 << 10;

/// Requests that a client may cancel before the server looks at them. One more ends the connection.
const UNSEEN_RESETS_MAX: usize = 20;

/// Requests that a client may cancel in a connection, beyond as many as were answered. One more ends the connection.
const RESETS_MAX: u64 = 200;

/// How long a client may still begin requests after it was told to begin no more.
const LEFT_WITHIN: Duration = Duration::from_secs(1);

/// What became of a connection's requests.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicU64,
    reset: AtomicU64,
}

impl Tally {
    fn count_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn count_reset(&self) {
        self.reset.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the client mostly cancels its requests: each costs it nothing and the server work.
    fn is_abused(&self) -> bool {
        let answered = self.answered.load(Ordering::Relaxed);
        self.reset.load(Ordering::Relaxed) > answered.saturating_add(RESETS_MAX)
    }
}

/// Serves a connection. Its requests lease memory from `streams`.
pub(super) async fn serve<S>(stream: S, mut connection: Connection, streams: &Budget)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let seat = Arc::clone(&connection.seated.seat);
    let opened = tokio::time::timeout(
        connection.transport.header_timeout,
        builder().handshake(stream),
    );
    let opened = tokio::select! {
        opened = opened => opened,
        () = seat.told_to_go() => return,
    };
    let Ok(Ok(mut h2)) = opened else { return };
    serve_streams(&mut h2, &mut connection, streams).await;
}

fn builder() -> Builder {
    // h2 answers heads beyond its own limit with an empty 431. Those that are not much too long are told why.
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(2 * HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(UNSENT_BYTES_MAX)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX);
    builder
}

/// A request, how it is answered, and its place among those in progress.
struct Incoming {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    place: OwnedSemaphorePermit,
}

/// What happens next in a connection.
enum Next {
    /// A request.
    Request(Box<Incoming>),
    /// The connection is closed.
    Closed,
    /// The server is told to stop.
    Stop,
    /// The place is needed.
    Go,
    /// The client had time to begin its last requests.
    Last,
    /// Nothing happened for a while.
    Idle,
}

/// Serves requests until the connection is closed.
async fn serve_streams<S>(h2: &mut H2<S, Bytes>, connection: &mut Connection, streams: &Budget)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let seat = Arc::clone(&connection.seated.seat);
    let tally = Arc::new(Tally::default());
    let places = Arc::new(Semaphore::new(STREAMS_MAX as usize));
    let idle_for = connection.transport.header_timeout;
    let mut idle = std::pin::pin!(sleep(idle_for));
    let mut last = std::pin::pin!(sleep(LEFT_WITHIN));
    let (mut is_used, mut is_leaving) = (false, false);
    loop {
        let next = tokio::select! {
            next = next(h2, &places) => next,
            // An error means that the server has ended.
            _ = connection.stopped.wait_for(|stopped| *stopped), if !is_leaving => Next::Stop,
            () = seat.told_to_go() => Next::Go,
            () = idle.as_mut(), if !is_leaving => Next::Idle,
            () = last.as_mut(), if is_leaving => Next::Last,
        };
        let is_empty = places.available_permits() == STREAMS_MAX as usize && !h2.has_streams();
        let mut leaves = false;
        match next {
            Next::Closed => return,
            Next::Last => return finish(h2, connection, &places).await,
            Next::Request(incoming) => {
                let Incoming {
                    request,
                    respond,
                    place,
                } = *incoming;
                is_used = true;
                let exchange = Exchange::new(connection, streams, &tally, place, request.headers());
                tokio::spawn(exchange.serve(request, respond));
                if tally.is_abused() {
                    tracing::debug!(
                        "An HTTP/2 client that cancels most of its requests is cut off."
                    );
                    return cut_off(h2).await;
                }
                continue;
            }
            Next::Go if seat.may_be_cut() => return,
            Next::Stop | Next::Go => leaves = true,
            Next::Idle if is_used || !is_empty => {}
            Next::Idle => leaves = true,
        }
        is_used = false;
        if leaves && !is_leaving {
            is_leaving = true;
            h2.graceful_shutdown();
            last.as_mut().reset(Instant::now() + LEFT_WITHIN);
        }
        idle.as_mut().reset(Instant::now() + idle_for);
    }
}

/// Waits for the requests in progress, refuses others, and ends the connection.
///
/// A client that acknowledges the end is told its last request, and needs none of this. One that does not would be served without
/// end.
async fn finish<S>(h2: &mut H2<S, Bytes>, connection: &Connection, places: &Semaphore)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let seat = &connection.seated.seat;
    let mut all_answered = std::pin::pin!(places.acquire_many(STREAMS_MAX));
    let mut are_answered = false;
    // What is answered may still wait to be sent.
    let mut sent_within = std::pin::pin!(sleep(Duration::MAX));
    loop {
        tokio::select! {
            is_closed = poll_fn(|context| poll_end(h2, are_answered, context)) => {
                if is_closed {
                    return;
                }
                break;
            }
            _ = all_answered.as_mut(), if !are_answered => {
                are_answered = true;
                let within = connection.transport.write_timeout;
                sent_within.as_mut().reset(Instant::now() + within);
            }
            () = sent_within.as_mut(), if are_answered => break,
            () = seat.told_to_go() => {
                if seat.may_be_cut() {
                    return;
                }
            }
        }
    }
    h2.abrupt_shutdown(Reason::NO_ERROR);
    let closed = poll_fn(|context| h2.poll_closed(context));
    let _ = tokio::time::timeout(LEFT_WITHIN, closed).await;
}

/// Refuses requests until nothing is left to send, if all are answered, or until the connection is closed. Returns whether it is
/// closed.
fn poll_end<S>(h2: &mut H2<S, Bytes>, are_answered: bool, context: &mut Context<'_>) -> Poll<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match h2.poll_accept(context) {
            Poll::Ready(Some(Ok((_, mut respond)))) => respond.send_reset(Reason::REFUSED_STREAM),
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(true),
            Poll::Pending if are_answered && !h2.has_streams() => return Poll::Ready(false),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Tells the client that it asks too much, and ends the connection with all its requests.
async fn cut_off<S>(h2: &mut H2<S, Bytes>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    let told = poll_fn(|context| h2.poll_closed(context));
    let _ = tokio::time::timeout(LEFT_WITHIN, told).await;
}

/// The next request, as soon as fewer than the limit are in progress: cancelled ones may still be ending.
async fn next<S>(h2: &mut H2<S, Bytes>, places: &Arc<Semaphore>) -> Next
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let place = tokio::select! {
        place = Arc::clone(places).acquire_owned() => place,
        _ = poll_fn(|context| h2.poll_closed(context)) => return Next::Closed,
    };
    let Ok(place) = place else {
        return Next::Closed;
    };
    match h2.accept().await {
        Some(Ok((request, respond))) => Next::Request(Box::new(Incoming {
            request,
            respond,
            place,
        })),
        Some(Err(error)) => {
            tracing::debug!(%error, "An HTTP/2 connection broke off.");
            Next::Closed
        }
        None => Next::Closed,
    }
}
