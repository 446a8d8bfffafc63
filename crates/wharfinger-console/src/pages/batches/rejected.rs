//! The rejected orders of a batch, with their JSON, their faults and hints.

use futures_util::future::join_all;
use maud::{Markup, html};

use super::receipt::{Receipt, address};
use crate::api::{self, Refused};
use crate::parts::{
    Listed, Rejection, count, empty, marked_order, outcome, pager, rejection, said, visible,
    visible_text,
};
use crate::visit::Visit;

/// Orders on a page. Each is shown with its text.
const PAGE_ORDERS: &str = "20";
/// Faults that are shown of an order whose text is no longer kept.
const FAULTS_MAX: usize = 10;

pub(super) async fn show(visit: &Visit, receipt: &Receipt) -> Result<Markup, Refused> {
    let query = [
        ("batch", receipt.id.as_str()),
        ("limit", PAGE_ORDERS),
        ("after", visit.query("after")),
    ];
    let listed = visit
        .get::<Listed<Rejection>>(&api::target("/v1/rejections", &query))
        .await?;
    let ids = listed.data.iter().map(|found| rejection(visit, &found.id));
    let found = join_all(ids).await;
    let kept = [("outcome", visit.query("outcome"))];
    let may_mend = visit.session.may("orders:write");
    Ok(html! {
        @if found.is_empty() { (empty("No order of this batch was rejected.", &html! {})) }
        @for found in found.iter().flatten() { (one(found, may_mend)) }
        (pager(visit, &address(&receipt.id), &kept, listed.next.as_deref()))
    })
}

fn one(found: &Rejection, may_mend: bool) -> Markup {
    let place = format!("o{}-", found.index);
    let name = found.name();
    let label = visible_text(&name);
    let mend = format!("/console/rejections/{}", api::segment(&found.id));
    html! {
        section.rejected aria-label=(format!("Rejected order {label}")) {
            div.bar {
                h3 { bdi { (visible(&name)) } }
                span.hint { "Order " (count(found.index + 1)) @if let Some(organisation) = &found.organisation { " of " bdi { (visible(organisation)) } } }
                (outcome(&found.status))
                @if let Some(by) = &found.mended_by {
                    a href={ "/console/orders/" (api::segment(&by.order_id)) } aria-label={ "View the accepted order of " (label) } { "View order" }
                } @else if may_mend && found.status == "open" {
                    a.button href=(mend) aria-label={ "Mend " (label) } { "Mend" }
                } @else {
                    a href=(mend) aria-label={ "View " (label) } { "View" }
                }
            }
            @match found.text() {
                Some(text) => (marked_order(text, &found.errors, &place)),
                None => {
                    p.hint { "The text of this order is no longer kept." }
                    @for fault in found.errors.iter().take(FAULTS_MAX) { (said(fault)) }
                }
            }
        }
    }
}
