//! The HTTP layer. This file lists every route.

mod answer;
mod body;
pub mod connections;
mod framing;
mod guard;
mod health;
mod metrics;
pub mod openapi;
mod pace;
mod paced;
mod request;
mod request_id;
mod seats;
mod stream;
pub mod threads;
mod v1;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use http::Uri;
use tower::Service;
use wharfinger_core::dialect::{Dialect, Operation};
use wharfinger_core::dialects;

pub use self::health::Readiness;
use crate::app::App;

/// The router: the routes of all dialects, and the server's own.
pub fn routes(app: &Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::takes_writes))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::show))
        .route("/docs", get(openapi::page))
        .route("/docs/page.js", get(openapi::script))
        .route("/docs/page.css", get(openapi::style))
        .layer(from_fn(request_id::with_request_id))
        .with_state(Arc::clone(app));
    for dialect in dialects::ALL {
        for (path, operations) in by_path(*dialect) {
            let methods = method_router(app, *dialect, &operations);
            // Clients use the path with and without a trailing slash.
            router = router.route(&format!("{path}/"), methods.clone());
            router = router.route(path, methods);
        }
    }
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

fn by_path(dialect: &'static dyn Dialect) -> BTreeMap<&'static str, Vec<&'static Operation>> {
    let mut paths = BTreeMap::<_, Vec<_>>::new();
    for operation in dialect.operations() {
        paths.entry(operation.path).or_default().push(operation);
    }
    paths
}

fn method_router(
    app: &Arc<App>,
    dialect: &'static dyn Dialect,
    operations: &[&'static Operation],
) -> MethodRouter {
    let mut router = MethodRouter::new();
    for operation in operations.iter().copied() {
        let app = Arc::clone(app);
        let handler = move |request: Request| {
            let app = Arc::clone(&app);
            async move { request::handle(&app, dialect, operation, request).await }
        };
        router = router.merge(on(method_filter(operation.method), handler));
    }
    let mut methods: Vec<_> = operations
        .iter()
        .map(|operation| operation.method)
        .collect();
    methods.sort_unstable();
    let allow = methods.join(", ");
    router.fallback(move |request: Request| {
        let allow = allow.clone();
        async move { request::wrong_method(dialect, allow, request).await }
    })
}

fn method_filter(method: &str) -> MethodFilter {
    let method = http::Method::from_bytes(method.as_bytes());
    method
        .ok()
        .and_then(|method| MethodFilter::try_from(method).ok())
        .expect("a dialect lists methods of HTTP")
}

/// Every dialect route as (method, path template, dialect). For tests that cover all routes.
#[must_use]
pub fn dialect_routes() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut routes = Vec::new();
    for dialect in dialects::ALL {
        for operation in dialect.operations() {
            routes.push((operation.method, operation.path, dialect.id()));
        }
    }
    routes
}
