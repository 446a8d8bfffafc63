//! What a person decides about a held order: release, refuse, mend.

use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::address;
use super::show::{self, Said};
use crate::api::{self, Refused};
use crate::page;
use crate::parts::{Confirm, order_address, visible};
use crate::visit::{Posted, Visit};

pub(super) async fn release(posted: Posted) -> Response {
    decide(&posted, "release", "released").await
}

/// Asks before an order is refused, and keeps the note.
pub(super) async fn ask_refuse(posted: Posted) -> Response {
    let visit = &posted.visit;
    let order = match show::order(visit).await {
        Ok(order) => order,
        Err(refused) => return page::refused(visit, &refused),
    };
    let address = address(&order.id);
    if order.held.is_none() || !visit.session.may("orders:write") {
        // The page of the order says what became of it.
        return page::redirect(&address);
    }
    let note = posted.field("note").trim();
    Confirm {
        title: "Refuse this order?",
        about: html! {
            p { "The order " b { bdi { (visible(&order.key)) } } " is cancelled. This cannot be undone." }
            label.field {
                span { "Note (optional)" }
                textarea.note name="note" rows="2" maxlength=(show::NOTE_CHARS_MAX) autocomplete="off" dir="auto" { "\n" (note) }
            }
        },
        action: &format!("{address}/refuse"),
        button: "Refuse the order",
        back: &address,
    }
    .show(visit)
}

pub(super) async fn ask_again(visit: Visit) -> Response {
    page::redirect(&address(visit.path("id")))
}

pub(super) async fn refuse(posted: Posted) -> Response {
    decide(&posted, "refuse", "refused").await
}

async fn decide(posted: &Posted, how: &str, done: &str) -> Response {
    let visit = &posted.visit;
    let id = visit.path("id").to_owned();
    // A note is one line.
    let note = posted.field("note").split_whitespace();
    let note = note.collect::<Vec<_>>().join(" ");
    let body = if note.is_empty() {
        json!({})
    } else {
        json!({"note": note})
    };
    let target = format!("/v1/orders/{}/{how}", api::segment(&id));
    match visit
        .send(Method::POST, &target, Some(Bytes::from(body.to_string())))
        .await
    {
        Ok(_) => page::redirect(&api::target(&order_address(&id), &[("done", done)])),
        Err(refused) => {
            let mut said = Said::of(&refused);
            said.note = note;
            again(visit, &refused, said).await
        }
    }
}

async fn again(visit: &Visit, refused: &Refused, said: Said) -> Response {
    if refused.is_not_found() {
        return page::refused(visit, refused);
    }
    show::page(visit, &said).await
}

/// The result of replacing a text, or of trying to.
#[derive(Deserialize)]
struct Mended {
    outcome: String,
    state: String,
    #[serde(default)]
    rule: Option<String>,
}

pub(super) async fn text(posted: Posted) -> Response {
    let visit = &posted.visit;
    // Browsers send line breaks as CR LF.
    let text = posted.field("text").replace("\r\n", "\n");
    let is_save = posted.field("do") == "save";
    let revision = posted.field("revision").to_owned();
    match send(visit, &text, (!is_save, &revision)).await {
        Ok(mended) if is_save => saved(visit, &mended),
        Err(refused)
            if refused.status == StatusCode::CONFLICT.as_u16()
                && is_outdated(visit, &revision).await =>
        {
            let sentence = "Somebody else has changed this order in the meantime. Nothing was saved. Their text is below. If you save now, yours replaces it.";
            let said = Said {
                status: Some(StatusCode::CONFLICT),
                verdict: Some(("warm", sentence.to_owned())),
                text: Some(text),
                is_late: true,
                ..Said::default()
            };
            show::page(visit, &said).await
        }
        Ok(mended) => {
            let said = Said {
                verdict: Some(verdict(mended)),
                text: Some(text),
                revision: written(revision),
                ..Said::default()
            };
            show::page(visit, &said).await
        }
        Err(refused) => {
            let mut said = Said::of_text(text, &refused);
            said.revision = written(revision);
            again(visit, &refused, said).await
        }
    }
}

fn written(revision: String) -> Option<String> {
    Some(revision).filter(|revision| !revision.is_empty())
}

/// Whether the order has another revision than the one that the person's text was made from.
async fn is_outdated(visit: &Visit, revision: &str) -> bool {
    let order = show::order(visit).await;
    let current = order.ok().filter(|order| order.held.is_some());
    !revision.is_empty() && current.is_some_and(|order| order.revision.to_string() != revision)
}

/// Replaces the text of a revision. A dry run stores nothing, and takes any revision.
async fn send(
    visit: &Visit,
    text: &str,
    (is_dry, revision): (bool, &str),
) -> Result<Mended, Refused> {
    let target = format!("/v1/orders/{}/text", api::segment(visit.path("id")));
    let query = if is_dry {
        ("dry_run", "true")
    } else {
        ("revision", revision)
    };
    let target = api::target(&target, &[query]);
    let body = Bytes::from(text.to_owned());
    visit.send(Method::PUT, &target, Some(body)).await?.json()
}

fn saved(visit: &Visit, mended: &Mended) -> Response {
    let id = visit.path("id");
    let address = if mended.state == "held" {
        address(id)
    } else {
        order_address(id)
    };
    page::redirect(&api::target(&address, &[("done", "saved")]))
}

/// What would become of a text that is right.
fn verdict(mended: Mended) -> (&'static str, String) {
    if mended.outcome == "unchanged" {
        let sentence = "The order has exactly this content already.";
        return ("warm", sentence.to_owned());
    }
    match mended.rule {
        Some(rule) => (
            "warm",
            format!(
                "The order is valid, but the rule {rule} would hold it again. Nothing was stored."
            ),
        ),
        None => (
            "good",
            "The order is valid, and no rule would hold it. Nothing was stored.".to_owned(),
        ),
    }
}
