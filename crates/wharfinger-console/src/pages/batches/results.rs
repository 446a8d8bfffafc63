//! What became of each order of a batch.

use maud::{Markup, html};
use serde::Deserialize;

use super::receipt::{Receipt, address};
use crate::api::{self, Refused};
use crate::parts::{Fault, Listed, count, empty, frame, outcome, pager, visible};
use crate::visit::Visit;

#[derive(Deserialize)]
struct Became {
    index: u64,
    #[serde(default)]
    line: Option<u64>,
    #[serde(default)]
    organisation: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    key: Option<String>,
    outcome: String,
    #[serde(default)]
    order_id: Option<String>,
    #[serde(default)]
    number: Option<u64>,
    #[serde(default)]
    revision: Option<u64>,
    #[serde(default)]
    rejection_id: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    warnings: Vec<Fault>,
}

/// One page of the orders with an outcome, or of all.
pub(super) async fn show(visit: &Visit, receipt: &Receipt, shown: &str) -> Result<Markup, Refused> {
    let only = if shown == "all" { "" } else { shown };
    let path = format!("/v1/batches/{}/results", api::segment(&receipt.id));
    let query = [
        ("outcome", only),
        ("limit", "100"),
        ("after", visit.query("after")),
    ];
    let listed = visit
        .get::<Listed<Became>>(&api::target(&path, &query))
        .await?;
    let kept = [("outcome", visit.query("outcome"))];
    Ok(html! {
        @if listed.data.is_empty() {
            (empty("No order of this batch has this outcome.", &html! {}))
        } @else {
            (table(&listed.data))
        }
        (pager(visit, &address(&receipt.id), &kept, listed.next.as_deref()))
    })
}

fn table(rows: &[Became]) -> Markup {
    html! {
        (frame("Orders of the batch", &html! {
            table.stack {
                thead {
                    tr {
                        th.number scope="col" { "Position" }
                        th scope="col" { "Order" }
                        th scope="col" { "Organisation" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "Details" }
                    }
                }
                tbody { @for row in rows { (became(row)) } }
            }
        }))
    }
}

fn became(row: &Became) -> Markup {
    let name = row
        .key
        .as_deref()
        .or(row.name.as_deref())
        .unwrap_or("Order without a key");
    let rejection = row
        .rejection_id
        .as_deref()
        .map(|id| format!("/console/rejections/{}", api::segment(id)));
    html! {
        tr {
            td.number data-label="Position" { (count(row.index + 1)) @if let Some(line) = row.line { span.hint { " line " (line) } } }
            td.wide data-label="Order" {
                @if let Some(order) = &row.order_id {
                    a href={ "/console/orders/" (api::segment(order)) } { bdi { (visible(name)) } }
                } @else if let Some(rejection) = &rejection {
                    a href=(rejection) { bdi { (visible(name)) } }
                } @else {
                    bdi { (visible(name)) }
                }
            }
            td data-label="Organisation" { @match &row.organisation { Some(code) => bdi { (visible(code)) }, None => span.hint { "none" } } }
            td data-label="Outcome" { (outcome(&row.outcome)) }
            td data-label="Details" {
                @if let Some(revision) = row.revision { "revision " (count(revision)) }
                @if let Some(number) = row.number { ", number " (number) }
                @if let Some(fault) = row.errors.first() {
                    p dir="auto" { (visible(&fault.message)) }
                    @if row.errors.len() > 1 { p.hint { "and " (count(row.errors.len() as u64 - 1)) " more" } }
                }
                @if row.outcome == "withheld" { "Valid, but not stored because its batch was refused as a whole" }
                @if let Some(warning) = row.warnings.first() { p.hint dir="auto" { "Warning: " (visible(&warning.message)) } }
            }
        }
    }
}
