//! `/console/audit`: who changed what.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::api::{self, segment};
use crate::page::{self, Page};
use crate::parts::{Filters, Listed, Who, day_after, empty, pager, stack, time, visible};
use crate::visit::{Shared, Visit};

const PATH: &str = "/console/audit";
/// Kinds of changes.
const KINDS: [(&str, &str); 6] = [
    ("", "All"),
    ("organisation", "Organisations and catalogues"),
    ("key", "Keys"),
    ("destination", "Destinations"),
    ("order", "Orders"),
    ("rejection", "Rejected orders"),
];

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, get(list))
}

/// An entry, as `/v1/audit` shows it.
#[derive(Debug, Deserialize)]
struct Entry {
    at: String,
    who: String,
    action: String,
    subject: String,
    #[serde(default)]
    details: Option<Value>,
}

async fn list(visit: Visit) -> Response {
    let names = ["kind", "action", "from", "to", "organisation", "key_id"];
    let kept = names.map(|name| (name, visit.query(name)));
    let [since, until] = [visit.query("from").to_owned(), day_after(visit.query("to"))].map(start);
    let query = [
        ("kind", visit.query("kind")),
        ("action", visit.query("action")),
        ("since", &since),
        ("until", &until),
        ("organisation", visit.query("organisation")),
        ("key_id", visit.query("key_id")),
        ("limit", "50"),
        ("after", visit.query("after")),
    ];
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    let found: Listed<Entry> = match visit.get(&api::target("/v1/audit", &query)).await {
        Ok(found) => found,
        Err(refused) if refused.status == 400 => {
            let content = html! { (filters(&visit, &who)) p.notice.bad role="alert" { (visible(refused.sentence())) } };
            return Page::new(&visit, "Audit log")
                .status(StatusCode::BAD_REQUEST)
                .show(&content);
        }
        Err(refused) => return page::refused(&visit, &refused),
    };
    let content = html! {
        (filters(&visit, &who))
        @if found.data.is_empty() {
            (empty(
                if found.next.is_some() { "No change found yet. There are older changes to search: continue with the next page." } else { "No change matches these filters." },
                &html! { p { a href=(PATH) { "Show all changes" } } },
            ))
        } @else {
            div.audit { (stack("Changes", &rows(&found.data))) }
        }
        (pager(&visit, PATH, &kept, found.next.as_deref()))
    };
    Page::new(&visit, "Audit log").show(&content)
}

/// A day as its first moment. What is no day is left as it is, so that the API says so.
fn start(day: String) -> String {
    if day.len() == 10 {
        format!("{day}T00:00:00Z")
    } else {
        day
    }
}

fn filters(visit: &Visit, who: &Who) -> Markup {
    Filters::new(visit, PATH)
        .choice("kind", "Kind", &KINDS)
        .text("action", "Action")
        .days()
        .organisation(who)
        .text("key_id", "Changed by key")
        .show()
}

fn rows(entries: &[Entry]) -> Markup {
    html! {
        thead { tr { th scope="col" { "Time" } th scope="col" { "Changed by" } th scope="col" { "Action" } th scope="col" { "Changed" } th scope="col" { "Details" } } }
        tbody {
            @for entry in entries {
                tr {
                    td.wide { (time(&entry.at)) }
                    td data-label="Changed by" { code { (visible(&entry.who)) } }
                    td data-label="Action" { (visible(&entry.action)) }
                    td data-label="Changed" { (subject(entry)) }
                    td data-label="Details" { @if let Some(Value::Object(details)) = &entry.details { div { @for (name, value) in details { div { span.hint { (visible(name)) ": " } bdi { (visible(&plain(value))) } } } } } }
                }
            }
        }
    }
}

/// What was changed, with a link where it has a page.
fn subject(entry: &Entry) -> Markup {
    let page = match entry.action.split('.').next() {
        Some("organisation" | "order" | "rejection") => "organisations",
        Some("destination") if !entry.action.ends_with("deleted") => "destinations",
        _ => return html! { code { (visible(&entry.subject)) } },
    };
    html! { a href=(format!("/console/{page}/{}", segment(&entry.subject))) { bdi { (visible(&entry.subject)) } } }
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    const CHARS_MAX: usize = 200;
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
