//! `/console/audit`: who changed what.

use std::borrow::Cow;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};

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
                    td data-label="Details" { @if let Some(Value::Object(details)) = &entry.details { div { (attributes(details, DEPTH_MAX)) } } }
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

/// How deep details are shown, and how many entries of a list.
const DEPTH_MAX: u8 = 4;
const ENTRIES_MAX: usize = 20;

/// Attributes as people read them, each on its own line.
fn attributes(of: &Map<String, Value>, depth: u8) -> Markup {
    html! {
        @for (name, value) in of.iter().take(ENTRIES_MAX) {
            div { span.hint { (visible(&name.replace('_', " "))) ": " } (readable(value, depth)) }
        }
        (more(of.len()))
    }
}

/// A value as people read it: no brackets, and no quotes.
fn readable(value: &Value, depth: u8) -> Markup {
    let is_nested = |value: &Value| value.is_array() || value.is_object();
    match value {
        Value::Null => html! { "none" },
        Value::Bool(true) => html! { "yes" },
        Value::Bool(false) => html! { "no" },
        Value::Number(number) => html! { (number) },
        Value::String(text) => html! { bdi { (visible(&shortened(text))) } },
        Value::Array(list) if list.is_empty() => html! { "none" },
        Value::Array(_) | Value::Object(_) if depth == 0 => html! { "…" },
        Value::Array(list) if list.iter().any(is_nested) => html! {
            ul.parts { @for one in list.iter().take(ENTRIES_MAX) { li { (readable(one, depth - 1)) } } }
            (more(list.len()))
        },
        Value::Array(list) => html! {
            @for (at, one) in list.iter().take(ENTRIES_MAX).enumerate() { @if at > 0 { ", " } (readable(one, depth - 1)) }
            (more(list.len()))
        },
        Value::Object(of) => attributes(of, depth - 1),
    }
}

fn more(of: usize) -> Markup {
    let left_out = of.saturating_sub(ENTRIES_MAX);
    html! { @if left_out > 0 { " and " (left_out) " more" } }
}

fn shortened(text: &str) -> Cow<'_, str> {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_read_without_json() {
        let details = json!({
            "requests_per_second": 7, "all": true, "expires_at": null, "scopes": ["admin", "orders:read"],
            "rules": [{"name": "abroad", "when": "size(order.lines) > 1"}], "text": "<b>\u{202e}",
        });
        let Value::Object(details) = details else {
            panic!("it is an object");
        };
        let shown = attributes(&details, DEPTH_MAX).into_string();
        for part in [
            "requests per second: </span>7",
            "all: </span>yes",
            "expires at: </span>none",
            "<bdi>admin</bdi>, <bdi>orders:read</bdi>",
            "<bdi>size(order.lines) &gt; 1</bdi>",
            "&lt;b&gt;",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains(['{', '}', '[', ']']), "{shown}");
        assert!(
            !shown.contains("&quot;") && !shown.contains('\u{202e}'),
            "{shown}"
        );
        let deep = json!({"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}});
        let deep = deep.as_object().map(|deep| attributes(deep, DEPTH_MAX));
        assert!(deep.unwrap().into_string().contains('…'));
        let long = json!({"list": Vec::from_iter(0..50)});
        let long = long.as_object().map(|long| attributes(long, DEPTH_MAX));
        assert!(long.unwrap().into_string().contains("and 30 more"));
    }
}
