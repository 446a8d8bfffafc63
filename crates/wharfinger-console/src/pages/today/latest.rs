//! The last batches, as they come in.

use maud::{Markup, html};
use serde::Deserialize;

use super::{Scope, unreadable};
use crate::api;
use crate::parts::{self, Listed, count, outcome, time, visible};
use crate::visit::Visit;

const SHOWN: &str = "8";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Batch {
    id: String,
    dialect: String,
    organisations: Vec<String>,
    organisations_total: u64,
    received_at: String,
    status: String,
    received: u64,
    accepted: u64,
    updated: u64,
    rejected: u64,
}

/// `None` if there is no batch at all.
pub(super) async fn show(visit: &Visit, scope: &Scope<'_>) -> Option<Markup> {
    let batches = visit
        .get::<Listed<Batch>>(&scope.target("/v1/batches", &[("limit", SHOWN)]))
        .await;
    let batches = match batches {
        Err(refused) => return Some(html! { h2 { "Last batches" } (unreadable(&refused)) }),
        Ok(batches) => batches.data,
    };
    if batches.is_empty() {
        return None;
    }
    Some(html! {
        h2 { "Last batches" }
        (parts::stack("Last batches", &html! {
            thead {
                tr {
                    th scope="col" { "Received" } th scope="col" { "Organisation" } th scope="col" { "Dialect" }
                    th.number scope="col" { "Orders" } th.number scope="col" { "Accepted" } th.number scope="col" { "Rejected" }
                    th scope="col" { "Status" }
                }
            }
            tbody { @for batch in &batches { (row(batch)) } }
        }))
        p.more { a href=(scope.target("/console/batches", &[])) { "All batches" } }
    })
}

fn row(batch: &Batch) -> Markup {
    let others = batch.organisations_total.saturating_sub(1);
    let address = format!("/console/batches/{}", api::segment(&batch.id));
    html! {
        tr {
            td.wide { a href=(address) { (time(&batch.received_at)) } }
            td data-label="Organisation" {
                @if let Some(first) = batch.organisations.first() { bdi { (visible(first)) } }
                @if others > 0 { " and " (count(others)) " more" }
            }
            td data-label="Dialect" { (batch.dialect) }
            td.number data-label="Orders" { (count(batch.received)) }
            td.number data-label="Accepted" { (count(batch.accepted + batch.updated)) }
            td.number data-label="Rejected" { (count(batch.rejected)) }
            td data-label="Status" { (outcome(&batch.status)) }
        }
    }
}
