//! `/console`: what came in today, what is wrong with it, and whether it goes on.
//!
//! It only makes cheap requests, so that it is fast in a store of any size. A part that cannot be read says so, and the others
//! are shown.

mod causes;
mod figures;
mod flow;
mod latest;
mod start;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use futures_util::future::join3;
use maud::{Markup, html};

use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{Who, visible};
use crate::visit::{Shared, Visit};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console", get(today))
        .route("/console/", get(today))
}

/// The times that the plot can show: name, text, length in milliseconds, the steps of the plot, how they are written, and what
/// the time before it is called.
struct Span {
    name: &'static str,
    text: &'static str,
    ms: i64,
    step: &'static str,
    step_ms: i64,
    form: &'static str,
    /// How much earlier the time is that it is compared with, and how that is called.
    before_ms: i64,
    before: &'static str,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

const SPANS: [Span; 3] = [
    Span {
        name: "1h",
        text: "1 hour",
        ms: HOUR_MS,
        step: "1m",
        step_ms: MINUTE_MS,
        form: "minute",
        before_ms: DAY_MS,
        before: "the same time yesterday",
    },
    Span {
        name: "24h",
        text: "24 hours",
        ms: DAY_MS,
        step: "1h",
        step_ms: HOUR_MS,
        form: "hour",
        before_ms: DAY_MS,
        before: "the same time yesterday",
    },
    Span {
        name: "30d",
        text: "30 days",
        ms: 30 * DAY_MS,
        step: "1d",
        step_ms: DAY_MS,
        form: "day",
        before_ms: 30 * DAY_MS,
        before: "the 30 days before",
    },
];

/// What the page is about.
struct Scope<'v> {
    organisation: &'v str,
    span: &'static Span,
    now_ms: i64,
}

impl<'v> Scope<'v> {
    fn of(visit: &'v Visit) -> Self {
        let name = visit.query("span");
        let span = SPANS.iter().find(|span| span.name == name);
        Self {
            organisation: visit.query("organisation"),
            span: span.unwrap_or(&SPANS[1]),
            now_ms: visit.host.now_ms(),
        }
    }

    /// A target of `/v1`, for the organisation.
    fn target(&self, path: &str, query: &[(&str, &str)]) -> String {
        let organisation = [("organisation", self.organisation)];
        api::target(path, &[query, &organisation].concat())
    }
}

/// A time of the API.
fn rfc_3339(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms);
    at.map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

async fn today(visit: Visit) -> Response {
    if !visit.session.may("orders:read") {
        return start::without_orders(&visit).await;
    }
    let scope = Scope::of(&visit);
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    if !scope.organisation.is_empty() {
        // An organisation that the key cannot access does not exist for it.
        let target = scope.target("/v1/batches", &[("limit", "1")]);
        if visit.get::<serde_json::Value>(&target).await.is_err() {
            return page::not_found(Some(&visit));
        }
    }
    let (figures, (causes, latest), flow) = join3(
        figures::show(&visit, &scope),
        futures_util::future::join(causes::show(&visit, &scope), latest::show(&visit, &scope)),
        flow::show(&visit, &scope),
    )
    .await;
    let content = html! {
        (filters(&scope, &who))
        @if latest.is_none() { (start::show(&visit, &scope, &who)) }
        div data-live="figures" { (figures) }
        div data-live="causes" { (causes) }
        @if let Some(latest) = latest { div data-live="latest" { (latest) } }
        div data-live="flow" { (flow) }
    };
    Page::new(&visit, "Today").module("today.js").show(&content)
}

fn filters(scope: &Scope<'_>, who: &Who) -> Markup {
    html! {
        form.filters method="get" action="/console" {
            div.spans role="group" aria-label="Time" {
                @for span in &SPANS {
                    @let query = [("span", span.name), ("organisation", scope.organisation)];
                    @let is_chosen = span.name == scope.span.name;
                    a href=(api::target("/console", &query)) aria-current=[is_chosen.then_some("true")] { (span.text) }
                }
            }
            @if who.organisations_total > 1 {
                input type="hidden" name="span" value=(scope.span.name);
                (who.organisation_field(scope.organisation))
                button type="submit" { "Show" }
            }
        }
    }
}

/// What is shown in place of a part that cannot be read.
fn unreadable(refused: &Refused) -> Markup {
    html! { p.notice.warm { "This part cannot be shown now. " (visible(refused.sentence())) } }
}
