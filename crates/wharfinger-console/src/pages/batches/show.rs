//! `/console/batches/{id}`: the receipt, and what became of each order.

use axum::response::Response;
use maud::{Markup, html};

use super::list::organisations;
use super::receipt::{OUTCOMES, Receipt, address};
use super::{rejected, results};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{count, outcome, time, visible};
use crate::visit::Visit;

/// Kinds of warnings that the page shows.
const WARNINGS_MAX: usize = 20;

pub(super) async fn show(visit: Visit) -> Response {
    let path = format!("/v1/batches/{}", api::segment(visit.path("id")));
    let receipt = match visit.get::<Receipt>(&path).await {
        Ok(receipt) => receipt,
        Err(refused) => return page::refused(&visit, &refused),
    };
    // What went wrong is what people come for.
    let asked = visit.query("outcome");
    let shown = match asked {
        "" if receipt.rejected > 0 => "rejected",
        asked => asked,
    };
    let orders = if shown == "rejected" {
        rejected::show(&visit, &receipt).await
    } else {
        results::show(&visit, &receipt, shown).await
    };
    let orders = match orders {
        Ok(orders) => orders,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let content = html! {
        (facts(&receipt))
        (warnings(&receipt))
        h2 #orders { "Orders" }
        (tabs(&receipt, shown))
        (orders)
    };
    let title = receipt
        .file_name
        .clone()
        .unwrap_or_else(|| "Batch".to_owned());
    Page::new(&visit, title).show(&content)
}

fn facts(receipt: &Receipt) -> Markup {
    html! {
        dl.facts {
            dt { "Status" } dd { (outcome(&receipt.status)) }
            dt { "Received" } dd { (time(&receipt.received_at)) ", answered in " (count(receipt.duration_ms)) " ms" }
            dt { "Sent by key" } dd { code { (receipt.key_id) } }
            dt { "Dialect" } dd { (receipt.dialect) }
            dt { "Organisation" } dd { (organisations(receipt)) }
            dt { "Orders" } dd { (count(receipt.received)) @if receipt.warned > 0 { ", " (count(receipt.warned)) " of them with warnings" } }
            @if receipt.rejected > 0 {
                dt { "Mended" } dd { (count(receipt.mended)) " of " (count(receipt.rejected)) " rejected" }
            }
            @if let Some(mends) = &receipt.mends {
                dt { "Mends batch" } dd { a href=(address(mends)) { code { (mends) } } }
            }
            dt { "Batch ID" } dd { code { (receipt.id) } }
        }
    }
}

fn warnings(receipt: &Receipt) -> Markup {
    let shown = &receipt.warnings[..receipt.warnings.len().min(WARNINGS_MAX)];
    html! {
        @if !shown.is_empty() {
            details.aside {
                summary { "Warnings (" (count(receipt.warned)) @if receipt.warned == 1 { " order)" } @else { " orders)" } }
                ul {
                    @for kind in shown {
                        li dir="auto" { (visible(&kind.warning.message)) span.hint { " First in order " (kind.index + 1) " of the batch." } }
                    }
                }
                @if shown.len() < receipt.warnings.len() { p.hint { "More kinds of warnings are not shown." } }
            }
        }
    }
}

/// The outcomes that the batch has, as links.
fn tabs(receipt: &Receipt, shown: &str) -> Markup {
    let has = |outcome: &&&str| receipt.count(outcome) > 0;
    let all = if shown.is_empty() || shown == "all" {
        Some("true")
    } else {
        None
    };
    let of = |outcome: &str| {
        format!(
            "{}#orders",
            api::target(&address(&receipt.id), &[("outcome", outcome)])
        )
    };
    html! {
        nav.switch aria-label="Outcomes" {
            a href=(of("all")) aria-current=[all] { "All " (count(receipt.received)) }
            @for outcome in OUTCOMES.iter().filter(has) {
                a href=(of(outcome)) aria-current=[(shown == *outcome).then_some("true")] { (outcome) " " (count(receipt.count(outcome))) }
            }
        }
    }
}
