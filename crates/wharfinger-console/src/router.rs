//! The routes of all pages, and the header fields that all responses have.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};

use crate::host::Host;
use crate::visit::Shared;
use crate::{assets, page, pages, passage};

/// Own scripts, own style sheet, requests and forms to this server only. Nobody may frame a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The routes of the console: all of them under `/console`, and the server's first page, which leads there.
pub fn router(host: Arc<dyn Host>) -> Router {
    let pages: Router<Shared> = pages::routes()
        .merge(passage::routes())
        .merge(assets::routes())
        .route("/", axum::routing::get(async || page::redirect("/console")))
        .route(
            "/console/{*rest}",
            axum::routing::any(async || page::not_found(None)),
        );
    pages.layer(from_fn(with_fields)).with_state(host)
}

async fn with_fields(request: Request, next: Next) -> Response {
    // A fault of one page does not end the connection.
    let served = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = served.unwrap_or_else(|_panic| page::broken());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
