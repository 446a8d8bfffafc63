//! `/console/batches`.

use axum::response::Response;
use maud::{Markup, html};

use super::receipt::{Receipt, address, counts};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{
    Listed, Who, count, dialect_field, empty, frame, next_day, outcome, pager, select, text_field,
    time, visible,
};
use crate::visit::Visit;

const STATES: [(&str, &str); 4] = [
    ("", "All"),
    ("complete", "Complete"),
    ("partial", "Partial"),
    ("rejected", "Rejected"),
];

pub(super) async fn show(visit: Visit) -> Response {
    let from = visit.query("from");
    let before = day_after(visit.query("to"));
    let start = if from.parse::<jiff::civil::Date>().is_ok() {
        format!("{from}T00:00:00Z")
    } else {
        String::new()
    };
    let query = [
        ("received_after", start.as_str()),
        ("received_before", &before),
        ("status", visit.query("status")),
        ("organisation", visit.query("organisation")),
        ("dialect", visit.query("dialect")),
        ("key_id", visit.query("key_id")),
        ("limit", "50"),
        ("after", visit.query("after")),
    ];
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    let listed = visit
        .get::<Listed<Receipt>>(&api::target("/v1/batches", &query))
        .await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(refused) => return page::refused_list(&visit, &refused),
    };
    let names = ["from", "to", "status", "organisation", "dialect", "key_id"];
    let kept = names.map(|name| (name, visit.query(name)));
    let is_filtered = kept.iter().any(|(_, value)| !value.is_empty());
    let content = html! {
        (filters(&visit, &who))
        @if listed.data.is_empty() && is_filtered {
            (empty("No batch is like this.", &html! { p { a href="/console/batches" { "Show all batches" } } }))
        } @else if listed.data.is_empty() {
            (empty("No batch has come in yet.", &html! { p { a href="/console/upload" { "Upload a file of orders" } } }))
        } @else {
            (table(&listed.data))
        }
        (pager(&visit, "/console/batches", &kept, listed.next.as_deref()))
    };
    Page::new(&visit, "Batches").show(&content)
}

/// The day after a day, as a time of the API: a person names the last day that is shown.
fn day_after(day: &str) -> String {
    let next = next_day(day);
    next.map_or_else(String::new, |next| format!("{next}T00:00:00Z"))
}

fn filters(visit: &Visit, who: &Who) -> Markup {
    html! {
        form.filters method="get" action="/console/batches" {
            label.field { span { "From day (UTC)" } input type="date" name="from" value=(visit.query("from")); }
            label.field { span { "To day (UTC)" } input type="date" name="to" value=(visit.query("to")); }
            (select("status", "Status", visit.query("status"), &STATES))
            (who.organisation_field(visit.query("organisation")))
            (dialect_field(visit.query("dialect")))
            (text_field("key_id", "Sender (key id)", visit.query("key_id")))
            button type="submit" { "Show" }
        }
    }
}

fn table(receipts: &[Receipt]) -> Markup {
    html! {
        (frame("Batches", &html! {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Received" }
                        th scope="col" { "Sender" }
                        th scope="col" { "Organisation" }
                        th scope="col" { "Dialect" }
                        th.number scope="col" { "Orders" }
                        th scope="col" { "Outcomes" }
                        th scope="col" { "Status" }
                    }
                }
                tbody { @for receipt in receipts { (row(receipt)) } }
            }
        }))
    }
}

fn row(receipt: &Receipt) -> Markup {
    html! {
        tr {
            td.wide {
                a href=(address(&receipt.id)) { (time(&receipt.received_at)) }
                @if let Some(file) = &receipt.file_name { p.hint { bdi { (visible(file)) } } }
            }
            td data-label="Sender" { code { (receipt.key_id) } }
            td data-label="Organisation" { (organisations(receipt)) }
            td data-label="Dialect" { (receipt.dialect) }
            td.number data-label="Orders" { (count(receipt.received)) }
            td data-label="Outcomes" {
                (counts(receipt))
                @if receipt.mended > 0 { p.hint { (count(receipt.mended)) " mended since" } }
                @if receipt.mends.is_some() { p.hint { "mends an earlier batch" } }
            }
            td data-label="Status" { (outcome(&receipt.status)) }
        }
    }
}

/// The first organisations of a batch, and how many more there are.
pub(super) fn organisations(receipt: &Receipt) -> Markup {
    let shown = &receipt.organisations[..receipt.organisations.len().min(3)];
    let more = receipt
        .organisations_total
        .saturating_sub(shown.len() as u64);
    html! {
        @for (at, code) in shown.iter().enumerate() { @if at > 0 { ", " } bdi { (visible(code)) } }
        @if shown.is_empty() { span.hint { "none" } }
        @else if more > 0 { " and " (count(more)) " more" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_shown_whole() {
        assert_eq!(day_after("2026-12-31"), "2027-01-01T00:00:00Z");
        assert_eq!(day_after("yesterday"), "");
        assert_eq!(day_after(""), "");
    }
}
