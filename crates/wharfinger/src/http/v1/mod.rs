//! What the server keeps besides orders in their dialects' forms: receipts, imports, events, keys.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use wharfinger_core::dialect::Resource;
use wharfinger_core::failure::RequestFailure;

use crate::app::App;
use crate::intake::Call;

/// Serves a request for a resource.
pub(super) async fn serve(
    app: &Arc<App>,
    call: &Call<'_>,
    resource: Resource,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    let _ = (app, call, headers, body);
    match resource {
        _ => Err(RequestFailure::NotFound("Nothing here yet".into())),
    }
}
