//! `/console/errors/cause/preview`: what a change makes of each order, and what a dry run says. Nothing is stored.

use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use maud::{Markup, html};

use super::change::{Made, Wanted};
use super::{AT_ONCE_MAX, AT_WORK_MAX, Cause};
use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{
    Listed, Rejection, Verdict, count, form, frame, rejection, resubmit, visible, visible_text,
};
use crate::visit::{Posted, Visit};

/// Orders that the page shows one by one. The others are counted.
const SHOWN_MAX: usize = 100;
/// Attributes of one order that a row shows.
const VALUES_MAX: usize = 3;

/// The cause that a form is about.
pub(super) fn cause(posted: &Posted) -> Cause<'_> {
    Cause {
        dialect: posted.field("dialect"),
        code: posted.field("code"),
        pointer: posted.field("pointer"),
        organisation: posted.field("organisation"),
    }
}

/// The orders that a form is about: the chosen ones, or all open ones of the cause.
pub(super) async fn chosen(posted: &Posted, cause: &Cause<'_>) -> Result<Vec<String>, Refused> {
    let mut ids: Vec<String> = Vec::new();
    if posted.field("everything").is_empty() {
        ids.extend(posted.fields("id").take(AT_ONCE_MAX).map(str::to_owned));
        return Ok(ids);
    }
    let mut after = String::new();
    while ids.len() < AT_ONCE_MAX {
        let others = [
            ("open", "true"),
            ("limit", "200"),
            ("after", after.as_str()),
        ];
        let target = api::target("/v1/rejections", &cause.asked(&others));
        let listed = posted.visit.get::<Listed<Rejection>>(&target).await?;
        let of_cause = listed
            .data
            .iter()
            .filter(|found| found.errors.iter().any(|fault| cause.is_of(fault)));
        ids.extend(of_cause.map(|found| found.id.clone()));
        match listed.next {
            Some(next) => after = next,
            None => break,
        }
    }
    ids.truncate(AT_ONCE_MAX);
    Ok(ids)
}

/// One order of the preview.
struct Tried {
    found: Rejection,
    made: Result<Made, &'static str>,
    verdict: Option<Result<Verdict, Refused>>,
}

impl Tried {
    fn is_good(&self) -> bool {
        matches!(&self.verdict, Some(Ok(verdict)) if verdict.is_good())
    }
}

pub(super) async fn show(posted: Posted) -> Response {
    let visit = &posted.visit;
    let cause = cause(&posted);
    let wanted = match Wanted::of(&posted) {
        Ok(wanted) => wanted,
        Err(why) => return nothing(visit, &cause, why),
    };
    let ids = match chosen(&posted, &cause).await {
        Ok(ids) => ids,
        Err(refused) => return page::refused(visit, &refused),
    };
    if ids.is_empty() {
        return nothing(visit, &cause, "Select at least one order.");
    }
    let mut tries = Vec::with_capacity(ids.len());
    for id in &ids {
        tries.push(attempt(visit, id, &wanted, &cause));
    }
    let tried: Vec<_> = stream::iter(tries).buffered(AT_WORK_MAX).collect().await;
    let tried: Vec<Tried> = match tried.into_iter().collect::<Result<_, Refused>>() {
        Ok(tried) => tried,
        Err(refused) => return page::refused(visit, &refused),
    };
    let content = content(visit, &cause, &wanted, &tried);
    Page::new(visit, "Preview").show(&content)
}

async fn attempt(
    visit: &Visit,
    id: &str,
    wanted: &Wanted<'_>,
    cause: &Cause<'_>,
) -> Result<Tried, Refused> {
    let found = rejection(visit, id).await?;
    let made = match found.status.as_str() {
        "mended" => Err("Somebody else has mended it in the meantime."),
        "dismissed" => Err("Somebody else has dismissed it in the meantime."),
        _ => wanted.make(&found, cause),
    };
    let verdict = match &made {
        Ok(made) => Some(resubmit(visit, id, made.text.as_deref(), true).await),
        Err(_) => None,
    };
    Ok(Tried {
        found,
        made,
        verdict,
    })
}

