//! `/console/errors/cause`: the rejected orders of one cause, and what can be done with all of them.

use axum::response::Response;
use maud::{Markup, html};

use super::change::HOWS;
use super::{AT_ONCE_MAX, Cause, PAGE_ORDERS};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{
    Fault, Listed, Rejection, count, empty, form, frame, outcome, pager, time, visible,
};
use crate::visit::Visit;

pub(super) async fn show(visit: Visit) -> Response {
    let cause = Cause {
        dialect: visit.query("dialect"),
        code: visit.query("code"),
        pointer: visit.query("pointer"),
        organisation: visit.query("organisation"),
    };
    let is_all = visit.query("show") == "all";
    let others = [
        ("open", if is_all { "" } else { "true" }),
        ("limit", PAGE_ORDERS),
        ("after", visit.query("after")),
    ];
    let target = api::target("/v1/rejections", &cause.with(&others));
    let listed = match visit.get::<Listed<Rejection>>(&target).await {
        Ok(listed) => listed,
        Err(refused) => return page::refused_list(&visit, &refused),
    };
    let rows = listed.data.iter().filter_map(|found| {
        let fault = found.errors.iter().find(|fault| cause.is_of(fault))?;
        Some((found, fault))
    });
    let rows: Vec<(&Rejection, &Fault)> = rows.collect();
    let kept = cause.with(&[("show", visit.query("show"))]);
    let may_mend = visit.session.may("orders:write");
    let open = rows
        .iter()
        .filter(|(found, _)| found.status == "open")
        .count();
    let content = html! {
        (heading(&cause, &rows))
        (became(&visit))
        p.switch {
            a href=(cause.address(&[])) aria-current=[(!is_all).then_some("true")] { "Open" }
            a href=(cause.address(&[("show", "all")])) aria-current=[is_all.then_some("true")] { "Open and closed" }
        }
        @if rows.is_empty() {
            (empty(
                if is_all { "No rejected order has this cause." } else { "Nothing is open. All orders with this cause were mended or dismissed." },
                &html! { p { a href="/console/errors" { "All open errors" } } },
            ))
        } @else if may_mend && open > 0 {
            (form(&visit, "/console/errors/cause/preview", &html! {
                @for (name, value) in cause.with(&[]) { input type="hidden" name=(name) value=(value); }
                (table(&rows, true))
                (pager(&visit, "/console/errors/cause", &kept, listed.next.as_deref()))
                (all(&visit, &rows, listed.next.is_some() || !visit.query("after").is_empty()))
            }))
        } @else {
            (table(&rows, false))
            (pager(&visit, "/console/errors/cause", &kept, listed.next.as_deref()))
        }
    };
    let title = if cause.pointer.is_empty() {
        cause.code.to_owned()
    } else {
        format!("{} at {}", cause.code, cause.pointer)
    };
    Page::new(&visit, title).module("mend.js").show(&content)
}

fn heading(cause: &Cause<'_>, rows: &[(&Rejection, &Fault)]) -> Markup {
    html! {
        @if let Some((_, fault)) = rows.first() {
            p.lead dir="auto" { (visible(&fault.message)) }
            @if let Some(rule) = &fault.rule { p.hint { "Expected: " (visible(rule)) } }
        }
        p.byline {
            span { "Dialect " b { (visible(cause.dialect)) } }
            @if !cause.organisation.is_empty() { span { "Organisation " b { (visible(cause.organisation)) } } }
            a href="/console/errors" { "All open errors" }
        }
    }
}

/// What the last form did: numbers from the address, so that a reload shows the same.
fn became(visit: &Visit) -> Markup {
    let number = |name: &str| visit.query(name).parse::<u64>().unwrap_or_default();
    let many = |many: u64| {
        if many == 1 {
            "1 order was".to_owned()
        } else {
            format!("{} orders were", count(many))
        }
    };
    let (stored, rejected, late, dismissed) = (
        number("stored"),
        number("rejected"),
        number("late"),
        number("dismissed"),
    );
    let failed = number("failed");
    html! {
        @if stored > 0 { p.notice.good role="status" { (many(stored)) " mended and stored. Their receipts name what they mend." } }
        @if dismissed > 0 { p.notice role="status" { (many(dismissed)) " dismissed." } }
        @if rejected > 0 { p.notice.bad role="status" { (many(rejected)) " rejected again, and stay open." } }
        @if late > 0 { p.notice.warm role="status" { (many(late)) " mended by somebody else meanwhile. Nothing of yours was sent for them." } }
        @if failed > 0 { p.notice.bad role="status" { (many(failed)) " not sent, because the server could not do it. They stay open: try again." } }
    }
}

