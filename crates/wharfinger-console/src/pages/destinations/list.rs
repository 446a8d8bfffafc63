//! The list of destinations, and the form for a new webhook.

use axum::response::Response;
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::{Destination, PATH, tone};
use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{
    Listed, age, count, empty, form, is_first, label, once_field, pager, secret, select, table,
    text_field,
};
use crate::visit::{Posted, Visit};

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
            a.button.main href="/console/destinations/new" { "New webhook" }
        }
        @if found.data.is_empty() {
            (empty("Nothing is sent on yet.", &html! { p.hint { "Other kinds are made with " code { "wharfinger destination create" } "." } }))
        } @else {
            (table("Destinations", &rows(&found.data)))
        }
        (pager(&visit, PATH, &[], found.next.as_deref()))
    };
    Page::new(&visit, "Destinations").show(&content)
}

fn rows(destinations: &[Destination]) -> Markup {
    html! {
        thead { tr { th scope="col" { "Destination" } th scope="col" { "State" } th.number scope="col" { "Behind" } th.number scope="col" { "Parked" } th.number scope="col" { "Delivered" } } }
        tbody {
            @for one in destinations {
                tr {
                    td { a href=(one.page()) { bdi { (one.name()) } } p.hint { (one.kind) } }
                    td { (label(&one.state, tone(&one.state))) }
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
    match (one.lag.events, one.lag.seconds) {
        (0, _) => "nothing".to_owned(),
        (events, Some(seconds)) => format!("{} events, {}", count(events), age(seconds)),
        (events, None) => format!("{} events", count(events)),
    }
}

pub(super) async fn new(visit: Visit) -> Response {
    form_page(&visit, &|_| String::new(), None)
}

fn form_page(visit: &Visit, value: &dyn Fn(&str) -> String, refused: Option<&Refused>) -> Response {
    let content = html! {
        (once_field())
        (text_field("url", "Address: https://…", &value("url")))
        (text_field("organisations", "Organisations: codes, with commas between them. Empty for all of your key", &value("organisations")))
        (text_field("events", "Events, such as order.accepted, order.updated. Empty for all", &value("events")))
        (select("start", "Begins with", &value("start"), &[("now", "what happens from now on"), ("beginning", "everything that is stored")]))
        div.actions { button.main type="submit" { "Make the webhook" } a href=(PATH) { "Cancel" } }
    };
    let status = refused.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    Page::new(visit, "New webhook").status(status).show(&html! {
        @if let Some(refused) = refused { p.notice.bad role="alert" { (refused.sentence()) } }
        div.narrow { (form(visit, PATH, &content)) }
    })
}

pub(super) async fn create(posted: Posted) -> Response {
    let visit = &posted.visit;
    if !is_first(posted.field("once")) {
        return page::redirect(PATH);
    }
    let mut body = Map::new();
    body.insert("kind".into(), "webhook".into());
    body.insert("url".into(), posted.field("url").trim().into());
    body.insert("start".into(), posted.field("start").into());
    for name in ["organisations", "events"] {
        let values = posted.field(name).split(',').map(str::trim);
        let values: Vec<_> = values.filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            body.insert(name.into(), json!(values));
        }
    }
    let body = Value::from(body).to_string();
    let sent = visit.send(Method::POST, "/v1/destinations", Some(body.into()));
    let made: Result<Destination, _> = sent.await.and_then(|made| made.json());
    match made {
        Ok(made) => shown_once(visit, "The new webhook", &made),
        Err(refused) => form_page(visit, &|name| posted.field(name).to_owned(), Some(&refused)),
    }
}

/// The page with the secret of a destination.
pub(super) fn shown_once(visit: &Visit, title: &str, one: &Destination) -> Response {
    let next = html! { p { a href=(one.page()) { "Go to the destination" } } };
    let public = one.public_key.as_deref().unwrap_or_default();
    match &one.secret {
        Some(value) => secret(
            visit,
            title,
            &[("Secret that verifies deliveries", value)],
            &next,
        ),
        None => Page::new(visit, title).show(&html! {
            p { "Deliveries are signed with a private key. This public key verifies them:" }
            p { code { (public) } }
            (next)
        }),
    }
}
