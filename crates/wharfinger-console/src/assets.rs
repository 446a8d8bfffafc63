//! The style sheet and the modules that pages load. Their addresses contain the version, so that they may be cached for long.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::visit::Shared;

/// One style sheet, of these parts.
const STYLE: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/today.css"),
    include_str!("assets/mend.css"),
    include_str!("assets/orders.css"),
    include_str!("assets/upload.css"),
);

/// The modules: `page.js` is on every page, others where a page names them.
const MODULES: [(&str, &str); 2] = [
    ("page.js", include_str!("assets/page.js")),
    ("upload.js", include_str!("assets/upload.js")),
];

/// The address of a file.
pub(crate) fn address(name: &str) -> String {
    format!("/console/files/{}/{name}", env!("CARGO_PKG_VERSION"))
}

pub(crate) fn routes() -> Router<Shared> {
    let style = ("console.css", STYLE);
    let files = MODULES.into_iter().chain([style]);
    files.fold(Router::new(), |router, (name, text)| {
        router.route(&address(name), get(async move || file(name, text)))
    })
}

fn file(name: &str, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    let kind = if name.ends_with(".css") {
        "text/css; charset=utf-8"
    } else {
        "text/javascript; charset=utf-8"
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Development builds have the same version with other files.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
