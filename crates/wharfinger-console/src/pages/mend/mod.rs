//! `/console/rejections/{id}`: a rejected order as it was received, what is wrong with it, and sending it again.
//!
//! A short text of one line is shown with one attribute a line. While nobody has changed it, the order is sent as it was received.
//!
//! Everything is one form. Whatever is pressed, the server applies it to the text and judges the text by a dry run; the
//! module `mend.js` sends the same form while a person types, so that there is one code that finds places in a text.

mod bench;
mod closed;
mod edit;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::json;

use self::bench::{Bench, Judged};
use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{Rejection, rejection, resubmit, time, visible};
use crate::texts;
use crate::visit::{Posted, Shared, Visit};

/// Longest note of a dismissal, in characters.
const NOTE_CHARS_MAX: usize = 1_000;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console/rejections/{id}", get(show).post(work))
        .route("/console/rejections/{id}/dismiss", post(dismiss))
}

fn address(id: &str) -> String {
    format!("/console/rejections/{}", api::segment(id))
}

async fn show(visit: Visit) -> Response {
    let found = match rejection(&visit, visit.path("id")).await {
        Ok(found) => found,
        Err(refused) => return page::refused(&visit, &refused),
    };
    if found.status != "open" {
        let content = closed::show(&visit, &found).await;
        return framed(&visit, &found).show(&content);
    }
    let Some(text) = found.text().map(str::to_owned) else {
        let content = html! {
            (facts(&found))
            p.notice.warm { "The text of this order is no longer stored, so it cannot be mended here. Ask the sender to send the order again." }
            (bench::dismissal(&visit, &found))
        };
        return framed(&visit, &found).show(&content);
    };
    if !visit.session.may("orders:write") {
        let content = html! {
            (facts(&found))
            (crate::parts::marked_order(&text, &found.errors, "m"))
            p.hint { "Your key only reads orders. Changing this order needs a key with the scope " code { "orders:write" } "." }
        };
        return framed(&visit, &found).show(&content);
    }
    // What was wrong when it came may be right by now: a product or a customer was added.
    let judged = if texts::is_json(&text) {
        judge(&visit, &found, None).await
    } else {
        Judged::AsReceived
    };
    let text = texts::first_shown(&text).into_owned();
    bench(&visit, &found, text, judged, StatusCode::OK)
}

/// A form of the page: judges the text, or sends it.
async fn work(posted: Posted) -> Response {
    let visit = &posted.visit;
    let found = match rejection(visit, visit.path("id")).await {
        Ok(found) => found,
        Err(refused) => return page::refused(visit, &refused),
    };
    if found.status == "mended" {
        return page::redirect(&api::target(&address(&found.id), &[("late", "1")]));
    }
    let came = found.text().unwrap_or_default().to_owned();
    let first = texts::first_shown(&came).into_owned();
    let action = posted.field("do");
    if action == "undo" {
        let judged = judge(visit, &found, None).await;
        return bench(visit, &found, first, judged, StatusCode::OK);
    }
    let mut text = edit::text(&posted, &first);
    if action == "format" {
        text = texts::pretty(&text).unwrap_or(text);
    }
    // What was not changed is sent exactly as it was received.
    let is_unchanged = text == came || text == first;
    let changed = (!is_unchanged).then_some(text.as_str());
    let judged = judge(visit, &found, changed).await;
    if action != "send" || !judged.is_good() {
        let status = if action == "send" {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        };
        return bench(visit, &found, text, judged, status);
    }
    match resubmit(visit, &found.id, changed, false).await {
        Ok(verdict) if verdict.is_good() => page::redirect(&address(&found.id)),
        Ok(verdict) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            bench(visit, &found, text, Judged::Verdict(verdict), status)
        }
        Err(refused) if refused.status == StatusCode::CONFLICT.as_u16() => {
            page::redirect(&api::target(&address(&found.id), &[("late", "1")]))
        }
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            bench(visit, &found, text, Judged::Refused(refused), status)
        }
    }
}

async fn judge(visit: &Visit, found: &Rejection, text: Option<&str>) -> Judged {
    match resubmit(visit, &found.id, text, true).await {
        Ok(verdict) => Judged::Verdict(verdict),
        Err(refused) => Judged::Refused(refused),
    }
}

fn bench(
    visit: &Visit,
    found: &Rejection,
    text: String,
    judged: Judged,
    status: StatusCode,
) -> Response {
    let came = found.text().unwrap_or_default();
    let bench = Bench {
        visit,
        found,
        is_changed: text != came && text != texts::first_shown(came),
        text,
        judged,
    };
    let content = html! { (facts(found)) (bench.show()) };
    framed(visit, found)
        .status(status)
        .module("mend.js")
        .show(&content)
}

fn framed<'v>(visit: &'v Visit, found: &Rejection) -> Page<'v> {
    let title = match found.status.as_str() {
        "open" if visit.session.may("orders:write") => format!("Mend {}", found.name()),
        _ => found.name(),
    };
    Page::new(visit, title).done(&["dismissed"])
}

/// Whose order it is, and where it came from.
fn facts(found: &Rejection) -> Markup {
    let batch = format!("/console/batches/{}", api::segment(&found.batch_id));
    html! {
        p.byline {
            (crate::parts::outcome(&found.status))
            @if let Some(organisation) = &found.organisation { span { "Organisation " b { (visible(organisation)) } } }
            span { "Dialect " b { (found.dialect) } }
            span { "Received " (time(&found.received_at)) }
            span { "Sent by key " code { (found.key_id) } }
            a href=(batch) { "Order " (found.index + 1) " of this batch" }
        }
    }
}

async fn dismiss(posted: Posted) -> Response {
    let visit = &posted.visit;
    let id = visit.path("id");
    match dismiss_one(visit, id, posted.field("note")).await {
        Ok(()) => page::redirect(&api::target(&address(id), &[("done", "dismissed")])),
        Err(refused) if refused.status == StatusCode::CONFLICT.as_u16() => {
            page::redirect(&api::target(&address(id), &[("late", "1")]))
        }
        Err(refused) => page::refused(visit, &refused),
    }
}

async fn dismiss_one(visit: &Visit, id: &str, note: &str) -> Result<(), Refused> {
    let note: String = note.trim().chars().take(NOTE_CHARS_MAX).collect();
    let body = if note.is_empty() {
        json!({})
    } else {
        json!({ "note": note })
    };
    let target = format!("/v1/rejections/{}/dismiss", api::segment(id));
    let body = Bytes::from(body.to_string());
    visit
        .send(Method::POST, &target, Some(body))
        .await
        .map(|_| ())
}
