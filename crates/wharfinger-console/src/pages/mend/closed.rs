//! What became of a rejected order that is no longer open, and what is next.

use futures_util::future::join_all;
use maud::{Markup, html};
use serde_json::Value;

use super::facts;
use crate::api;
use crate::parts::{
    Fault, Listed, Rejection, cause_address, cause_name, general, marked_order, time, visible,
};
use crate::texts::{locate, plain};
use crate::visit::Visit;

/// Most causes of the order that other orders are looked for with.
const CAUSES_MAX: usize = 3;

pub(super) async fn show(visit: &Visit, found: &Rejection) -> Markup {
    let others = others(visit, found).await;
    let next = next(visit, found).await;
    html! {
        (facts(found))
        @if !visit.query("late").is_empty() {
            p.notice.warm role="status" {
                "Somebody else mended this order while you had it open. Your changes were not sent."
            }
        }
        (what_became_of_it(found))
        (others)
        p.actions {
            @if let Some(next) = next {
                a.button.main href=(super::address(&next.id)) { "Next open error: " bdi { (visible(&next.name())) } }
            } @else {
                span.hint { "No other error is open." }
            }
            a.button href="/console/errors" { "All errors" }
        }
        h2 { "The rejected order" }
        @match found.text() {
            Some(text) => (marked_order(text, &found.errors, "m")),
            None => p.hint { "The text of the rejected order is no longer stored." },
        }
        @if found.status == "dismissed" && found.text().is_some() && visit.session.may("orders:write") {
            (again(visit, found))
        }
    }
}

fn what_became_of_it(found: &Rejection) -> Markup {
    html! {
        @if let Some(by) = &found.mended_by {
            div.notice.good {
                p {
                    "Mended and accepted. "
                    a href={ "/console/orders/" (api::segment(&by.order_id)) } { "View the order" }
                    " or "
                    a href={ "/console/batches/" (api::segment(&by.batch_id)) } { "its batch" }
                    "."
                }
            }
        } @else if found.status == "mended" {
            p.notice.good { "Mended and accepted." }
        }
        @if let Some(dismissed) = &found.dismissed {
            div.notice {
                p { "Dismissed " (time(&dismissed.at)) " by key " code { (dismissed.key_id) } "." }
                @if let Some(note) = &dismissed.note { p dir="auto" { (visible(note)) } }
            }
        }
    }
}

/// A dismissed order can be sent again.
fn again(visit: &Visit, found: &Rejection) -> Markup {
    let content = html! {
        input type="hidden" name="do" value="check";
        input type="hidden" name="text" value=(found.text().unwrap_or_default());
        button type="submit" { "Mend this order" }
    };
    crate::parts::form(visit, &super::address(&found.id), &content)
}

/// The next open order: one with the same cause first, then any.
async fn next(visit: &Visit, found: &Rejection) -> Option<Rejection> {
    let error = found.errors.first();
    let pointer = error
        .map(|error| general(&error.pointer))
        .unwrap_or_default();
    let same = [
        ("open", "true"),
        ("dialect", found.dialect.as_str()),
        ("code", error.map_or("", |error| error.code.as_str())),
        ("pointer", &pointer),
        ("limit", "2"),
    ];
    for query in [&same[..], &[("open", "true"), ("limit", "2")]] {
        let target = api::target("/v1/rejections", query);
        let listed = visit.get::<Listed<Rejection>>(&target).await.ok()?;
        let other = listed.data.into_iter().find(|other| other.id != found.id);
        if other.is_some() {
            return other;
        }
    }
    None
}

/// Other open orders with the causes of this one, and the change that mended it.
async fn others(visit: &Visit, found: &Rejection) -> Markup {
    let mut causes: Vec<(&Fault, String)> = Vec::new();
    for error in &found.errors {
        let pointer = general(&error.pointer);
        let is_known = causes
            .iter()
            .any(|(known, at)| known.code == error.code && *at == pointer);
        if !is_known && causes.len() < CAUSES_MAX {
            causes.push((error, pointer));
        }
    }
    let mended = mended_text(visit, found).await;
    let rows = causes.iter().map(async |(error, pointer)| {
        let query = [
            ("open", "true"),
            ("dialect", found.dialect.as_str()),
            ("code", &error.code),
            ("pointer", pointer),
            ("limit", "100"),
        ];
        let listed = visit
            .get::<Listed<Rejection>>(&api::target("/v1/rejections", &query))
            .await
            .ok()?;
        let many = listed.data.len();
        let mut all = listed.data.iter();
        let is_same = all.all(|other| has_value(other, error, pointer));
        (many > 0).then(|| {
            other(
                found,
                error,
                pointer,
                many,
                listed.next.is_some(),
                (
                    mended
                        .as_deref()
                        .filter(|_| is_same && error.code != "required"),
                    visit.session.may("orders:write"),
                ),
            )
        })
    });
    let rows = join_all(rows).await;
    let rows: Vec<Markup> = rows.into_iter().flatten().collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Other orders with the same cause" }
            ul.others { @for row in &rows { li { (row) } } }
        }
    }
}

fn other(
    found: &Rejection,
    error: &Fault,
    pointer: &str,
    many: usize,
    has_more: bool,
    (mended, may_mend): (Option<&str>, bool),
) -> Markup {
    let address = cause_address(&found.dialect, &error.code, pointer);
    let value = mended.and_then(|mended| value_at(mended, &error.pointer));
    html! {
        @if has_more { "More than " (many) } @else { (many) }
        @if many == 1 { " open order: " } @else { " open orders: " }
        (cause_name(&error.code, pointer))
        ". " a href=(address) { @if many == 1 { "View it" } @else { "View them" } }
        @if let Some(value) = value.filter(|_| may_mend) {
            " " a href={ (address) "&" (api::target("", &[("how", "set"), ("value", &value)]).trim_start_matches('?')) "#all" } {
                "Set " bdi { (visible(&value)) } " in all of them"
            }
        }
    }
}

/// Whether an order has the same wrong value with the same cause.
fn has_value(other: &Rejection, error: &Fault, pointer: &str) -> bool {
    let mut of_cause = other
        .errors
        .iter()
        .filter(|one| one.code == error.code && general(&one.pointer) == pointer);
    of_cause.all(|one| one.value == error.value)
}

/// The text of the order that mended this one.
async fn mended_text(visit: &Visit, found: &Rejection) -> Option<String> {
    let by = found.mended_by.as_ref()?;
    let target = format!("/v1/orders/{}?as=submitted", api::segment(&by.order_id));
    let answer = visit.send(http::Method::GET, &target, None).await.ok()?;
    // Read as a value first, so that only JSON is looked at.
    let _: Value = serde_json::from_slice(&answer.body).ok()?;
    String::from_utf8(answer.body.to_vec()).ok()
}

/// A short value of an order.
fn value_at(text: &str, pointer: &str) -> Option<String> {
    let place = locate(text, &[pointer]).pop()??;
    let raw = &text[place.value];
    let is_short = place.missing.is_empty() && raw.len() <= 100 && !raw.starts_with(['{', '[']);
    is_short.then(|| plain(raw))
}
