//! Sending all chosen orders of a cause again, and dismissing them.

use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{Method, StatusCode};
use serde_json::json;

use super::change::Wanted;
use super::preview::{cause, chosen};
use super::{AT_WORK_MAX, Cause};
use crate::api::{self, Refused};
use crate::page;
use crate::parts::{rejection, resubmit};
use crate::visit::{Posted, Visit};

/// What became of an order.
enum Became {
    Stored,
    Dismissed,
    Rejected,
    /// Somebody else has mended or dismissed it.
    Late,
    Failed,
}

impl Became {
    fn name(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Dismissed => "dismissed",
            Self::Rejected => "rejected",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }

    fn of(refused: &Refused) -> Self {
        if refused.status == StatusCode::CONFLICT.as_u16() {
            Self::Late
        } else {
            Self::Failed
        }
    }
}

pub(super) async fn send(posted: Posted) -> Response {
    let cause = cause(&posted);
    let wanted = match Wanted::of(&posted) {
        Ok(wanted) => wanted,
        Err(_) => return page::redirect(&cause.address(&[])),
    };
    let visit = &posted.visit;
    let mut sends = Vec::new();
    for id in posted.fields("id").take(super::AT_ONCE_MAX) {
        sends.push(send_one(visit, id, &wanted, &cause));
    }
    let became: Vec<_> = stream::iter(sends).buffered(AT_WORK_MAX).collect().await;
    back(&cause, &became)
}

async fn send_one(visit: &Visit, id: &str, wanted: &Wanted<'_>, cause: &Cause<'_>) -> Became {
    let found = match rejection(visit, id).await {
        Ok(found) if found.status != "open" => return Became::Late,
        Ok(found) => found,
        Err(refused) => return Became::of(&refused),
    };
    let Ok(made) = wanted.make(&found, cause) else {
        return Became::Rejected;
    };
    // Judged once more: since the preview something may have changed, and a rejected order makes a receipt of its own.
    for is_dry_run in [true, false] {
        match resubmit(visit, id, made.text.as_deref(), is_dry_run).await {
            Ok(verdict) if verdict.is_good() => {}
            Ok(_) => return Became::Rejected,
            Err(refused) => return Became::of(&refused),
        }
    }
    Became::Stored
}

pub(super) async fn dismiss(posted: Posted) -> Response {
    let cause = cause(&posted);
    let visit = &posted.visit;
    let ids = match chosen(&posted, &cause).await {
        Ok(ids) => ids,
        Err(refused) => return page::refused(visit, &refused),
    };
    let note: String = posted.field("note").trim().chars().take(1_000).collect();
    let body = if note.is_empty() {
        json!({})
    } else {
        json!({ "note": note })
    };
    let body = Bytes::from(body.to_string());
    let mut sends = Vec::with_capacity(ids.len());
    for id in &ids {
        sends.push(dismiss_one(visit, id, body.clone()));
    }
    let became: Vec<_> = stream::iter(sends).buffered(AT_WORK_MAX).collect().await;
    back(&cause, &became)
}

async fn dismiss_one(visit: &Visit, id: &str, body: Bytes) -> Became {
    let target = format!("/v1/rejections/{}/dismiss", api::segment(id));
    match visit.send(Method::POST, &target, Some(body)).await {
        Ok(_) => Became::Dismissed,
        Err(refused) => Became::of(&refused),
    }
}

/// Leads back to the cause, with how many orders became what.
fn back(cause: &Cause<'_>, became: &[Became]) -> Response {
    let kinds = ["stored", "dismissed", "rejected", "late", "failed"];
    let counts = kinds.map(|kind| became.iter().filter(|one| one.name() == kind).count());
    let counts = counts.map(|count| {
        if count == 0 {
            String::new()
        } else {
            count.to_string()
        }
    });
    let counts: Vec<_> = kinds
        .into_iter()
        .zip(counts.iter().map(String::as_str))
        .collect();
    page::redirect(&cause.address(&counts))
}
