//! `/console/destinations`: where events go on to, how far behind each destination is, and what to do about it.

mod actions;
mod lag;
mod list;
mod make;
mod one;

use axum::Router;
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::segment;
use crate::parts::label;
use crate::visit::Shared;

const PATH: &str = "/console/destinations";

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, get(list::show).post(make::create))
        .route("/console/destinations/new", get(make::new))
        .route("/console/destinations/{id}", get(one::show))
        .route("/console/destinations/{id}/pause", post(actions::pause))
        .route("/console/destinations/{id}/resume", post(actions::resume))
        .route("/console/destinations/{id}/test", post(actions::test))
        .route(
            "/console/destinations/{id}/rotate",
            get(actions::ask_rotate).post(actions::rotate),
        )
        .route(
            "/console/destinations/{id}/replay",
            get(actions::ask_replay).post(actions::replay),
        )
        .route(
            "/console/destinations/{id}/delete",
            get(actions::ask_delete).post(actions::delete),
        )
}

/// A destination, as `/v1/destinations` shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Destination {
    id: String,
    kind: String,
    url: Option<String>,
    directory: Option<String>,
    secret: Option<String>,
    public_key: Option<String>,
    organisations: Option<Vec<String>>,
    events: Option<Vec<String>>,
    form: Option<String>,
    parallel: u32,
    order: String,
    timeout_s: u32,
    created_at: String,
    state: String,
    since: String,
    failing_since: Option<String>,
    delivered: u64,
    delivered_at: Option<String>,
    lag: Lag,
    parked: u64,
    hint: Option<Hint>,
}

/// How far it is behind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lag {
    events: u64,
    seconds: Option<u64>,
}

/// What stands still, and what to do about it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hint {
    what: String,
    since: Option<String>,
    remedy: String,
}

impl Destination {
    /// Its page.
    fn page(&self) -> String {
        page_of(&self.id)
    }

    /// How it does, by word and colour.
    fn condition(&self) -> Markup {
        let fails = self.failing_since.is_some();
        condition(&self.state, self.parked, fails, self.hint.is_some())
    }

    /// Where it leads, or what it is.
    fn name(&self) -> &str {
        let place = self.url.as_deref().or(self.directory.as_deref());
        place.unwrap_or(&self.kind)
    }

    /// Whether it is a webhook. Only those are signed and can be tested.
    fn is_webhook(&self) -> bool {
        self.kind == "webhook"
    }
}

fn page_of(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}

/// A route of `/v1` about a destination.
fn target_of(id: &str, below: &str) -> String {
    format!("/v1/destinations/{}{below}", segment(id))
}

/// How a destination does, by word and colour. One that is active can fail all the same.
pub(crate) fn condition(state: &str, parked: u64, fails: bool, has_hint: bool) -> Markup {
    match state {
        "active" if fails => label("failing", "bad"),
        "active" => html! {
            (label("active", if has_hint { "warm" } else { "good" }))
            @if parked > 0 { " " (label("parked orders", "warm")) }
        },
        "paused" => label(state, "warm"),
        _ => label(state, "bad"),
    }
}
