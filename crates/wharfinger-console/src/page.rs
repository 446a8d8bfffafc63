//! The frame of every page: navigation, title, notices.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use crate::api::Refused;
use crate::assets;
use crate::texts::{visible, visible_text};
use crate::visit::Visit;

/// A page of the navigation: its name, its path, the scope that it needs.
struct Entry(&'static str, &'static str, &'static str);

/// Marks the page about the whole server: the scope `admin` is needed for every organisation.
const SERVER: &str = "admin of all";

/// Whether a person has a page of the navigation.
fn has(visit: &Visit, entry: &Entry) -> bool {
    match entry.2 {
        SERVER => visit.session.may_see_server(),
        scope => visit.session.may(scope),
    }
}

/// The navigation, in groups.
const GROUPS: &[(&str, &[Entry])] = &[
    (
        "Orders",
        &[
            Entry("Today", "/console", "orders:read"),
            Entry("Errors", "/console/errors", "orders:read"),
            Entry("Batches", "/console/batches", "orders:read"),
            Entry("Orders", "/console/orders", "orders:read"),
            Entry("Held orders", "/console/held", "orders:read"),
            Entry("Upload", "/console/upload", "orders:write"),
        ],
    ),
    (
        "Operations",
        &[
            Entry("Server", "/console/server", SERVER),
            Entry("Destinations", "/console/destinations", "admin"),
        ],
    ),
    (
        "Settings",
        &[
            Entry("Catalogue", "/console/catalogue", "admin"),
            Entry("Customers", "/console/customers", "admin"),
            Entry("Organisations", "/console/organisations", "admin"),
            Entry("Keys", "/console/keys", "admin"),
            Entry("Audit log", "/console/audit", "admin"),
        ],
    ),
];

/// A page for a person who is signed in.
pub(crate) struct Page<'v> {
    visit: &'v Visit,
    title: String,
    modules: Vec<&'static str>,
    status: StatusCode,
    done: &'static [&'static str],
}

impl<'v> Page<'v> {
    /// A page with a title, which is also its first heading.
    pub(crate) fn new(visit: &'v Visit, title: impl Into<String>) -> Self {
        Self {
            visit,
            title: title.into(),
            modules: Vec::new(),
            status: StatusCode::OK,
            done: &[],
        }
    }

    /// What forms that lead to this page report: names of `DONE`. The notice of another page is not shown.
    pub(crate) fn done(mut self, names: &'static [&'static str]) -> Self {
        self.done = names;
        self
    }

    /// Loads a module of `assets.rs` on this page.
    pub(crate) fn module(mut self, name: &'static str) -> Self {
        self.modules.push(name);
        self
    }

    /// The status of the response.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The response with this content.
    pub(crate) fn show(self, content: &Markup) -> Response {
        let visit = self.visit;
        let body = html! {
            a.skip href="#main" { "Skip to the content" }
            header.side {
                a.brand href="/console" { "Wharfinger" }
                nav aria-label="Pages" { (navigation(visit)) }
                form.leave method="post" action="/console/sign-out" {
                    input type="hidden" name="csrf" value=(visit.csrf());
                    p.who { "Key " code { (visit.session.key_id) } }
                    button.quiet type="submit" { "Sign out" }
                }
            }
            main #main tabindex="-1" {
                (notice_of(visit, self.done))
                h1 { bdi { (visible(&self.title)) } }
                (content)
            }
        };
        let head = html! {
            meta name="csrf" content=(visit.csrf());
            script type="module" src=(assets::address("page.js")) {}
            @for module in &self.modules { script type="module" src=(assets::address(module)) {} }
        };
        document(self.status, &self.title, &head, &body)
    }
}

fn navigation(visit: &Visit) -> Markup {
    let path = visit.target.split('?').next().unwrap_or_default();
    // A rejected order is one of the errors.
    let path = if path.starts_with("/console/rejections/") {
        "/console/errors"
    } else {
        path
    };
    let is_here = |entry: &Entry| {
        let below = path.strip_prefix(entry.1);
        path == entry.1
            || (entry.1 != "/console" && below.is_some_and(|rest| rest.starts_with('/')))
    };
    html! {
        @for (name, entries) in GROUPS {
            @let shown: Vec<_> = entries.iter().filter(|entry| has(visit, entry)).collect();
            @if !shown.is_empty() {
                h2 { (name) }
                ul {
                    @for entry in shown {
                        li { a href=(entry.1) aria-current=[is_here(entry).then_some("page")] { (entry.0) } }
                    }
                }
            }
        }
        h2 { "Developers" }
        ul { li { a href="/docs" { "API documentation" } } }
    }
}

