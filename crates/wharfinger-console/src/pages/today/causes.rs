//! Open errors, grouped by cause: the rejected orders that nobody has mended or dismissed.

use maud::{Markup, html};
use serde::Deserialize;

use super::{DAY_MS, Scope, rfc_3339, unreadable};
use crate::api;
use crate::parts::{self, Listed, count, time};
use crate::visit::Visit;

/// Days that are looked at, and causes that are shown.
const DAYS: i64 = 30;
const SHOWN: &str = "8";

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Cause {
    dialect: String,
    code: String,
    pointer: Option<String>,
    open: u64,
    senders: u64,
    last_seen: String,
    example: Option<Example>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Example {
    message: String,
}

pub(super) async fn show(visit: &Visit, scope: &Scope<'_>) -> Markup {
    let from = rfc_3339(scope.now_ms - DAYS * DAY_MS);
    let query = [("from", from.as_str()), ("open", "true"), ("limit", SHOWN)];
    let causes = visit
        .get::<Listed<Cause>>(&scope.target("/v1/errors", &query))
        .await;
    let all = scope.target("/console/errors", &[]);
    html! {
        h2 { "Open errors" }
        @match causes {
            Err(refused) => (unreadable(&refused)),
            Ok(causes) if causes.data.is_empty() => {
                p.hint { "None. Every rejected order of the last " (DAYS) " days was mended or dismissed, or there was none." }
            }
            Ok(causes) => {
                (table(scope, &causes.data))
                @if causes.next.is_some() { p.more { a href=(all) { "All open errors" } } }
            }
        }
    }
}

fn table(scope: &Scope<'_>, causes: &[Cause]) -> Markup {
    html! {
        div.causes { (parts::table("Open errors by cause", &html! {
            thead {
                tr {
                    th { "Cause" } th { "Dialect" } th.number { "Open" } th.number { "Senders" } th { "Last seen" }
                    th { span.unseen { "Action" } }
                }
            }
            tbody { @for cause in causes { (row(scope, cause)) } }
        })) }
    }
}

fn row(scope: &Scope<'_>, cause: &Cause) -> Markup {
    let pointer = cause.pointer.as_deref().unwrap_or_default();
    let query = [
        ("dialect", cause.dialect.as_str()),
        ("code", &cause.code),
        ("pointer", pointer),
    ];
    let address = api::target("/console/errors/cause", &query);
    let address = match scope.organisation {
        "" => address,
        code => format!(
            "{address}&{}",
            api::target("", &[("organisation", code)]).trim_start_matches('?')
        ),
    };
    let message = cause
        .example
        .as_ref()
        .map_or("", |example| &example.message);
    html! {
        tr {
            td {
                @if !message.is_empty() { p dir="auto" { (message) } }
                p.hint { code { (cause.code) } @if !pointer.is_empty() { " at " code dir="ltr" { (pointer) } } }
            }
            td { (cause.dialect) }
            td.number { (count(cause.open)) }
            td.number { (count(cause.senders)) }
            td { (time(&cause.last_seen)) }
            td { a href=(address) aria-label={ "Mend " (cause.code) " at " (pointer) } { "Mend" } }
        }
    }
}
