//! What holds for every request and every answer, whatever the route.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::header::{CACHE_CONTROL, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Version};
use tower::ServiceExt;
use wharfinger_core::failure::RequestFailure;

use super::connections::IsDoubtful;
use super::request::turn_down_early;

/// Serves a request by these routes. Refuses one that proxies and servers may read in two ways, and keeps answers out of caches
/// and out of guesses.
// Not a layer of the routes: that would put each request's future on the heap once more, which costs 2 % of a single order.
pub(super) fn serve(
    routes: Router,
    request: Request,
) -> impl Future<Output = Response> + Unpin + Send {
    let answer = match fault(&request) {
        Some(failure) => {
            Either::Left(async move { turn_down_early(&failure, request).await }.boxed())
        }
        None => Either::Right(routes.oneshot(request).map(|answer| match answer {
            Ok(response) => response,
            Err(never) => match never {},
        })),
    };
    answer.map(|mut response| {
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // The pages about the API may be kept for a while, and say so. A stream of events says `no-cache`, which lets it be kept.
        let kept = headers.get(CACHE_CONTROL);
        if kept.is_none_or(|value| value == "no-cache") {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    })
}

fn fault(request: &Request) -> Option<RequestFailure> {
    if let Some(IsDoubtful(why)) = request.extensions().get() {
        return Some(RequestFailure::BrokenBody(why));
    }
    // RFC 9112, 3.2.
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_old = request.version() < Version::HTTP_11;
    let is_named = hosts == 1 || (hosts == 0 && is_old);
    (!is_named)
        .then(|| RequestFailure::BadParameter("The request must have one Host header field".into()))
}
