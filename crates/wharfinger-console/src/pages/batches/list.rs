//! `/console/batches`.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::receipt::{Receipt, address, counts};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{
    Filters, Listed, Who, count, day_after, empty, frame, outcome, pager, time, visible,
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
    let query = [
        ("received_after", from),
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
        Err(refused) if refused.status == 400 && !refused.is_not_found() => {
            let content = html! {
                (filters(&visit, &who))
                p.notice.bad role="alert" { (visible(refused.sentence())) }
            };
            return Page::new(&visit, "Batches")
                .status(StatusCode::BAD_REQUEST)
                .show(&content);
        }
        Err(refused) => return page::refused(&visit, &refused),
    };
    let names = ["from", "to", "status", "organisation", "dialect", "key_id"];
    let kept = names.map(|name| (name, visit.query(name)));
    let is_filtered = kept.iter().any(|(_, value)| !value.is_empty());
    let content = html! {
        (filters(&visit, &who))
        (senders(&visit, &kept))
        @if listed.data.is_empty() && is_filtered {
            (empty("No batch matches these filters.", &html! { p { a href="/console/batches" { "Show all batches" } } }))
        } @else if listed.data.is_empty() {
            (empty("No batch was received yet.", &html! {
                @if visit.session.may("orders:write") { p { a href="/console/upload" { "Upload a file of orders" } } }
            }))
        } @else {
            (table(&listed.data))
        }
        (pager(&visit, "/console/batches", &kept, listed.next.as_deref()))
    };
    Page::new(&visit, "Batches").show(&content)
}

fn filters(visit: &Visit, who: &Who) -> Markup {
    Filters::new(visit, "/console/batches")
        .choice("status", "Status", &STATES)
        .days()
        .organisation(who)
        .dialect()
        .sender()
        .show()
}

/// Links to the batches of all keys, and to those of the person's own key.
fn senders(visit: &Visit, kept: &[(&str, &str)]) -> Markup {
    let own = visit.session.key_id.as_str();
    let of = |key: &str| {
        let others = kept.iter().filter(|(name, _)| *name != "key_id").copied();
        api::target(
            "/console/batches",
            &Vec::from_iter(others.chain([("key_id", key)])),
        )
    };
    let chosen = visit.query("key_id");
    html! {
        nav.switch aria-label="Senders" {
            a href=(of("")) aria-current=[chosen.is_empty().then_some("true")] { "Sent by any key" }
            a href=(of(own)) aria-current=[(chosen == own).then_some("true")] { "Sent by my key" }
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
                        th scope="col" { "Sent by key" }
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
            td data-label="Sent by key" { code { (receipt.key_id) } }
            td data-label="Organisation" { (organisations(receipt)) }
            td data-label="Dialect" { (receipt.dialect) }
            td.number data-label="Orders" { (count(receipt.received)) }
            td data-label="Outcomes" {
                (counts(receipt))
                @if receipt.mended > 0 { p.hint { (count(receipt.mended)) " mended since" } }
                @if receipt.mends.is_some() { p.hint { "mends another batch" } }
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
