//! Changes of an order: process, cancel, and a report of fulfilment.

use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::show;
use crate::api::{self, Refused};
use crate::page;
use crate::parts::{Confirm, Fault, Order, order_address, visible};
use crate::visit::{Posted, Visit};

/// What the page is to say about a form that was refused.
#[derive(Default)]
pub(super) struct Said {
    /// The status of the page.
    pub(super) status: Option<StatusCode>,
    sentence: String,
    /// What is wrong with the report.
    pub(super) problems: Vec<Fault>,
    /// The fields of the report, as they were sent.
    fields: Vec<(&'static str, String)>,
}

impl Said {
    fn of(refused: &Refused) -> Self {
        let problems = refused.errors.iter().cloned();
        let problems = problems.filter_map(|one| serde_json::from_value(one).ok());
        Self {
            status: StatusCode::from_u16(refused.status).ok(),
            sentence: refused.sentence().to_owned(),
            problems: problems.collect(),
            fields: Vec::new(),
        }
    }

    /// The sentence for the head of the page.
    pub(super) fn notice(&self) -> Markup {
        html! {
            @if !self.sentence.is_empty() { p.notice.bad role="alert" { (visible(&self.sentence)) } }
        }
    }

    /// What was sent in a field of the report.
    pub(super) fn sent(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().find(|(known, _)| *known == name);
        field.map(|(_, value)| value.clone())
    }
}

/// Asks before an order is marked as processed.
pub(super) async fn ask_process(visit: Visit) -> Response {
    let target = format!("/v1/orders/{}", api::segment(visit.path("id")));
    let order: Order = match visit.get(&target).await {
        Ok(order) => order,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let address = order_address(&order.id);
    if order.state != "pending" || !visit.session.may("orders:write") {
        // The page of the order says what became of it.
        return page::redirect(&address);
    }
    Confirm {
        title: "Mark this order as processed?",
        about: html! { p { "The order " b { bdi { (visible(&order.key)) } } " is closed: it can neither be changed nor cancelled afterwards. This cannot be undone." } },
        action: &format!("{address}/process"),
        button: "Mark as processed",
        back: &address,
    }
    .show(&visit)
}

pub(super) async fn process(posted: Posted) -> Response {
    change(&posted.visit, "process", "processed").await
}

pub(super) async fn cancel(posted: Posted) -> Response {
    change(&posted.visit, "cancel", "cancelled").await
}

async fn change(visit: &Visit, how: &str, done: &str) -> Response {
    let id = visit.path("id").to_owned();
    let target = format!("/v1/orders/{}/{how}", api::segment(&id));
    match visit.send(Method::POST, &target, None).await {
        Ok(_) => page::redirect(&api::target(&order_address(&id), &[("done", done)])),
        Err(refused) => again(visit, &refused, Said::of(&refused)).await,
    }
}

/// Shows the page again, with what was refused.
async fn again(visit: &Visit, refused: &Refused, said: Said) -> Response {
    if refused.is_not_found() {
        return page::refused(visit, refused);
    }
    show::page(visit, &said).await
}

/// The fields of the form of a report.
const FIELDS: [&str; 7] = [
    "status",
    "ticket_number",
    "tracking_url",
    "delivered_at",
    "picked_at",
    "printed_at",
    "printed_by",
];

pub(super) async fn fulfil(posted: Posted) -> Response {
    let fields = FIELDS.map(|name| (name, posted.field(name).trim().to_owned()));
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    let report = given.map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
    let mut report = Map::from_iter(report);
    if let Ok(lines) = serde_json::from_str::<Value>(posted.field("lines")) {
        report.insert("lines".to_owned(), lines);
    }
    let report = Value::Object(report);
    let visit = &posted.visit;
    let id = visit.path("id").to_owned();
    let target = format!("/v1/orders/{}/fulfilment", api::segment(&id));
    let body = Bytes::from(report.to_string());
    match visit.send(Method::PUT, &target, Some(body)).await {
        Ok(_) => page::redirect(&api::target(&order_address(&id), &[("done", "saved")])),
        Err(refused) => {
            let mut said = Said::of(&refused);
            said.fields = fields.into();
            again(visit, &refused, said).await
        }
    }
}