/// The page for a form that says nothing that can be done.
fn nothing(visit: &Visit, cause: &Cause<'_>, why: &str) -> Response {
    let content = html! {
        p.notice.warm role="alert" { (why) }
        p { a.button href=(cause.address(&[])) { "Back to the orders" } }
    };
    Page::new(visit, "Preview")
        .status(StatusCode::UNPROCESSABLE_ENTITY)
        .show(&content)
}

fn content(visit: &Visit, cause: &Cause<'_>, wanted: &Wanted<'_>, tried: &[Tried]) -> Markup {
    let good = tried.iter().filter(|tried| tried.is_good()).count();
    let bad = tried.len() - good;
    let orders = |many: usize| {
        if many == 1 {
            "1 order".to_owned()
        } else {
            format!("{} orders", count(many as u64))
        }
    };
    let fields = cause.with(&wanted.fields());
    let rest = tried.iter().skip(SHOWN_MAX).filter(|tried| tried.is_good());
    html! {
        p.lead { "Nothing was sent yet. Check what would change in each order." }
        p.byline {
            span.label.good { (orders(good)) " would be accepted" }
            @if bad > 0 { span.label.bad { (orders(bad)) " would not be accepted" } }
            a href=(cause.address(&[])) { "Back to the orders" }
        }
        (form(visit, "/console/errors/cause/send", &html! {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            @for tried in rest { input type="hidden" name="id" value=(tried.found.id); }
            (table(tried))
            @if tried.len() > SHOWN_MAX {
                p.hint { (orders(tried.len() - SHOWN_MAX)) " more were checked and are not shown. Those that would be accepted are sent too." }
            }
            @if good > 0 {
                div.actions {
                    button.main type="submit" { "Send " (orders(good)) }
                    span.hint { "To leave an order out, clear its box." }
                }
            }
        }))
    }
}

fn table(tried: &[Tried]) -> Markup {
    html! {
        (frame("Orders before and after the change", &html! {
            table.stack.preview {
                thead {
                    tr {
                        th scope="col" { span.unseen { "Send" } }
                        th scope="col" { "Order" }
                        th scope="col" { "Before" }
                        th scope="col" { "After" }
                        th scope="col" { "Result" }
                    }
                }
                tbody { @for tried in tried.iter().take(SHOWN_MAX) { (row(tried)) } }
            }
        }))
    }
}

fn row(tried: &Tried) -> Markup {
    let name = tried.found.name();
    let values = tried.made.as_ref().map_or(&[][..], |made| &made.values);
    let shown = &values[..values.len().min(VALUES_MAX)];
    let value = |value: &Option<String>, is_new: bool| {
        html! {
            p {
                @match value {
                    Some(value) if is_new => ins dir="auto" { (visible(value)) },
                    Some(value) => del dir="auto" { (visible(value)) },
                    None => span.hint { "missing" },
                }
            }
        }
    };
    html! {
        tr {
            td.choice { @if tried.is_good() { input type="checkbox" name="id" value=(tried.found.id) checked aria-label={ "Send " (visible_text(&name)) }; } }
            td.wide data-label="Order" { a href={ "/console/rejections/" (api::segment(&tried.found.id)) } { bdi { (visible(&name)) } } }
            td data-label="Before" {
                @for (_, before, _) in shown { (value(before, false)) }
                @if shown.is_empty() { span.hint { "no change" } }
            }
            td data-label="After" {
                @for (_, _, after) in shown { (value(after, true)) }
                @if values.len() > VALUES_MAX { p.hint { "and " (count((values.len() - VALUES_MAX) as u64)) " more attributes" } }
            }
            td data-label="Result" { (verdict(tried)) }
        }
    }
}

fn verdict(tried: &Tried) -> Markup {
    match (&tried.made, &tried.verdict) {
        (Err(why), _) => html! { span.label { "not sent" } p.hint { (why) } },
        (Ok(_), Some(Ok(verdict))) => html! {
            (crate::parts::outcome(&verdict.outcome))
            @for fault in verdict.errors.iter().take(VALUES_MAX) { p dir="auto" { (visible(&fault.message)) } }
            @if verdict.errors.len() > VALUES_MAX { p.hint { "and " (count((verdict.errors.len() - VALUES_MAX) as u64)) " more" } }
        },
        (Ok(_), Some(Err(refused))) => {
            html! { span.label.bad { "refused" } p.hint dir="auto" { (visible(refused.sentence())) } }
        }
        (Ok(_), None) => html! {},
    }
}
