//! A destination: its state, its latest attempts, and what waits.

use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Destination, lag, list, page_of, target_of};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{count, form, label, pager, sentence, table, time, visible, without_number};
use crate::visit::Visit;

/// A page of attempts and of order keys that wait.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Deliveries {
    attempts: Vec<Attempt>,
    parked: Vec<Parked>,
    next: Option<String>,
}

/// An attempt to deliver.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attempt {
    at: String,
    organisation: String,
    position: u64,
    events: u32,
    attempt: u32,
    result: String,
    status: Option<u16>,
    took_ms: u64,
    answer: String,
}

/// An order key that waits.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parked {
    organisation: String,
    key: String,
    waiting: u64,
    attempts: u64,
    next_at: Option<String>,
    last_error: String,
}

pub(super) async fn show(visit: Visit) -> Response {
    let id = visit.path("id");
    let one: Destination = match visit.get(&target_of(id, "")).await {
        Ok(one) => one,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let query = [("limit", "20"), ("after", visit.query("after"))];
    let deliveries: Deliveries = match visit
        .get(&api::target(&target_of(id, "/deliveries"), &query))
        .await
    {
        Ok(deliveries) => deliveries,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let content = html! {
        p.subtitle { (one.kind) " · " (one.condition()) " since " (time(&one.since)) }
        @if let Some(hint) = &one.hint {
            p.notice.warm role="status" {
                (visible(&sentence(&hint.what))) @if let Some(since) = &hint.since { " Since " (time(since)) "." } " " (visible(&sentence(&hint.remedy)))
            }
        }
        div.cards.tally {
            div.card { span.number { (count(one.lag.events)) } @if one.lag.events == 1 { "event behind" } @else { "events behind" } }
            div.card { span.number { (count(one.parked)) } @if one.parked == 1 { "parked order" } @else { "parked orders" } }
            div.card { span.number { (count(one.delivered)) } "delivered" }
        }
        (buttons(&visit, &one))
        (facts(&one))
        (lag::show(&visit, id).await)
        h2 { "Latest attempts" }
        @if deliveries.attempts.is_empty() { p.hint { "There were none." } }
        @else { (table("Latest attempts", &attempts(&deliveries.attempts))) }
        h2 { "Parked orders" }
        @if deliveries.parked.is_empty() { p.hint { "No order waits." } }
        @else { (table("Parked orders", &parked(&deliveries.parked))) }
        (pager(&visit, &page_of(id), &[], deliveries.next.as_deref()))
    };
    Page::new(&visit, one.name())
        .done(&["saved"])
        .show(&content)
}

fn buttons(visit: &Visit, one: &Destination) -> Markup {
    let page = one.page();
    let button = |below: &str, text: &str| {
        form(
            visit,
            &format!("{page}/{below}"),
            &html! { button type="submit" { (text) } },
        )
    };
    html! {
        div.actions {
            @if one.state == "active" { (button("pause", "Pause")) } @else { (button("resume", "Resume")) }
            @if one.is_webhook() { (button("test", "Send a test event")) }
            a.button href=(format!("{page}/replay")) { "Deliver again" }
            @if one.is_webhook() { a.button href=(format!("{page}/rotate")) { "Rotate the secret" } }
            a.button href=(format!("{page}/delete")) { "Delete" }
        }
    }
}

fn facts(one: &Destination) -> Markup {
    html! {
        dl.facts {
            dt { "Behind" } dd { (list::lag(one)) }
            dt { "Latest delivery" } dd { @if let Some(at) = &one.delivered_at { (time(at)) } @else { "none yet" } }
            dt { "Organisations" } dd { @match &one.organisations { Some(codes) => (codes.join(", ")), None => "all" } }
            dt { "Events" } dd { @match &one.events { Some(events) => (events.join(", ")), None => "all" } }
            dt { "Form of the order" } dd { (one.form.as_deref().unwrap_or("none")) }
            @if one.is_webhook() {
                dt { "Requests at the same time" } dd { (one.parallel) ", in order by " (one.order) }
                dt { "Time for a request" } dd { (one.timeout_s) " s" }
            }
            dt { "Created" } dd { (time(&one.created_at)) }
        }
    }
}

fn attempts(attempts: &[Attempt]) -> Markup {
    html! {
        thead { tr { th scope="col" { "At" } th scope="col" { "Result" } th.number scope="col" { "Status" } th.number scope="col" { "Took" } th scope="col" { "Events" } th scope="col" { "Answer" } } }
        tbody {
            @for one in attempts {
                tr {
                    td { (time(&one.at)) }
                    td { (result(one)) @if one.attempt > 1 { p.hint { "attempt " (one.attempt) } } }
                    td.number { @if let Some(status) = one.status { (status) } @else { "–" } }
                    td.number { (count(one.took_ms)) " ms" }
                    td { (one.events) " from " (one.organisation) " " (count(one.position)) }
                    td { bdi { (visible(&without_number(&one.answer))) } }
                }
            }
        }
    }
}

fn result(one: &Attempt) -> Markup {
    let tone = if one.result == "delivered" {
        "good"
    } else {
        "bad"
    };
    label(&one.result, tone)
}

fn parked(parked: &[Parked]) -> Markup {
    html! {
        thead { tr { th scope="col" { "Order" } th.number scope="col" { "Waiting" } th.number scope="col" { "Attempts" } th scope="col" { "Next" } th scope="col" { "Latest error" } } }
        tbody {
            @for one in parked {
                tr {
                    td { bdi { (visible(&one.key)) } p.hint { (one.organisation) } }
                    td.number { (count(one.waiting)) }
                    td.number { (count(one.attempts)) }
                    td { @if let Some(at) = &one.next_at { (time(at)) } @else { "only by delivering again" } }
                    td { bdi { (visible(&without_number(&one.last_error))) } }
                }
            }
        }
    }
}

/// The page with what a receiver answered to a test event.
pub(super) fn tested(visit: &Visit, id: &str, attempt: &Attempt) -> Response {
    Page::new(visit, "The test event").show(&html! {
        dl.facts {
            dt { "Result" } dd { (result(attempt)) }
            dt { "Status" } dd { @if let Some(status) = attempt.status { (status) } @else { "no answer" } }
            dt { "Took" } dd { (count(attempt.took_ms)) " ms" }
        }
        @if !attempt.answer.is_empty() { h2 { "Answer" } pre tabindex="0" { (visible(&without_number(&attempt.answer))) } }
        p { a href=(page_of(id)) { "Go to the destination" } }
    })
}
