//! Open errors, grouped by cause: the rejected orders that nobody has mended or dismissed.

use maud::{Markup, html};
use serde::Deserialize;

use super::{DAY_MS, Scope, rfc_3339, unreadable};
use crate::api;
use crate::parts::{self, Listed, cause_code, cause_name, count, sums_note, time, visible};
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
        h2 { "Open errors, last " (DAYS) " days" }
        @match causes {
            Err(refused) => (unreadable(&refused)),
            Ok(causes) if causes.data.is_empty() => {
                p.hint { "None. No rejected order of this time is open." }
            }
            Ok(causes) => {
                (table(visit, scope, &causes.data))
                @if causes.data.len() > 1 { (sums_note()) }
                p.more { a href=(all) { "All errors" } }
            }
        }
    }
}

fn table(visit: &Visit, scope: &Scope<'_>, causes: &[Cause]) -> Markup {
    let may_mend = visit.session.may("orders:write");
    html! {
        div.causes { (parts::stack("Open errors by cause", &html! {
            thead {
                tr {
                    th scope="col" { "Cause" } th scope="col" { "Dialect" } th.number scope="col" { "Open orders" }
                    th.number scope="col" { "Senders" } th scope="col" { "Last seen" }
                    th scope="col" { span.unseen { "Action" } }
                }
            }
            tbody { @for cause in causes { (row(scope, cause, may_mend)) } }
        })) }
    }
}

fn row(scope: &Scope<'_>, cause: &Cause, may_mend: bool) -> Markup {
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
    let name = cause_name(&cause.code, pointer);
    let action = if may_mend { "Mend" } else { "View" };
    html! {
        tr {
            td.wide {
                p { b { (name) } }
                @if !message.is_empty() { p dir="auto" { (visible(message)) } }
                p.hint { (cause_code(&cause.code, pointer)) }
            }
            td data-label="Dialect" { (cause.dialect) }
            td.number data-label="Open orders" { (count(cause.open)) }
            td.number data-label="Senders" { (count(cause.senders)) }
            td data-label="Last seen" { (time(&cause.last_seen)) }
            td.todo { a href=(address) aria-label={ (action) ": " (name) } { (action) } }
        }
    }
}
