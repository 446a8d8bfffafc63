//! Accepts connections, serves them within limits, and lets them finish at shutdown.

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::framing::{Doubts, HEAD_BYTES_MAX, Watched};
use super::guard;
use super::pace::Pace;
use super::paced::Paced;
use super::seats::{Seated, Seats, ServedBody, Serving, counted_as};
use super::simulate::Cut;
use super::threads::Threads;
use crate::access::secret;
use crate::runtime::budget::{Budget, Holder};
use crate::serve::transport::Transport;
use crate::store::RETRY_AFTER;

/// Marks a request whose body length is ambiguous, with the reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsDoubtful(pub(super) &'static str);

/// Memory for the heads of requests in all connections, beyond the first bytes of each.
const HEADS_BYTES_MAX: usize = 64 << 20;

/// Share of this memory for one address while it is the only one, in percent.
const HEADS_SHARE_PERCENT: u8 = 50;

/// Bytes of a response that may wait in the kernel's send buffer. A low value shows sooner whether the client reads.
const UNSENT_BYTES_MAX: u32 = 64 << 10;

/// How much, and for how long, is read from a client after its last response. It may not read the response before it has sent
/// the rest.
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// A response to a client whose request was not routed.
fn plain_answer(status: &str, fields: &str) -> String {
    let request_id = secret::request_id();
    format!(
        "HTTP/1.1 {status}\r\nx-request-id: {request_id}\r\n{fields}connection: close\r\ncontent-length: 0\r\n\r\n"
    )
}

fn retry_after() -> String {
    format!("retry-after: {}\r\n", RETRY_AFTER.as_secs())
}

/// Pause before accepting again when no file descriptors are left.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long an idle connection stays open after the server is told to stop. Requests that the client sends before it can notice
/// are still answered.
const LAST_REQUESTS_WITHIN: Duration = Duration::from_millis(250);

