//! Streams responses in constant memory, however many or long the orders are.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;

use super::answer::{counted, respond};
use crate::intake::app::App;
use crate::intake::readback::{self, Chunk};
use crate::intake::request_context::{Call, OwnedCall};
use crate::runtime::budget::Lease;
use crate::runtime::turns::on_behalf_of;

/// Responds with one chunk after another. A chunk is read only when the client has received the previous one. `lease` covers
/// the memory of one chunk.
pub(super) fn respond_in_chunks(
    app: &Arc<App>,
    call: &Call<'_>,
    first: Chunk,
    lease: Lease,
) -> Response {
    let Chunk { reply, rest, .. } = first;
    if rest.is_none() {
        return counted(respond(reply), lease);
    }
    let mut reply = reply;
    let first_body = Bytes::from(std::mem::take(&mut reply.body));
    let state = (Arc::clone(app), OwnedCall::of(call), lease, rest);
    let chunks = futures_util::stream::unfold(state, |(app, owned, lease, rest)| async move {
        let rest = rest?;
        let call = owned.call();
        let chunk = readback::next_chunk(&app, &call, Some(rest));
        let chunk = on_behalf_of(owned.key_id(), chunk).await;
        let (bytes, rest) = match chunk {
            Ok(chunk) => (Ok(Bytes::from(chunk.reply.body)), chunk.rest),
            // The status was sent already, so the error can only be signalled by closing the connection.
            Err(failure) => (Err(std::io::Error::other(failure.message())), None),
        };
        Some((bytes, (app, owned, lease, rest)))
    });
    let head = futures_util::stream::iter([Ok(first_body)]);
    let mut response = respond(reply);
    *response.body_mut() = Body::from_stream(head.chain(chunks));
    response
}
