//! What is done to a destination.

use axum::response::Response;
use http::Method;
use maud::html;
use serde_json::json;

use super::make::shown_once;
use super::one::{Attempt, tested};
use super::{Destination, PATH, page_of, target_of};
use crate::page;
use crate::parts::{Confirm, is_first, once_field, select, text_field};
use crate::visit::{AdminVisit, Posted, Visit};

/// Looks whether the destination of a question exists. The page to show instead, if not.
async fn missing(visit: &Visit) -> Option<Response> {
    let found: Result<Destination, _> = visit.get(&target_of(visit.path("id"), "")).await;
    found.err().map(|refused| page::refused(visit, &refused))
}

/// Sends a request about the destination, and goes back to its page.
async fn simply(posted: &Posted, below: &str) -> Response {
    let visit = &posted.visit;
    let id = visit.path("id");
    match visit.send(Method::POST, &target_of(id, below), None).await {
        Ok(_) => page::redirect(&format!("{}?done=saved", page_of(id))),
        Err(refused) => page::refused(visit, &refused),
    }
}

pub(super) async fn pause(posted: Posted) -> Response {
    simply(&posted, "/pause").await
}

pub(super) async fn resume(posted: Posted) -> Response {
    simply(&posted, "/resume").await
}

pub(super) async fn test(posted: Posted) -> Response {
    let visit = &posted.visit;
    let id = visit.path("id");
    let sent = visit
        .send(Method::POST, &target_of(id, "/test"), None)
        .await;
    let attempt: Result<Attempt, _> = sent.and_then(|sent| sent.json());
    match attempt {
        Ok(attempt) => tested(visit, id, &attempt),
        Err(refused) => page::refused(visit, &refused),
    }
}

pub(super) async fn ask_rotate(AdminVisit(visit): AdminVisit) -> Response {
    if let Some(missing) = missing(&visit).await {
        return missing;
    }
    let back = page_of(visit.path("id"));
    Confirm {
        title: "Rotate the secret?",
        about: html! {
            p { "The destination gets a new secret. Deliveries are signed with both for 24 hours, so that the receiver can change." }
            (once_field())
        },
        action: &format!("{back}/rotate"),
        button: "Rotate the secret",
        back: &back,
    }
    .show(&visit)
}

pub(super) async fn rotate(posted: Posted) -> Response {
    let visit = &posted.visit;
    if !is_first(posted.field("once")) {
        return page::redirect(PATH);
    }
    let target = target_of(visit.path("id"), "/rotate");
    let sent = visit.send(Method::POST, &target, Some("{}".into()));
    let made: Result<Destination, _> = sent.await.and_then(|made| made.json());
    match made {
        Ok(made) => shown_once(visit, "The new secret", &made),
        Err(refused) => page::refused(visit, &refused),
    }
}

pub(super) async fn ask_replay(AdminVisit(visit): AdminVisit) -> Response {
    if let Some(missing) = missing(&visit).await {
        return missing;
    }
    let back = page_of(visit.path("id"));
    Confirm {
        title: "Deliver events again?",
        about: html! {
            p { "The receiver gets these events once more. It recognises them by their ids." }
            (select("from", "Which", "failed", &[
                ("failed", "those that were not taken"),
                ("time", "all from a time on"),
                ("beginning", "all from the beginning"),
            ]))
            (text_field("time", "Time, such as 2026-11-21T09:30:00Z", ""))
        },
        action: &format!("{back}/replay"),
        button: "Deliver again",
        back: &back,
    }
    .show(&visit)
}

pub(super) async fn replay(posted: Posted) -> Response {
    let visit = &posted.visit;
    let id = visit.path("id");
    let from = match posted.field("from") {
        "time" => posted.field("time").trim(),
        other => other,
    };
    let body = json!({ "from": from }).to_string();
    match visit
        .send(Method::POST, &target_of(id, "/replay"), Some(body.into()))
        .await
    {
        Ok(_) => page::redirect(&format!("{}?done=saved", page_of(id))),
        Err(refused) => page::refused(visit, &refused),
    }
}

pub(super) async fn ask_delete(AdminVisit(visit): AdminVisit) -> Response {
    if let Some(missing) = missing(&visit).await {
        return missing;
    }
    let back = page_of(visit.path("id"));
    Confirm {
        title: "Delete this destination?",
        about: html! { p { "Nothing more is delivered to it, and the history of its deliveries is removed. This cannot be undone." } },
        action: &format!("{back}/delete"),
        button: "Delete the destination",
        back: &back,
    }
    .show(&visit)
}

pub(super) async fn delete(posted: Posted) -> Response {
    let visit = &posted.visit;
    match visit
        .send(Method::DELETE, &target_of(visit.path("id"), ""), None)
        .await
    {
        Ok(_) => page::redirect(&format!("{PATH}?done=deleted")),
        Err(refused) => page::refused(visit, &refused),
    }
}
