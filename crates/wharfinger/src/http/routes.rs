//! Every route of every dialect, and how it is served.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodFilter, MethodRouter, on};
use wharfinger_core::dialect::{Dialect, Operation};
use wharfinger_core::dialects;

use super::{request, v1};
use crate::intake::app::App;

/// A route. The router, the checks of a request and the description derive from it.
pub(super) struct Endpoint {
    pub(super) dialect: &'static dyn Dialect,
    pub(super) operation: Operation,
    /// The resource of the native API that it is about. `None` for a route that a dialect lists.
    pub(super) resource: Option<&'static v1::Route>,
}

/// All routes: those that the dialects list, and the resources of the native API.
pub(super) static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let mut endpoints = Vec::new();
    for dialect in dialects::ALL.iter().copied() {
        let listed = dialect.operations().iter();
        endpoints.extend(listed.map(|operation| Endpoint {
            dialect,
            operation: *operation,
            resource: None,
        }));
        if dialect.id() == dialects::OWN.id() {
            endpoints.extend(v1::routes().map(|route| Endpoint {
                dialect,
                operation: route.operation(),
                resource: Some(route),
            }));
        }
    }
    endpoints
});

/// The router of all routes.
pub(super) fn add_to<S>(mut router: Router<S>, app: &Arc<App>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let mut paths = BTreeMap::<_, Vec<&Endpoint>>::new();
    for endpoint in ENDPOINTS.iter() {
        paths
            .entry(endpoint.operation.path)
            .or_default()
            .push(endpoint);
    }
    for (path, endpoints) in paths {
        let methods = method_router(app, &endpoints);
        // Clients use the path with and without a trailing slash.
        router = router.route(&format!("{path}/"), methods.clone());
        router = router.route(path, methods);
    }
    router
}

/// The methods of one path, which belongs to one dialect.
fn method_router<S>(app: &Arc<App>, endpoints: &[&'static Endpoint]) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let mut router = MethodRouter::new();
    for endpoint in endpoints.iter().copied() {
        let app = Arc::clone(app);
        let handler = move |request: Request| {
            let app = Arc::clone(&app);
            async move { request::handle(&app, endpoint, request).await }
        };
        router = router.merge(on(method_filter(endpoint.operation.method), handler));
    }
    let mut methods: Vec<_> = endpoints
        .iter()
        .map(|endpoint| endpoint.operation.method)
        .collect();
    methods.sort_unstable();
    let allow = methods.join(", ");
    let dialect = endpoints
        .first()
        .map_or(dialects::OWN, |first| first.dialect);
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
    let endpoints = ENDPOINTS.iter();
    endpoints
        .map(|endpoint| {
            let operation = &endpoint.operation;
            (operation.method, operation.path, endpoint.dialect.id())
        })
        .collect()
}