fn table(rows: &[(&Rejection, &Fault)], can_choose: bool) -> Markup {
    html! {
        (frame("Rejected orders", &html! {
            table.stack {
                thead {
                    tr {
                        @if can_choose { th scope="col" { span.unseen { "Chosen" } } }
                        th scope="col" { "Order" }
                        th scope="col" { "Organisation" }
                        th scope="col" { "Value" }
                        th scope="col" { "Received" }
                        th scope="col" { "State" }
                        th scope="col" { span.unseen { "Mend" } }
                    }
                }
                tbody { @for (found, fault) in rows { (row(found, fault, can_choose)) } }
            }
        }))
    }
}

fn row(found: &Rejection, fault: &Fault, can_choose: bool) -> Markup {
    let address = format!("/console/rejections/{}", api::segment(&found.id));
    let is_open = found.status == "open";
    let name = found.name();
    html! {
        tr {
            @if can_choose {
                td.choice { @if is_open { input type="checkbox" name="id" value=(found.id) checked aria-label={ "Choose " (name) }; } }
            }
            td.wide data-label="Order" { a href=(address) { bdi { (visible(&name)) } } }
            td data-label="Organisation" { @match &found.organisation { Some(code) => (visible(code)), None => "unknown" } }
            td data-label="Value" {
                @match &fault.value { Some(value) => code dir="ltr" { (visible(value)) }, None => span.hint { "absent" } }
                @if let Some(hint) = &fault.hint { p.hint dir="auto" { (visible(hint)) } }
            }
            td data-label="Received" { (time(&found.received_at)) }
            td data-label="State" { (outcome(&found.status)) }
            td.todo {
                @if let Some(by) = &found.mended_by {
                    a href={ "/console/orders/" (api::segment(&by.order_id)) } aria-label={ "The order that mended " (name) } { "Its order" }
                } @else if is_open {
                    a href=(address) aria-label={ "Mend " (name) } { "Mend" }
                }
            }
        }
    }
}

/// What can be done with the chosen orders.
fn all(visit: &Visit, rows: &[(&Rejection, &Fault)], has_more: bool) -> Markup {
    let asked = visit.query("how");
    let has_hint = rows
        .iter()
        .any(|(_, fault)| !crate::parts::suggestions(fault).is_empty());
    let chosen = match asked {
        "" if has_hint => "hint",
        "" => "set",
        asked => asked,
    };
    let from = rows
        .first()
        .and_then(|(_, fault)| fault.value.as_deref())
        .unwrap_or_default();
    html! {
        section.all #all aria-labelledby="all-title" {
            h2 #all-title { "Mend all of them" }
            p.hint { "One change in each chosen order; everything else stays byte for byte. You see a preview before anything is sent." }
            @if has_more {
                label.check { input type="checkbox" name="everything" value="1"; " All open orders with this cause, not only those of this page (at most " (count(AT_ONCE_MAX as u64)) " at once)" }
            }
            fieldset.hows {
                legend { "Change" }
                @for (name, text) in HOWS {
                    label.check { input type="radio" name="how" value=(name) checked[*name == chosen]; " " (text) }
                }
            }
            div.how-fields {
                label.field data-how="set" { span { "New value" } input type="text" name="value" value=(visit.query("value")) autocomplete="off" spellcheck="false" dir="auto"; }
                label.field data-how="replace" { span { "Replace this text" } input type="text" name="from" value=(from) autocomplete="off" spellcheck="false" dir="auto"; }
                label.field data-how="replace" { span { "by" } input type="text" name="by" autocomplete="off" spellcheck="false" dir="auto"; }
            }
            div.actions { button.main type="submit" { "Preview" } }
            details.aside {
                summary { "Dismiss the chosen orders" }
                p.hint { "They stay rejected and are no longer open. Do not name persons in the note." }
                label.field { span { "Note (optional)" } input type="text" name="note" maxlength="1000" autocomplete="off"; }
                button.danger type="submit" formaction="/console/errors/cause/dismiss" { "Dismiss" }
            }
        }
    }
}
