//! Accepting connections, serving them within bounds, and letting them finish.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use futures_util::TryFutureExt;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::framing::{Doubts, Watched};
use super::threads::Threads;
use crate::app::Transport;
use crate::secret;

/// Marks a request of which it is doubtful where its body ends, and says why.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsDoubtful(pub(super) &'static str);

/// What a client is told whose request head did not come in time.
fn head_timeout_answer() -> String {
    let request_id = secret::request_id();
    format!(
        "HTTP/1.1 408 Request Timeout\r\nx-request-id: {request_id}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
}

/// How long to wait before accepting again, when the system has no more file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long a connection without a request is kept open when the server is told to stop: what its client has sent
/// by then, or sends before it can know, is still answered.
const LAST_REQUESTS_WITHIN: Duration = Duration::from_millis(250);

/// Serves on these threads until `stop` resolves; then accepts no more and waits for requests in flight.
pub async fn serve(
    listener: TcpListener,
    threads: &Threads,
    routes: Router,
    transport: Transport,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(transport.connections_max));
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, address, place)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let (routes, stopped) = (routes.clone(), stopped.clone());
        let served = threads.serve(stream, async move |stream| {
            serve_connection(stream, address, routes, transport, stopped).await;
            drop(place);
        });
        if let Err(error) = served {
            tracing::warn!(%error, "Could not serve a connection.");
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let places_max = u32::try_from(transport.connections_max).unwrap_or(u32::MAX);
    let all_done = places.acquire_many(places_max);
    if tokio::time::timeout(transport.shutdown_timeout, all_done)
        .await
        .is_err()
    {
        tracing::warn!("Some requests were still in flight when the time to finish them was over.");
    }
}

/// Waits for a free place first, so that connections past the bound stay in the system's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address, place)),
        Err(error) => {
            tracing::warn!(%error, "Could not accept a connection.");
            None
        }
    }
}

async fn time_to_close(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    tokio::time::sleep(LAST_REQUESTS_WITHIN).await;
}

async fn serve_connection(
    stream: TcpStream,
    address: SocketAddr,
    routes: Router,
    transport: Transport,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting to fill packets only delays them.
    let _ = stream.set_nodelay(true);
    let doubts = Doubts::default();
    let stream = Watched::new(stream, doubts.clone());
    let requests = AtomicU64::new(0);
    let stopped_yet = stopped.clone();
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        if let Some(why) = doubts.about(requests.fetch_add(1, Ordering::Relaxed) + 1) {
            request.extensions_mut().insert(IsDoubtful(why));
        }
        let answer = routes.clone().oneshot(request.map(axum::body::Body::new));
        let stopped_yet = stopped_yet.clone();
        answer.map_ok(move |mut response| {
            if *stopped_yet.borrow() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            response
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(transport.header_timeout)
        // A client that has said all it has to say still waits for its answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = poll_fn(|context| connection.poll_without_shutdown(context)) => served,
        () = time_to_close(&mut stopped) => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let head_was_late = served.is_err_and(|error| error.is_timeout()) && !parts.read_buf.is_empty();
    if head_was_late {
        let _ = stream.write_all(head_timeout_answer().as_bytes()).await;
    }
    let _ = stream.shutdown().await;
}
