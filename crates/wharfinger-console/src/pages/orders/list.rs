//! The list of orders: the newest first, or what a search has found.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use uuid::Uuid;

use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{
    Filters, Listed, Order, Who, count, day_after, empty, frame, order_address, pager, state, time,
    visible,
};
use crate::visit::Visit;

const PATH: &str = "/console/orders";
/// The parameters that links to other pages of the list keep.
const FILTERS: [&str; 7] = ["by", "q", "state", "organisation", "dialect", "from", "to"];
const LIMIT: &str = "50";

const STATES: [(&str, &str); 6] = [
    ("", "All"),
    ("draft", "Draft"),
    ("held", "Held"),
    ("pending", "Pending"),
    ("processed", "Processed"),
    ("cancelled", "Cancelled"),
];

/// What a search text is: the value of the field, its text, and the parameter of `/v1`.
const SEARCHES: [(&str, &str, &str); 4] = [
    ("prefix", "Order key begins with", "key_prefix"),
    ("key", "Order key", "key"),
    ("number", "Order number", "number"),
    ("email", "E-mail address", "email"),
];

pub(super) async fn show(visit: Visit) -> Response {
    let text = visit.query("q");
    if Uuid::try_parse(text).is_ok_and(|_| text.len() == 36) {
        // The id of an order, as the API and the log have it.
        return page::redirect(&order_address(text));
    }
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    let (listed, refused) = match visit.get::<Listed<Order>>(&target(&visit)).await {
        Ok(listed) => (listed, None),
        Err(refused) if refused.status == 400 && !refused.is_not_found() => (none(), Some(refused)),
        Err(refused) => return page::refused(&visit, &refused),
    };
    let kept = FILTERS.map(|name| (name, visit.query(name)));
    let content = html! {
        (filters(&visit, &who))
        @match &refused {
            Some(refused) => (told(refused)),
            None => {
                (total(&listed))
                @if listed.data.is_empty() { (nothing(&visit, listed.next.is_some())) }
                @else { (table(&listed.data, who.organisations_total != 1)) }
                (pager(&visit, PATH, &kept, listed.next.as_deref()))
            }
        }
    };
    let status = if refused.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    Page::new(&visit, "Orders").status(status).show(&content)
}

fn none() -> Listed<Order> {
    Listed {
        data: Vec::new(),
        next: None,
        total: None,
    }
}

/// The request of the page.
fn target(visit: &Visit) -> String {
    let before = day_after(visit.query("to"));
    let mut query = vec![
        ("state", visit.query("state")),
        ("organisation", visit.query("organisation")),
        ("dialect", visit.query("dialect")),
        ("created_after", visit.query("from")),
        ("created_before", before.as_str()),
        ("limit", LIMIT),
        ("after", visit.query("after")),
    ];
    if visit.query("q").is_empty() {
        query.extend([("order", "newest"), ("total", "true")]);
    } else {
        query.push((searched(visit).2, visit.query("q")));
    }
    api::target("/v1/orders", &query)
}

fn searched(visit: &Visit) -> &'static (&'static str, &'static str, &'static str) {
    let chosen = visit.query("by");
    let found = SEARCHES.iter().find(|(name, ..)| *name == chosen);
    found.unwrap_or(&SEARCHES[0])
}

fn filters(visit: &Visit, who: &Who) -> Markup {
    let searches = SEARCHES.map(|(name, text, _)| (name, text));
    Filters::new(visit, PATH)
        .search(searched(visit).0, &searches)
        .choice("state", "State", &STATES)
        .days()
        .organisation(who)
        .dialect()
        .show()
}

fn told(refused: &Refused) -> Markup {
    html! { p.notice.bad role="alert" { (visible(refused.sentence())) } }
}

fn total(listed: &Listed<Order>) -> Markup {
    html! {
        @if let Some(total) = listed.total.filter(|total| *total > 0) {
            p.total { b { (count(total)) } @if total == 1 { " order" } @else { " orders, newest first" } }
        }
    }
}

fn nothing(visit: &Visit, goes_on: bool) -> Markup {
    let is_filtered = FILTERS
        .iter()
        .any(|name| *name != "by" && !visit.query(name).is_empty());
    if goes_on {
        let sentence = "No order found yet. There are more orders to search.";
        return empty(
            sentence,
            &html! { p { "Continue with the next page, or choose an organisation or days." } },
        );
    }
    if is_filtered {
        let all = html! { p { a href=(PATH) { "Show all orders" } } };
        return empty("No order matches these filters.", &all);
    }
    let next = html! {
        @if visit.session.may("orders:write") { p { a href="/console/upload" { "Upload a file of orders" } } }
    };
    empty("No order was received yet.", &next)
}

fn table(orders: &[Order], with_organisation: bool) -> Markup {
    html! {
        (frame("Orders", &html! {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Order" }
                        th scope="col" { "State" }
                        th scope="col" { "Customer" }
                        th.number scope="col" { "Lines" }
                        @if with_organisation { th scope="col" { "Organisation" } }
                        th scope="col" { "Dialect" }
                        th scope="col" { "Created" }
                        th scope="col" { "Updated" }
                    }
                }
                tbody { @for order in orders { (row(order, with_organisation)) } }
            }
        }))
    }
}

fn row(order: &Order, with_organisation: bool) -> Markup {
    html! {
        tr {
            td.wide { a.key href=(order.address()) { bdi { (visible(&order.key)) } } }
            td data-label="State" { (state(&order.state)) }
            td data-label="Customer" { (order.customer.shown()) }
            td.number data-label="Lines" { (count(order.lines.len() as u64)) }
            @if with_organisation { td data-label="Organisation" { bdi { (visible(&order.organisation)) } } }
            td data-label="Dialect" { (order.dialect) }
            td data-label="Created" { (time(&order.created_at)) }
            td data-label="Updated" {
                @if order.updated_at == order.created_at { span.hint { "–" } } @else { (time(&order.updated_at)) }
            }
        }
    }
}
