//! The HTTP layer: connections, requests, routes, responses.
//!
//! Only `cli` imports it. May import every room below; it decides nothing about orders.

mod answer;
mod body;
pub mod connections;
mod console;
mod describe;
mod forwarded;
mod framing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
pub mod health;
mod http2;
mod long_head;
mod metrics;
pub mod openapi;
mod pace;
mod paced;
mod request;
mod request_id;
mod request_log;
mod request_span;
mod routes;
mod seats;
pub(crate) mod secure;
mod simulate;
mod stream;
pub mod threads;
mod v1;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::routing::get;
use http::Uri;
use tower::Service;
use wharfinger_core::dialects;

pub use self::routes::dialect_routes;
use crate::intake::app::App;

/// The router: the routes of all dialects, and the server's own.
pub fn routes(app: &Arc<App>) -> Router {
    let router = Router::new()
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::takes_writes))
        .route("/metrics", get(metrics::metrics));
    let router = openapi::add_to(router)
        .layer(from_fn(request_id::with_request_id))
        .with_state(Arc::clone(app));
    let router = console::add_to(routes::add_to(router, app), app);
    let known = router.clone().fallback(request::unknown_route);
    router.fallback(move |mut request: Request| {
        let mut known = known.clone();
        async move {
            if let Some(uri) = respelled(request.uri()) {
                *request.uri_mut() = uri;
            }
            known.call(request).await
        }
    })
}

/// The URI that a dialect substitutes for a path it does not serve as written. `None` if no dialect does.
fn respelled(uri: &Uri) -> Option<Uri> {
    let path = dialects::ALL
        .iter()
        .find_map(|dialect| dialect.respell(uri.path()))?;
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}
