//! The held orders, the newest first, each with the sentence of the rule that holds it.

use axum::response::Response;
use maud::{Markup, html};

use super::address;
use crate::api;
use crate::page::{self, Page};
use crate::parts::{Filters, Listed, Order, Who, count, empty, frame, pager, time, visible};
use crate::visit::Visit;

const PATH: &str = "/console/held";

pub(super) async fn show(visit: Visit) -> Response {
    let organisation = visit.query("organisation");
    let query = [
        ("state", "held"),
        ("order", "newest"),
        ("total", "true"),
        ("organisation", organisation),
        ("limit", "50"),
        ("after", visit.query("after")),
    ];
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    let listed = visit
        .get::<Listed<Order>>(&api::target("/v1/orders", &query))
        .await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let kept = [("organisation", organisation)];
    let content = html! {
        @if who.organisations_total > 1 {
            (Filters::new(&visit, PATH).organisation(&who).show())
        }
        @if let Some(total) = listed.total.filter(|total| *total > 0) {
            p.total { b { (count(total)) } @if total == 1 { " order waits" } @else { " orders wait" } " for a decision" }
        }
        @if listed.data.is_empty() {
            (empty("No order is held.", &html! { p { "An organisation can have rules that hold an order until a person decides about it." } p { a href="/console/orders" { "View all orders" } } }))
        } @else {
            (table(&listed.data, who.organisations_total != 1))
        }
        (pager(&visit, PATH, &kept, listed.next.as_deref()))
    };
    Page::new(&visit, "Held orders").show(&content)
}

fn table(orders: &[Order], with_organisation: bool) -> Markup {
    html! {
        (frame("Held orders", &html! {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Order" }
                        th scope="col" { "Why it is held" }
                        th scope="col" { "Customer" }
                        @if with_organisation { th scope="col" { "Organisation" } }
                        th scope="col" { "Created" }
                    }
                }
                tbody {
                    @for order in orders {
                        tr {
                            td.wide { a.key href=(address(&order.id)) { bdi { (visible(&order.key)) } } }
                            td data-label="Why it is held" {
                                @if let Some(hold) = &order.held { bdi { (visible(&hold.sentence)) } p.hint { "Rule " (visible(&hold.rule)) } }
                            }
                            td data-label="Customer" { (order.customer.shown()) }
                            @if with_organisation { td data-label="Organisation" { bdi { (visible(&order.organisation)) } } }
                            td data-label="Created" { (time(&order.created_at)) }
                        }
                    }
                }
            }
        }))
    }
}
