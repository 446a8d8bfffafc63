//! Answers that are streamed, in constant memory however many orders there are.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use wharfinger_core::dialect::Reply;

use super::answer::respond;
use crate::app::App;
use crate::call::{Call, OwnedCall};
use crate::readback;
use crate::store::OrderCursor;

/// Answers with one chunk after another, each read only when the client has taken the one before.
pub(super) fn respond_in_chunks(
    app: &Arc<App>,
    call: &Call<'_>,
    first: Reply,
    next: Option<OrderCursor>,
) -> Response {
    let owned = OwnedCall::of(call);
    let app = Arc::clone(app);
    let first_body = Bytes::from(first.body.clone());
    let rest = futures_util::stream::unfold((app, owned, next), |(app, owned, next)| async move {
        let cursor = next?;
        let chunk = readback::next_chunk(&app, &owned.call(), Some(cursor)).await;
        let (bytes, next) = match chunk {
            Ok((reply, next)) => (Ok(Bytes::from(reply.body)), next),
            // The status is sent; breaking the connection off is the only way to say so.
            Err(failure) => (Err(std::io::Error::other(failure.message())), None),
        };
        Some((bytes, (app, owned, next)))
    });
    let head = futures_util::stream::iter([Ok(first_body)]);
    let mut response = respond(first);
    *response.body_mut() = Body::from_stream(head.chain(rest));
    response
}
