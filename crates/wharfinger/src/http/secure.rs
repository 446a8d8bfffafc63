//! TLS: handshakes within limits, then HTTP/2 or HTTP/1.1, as the client prefers.

use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connections::{Connection, linger, plain_answer};
use super::http2;
use super::paced::Paced;
use super::seats::Seats;
use crate::runtime::budget::Budget;
use crate::runtime::metrics::METRICS;
use crate::serve::tls::HTTP_2;

/// Handshakes at once. One more replaces the oldest, as with connections that have shown no key.
const HANDSHAKES_MAX: usize = 512;

/// Memory for the requests in all connections of HTTP/2, besides their bodies: for their heads, and for what waits to be sent.
const STREAMS_BYTES_MAX: usize = 128 << 20;

/// Share of this memory for one address while it is the only one, in percent.
const STREAMS_SHARE_PERCENT: u8 = 50;

/// The first byte of a TLS connection: a record of a handshake.
const HANDSHAKE: u8 = 22;

/// The answer to a client that speaks plain HTTP.
pub(crate) const SPEAK_TLS: &str =
    "This port speaks HTTPS. Begin the URL with https:// instead of http://.\n";

/// How connections are encrypted.
pub(super) struct Secure {
    acceptor: TlsAcceptor,
    handshakes: Seats,
    /// Memory for requests in HTTP/2.
    streams: Budget,
}

impl Secure {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            handshakes: Seats::new(HANDSHAKES_MAX, HANDSHAKES_MAX),
            streams: Budget::new(STREAMS_BYTES_MAX, STREAMS_SHARE_PERCENT),
        }
    }
}

/// Serves a connection. The handshake has as much time as the head of a request.
pub(super) async fn serve(secure: &Secure, stream: TcpStream, connection: Connection) {
    let seat = Arc::clone(&connection.seated.seat);
    let handshake = tokio::time::timeout(
        connection.transport.header_timeout,
        shake(secure, stream, &connection),
    );
    let secured = tokio::select! {
        secured = handshake => secured.ok().flatten(),
        () = seat.told_to_go() => None,
    };
    let Some(stream) = secured else {
        METRICS.count_failed_handshake();
        return;
    };
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() == Some(HTTP_2) {
        http2::serve(stream, connection, &secure.streams).await;
    } else {
        connection.serve_http1(stream).await;
    }
}

/// Makes a handshake. `None` if it failed.
async fn shake(
    secure: &Secure,
    stream: TcpStream,
    connection: &Connection,
) -> Option<TlsStream<Paced<TcpStream>>> {
    let shaking = secure.handshakes.take(connection.address).await?;
    let handshake = async {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 1 && first[0] != HANDSHAKE {
            refuse_plain(stream, first[0]).await;
            return None;
        }
        let stream = connection.paced(stream);
        let secured = secure.acceptor.accept(stream).await;
        secured
            .inspect_err(|error| tracing::debug!(%error, "A TLS handshake failed."))
            .ok()
    };
    tokio::select! {
        secured = handshake => secured,
        () = shaking.seat.told_to_go() => None,
    }
}

/// Tells a client that speaks plain HTTP what to do. Others are not answered.
async fn refuse_plain(mut stream: TcpStream, first: u8) {
    if !first.is_ascii_uppercase() {
        return;
    }
    let answer = plain_answer("400 Bad Request", "content-type: text/plain\r\n", SPEAK_TLS);
    // Best effort, without waiting: the answer is short.
    if stream.ready(Interest::WRITABLE).await.is_ok() && stream.try_write(answer.as_bytes()).is_ok()
    {
        let _ = stream.shutdown().await;
        linger(&mut stream).await;
    }
}
