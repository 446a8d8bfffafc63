//! The list of destinations.

use axum::response::Response;
use maud::{Markup, html};

use super::{Destination, PATH};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{Listed, age, count, empty, pager, several, table, visible};
use crate::visit::Visit;

pub(super) async fn show(visit: Visit) -> Response {
    let query = [("limit", "50"), ("after", visit.query("after"))];
    let found: Listed<Destination> = match visit.get(&api::target("/v1/destinations", &query)).await
    {
        Ok(found) => found,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let content = html! {
        div.head {
            p.hint { "Each destination gets the events of its organisations, in order, until it has taken them." }
            a.button.main href="/console/destinations/new" { "New destination" }
        }
        @if found.data.is_empty() {
            (empty("Nothing is sent on yet.", &html! { p.hint { "A webhook, tables of PostgreSQL, a stream of NATS or files can get the events of orders." } }))
        } @else {
            (table("Destinations", &rows(&found.data)))
        }
        (pager(&visit, PATH, &[], found.next.as_deref()))
    };
    Page::new(&visit, "Destinations")
        .done(&["deleted"])
        .show(&content)
}

fn rows(destinations: &[Destination]) -> Markup {
    html! {
        thead { tr { th scope="col" { "Destination" } th scope="col" { "State" } th.number scope="col" { "Behind" } th.number scope="col" { "Parked" } th.number scope="col" { "Delivered" } } }
        tbody {
            @for one in destinations {
                tr {
                    td { a href=(one.page()) { bdi { (visible(one.name())) } } p.hint { (one.kind) } }
                    td { (one.condition()) }
                    td.number { (lag(one)) }
                    td.number { (count(one.parked)) }
                    td.number { (count(one.delivered)) }
                }
            }
        }
    }
}

/// How far it is behind, in words.
pub(super) fn lag(one: &Destination) -> String {
    let parked = several(one.parked, "parked order", "parked orders");
    let events = several(one.lag.events, "event", "events");
    match (one.lag.events, one.lag.seconds) {
        (0, _) if one.parked > 0 => format!("only {parked}"),
        (0, _) => "nothing".to_owned(),
        (_, Some(seconds)) => format!("{events}, {}", age(seconds)),
        (_, None) => events,
    }
}
