//! An HTTP server for what destinations deliver, in this process. Its owner decides how each request is answered, so that it can fail
//! as receivers do.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context as TaskContext, Poll, ready};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::Interval;

use crate::process;

/// Between two bytes of a slow answer.
const DRIP: Duration = Duration::from_secs(1);

/// A request.
pub struct Received<'r> {
    /// The path and the query.
    pub target: &'r str,
    /// The header.
    pub headers: &'r HeaderMap,
    /// The whole body.
    pub body: &'r [u8],
}

impl Received<'_> {
    /// A header's value. `None` if it is missing or is not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With this status and no body.
    Status(StatusCode),
    /// With this status, and the number of seconds to wait before the next attempt.
    Later(StatusCode, u16),
    /// Not at all. The connection stays open.
    Never,
    /// With 200 and a body that has no end, a byte a second.
    Slowly,
}

/// Answers requests.
pub type Handler = dyn Fn(&Received<'_>) -> Reply + Send + Sync;

/// A running receiver, on a thread of its own. Ends when dropped.
pub struct Receiver {
    /// Where it listens, on the loopback interface.
    pub address: SocketAddr,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts a receiver that answers as `handler` says.
    ///
    /// # Errors
    ///
    /// There is no free port, or no thread.
    pub fn start(handler: Arc<Handler>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("cannot listen for deliveries")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("receiver".into());
        let thread = thread.spawn(move || {
            runtime.spawn(accept(listener, handler));
            // Whether it is told to stop or its owner is gone, it ends.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self {
            address,
            runtime: handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The URL of a path that begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// CPU time of the receiver so far.
    ///
    /// # Errors
    ///
    /// The system does not report it.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let (tell, told) = mpsc::channel();
        self.runtime.spawn(async move {
            // The receiving end waits below.
            let _ = tell.send(process::cpu_of_this_thread());
        });
        told.recv().context("the receiver has ended")?
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A receiver that has panicked has printed why.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, handler: Arc<Handler>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: others are closed meanwhile.
            tokio::task::yield_now().await;
            continue;
        };
        // Without it, answers are late, but right.
        let _ = stream.set_nodelay(true);
        let handler = handler.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(request, &*handler));
            // Ignore errors: the server that delivers may be killed.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    handler: &Handler,
) -> Result<Response<Answer>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let reply = handler(&Received {
        target: head
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str()),
        headers: &head.headers,
        body: &body,
    });
    let mut response = Response::new(Answer::Empty);
    match reply {
        Reply::Status(status) => *response.status_mut() = status,
        Reply::Later(status, seconds) => {
            *response.status_mut() = status;
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        Reply::Never => std::future::pending().await,
        Reply::Slowly => *response.body_mut() = Answer::Drip(tokio::time::interval(DRIP)),
    }
    Ok(response)
}

/// The body of an answer.
enum Answer {
    Empty,
    Drip(Interval),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Drip(interval) => {
                ready!(interval.poll_tick(task));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Drip(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::Connection;

    #[test]
    fn it_answers_as_it_is_told() {
        let handler = |received: &Received<'_>| match received.target {
            "/gone" => Reply::Status(StatusCode::GONE),
            "/later" => Reply::Later(StatusCode::TOO_MANY_REQUESTS, 7),
            _ if received.body == b"text" && received.header("x") == Some("y") => {
                Reply::Status(StatusCode::ACCEPTED)
            }
            _ => Reply::Never,
        };
        let receiver = Receiver::start(Arc::new(handler)).unwrap();
        let mut connection = Connection::open(receiver.address).unwrap();
        let mut status = |target: &str| {
            let request = format!(
                "POST {target} HTTP/1.1\r\nhost: h\r\nx: y\r\ncontent-length: 4\r\n\r\ntext"
            );
            connection.exchange(request.as_bytes()).unwrap().status
        };
        assert_eq!(
            [status("/gone"), status("/later"), status("/")],
            [410, 429, 202]
        );
        assert!(receiver.cpu().is_ok());
    }
}
