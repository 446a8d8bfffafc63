//! `/console/api/v1/...`: requests of a page's modules, passed on to `/v1` in the rights of the person's key.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{COOKIE, HOST};
use http::{Method, StatusCode, Uri};

use crate::host::NoSession;
use crate::session;
use crate::visit::Shared;

/// The token of forms, in requests that a module sends.
const CSRF_FIELD: &str = "x-csrf-token";

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/console/api/v1/{*rest}", any(pass))
}

/// Passes a request on. 401 without a session, 403 without the token, so that a module can tell what to do.
async fn pass(State(host): State<Shared>, mut request: Request) -> Response {
    let token = session::token(request.headers())
        .unwrap_or_default()
        .to_owned();
    let session = match host.session(&token).await {
        Ok(session) => session,
        Err(NoSession::Ended) => return status(StatusCode::UNAUTHORIZED),
        Err(NoSession::Unavailable) => return status(StatusCode::SERVICE_UNAVAILABLE),
    };
    let sent = request.headers().get(CSRF_FIELD);
    let sent = sent.and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    if request.method() != Method::GET && !session::is_csrf(&token, sent) {
        return status(StatusCode::FORBIDDEN);
    }
    let target = request.uri().path_and_query();
    let target = target.and_then(|target| target.as_str().strip_prefix("/console/api"));
    let Some(target) = target.and_then(|target| target.parse::<Uri>().ok()) else {
        return status(StatusCode::NOT_FOUND);
    };
    *request.uri_mut() = target;
    let headers = request.headers_mut();
    headers.remove(COOKIE);
    headers.remove(CSRF_FIELD);
    headers.remove(HOST);
    host.call(&session, request).await
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
