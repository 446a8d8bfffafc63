//! `/console/errors`: open errors, grouped by cause.

use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::Cause;
use crate::api;
use crate::page::{self, Page};
use crate::parts::{
    Filters, Listed, Who, cause_code, cause_name, count, empty, frame, pager, sums_note, time,
    visible,
};
use crate::visit::Visit;

/// The times that are looked at: name, text, length in hours.
const WINDOWS: [(&str, &str, i64); 4] = [
    ("1h", "1 hour", 1),
    ("24h", "24 hours", 24),
    ("7d", "7 days", 7 * 24),
    ("30d", "30 days", 30 * 24),
];
const HOUR_MS: i64 = 3_600_000;

#[derive(Deserialize)]
struct Group {
    dialect: String,
    code: String,
    #[serde(default)]
    pointer: String,
    count: u64,
    open: u64,
    senders: u64,
    last_seen: String,
    #[serde(default)]
    example: Option<Example>,
}

#[derive(Deserialize)]
struct Example {
    rejection_id: String,
    message: String,
}

pub(super) async fn show(visit: Visit) -> Response {
    let window = WINDOWS
        .iter()
        .find(|window| window.0 == visit.query("window"));
    let window = window.unwrap_or(&WINDOWS[3]);
    let from = jiff::Timestamp::from_millisecond(visit.host.now_ms() - window.2 * HOUR_MS);
    let from = from.map_or_else(|_| String::new(), |from| format!("{from:.3}"));
    let is_all = visit.query("show") == "all";
    let query = [
        ("from", from.as_str()),
        ("organisation", visit.query("organisation")),
        ("dialect", visit.query("dialect")),
        ("open", if is_all { "" } else { "true" }),
        ("limit", "50"),
        ("after", visit.query("after")),
    ];
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    let groups = visit
        .get::<Listed<Group>>(&api::target("/v1/errors", &query))
        .await;
    let groups = match groups {
        Ok(groups) => groups,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let may_mend = visit.session.may("orders:write");
    let kept = [
        ("window", visit.query("window")),
        ("show", visit.query("show")),
        ("organisation", visit.query("organisation")),
        ("dialect", visit.query("dialect")),
    ];
    let content = html! {
        p.lead {
            "Rejected orders of the last " (window.1) ", grouped by cause."
            @if may_mend { " Mend one order, or all orders with the same cause." }
        }
        (filters(&visit, &who, window.0))
        @if groups.data.is_empty() {
            (empty(
                if is_all { "No order was rejected in this time." } else { "There are no open errors in this time." },
                &html! { p { a href="/console/batches" { "View the latest batches" } } },
            ))
        } @else {
            (table(&visit, &groups.data, may_mend, is_all))
            @if groups.data.len() > 1 { (sums_note()) }
        }
        (pager(&visit, "/console/errors", &kept, groups.next.as_deref()))
    };
    Page::new(&visit, "Errors").show(&content)
}

fn filters(visit: &Visit, who: &Who, window: &str) -> Markup {
    let windows = WINDOWS.map(|(name, text, _)| (name, text));
    let states = [("", "Open"), ("all", "Open and closed")];
    Filters::new(visit, "/console/errors")
        .choice_of("window", "Received in the last", window, &windows)
        .choice("show", "State", &states)
        .organisation(who)
        .dialect()
        .show()
}

fn table(visit: &Visit, groups: &[Group], may_mend: bool, is_all: bool) -> Markup {
    html! {
        (frame("Errors by cause", &html! {
            table.causes.stack {
                thead {
                    tr {
                        th scope="col" { "Cause" }
                        th scope="col" { "Dialect" }
                        th.number scope="col" { "Open orders" }
                        @if is_all { th.number scope="col" { "All orders" } }
                        th.number scope="col" { "Senders" }
                        th scope="col" { "Last seen" }
                        th scope="col" { span.unseen { "Action" } }
                    }
                }
                tbody { @for group in groups { (row(visit, group, may_mend, is_all)) } }
            }
        }))
    }
}

fn row(visit: &Visit, group: &Group, may_mend: bool, is_all: bool) -> Markup {
    let cause = Cause {
        dialect: &group.dialect,
        code: &group.code,
        pointer: &group.pointer,
        organisation: visit.query("organisation"),
    };
    let address = cause.address(&[]);
    let name = cause_name(&group.code, &group.pointer);
    let is_other = cause.is_other();
    html! {
        tr {
            td.wide {
                p { a.plain-link href=(address) { (name) } }
                @if let Some(example) = &group.example { p.example dir="auto" { (visible(&example.message)) } }
                p.hint { (cause_code(&group.code, &group.pointer)) }
            }
            td data-label="Dialect" { (group.dialect) }
            td.number data-label="Open orders" { b { (count(group.open)) } }
            @if is_all { td.number data-label="All orders" { (count(group.count)) } }
            td.number data-label="Senders" { (count(group.senders)) }
            td data-label="Last seen" { (time(&group.last_seen)) }
            td.todo {
                @if may_mend && group.open > 0 && !is_other {
                    a.button href=(address) aria-label={ "Mend all: " (name) } { "Mend all" }
                    @if let Some(example) = &group.example {
                        " " a href={ "/console/rejections/" (api::segment(&example.rejection_id)) } aria-label={ "Mend one: " (name) } { "Mend one" }
                    }
                } @else {
                    a href=(address) aria-label={ "View orders: " (name) } { "View orders" }
                }
            }
        }
    }
}
