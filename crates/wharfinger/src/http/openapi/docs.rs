//! The page that shows the API description and can send requests. This server delivers all of its files; nothing is loaded from
//! elsewhere.

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::problem::Code;

use super::super::answer::respond;

/// Content security policy: own scripts, own style sheet, requests to this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How long the page and the description may be cached. It is short, so that a new server version is seen soon.
pub(super) const CACHED: &str = "max-age=300";

const PAGE: &str = include_str!("page/page.html");
/// Placeholders in the page for the two lists of codes.
const FAILURES: &str = "<!-- failures -->";
const PROBLEMS: &str = "<!-- problems -->";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file of the page, with its path and its media type.
macro_rules! file {
    ($name:literal, $content_type:expr) => {
        (
            concat!("/docs/", $name),
            $content_type,
            include_str!(concat!("page/", $name)),
        )
    };
}

/// The files that the page loads. `page.js` imports the other scripts.
const FILES: [(&str, &str, &str); 12] = [
    file!("page.css", STYLE),
    file!("page.js", SCRIPT),
    file!("answer.js", SCRIPT),
    file!("curl.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("form.js", SCRIPT),
    file!("json.js", SCRIPT),
    file!("key.js", SCRIPT),
    file!("request.js", SCRIPT),
    file!("route.js", SCRIPT),
    file!("schema.js", SCRIPT),
    file!("search.js", SCRIPT),
];

/// The routes of the page and of its files.
pub(in super::super) fn add_to<S>(router: Router<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let router = router.route("/docs", get(page)).route("/docs/", get(page));
    FILES
        .iter()
        .fold(router, |router, (path, content_type, text)| {
            router.route(
                path,
                get(async || file(content_type, Bytes::from_static(text.as_bytes()))),
            )
        })
}

/// `GET /docs`.
async fn page() -> Response {
    static BODY: OnceLock<Bytes> = OnceLock::new();
    let body = BODY.get_or_init(|| {
        let page = PAGE.replace(FAILURES, &failures());
        page.replace(PROBLEMS, &problems()).into()
    });
    file("text/html; charset=utf-8", body.clone())
}

/// A file. All responses share its bytes.
fn file(content_type: &'static str, bytes: Bytes) -> Response {
    let head = Reply {
        status: 200,
        headers: vec![
            ("content-security-policy", POLICY.to_owned()),
            ("cache-control", CACHED.to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
        ],
        content_type,
        body: Vec::new(),
    };
    respond(head).map(|_| Body::from(bytes))
}

/// Table rows for every kind of refusal. The `type` of its problem details links to the anchor.
fn failures() -> String {
    let mut rows = String::new();
    for failure in RequestFailure::examples() {
        let (id, status, title) = (failure.id(), failure.status(), failure.title());
        let example = escaped(&failure.message());
        row(
            &mut rows,
            id,
            &format!("{status}</td><td>{title}</td><td>{example}"),
        );
    }
    rows
}

/// Table rows for every problem that an order can have.
fn problems() -> String {
    let mut rows = String::new();
    for code in Code::EXAMPLES {
        let (id, sentence) = (code.id(), escaped(&code.to_string()));
        row(&mut rows, id, &sentence);
    }
    rows
}

fn row(rows: &mut String, id: &str, cells: &str) {
    writeln!(
        rows,
        "<tr id=\"{id}\"><td><a href=\"#{id}\"><code>{id}</code></a></td><td>{cells}</td></tr>"
    )
    .expect("a text can be written to");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
