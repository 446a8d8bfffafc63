//! Whether orders go on: held ones, open ones by age, and destinations with their lag.

use futures_util::future::join;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Scope, unreadable};
use crate::api;
use crate::pages::destinations::condition;
use crate::parts::{self, Listed, age, count, sentence, several, visible};
use crate::visit::Visit;

/// The oldest open orders that are shown.
const OLDEST_SHOWN: &str = "5";
const DESTINATIONS_SHOWN: &str = "20";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Order {
    id: String,
    key: String,
    created_at: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Destination {
    id: String,
    kind: String,
    url: Option<String>,
    state: String,
    lag: Lag,
    parked: u64,
    failing_since: Option<String>,
    hint: Option<Hint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lag {
    events: u64,
    seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hint {
    what: String,
    remedy: String,
}

pub(super) async fn show(visit: &Visit, scope: &Scope<'_>) -> Markup {
    let (orders, destinations) = join(orders(visit, scope), destinations(visit)).await;
    html! { (orders) (destinations) }
}

async fn orders(visit: &Visit, scope: &Scope<'_>) -> Markup {
    // A list without an order is that of creation.
    let open = [
        ("state", "pending"),
        ("limit", OLDEST_SHOWN),
        ("total", "true"),
    ];
    let open = scope.target("/v1/orders", &open);
    let held = [("state", "held"), ("limit", "1"), ("total", "true")];
    let held = scope.target("/v1/orders", &held);
    let (open, held) = join(
        visit.get::<Listed<Order>>(&open),
        visit.get::<Listed<Order>>(&held),
    )
    .await;
    html! {
        div.cards {
            section.card {
                h2 { "Held orders" }
                @match held {
                    Err(refused) => (unreadable(&refused)),
                    Ok(held) if held.data.is_empty() => { p.hint { "None. No order waits for a decision." } }
                    Ok(held) => {
                        p.figure { (held.total.map_or_else(|| "Some".to_owned(), count)) }
                        p { a href=(scope.target("/console/held", &[])) { "View held orders" } }
                    }
                }
            }
            section.card {
                h2 { "Open orders" }
                @match open {
                    Err(refused) => (unreadable(&refused)),
                    Ok(open) if open.data.is_empty() => { p.hint { "None. Every order was processed or cancelled." } }
                    Ok(open) => (oldest(scope, &open)),
                }
            }
        }
    }
}

/// The open orders that have waited longest.
fn oldest(scope: &Scope<'_>, open: &Listed<Order>) -> Markup {
    html! {
        @if let Some(total) = open.total { p.figure { (count(total)) } }
        p.hint { "Waiting longest" }
        dl.facts.ages {
            @for order in &open.data {
                dt { a href=(format!("/console/orders/{}", api::segment(&order.id))) { bdi { (visible(&order.key)) } } }
                dd.number { (since(scope, &order.created_at)) }
            }
        }
        p.more { a href=(scope.target("/console/orders", &[("state", "pending")])) { "All open orders" } }
    }
}

/// How long ago a time was.
fn since(scope: &Scope<'_>, at: &str) -> Markup {
    let then = at.parse::<jiff::Timestamp>();
    let ms = then.map_or(0, |then| scope.now_ms.saturating_sub(then.as_millisecond()));
    let seconds = u64::try_from(ms / 1_000).unwrap_or_default();
    html! { time datetime=(at) data-form="age" { (age(seconds)) } }
}

async fn destinations(visit: &Visit) -> Markup {
    if !visit.session.may("admin") {
        return html! {};
    }
    let target = api::target("/v1/destinations", &[("limit", DESTINATIONS_SHOWN)]);
    let listed = visit.get::<Listed<Destination>>(&target).await;
    html! {
        h2 { "Destinations" }
        @match listed {
            Err(refused) => (unreadable(&refused)),
            Ok(listed) if listed.data.is_empty() => {
                p.hint { "None. " a href="/console/destinations" { "Deliver orders to another system" } }
            }
            Ok(listed) => {
                (parts::stack("Destinations", &html! {
                    thead { tr { th scope="col" { "Destination" } th scope="col" { "State" } th.number scope="col" { "Behind" } th.number scope="col" { "Parked" } } }
                    tbody { @for one in &listed.data { (row(one)) } }
                }))
                @if listed.next.is_some() { p.more { a href="/console/destinations" { "All destinations" } } }
            }
        }
    }
}

fn row(one: &Destination) -> Markup {
    let address = format!("/console/destinations/{}", api::segment(&one.id));
    let fails = one.failing_since.is_some();
    html! {
        tr {
            td.wide {
                a href=(address) { (one.kind) @if let Some(url) = &one.url { " " bdi { (visible(url)) } } }
                @if let Some(hint) = &one.hint { p.hint { (visible(&sentence(&hint.what))) " " (visible(&sentence(&hint.remedy))) } }
            }
            td data-label="State" { div { (condition(&one.state, one.parked, fails, one.hint.is_some())) } }
            td.number data-label="Behind" {
                @if one.lag.events == 0 && one.parked > 0 { "only parked orders" } @else if one.lag.events == 0 { "up to date" } @else {
                    (several(one.lag.events, "event", "events"))
                    @if let Some(seconds) = one.lag.seconds { ", " (age(seconds)) }
                }
            }
            td.number data-label="Parked" { (count(one.parked)) }
        }
    }
}
