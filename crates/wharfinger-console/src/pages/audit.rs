//! `/console/audit`: who changed what.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::api::{self, segment};
use crate::page::{self, Page};
use crate::parts::{Listed, empty, pager, select, table, text_field, time};
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
    let names = ["kind", "key_id", "organisation", "action", "since", "until"];
    let given = names.map(|name| (name, visit.query(name).to_owned()));
    // A date alone is its first moment.
    let sent = given.clone().map(|(name, value)| match name {
        "since" | "until" if value.len() == 10 => (name, format!("{value}T00:00:00Z")),
        _ => (name, value),
    });
    let mut query: Vec<_> = sent
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    query.extend([("limit", "50"), ("after", visit.query("after"))]);
    let found: Listed<Entry> = match visit.get(&api::target("/v1/audit", &query)).await {
        Ok(found) => found,
        Err(refused) if refused.status == 400 => {
            let content =
                html! { (filters(&visit)) p.notice.bad role="alert" { (refused.sentence()) } };
            return Page::new(&visit, "Audit log").show(&content);
        }
        Err(refused) => return page::refused(&visit, &refused),
    };
    let kept: Vec<_> = given
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let content = html! {
        (filters(&visit))
        @if found.data.is_empty() {
            (empty(if found.next.is_some() { "No change of these pages fits. Older ones may." } else { "No change fits." }, &html! { a href=(PATH) { "Show all changes" } }))
        } @else {
            (table("Changes", &rows(&found.data)))
        }
        (pager(&visit, PATH, &kept, found.next.as_deref()))
    };
    Page::new(&visit, "Audit log").show(&content)
}

fn filters(visit: &Visit) -> Markup {
    html! {
        form.filters method="get" action=(PATH) {
            (select("kind", "What", visit.query("kind"), &KINDS))
            (text_field("action", "Action, such as key.revoked", visit.query("action")))
            (text_field("key_id", "By the key", visit.query("key_id")))
            (text_field("organisation", "Organisation", visit.query("organisation")))
            (text_field("since", "From, such as 2026-11-30", visit.query("since")))
            (text_field("until", "Before", visit.query("until")))
            button type="submit" { "Filter" }
        }
    }
}

fn rows(entries: &[Entry]) -> Markup {
    html! {
        thead { tr { th scope="col" { "At" } th scope="col" { "Who" } th scope="col" { "Action" } th scope="col" { "Of" } th scope="col" { "Details" } } }
        tbody {
            @for entry in entries {
                tr {
                    td { (time(&entry.at)) }
                    td { code { (entry.who) } }
                    td { (entry.action) }
                    td { (subject(entry)) }
                    td { @if let Some(Value::Object(details)) = &entry.details { @for (name, value) in details { div { span.hint { (name) ": " } bdi { (plain(value)) } } } } }
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
        _ => return html! { code { (entry.subject) } },
    };
    html! { a href=(format!("/console/{page}/{}", segment(&entry.subject))) { (entry.subject) } }
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
