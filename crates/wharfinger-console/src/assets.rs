//! The style sheet and the modules that pages load. Their addresses contain a hash of their content, so that they may
//! be cached for long.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};

use crate::digits::hex;
use crate::page;
use crate::visit::Shared;

/// One style sheet, of these parts.
const STYLE: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/today.css"),
    include_str!("assets/mend.css"),
    include_str!("assets/orders.css"),
    include_str!("assets/upload.css"),
    include_str!("assets/rules.css"),
);

/// The modules: `page.js` is on every page, others where a page names them.
const MODULES: [(&str, &str); 5] = [
    ("page.js", include_str!("assets/page.js")),
    ("mend.js", include_str!("assets/mend.js")),
    ("rules.js", include_str!("assets/rules.js")),
    ("upload.js", include_str!("assets/upload.js")),
    ("today.js", include_str!("assets/today.js")),
];

/// A hash of all files. They share it, because modules import each other from the same folder.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, text) in files() {
        hash.update(name);
        hash.update([0]);
        hash.update(text);
        hash.update([0]);
    }
    hex(&hash.finalize()[..8])
});

fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODULES.into_iter().chain([("console.css", STYLE)])
}

/// The address of a file.
pub(crate) fn address(name: &str) -> String {
    format!("/console/files/{}/{name}", *HASH)
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/console/files/{hash}/{name}", get(file))
}

/// A file. While servers are replaced by newer ones, a page of another version may ask for it: then it must not be cached.
async fn file(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some((_, text)) = files().find(|(known, _)| *known == name) else {
        return page::not_found(None);
    };
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    let kind = if name.ends_with(".css") {
        "text/css; charset=utf-8"
    } else {
        "text/javascript; charset=utf-8"
    };
    let kept = if hash == *HASH {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}
