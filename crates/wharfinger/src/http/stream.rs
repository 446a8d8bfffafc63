//! Answers that are streamed, in constant memory however many orders there are.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use wharfinger_core::dialect::{Dialect, Head, Operation, Reply};
use wharfinger_core::failure::RequestFailure;

use super::answer::respond;
use crate::access::Authenticated;
use crate::app::App;
use crate::intake::Call;
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
        let chunk = owned.next_chunk(&app, cursor).await;
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

/// A call that outlives its request's head, for as long as its answer is read.
struct OwnedCall {
    request_id: String,
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    authenticated: Authenticated,
    organisation: Option<wharfinger_core::caller::Organisation>,
    target: String,
}

impl OwnedCall {
    fn of(call: &Call<'_>) -> Self {
        Self {
            request_id: call.request_id.to_owned(),
            dialect: call.dialect,
            operation: call.operation,
            path: call.head.path.to_vec(),
            query: call.head.query.to_vec(),
            authenticated: call.authenticated.clone(),
            organisation: call.organisation.cloned(),
            target: call.target.to_owned(),
        }
    }

    async fn next_chunk(
        &self,
        app: &App,
        after: OrderCursor,
    ) -> Result<(Reply, Option<OrderCursor>), RequestFailure> {
        let call = Call {
            request_id: &self.request_id,
            dialect: self.dialect,
            operation: self.operation,
            head: Head {
                path: &self.path,
                query: &self.query,
                headers: &[],
            },
            authenticated: &self.authenticated,
            organisation: self.organisation.as_ref(),
            target: &self.target,
            idempotency_key: None,
            dry_run: false,
        };
        readback::next_chunk(app, &call, Some(after)).await
    }
}