/// What a form that has led here reports: `?done=...`. Only sentences of this list are shown, so that a link cannot put words
/// on the page.
const DONE: &[(&str, &str)] = &[
    ("saved", "Saved."),
    ("dismissed", "Dismissed."),
    ("released", "Released. The order is processed as usual."),
    ("refused", "Refused. The order is cancelled."),
    ("processed", "Marked as processed."),
    ("cancelled", "Cancelled."),
    ("deleted", "Deleted."),
];

fn notice_of(visit: &Visit, expected: &[&str]) -> Markup {
    let done = visit.query("done");
    let mut known = DONE.iter();
    let sentence = known.find(|(name, _)| *name == done && expected.contains(name));
    html! {
        @if let Some((_, sentence)) = sentence {
            p.notice.good role="status" { (sentence) }
        }
    }
}

/// A page without navigation, for those who are not signed in.
pub(crate) fn bare(status: StatusCode, title: &str, content: &Markup) -> Response {
    let body = html! {
        main.bare #main tabindex="-1" {
            p.brand { "Wharfinger" }
            h1 { (title) }
            (content)
        }
    };
    document(status, title, &html! {}, &body)
}

/// A page that leads to another one at once, as if the person had followed a link on it.
pub(crate) fn forward(target: &str) -> Response {
    let head = html! { meta http-equiv="refresh" content={ "0; url=" (target) }; };
    let body = html! {
        main.bare #main tabindex="-1" {
            p.brand { "Wharfinger" }
            h1 { "Opening the console" }
            p { a href=(target) { "Continue" } }
        }
    };
    document(StatusCode::OK, "Opening", &head, &body)
}

/// The page for a fault of the console itself.
pub(crate) fn broken() -> Response {
    let sentence = "This page has failed. The server's log says why. The API is not affected.";
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal error",
        sentence,
    )
}

/// The page while the store cannot be read.
pub(crate) fn unavailable() -> Response {
    let sentence = "The server cannot read its database now. Reload this page in a few seconds.";
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "Not available now",
        sentence,
    )
}

/// A page with one sentence.
pub(crate) fn plain(status: StatusCode, title: &str, sentence: &str) -> Response {
    let content = html! {
        p { (sentence) }
        p { a href="/console" { "Go to the first page" } }
    };
    bare(status, title, &content)
}

/// The page for what does not exist, or is another tenant's.
pub(crate) fn not_found(visit: Option<&Visit>) -> Response {
    let sentence = "This page does not exist, or your key has no access to it.";
    match visit {
        Some(visit) => Page::new(visit, "Not found")
            .status(StatusCode::NOT_FOUND)
            .show(&html! { p { (sentence) } }),
        None => plain(StatusCode::NOT_FOUND, "Not found", sentence),
    }
}

/// The page for a refusal of `/v1`. An organisation that the key cannot access does not exist for it.
pub(crate) fn refused(visit: &Visit, refused: &Refused) -> Response {
    if refused.is_not_found() {
        return not_found(Some(visit));
    }
    let status = StatusCode::from_u16(refused.status);
    Page::new(visit, &*refused.title)
        .status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .show(&html! { p.notice.bad role="alert" { (visible(refused.sentence())) } })
}

/// Leads to another page after a form (303).
pub(crate) fn redirect(target: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let target = HeaderValue::from_str(target).unwrap_or(HeaderValue::from_static("/console"));
    response.headers_mut().insert(LOCATION, target);
    response
}

fn document(status: StatusCode, title: &str, head: &Markup, body: &Markup) -> Response {
    let text = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible_text(title)) " · Wharfinger" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::address("console.css"));
                (head)
            }
            body { (body) }
        }
    };
    let mut response = Response::new(Body::from(text.into_string()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
