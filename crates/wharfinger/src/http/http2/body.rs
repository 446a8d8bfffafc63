//! The body of a request in HTTP/2, also after its reader has left it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::http::pace::Pace;

/// What a body and the exchange that serves it share.
#[derive(Default)]
pub(super) struct Shared {
    /// What is left of the body, once its reader has dropped it.
    rest: Mutex<Option<RecvStream>>,
    /// Notified when the body is read for the first time, if the client waits for that.
    wanted: Notify,
}

impl Shared {
    /// Resolves when a body whose client waits for `100 Continue` is read for the first time.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Reads the rest of the body, and discards it, as long as the client keeps the pace and sends at most `bytes_max`.
    ///
    /// Some clients lose the response if the stream is reset before they have ended it, even those that wait for `100 Continue`.
    pub(super) async fn discard(&self, bytes_max: usize, mut pace: Pace) {
        let Some(mut stream) = self.rest().take() else {
            return;
        };
        let mut discarded = 0;
        while discarded <= bytes_max {
            let began = Instant::now();
            let data = tokio::time::timeout(pace.left(), stream.data()).await;
            pace.waited(began.elapsed());
            let Ok(Some(Ok(data))) = data else { return };
            pace.moved(data.len());
            discarded += data.len();
            // An error means that the stream has ended, which the next read tells.
            let _ = stream.flow_control().release_capacity(data.len());
        }
    }

    /// Ignores poisoning: the value changes in single steps.
    fn rest(&self) -> MutexGuard<'_, Option<RecvStream>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the client waits for `100 Continue` before it sends the body.
fn waits(headers: &HeaderMap) -> bool {
    let expected = headers.get(EXPECT).map(http::HeaderValue::as_bytes);
    expected.is_some_and(|expected| expected.eq_ignore_ascii_case(b"100-continue"))
}

/// The body of a request. Reading it lets the client send more.
pub(super) struct Received {
    /// `None` only while it is dropped.
    stream: Option<RecvStream>,
    /// Bytes that are announced and not read yet.
    left: Option<u64>,
    /// Whether the client waits until the body is read.
    is_awaited: bool,
    shared: Arc<Shared>,
}

impl Received {
    pub(super) fn new(stream: RecvStream, headers: &HeaderMap, shared: &Arc<Shared>) -> Self {
        let length = headers.get(CONTENT_LENGTH);
        Self {
            stream: Some(stream),
            left: length.and_then(|length| length.to_str().ok()?.parse().ok()),
            is_awaited: waits(headers),
            shared: Arc::clone(shared),
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if std::mem::take(&mut self.is_awaited) {
            self.shared.wanted.notify_one();
        }
        let Some(stream) = self.stream.as_mut() else {
            return Poll::Ready(None);
        };
        let data = match ready!(stream.poll_data(context)) {
            Some(Ok(data)) => data,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        // An error means that the stream has ended, which the next read tells.
        let _ = stream.flow_control().release_capacity(data.len());
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let rest = self.stream.take();
        *self.shared.rest() = rest.filter(|stream| !stream.is_end_stream());
    }
}
