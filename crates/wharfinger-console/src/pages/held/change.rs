//! What a person decides about a held order: release, refuse, mend.

use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::address;
use super::show::{self, Said};
use crate::api::{self, Refused};
use crate::page;
use crate::parts::{Fault, order_address};
use crate::visit::{Posted, Visit};

pub(super) async fn release(posted: Posted) -> Response {
    decide(&posted, "release", "released").await
}

pub(super) async fn refuse(posted: Posted) -> Response {
    decide(&posted, "refuse", "refused").await
}

async fn decide(posted: &Posted, how: &str, done: &str) -> Response {
    let visit = &posted.visit;
    let id = visit.path("id").to_owned();
    let note = posted.field("note").trim();
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
            said.note = note.to_owned();
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

/// The result of replacing a text.
#[derive(Deserialize)]
struct Mended {
    state: String,
}

/// The result of a dry run of one order.
#[derive(Deserialize)]
struct Tried {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    outcome: String,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
}

pub(super) async fn text(posted: Posted) -> Response {
    let visit = &posted.visit;
    // Browsers send line breaks as CR LF.
    let text = posted.field("text").replace("\r\n", "\n");
    let saved = if posted.field("do") == "save" {
        save(visit, &text).await
    } else {
        check(visit, &text).await
    };
    match saved {
        Ok(response) => response,
        Err(refused) => {
            let mut said = Said::of(&refused);
            said.text = Some(text);
            again(visit, &refused, said).await
        }
    }
}

async fn save(visit: &Visit, text: &str) -> Result<Response, Refused> {
    let id = visit.path("id").to_owned();
    let target = format!("/v1/orders/{}/text", api::segment(&id));
    let body = Bytes::from(text.to_owned());
    let answer = visit.send(Method::PUT, &target, Some(body)).await?;
    let is_held =
        serde_json::from_slice::<Mended>(&answer.body).is_ok_and(|mended| mended.state == "held");
    let address = if is_held {
        address(&id)
    } else {
        order_address(&id)
    };
    Ok(page::redirect(&api::target(&address, &[("done", "saved")])))
}

/// Tries what would become of the text, and stores nothing.
async fn check(visit: &Visit, text: &str) -> Result<Response, Refused> {
    let order = show::order(visit).await?;
    let query = [
        ("dry_run", "true"),
        ("organisation", order.organisation.as_str()),
        ("dialect", order.dialect.as_str()),
    ];
    let target = api::target("/v1/batches", &query);
    let body = Bytes::from(text.to_owned());
    let answer = visit.send(Method::POST, &target, Some(body)).await?;
    let tried = serde_json::from_slice::<Tried>(&answer.body).ok();
    let outcome = tried.and_then(|tried| tried.results.into_iter().next());
    let mut said = Said {
        text: Some(text.to_owned()),
        ..Said::default()
    };
    match outcome {
        None => said.notice = Some(("warm", "The text contains no order.".to_owned())),
        Some(outcome) => judged(outcome, &mut said),
    }
    Ok(show::page(visit, &said).await)
}

fn judged(outcome: Outcome, said: &mut Said) {
    let is_held = outcome.state.as_deref() == Some("held");
    said.notice = Some(match (outcome.outcome.as_str(), is_held) {
        ("rejected", _) => {
            said.status = Some(StatusCode::UNPROCESSABLE_ENTITY);
            (
                "bad",
                "The order would be rejected. Nothing was stored.".to_owned(),
            )
        }
        ("accepted", _) => (
            "warm",
            "The order key was changed, so this would be another order. Restore the key."
                .to_owned(),
        ),
        (_, true) => {
            let rule = outcome.rule.unwrap_or_default();
            (
                "warm",
                format!(
                    "The order is valid, but the rule {rule} would hold it again. Nothing was stored."
                ),
            )
        }
        (_, false) => (
            "good",
            "The order is valid, and no rule would hold it. Nothing was stored.".to_owned(),
        ),
    });
    said.problems = outcome.errors;
}