/// Serves connections on `threads` until `stop` resolves. Then stops accepting and waits for the requests in flight.
pub async fn serve(
    listener: TcpListener,
    threads: &Threads,
    routes: Router,
    transport: Transport,
    stop: impl Future<Output = ()>,
) {
    // Accepted sockets inherit this option.
    if let Err(error) = SockRef::from(&listener).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        tracing::warn!(%error, "Could not limit the send buffer of connections.");
    }
    let seats = Seats::new(
        transport.connections_max,
        transport.connections_per_address_max,
    );
    let heads = Budget::new(HEADS_BYTES_MAX, HEADS_SHARE_PERCENT);
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &seats) => accepted,
        };
        let accepted = match accepted {
            Ok(Some(accepted)) => accepted,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(%error, "Could not accept a connection.");
                // Usually no file descriptors are left.
                seats.make_room();
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        let (stream, address, seated) = accepted;
        let (routes, heads, stopped) = (routes.clone(), heads.clone(), stopped.clone());
        let served = threads.serve(stream, async move |stream| {
            let connection = Connection {
                address,
                seated,
                heads,
                transport,
            };
            connection.serve(stream, routes, stopped).await;
        });
        if let Err(error) = served {
            tracing::warn!(%error, "Could not serve a connection.");
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let all_left = seats.all_left();
    if tokio::time::timeout(transport.shutdown_timeout, all_left)
        .await
        .is_err()
    {
        tracing::warn!("The shutdown time-out expired with requests still in flight.");
    }
}

/// Accepts a connection and waits for a place. `None` if its address has too many connections.
async fn accept(
    listener: &TcpListener,
    seats: &Seats,
) -> io::Result<Option<(TcpStream, SocketAddr, Seated)>> {
    let (stream, address) = listener.accept().await?;
    if seats.is_full_for(address) {
        let answer = plain_answer("429 Too Many Requests", &retry_after());
        // Best effort: it must not wait.
        let _ = stream.into_std()?.write(answer.as_bytes());
        return Ok(None);
    }
    let seated = seats.take(address).await;
    Ok(seated.map(|seated| (stream, address, seated)))
}

async fn time_to_close(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped, because the server has ended.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    tokio::time::sleep(LAST_REQUESTS_WITHIN).await;
}

/// A connection that has a place.
struct Connection {
    address: SocketAddr,
    seated: Seated,
    heads: Budget,
    transport: Transport,
}

impl Connection {
    async fn serve(self, stream: TcpStream, routes: Router, mut stopped: watch::Receiver<bool>) {
        // Responses are written whole, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let Self {
            address,
            seated,
            heads,
            transport,
        } = self;
        let doubts = Doubts::default();
        let pace = Pace::new(transport.write_timeout, transport.bytes_per_second_min);
        let heads = heads.lease([Some(Holder::Address(counted_as(address))), None]);
        let stream = Paced::new(stream, pace, Arc::clone(&seated.seat));
        let stream = Watched::new(stream, doubts.clone(), heads);
        let requests = AtomicU64::new(0);
        let stopped_yet = stopped.clone();
        let seat = Arc::clone(&seated.seat);
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let serving = Serving::begin(&seat);
            request.extensions_mut().insert(Arc::clone(&seat));
            request.extensions_mut().insert(ConnectInfo(address));
            if let Some(why) = doubts.about(requests.fetch_add(1, Ordering::Relaxed) + 1) {
                request.extensions_mut().insert(IsDoubtful(why));
            }
            let answer = guard::serve(routes.clone(), request.map(axum::body::Body::new));
            let stopped_yet = stopped_yet.clone();
            answer.map(move |mut response| {
                if *stopped_yet.borrow() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                // An error closes the connection.
                match response.extensions().get::<Cut>() {
                    Some(&cut) => Err(cut),
                    None => Ok(response.map(|body| ServedBody::new(body, serving))),
                }
            })
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(transport.header_timeout)
            .max_buf_size(HEAD_BYTES_MAX)
            // A client that has closed its sending side still waits for the response.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let must_finish = tokio::select! {
            served = poll_fn(|context| connection.poll_without_shutdown(context)) => Some(served),
            () = time_to_close(&mut stopped) => None,
            () = seated.seat.told_to_go() => {
                if seated.seat.may_be_cut() {
                    return;
                }
                None
            }
        };
        let served = match must_finish {
            Some(served) => served,
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                poll_fn(|context| connection.poll_without_shutdown(context)).await
            }
        };
        let parts = connection.into_parts();
        let stream = parts.io.into_inner();
        // A client that reads its last response slowly must not keep its place either.
        tokio::select! {
            () = close(stream, served, !parts.read_buf.is_empty()) => {}
            () = seated.seat.told_to_go() => {}
        }
    }
}

/// Closes a connection. Sends a response first if hyper sent none.
async fn close(mut stream: Watched<Paced<TcpStream>>, served: hyper::Result<()>, is_in_head: bool) {
    let Err(error) = served else {
        let _ = stream.shutdown().await;
        return;
    };
    let answer = if error.is_timeout() && is_in_head {
        Some(plain_answer("408 Request Timeout", ""))
    } else if is_out_of_memory(&error) {
        Some(plain_answer("503 Service Unavailable", &retry_after()))
    } else {
        None
    };
    let is_answered = answer.is_some() || error.is_parse_too_large();
    if let Some(answer) = answer {
        let _ = stream.write_all(answer.as_bytes()).await;
    }
    let _ = stream.shutdown().await;
    if is_answered {
        // Data that arrives after the close would cause a reset, and the client would lose the response.
        let rest = linger(&mut stream);
        let _ = tokio::time::timeout(LINGER_TIMEOUT, rest).await;
    }
}

fn is_out_of_memory(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let io_error = source.and_then(|source| source.downcast_ref::<io::Error>());
    io_error.is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
}

async fn linger(stream: &mut Watched<Paced<TcpStream>>) {
    let mut left = LINGER_BYTES_MAX;
    let mut piece = vec![0; 4 << 10];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        left = left.saturating_sub(read);
        if left == 0 {
            return;
        }
    }
}
