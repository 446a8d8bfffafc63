//! Accepts connections, serves them within limits, and lets them finish at shutdown.

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::forwarded::Proxies;
use super::framing::{Doubts, HEAD_BYTES_MAX, Watched};
use super::guard;
use super::long_head::LongHead;
use super::pace::Pace;
use super::paced::Paced;
use super::seats::{InProgress, Seated, Seats, ServedBody, Serving, Share, counted_as};
use super::secure::{self, Secure};
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
pub(super) fn plain_answer(status: &str, fields: &str, body: &str) -> String {
    let request_id = secret::request_id();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nx-request-id: {request_id}\r\n{fields}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
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

/// How connections are served.
pub struct Service {
    /// What is served.
    pub routes: Router,
    /// The limits.
    pub transport: Transport,
    /// The networks of proxies that are believed about their clients.
    pub proxies: Vec<IpNet>,
    /// Largest body of a request, in bytes.
    pub body_bytes_max: usize,
    /// The settings of TLS. `None` for plain HTTP.
    pub tls: Option<ServerConfig>,
}

/// Serves connections on `threads` until `stop` resolves. Then stops accepting and waits for the requests in flight.
pub async fn serve(
    listener: TcpListener,
    threads: &Threads,
    service: Service,
    stop: impl Future<Output = ()>,
) {
    let transport = service.transport;
    let proxies = Proxies::new(&service.proxies);
    let secure = service.tls.map(|config| Arc::new(Secure::new(config)));
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
            accepted = accept(&listener, &seats, &proxies) => accepted,
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
        let connection = Connection {
            address,
            seated,
            heads: heads.clone(),
            transport,
            body_bytes_max: service.body_bytes_max,
            proxies: proxies.clone(),
            routes: service.routes.clone(),
            stopped: stopped.clone(),
            has_tls: secure.is_some(),
        };
        let served = match &secure {
            None => threads.serve(stream, async move |stream| {
                let stream = connection.paced(stream);
                connection.serve_http1(stream).await;
            }),
            Some(secure) => {
                let secure = Arc::clone(secure);
                threads.serve(stream, async move |stream| {
                    secure::serve(&secure, stream, connection).await;
                })
            }
        };
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
    proxies: &Proxies,
) -> io::Result<Option<(TcpStream, SocketAddr, Seated)>> {
    let (stream, address) = listener.accept().await?;
    // A proxy's connections are of many clients.
    if seats.is_full_for(address) && !proxies.has(address.ip()) {
        let answer = plain_answer("429 Too Many Requests", &retry_after(), "");
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
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    pub(super) seated: Seated,
    heads: Budget,
    pub(super) transport: Transport,
    pub(super) body_bytes_max: usize,
    pub(super) proxies: Proxies,
    pub(super) routes: Router,
    /// Becomes true when the server is told to stop.
    pub(super) stopped: watch::Receiver<bool>,
    /// Whether the connection is encrypted.
    pub(super) has_tls: bool,
}

impl Connection {
    /// The stream with the limit on unread data.
    pub(super) fn paced(&self, stream: TcpStream) -> Paced<TcpStream> {
        // Responses are written whole, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let transport = &self.transport;
        let pace = Pace::new(transport.write_timeout, transport.bytes_per_second_min);
        Paced::new(stream, pace, Arc::clone(&self.seated.seat))
    }

    /// Serves HTTP/1.1.
    pub(super) async fn serve_http1<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let Self {
            address,
            seated,
            heads,
            transport,
            proxies,
            routes,
            mut stopped,
            body_bytes_max: _,
            has_tls,
        } = self;
        let doubts = Doubts::default();
        let heads = heads.lease([Some(Holder::Address(counted_as(address))), None]);
        let stream = Watched::new(stream, doubts.clone(), heads);
        let requests = AtomicU64::new(0);
        let stopped_yet = stopped.clone();
        let in_progress = InProgress::new(&seated.seat, &Arc::new(Share::default()));
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let serving = Serving::begin(in_progress.clone());
            let client = proxies.client(address, request.headers()).over(has_tls);
            request.extensions_mut().insert(in_progress.clone());
            request.extensions_mut().insert(client);
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
async fn close<S>(mut stream: Watched<S>, served: hyper::Result<()>, is_in_head: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Err(error) = served else {
        let _ = stream.shutdown().await;
        return;
    };
    let answer = if error.is_timeout() && is_in_head {
        Some(plain_answer("408 Request Timeout", "", ""))
    } else if is_out_of_memory(&error) {
        Some(plain_answer("503 Service Unavailable", &retry_after(), ""))
    } else {
        LongHead::cause_of(&error).map(LongHead::answer)
    };
    let is_answered = answer.is_some() || error.is_parse_too_large();
    if let Some(answer) = answer {
        let _ = stream.write_all(answer.as_bytes()).await;
    }
    let _ = stream.shutdown().await;
    if is_answered {
        // Data that arrives after the close would cause a reset, and the client would lose the response.
        linger(&mut stream).await;
    }
}

fn is_out_of_memory(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let io_error = source.and_then(|source| source.downcast_ref::<io::Error>());
    io_error.is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
}

/// Reads and discards what the client still sends, for a while.
pub(super) async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let read = async {
        let mut left = LINGER_BYTES_MAX;
        let mut piece = vec![0; 4 << 10];
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER_TIMEOUT, read).await;
}
