//! `/console/errors/cause`: the rejected orders of one cause, and what can be done with all of them.

use axum::response::Response;
use maud::{Markup, html};

use super::change::HOWS;
use super::{AT_ONCE_MAX, Cause, PAGE_ORDERS};
use crate::api;
use crate::page::{self, Page};
use crate::parts::{
    Fault, Listed, Rejection, cause_code, cause_name, count, empty, form, frame, outcome, pager,
    time, visible, visible_text,
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
    let target = api::target("/v1/rejections", &cause.asked(&others));
    let listed = match visit.get::<Listed<Rejection>>(&target).await {
        Ok(listed) => listed,
        Err(refused) => return page::refused(&visit, &refused),
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
        (heading(&visit, &cause, &rows))
        (became(&visit))
        p.switch {
            a href=(cause.address(&[])) aria-current=[(!is_all).then_some("true")] { "Open" }
            a href=(cause.address(&[("show", "all")])) aria-current=[is_all.then_some("true")] { "Open and closed" }
        }
        @if rows.is_empty() {
            (empty(
                if is_all { "No rejected order has this cause." } else { "Nothing is open. All orders with this cause were mended or dismissed." },
                &html! { p { a href="/console/errors" { "View all errors" } } },
            ))
        } @else if may_mend && open > 0 && !cause.is_other() {
            (form(&visit, "/console/errors/cause/preview", &html! {
                @for (name, value) in cause.with(&[]) { input type="hidden" name=(name) value=(value); }
                (all(&visit, &rows, listed.next.is_some() || !visit.query("after").is_empty()))
                h2 { "Orders" }
                (table(&rows, "Mend", true))
                (pager(&visit, "/console/errors/cause", &kept, listed.next.as_deref()))
            }))
        } @else {
            (table(&rows, if may_mend { "Mend" } else { "View" }, false))
            (pager(&visit, "/console/errors/cause", &kept, listed.next.as_deref()))
        }
    };
    Page::new(&visit, cause_name(cause.code, cause.pointer))
        .module("mend.js")
        .show(&content)
}

fn heading(visit: &Visit, cause: &Cause<'_>, rows: &[(&Rejection, &Fault)]) -> Markup {
    let all = api::target(
        "/console/errors",
        &[("organisation", visit.query("organisation"))],
    );
    html! {
        @if cause.is_other() {
            p.lead { "The most frequent causes are listed one by one. These are all rejected orders of the dialect, with these causes and the others." }
        } @else if let Some((_, fault)) = rows.first() {
            p.lead dir="auto" { (visible(&fault.message)) }
            @if let Some(rule) = &fault.rule { p.hint { "Expected: " (visible(rule)) } }
        }
        p.byline {
            @if !cause.is_other() { span { (cause_code(cause.code, cause.pointer)) } }
            span { "Dialect " b { (visible(cause.dialect)) } }
            @if !cause.organisation.is_empty() { span { "Organisation " b { (visible(cause.organisation)) } } }
            a href=(all) { "All errors" }
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
        @if stored > 0 { p.notice.good role="status" { (many(stored)) " mended and accepted." } }
        @if dismissed > 0 { p.notice role="status" { (many(dismissed)) " dismissed." } }
        @if rejected > 0 { p.notice.bad role="status" { (many(rejected)) " rejected again. They stay open." } }
        @if late > 0 { p.notice.warm role="status" { (many(late)) " mended or dismissed by somebody else in the meantime. Your change was not sent for them." } }
        @if failed > 0 { p.notice.bad role="status" { (many(failed)) " not sent, because the server could not do it. They stay open. Try again." } }
    }
}

fn table(rows: &[(&Rejection, &Fault)], action: &'static str, can_choose: bool) -> Markup {
    html! {
        (frame("Rejected orders", &html! {
            table.stack {
                thead {
                    tr {
                        @if can_choose { th scope="col" { span.unseen { "Selected" } } }
                        th scope="col" { "Order" }
                        th scope="col" { "Organisation" }
                        th scope="col" { "Value" }
                        th scope="col" { "Received" }
                        th scope="col" { "State" }
                        th scope="col" { span.unseen { "Action" } }
                    }
                }
                tbody { @for (found, fault) in rows { (row(found, fault, action, can_choose)) } }
            }
        }))
    }
}

fn row(found: &Rejection, fault: &Fault, action: &'static str, can_choose: bool) -> Markup {
    let address = format!("/console/rejections/{}", api::segment(&found.id));
    let is_open = found.status == "open";
    let name = found.name();
    let label = visible_text(&name);
    html! {
        tr {
            @if can_choose {
                td.choice { @if is_open { input type="checkbox" name="id" value=(found.id) checked aria-label={ "Select " (label) }; } }
            }
            td.wide data-label="Order" { a href=(address) { bdi { (visible(&name)) } } }
            td data-label="Organisation" { @match &found.organisation { Some(code) => (visible(code)), None => "unknown" } }
            td data-label="Value" {
                @match fault.value.as_deref() {
                    Some("") => span.hint { "empty" },
                    Some(value) => code dir="ltr" { (visible(value)) },
                    None => span.hint { "missing" },
                }
                @if let Some(hint) = &fault.hint { p.hint dir="auto" { (visible(hint)) } }
            }
            td data-label="Received" { (time(&found.received_at)) }
            td data-label="State" { (outcome(&found.status)) }
            td.todo {
                @if let Some(by) = &found.mended_by {
                    a href={ "/console/orders/" (api::segment(&by.order_id)) } aria-label={ "View the accepted order of " (label) } { "View order" }
                } @else if is_open {
                    a href=(address) aria-label={ (action) " " (label) } { (action) }
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
            h2 #all-title { "Mend all" }
            p.hint { "Makes one change in each selected order and sends it again. You see a preview first." }
            @if has_more {
                label.check { input type="checkbox" name="everything" value="1"; " All open orders with this cause, not only this page (at most " (count(AT_ONCE_MAX as u64)) ")" }
            }
            fieldset.hows {
                legend { "Change" }
                @for (name, text) in HOWS {
                    label.check { input type="radio" name="how" value=(name) checked[*name == chosen]; " " (text) }
                }
            }
            div.how-fields {
                label.field data-how="set" { span { "New value" } input type="text" name="value" value=(visit.query("value")) autocomplete="off" spellcheck="false" dir="auto"; }
                label.field data-how="replace" { span { "Find" } input type="text" name="from" value=(from) autocomplete="off" spellcheck="false" dir="auto"; }
                label.field data-how="replace" { span { "Replace with" } input type="text" name="by" autocomplete="off" spellcheck="false" dir="auto"; }
            }
            div.actions { button.main type="submit" { "Preview" } }
            details.aside {
                summary { "Dismiss the selected orders" }
                p.hint { "Closes them without sending them. They stay rejected. Do not name persons in the note." }
                label.field { span { "Note (optional)" } input type="text" name="note" maxlength="1000" autocomplete="off"; }
                button.danger type="submit" formaction="/console/errors/cause/dismiss" { "Dismiss" }
            }
        }
    }
}
