//! Checks and header fields that apply to every request and response.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::header::{CACHE_CONTROL, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Version};
use tower::ServiceExt;
use wharfinger_core::order::failure::RequestFailure;

use super::connections::IsDoubtful;
use super::request::turn_down_early;
use crate::intake::overloaded;

/// Marks a request for which there is no memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsOutOfMemory;

/// Routes a request. Refuses requests that proxies and servers may interpret differently. Prevents caching and content sniffing
/// of responses.
// Not a layer of the router: that would box each request's future once more.
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
        // The pages about the API may be cached for a while and have their own field. Event streams send `no-cache`, which
        // still allows storing them.
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
    if request.extensions().get::<IsOutOfMemory>().is_some() {
        return Some(overloaded());
    }
    // RFC 9112, section 3.2.
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_old = request.version() < Version::HTTP_11;
    let is_named = hosts == 1 || (hosts == 0 && is_old);
    (!is_named).then(|| {
        RequestFailure::BadParameter("The request must have exactly one Host header".into())
    })
}
