//! `/console`: what came in today, what is wrong with it, and whether it goes on.
//!
//! It only makes cheap requests, so that it is fast in a store of any size. A part that cannot be read says so, and the others
//! are shown. While the page is open, `live` sends the parts that have changed.

mod causes;
mod figures;
mod flow;
mod hub;
mod latest;
mod live;
mod start;

use std::sync::Arc;

use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::future::join4;
use maud::{Markup, PreEscaped, html};

use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{Who, visible};
use crate::visit::{Shared, Visit};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    let live = Router::new()
        .route("/console/live", get(live::stream))
        .layer(Extension(Arc::new(hub::Hub::default())));
    Router::new()
        .route("/console", get(today))
        .route("/console/", get(today))
        .merge(live)
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

/// The position of the span that is shown if none is chosen.
const SPAN: usize = 1;

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
            span: span.unwrap_or(&SPANS[SPAN]),
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
    if !is_known(&visit, scope.organisation).await {
        return page::not_found(Some(&visit));
    }
    let parts = parts(&visit, scope.organisation, scope.span).await;
    let content = html! {
        (filters(&scope, &who))
        @if parts.latest.is_none() { (start::show(&visit, &scope, &who)) }
        @for (name, part) in parts.named() {
            @if let Some(part) = part { div data-live=(name) { (PreEscaped(part)) } }
        }
    };
    Page::new(&visit, "Today").module("today.js").show(&content)
}

/// Whether the key can access an organisation, or none is named. One that it cannot access does not exist for it.
async fn is_known(visit: &Visit, organisation: &str) -> bool {
    let query = [("limit", "1"), ("organisation", organisation)];
    let target = api::target("/v1/batches", &query);
    organisation.is_empty() || visit.get::<serde_json::Value>(&target).await.is_ok()
}

/// The parts of the page that change while it is open, as HTML.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    figures: String,
    causes: String,
    /// `None` if there is no batch.
    latest: Option<String>,
    flow: String,
}

impl Parts {
    /// Each part with its name, in the order of the page.
    fn named(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("figures", Some(&self.figures)),
            ("causes", Some(&self.causes)),
            ("latest", self.latest.as_deref()),
            ("flow", Some(&self.flow)),
        ]
    }

    /// Each part with its name, before and now.
    fn beside<'p>(
        &'p self,
        now: &'p Self,
    ) -> impl Iterator<Item = (&'static str, Option<&'p str>, Option<&'p str>)> {
        let pairs = self.named().into_iter().zip(now.named());
        pairs.map(|((name, before), (_, now))| (name, before, now))
    }
}

/// Reads the parts in the rights of the visit's key.
async fn parts(visit: &Visit, organisation: &str, span: &'static Span) -> Parts {
    let scope = Scope {
        organisation,
        span,
        now_ms: visit.host.now_ms(),
    };
    let (figures, causes, latest, flow) = join4(
        figures::show(visit, &scope),
        causes::show(visit, &scope),
        latest::show(visit, &scope),
        flow::show(visit, &scope),
    )
    .await;
    Parts {
        figures: figures.into_string(),
        causes: causes.into_string(),
        latest: latest.map(Markup::into_string),
        flow: flow.into_string(),
    }
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
