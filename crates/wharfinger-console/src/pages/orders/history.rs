//! What happened to an order: its revisions, each with the differences from the one before it, and its other changes.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::diff::{Row, compare};
use crate::api::{self, Refused};
use crate::parts::{Hold, Listed, count, label, order_address, pager, time, visible};
use crate::texts;
use crate::visit::Visit;

/// Most rows of one comparison that are shown.
const ROWS_MAX: usize = 200;
/// Most characters of a line that are shown.
const LINE_CHARS_MAX: usize = 400;

/// An entry of the history, as `/v1` lists it.
#[derive(Deserialize)]
pub(super) struct Entry {
    r#type: String,
    at: String,
    revision: Option<u32>,
    batch_id: Option<String>,
    order: Option<Box<RawValue>>,
    key_id: Option<String>,
    note: Option<String>,
    held: Option<Hold>,
}

/// Reads a page of the history.
pub(super) async fn read(visit: &Visit, id: &str) -> Result<Listed<Entry>, Refused> {
    let path = format!("/v1/orders/{}/history", api::segment(id));
    let query = [("limit", "30"), ("after", visit.query("after"))];
    visit.get(&api::target(&path, &query)).await
}

/// The entries, the latest first.
pub(super) fn show(visit: &Visit, id: &str, history: &Listed<Entry>) -> Markup {
    html! {
        h2 #history { "History" }
        ol.history {
            @for (at, entry) in history.data.iter().enumerate() {
                li { (one(entry, before(&history.data[at + 1..]))) }
            }
        }
        (pager(visit, &order_address(id), &[("as", visit.query("as"))], history.next.as_deref()))
    }
}

/// The revision before, among the entries that follow.
fn before(following: &[Entry]) -> Option<&RawValue> {
    following.iter().find_map(|entry| entry.order.as_deref())
}

fn one(entry: &Entry, before: Option<&RawValue>) -> Markup {
    html! {
        div.what {
            (word(&entry.r#type))
            @if let Some(revision) = entry.revision { " Revision " (revision) }
        }
        p.hint {
            (time(&entry.at))
            @if let Some(key) = &entry.key_id { ", by key " code { (visible(key)) } }
            @if let Some(batch) = &entry.batch_id {
                ", in " a href=(format!("/console/batches/{}", api::segment(batch))) { "batch " (batch.get(..8).unwrap_or(batch)) "…" }
            }
        }
        @if let Some(hold) = &entry.held { p { "Held: " bdi { (visible(&hold.sentence)) } } }
        @if let Some(note) = &entry.note { blockquote dir="auto" { (visible(note)) } }
        @match (entry.order.as_deref(), before) {
            (Some(new), Some(old)) => (differences(old.get(), new.get())),
            (Some(_), None) if entry.revision.is_some_and(|revision| revision > 1) => {
                p.hint { "The previous revision is on the next page." }
            }
            (_, _) => {}
        }
    }
}

/// The kind of an event, in a word and a colour.
fn word(event: &str) -> Markup {
    let (text, tone) = match event {
        "order.accepted" => ("accepted", "good"),
        "order.updated" => ("updated", "plain"),
        "order.processed" => ("processed", "good"),
        "order.cancelled" => ("cancelled", "quiet"),
        "order.fulfilment" => ("fulfilment reported", "plain"),
        "order.held" => ("held", "warm"),
        "order.released" => ("released", "good"),
        "order.refused" => ("refused", "bad"),
        other => (other, "quiet"),
    };
    label(text, tone)
}

fn differences(old: &str, new: &str) -> Markup {
    let (old, new) = (form(old), form(new));
    let rows = compare(&old, &new);
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    html! {
        @if rows.iter().all(|row| matches!(row, Row::Gap(_) | Row::Same(_))) {
            p.hint { "Only the formatting changed, such as white space." }
        } @else {
            div.diff role="region" aria-label="Changes from the previous revision" tabindex="0" {
                @for row in rows.iter().take(ROWS_MAX) { (line(row)) }
            }
            @if left_out > 0 { p.hint { (count(left_out as u64)) " more changed lines are not shown." } }
        }
    }
}

/// A text with one attribute a line.
fn form(text: &str) -> String {
    texts::pretty(text).unwrap_or_else(|| text.to_owned())
}

fn line(row: &Row<'_>) -> Markup {
    let (class, sign, said, text) = match row {
        Row::Same(text) => ("same", " ", "", *text),
        Row::Removed(text) => ("gone", "−", "removed: ", *text),
        Row::Added(text) => ("new", "+", "added: ", *text),
        Row::Gap(lines) => {
            return html! {
                div.gap { (count(*lines as u64)) @if *lines == 1 { " line" } @else { " lines" } " unchanged" }
            };
        }
    };
    let end = text.char_indices().nth(LINE_CHARS_MAX).map(|(at, _)| at);
    html! {
        div.(class) {
            span.way aria-hidden="true" { (sign) }
            span.unseen { (said) }
            code { (visible(&text[..end.unwrap_or(text.len())])) @if end.is_some() { "…" } }
        }
    }
}
