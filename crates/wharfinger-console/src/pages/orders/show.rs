//! The page of an order: what it says, in every form, what happened to it, and what can be done with it.

use axum::response::Response;
use http::{Method, StatusCode};
use maud::{Markup, html};

use super::change::Said;
use super::history;
use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{
    Fulfilment, Order, count, fact, fact_at, form, lines, order_address, said, state, time, visible,
};
use crate::texts;
use crate::visit::Visit;

/// Most lines of an order that the page shows.
const LINES_MAX: usize = 200;
/// Most bytes of a text that the page shows.
const TEXT_BYTES_MAX: usize = 200_000;

pub(super) async fn show(visit: Visit) -> Response {
    page(&visit, &Said::default()).await
}

/// The page, with what is to be said about a form that was refused.
pub(super) async fn page(visit: &Visit, told: &Said) -> Response {
    let id = visit.path("id").to_owned();
    let target = format!("/v1/orders/{}", api::segment(&id));
    let order = visit.get::<Order>(&target);
    let (order, history) = futures_util::future::join(order, history::read(visit, &id)).await;
    let (order, history) = match (order, history) {
        (Ok(order), Ok(history)) => (order, history),
        (Err(refused), _) | (_, Err(refused)) => return page::refused(visit, &refused),
    };
    let may_write = visit.session.may("orders:write");
    let chosen = visit.query("as");
    let shown = if chosen.is_empty() {
        None
    } else {
        Some(in_form(visit, &id, chosen).await)
    };
    let content = html! {
        (told.notice())
        (head(&order))
        @if let Some(hold) = &order.held {
            div.notice.warm {
                p { b { "Held: " } (visible(&hold.sentence)) }
                p { a href=(format!("/console/held/{}", api::segment(&order.id))) { @if may_write { "Release or refuse this order" } @else { "View why it is held" } } }
            }
        }
        @if may_write { (actions(visit, &order)) }
        (forms(&order, chosen))
        @match shown {
            None => (summary(&order)),
            Some(Ok(text)) => (text_of(&order, chosen, &text)),
            Some(Err(refused)) => { p.notice.bad role="alert" { (visible(refused.sentence())) } },
        }
        (fulfilment(visit, &order, told))
        (history::show(visit, &id, &history))
    };
    Page::new(visit, format!("Order {}", order.key))
        .done(&["saved", "released", "refused", "processed", "cancelled"])
        .status(told.status.unwrap_or(StatusCode::OK))
        .show(&content)
}

fn head(order: &Order) -> Markup {
    html! {
        dl.facts.order {
            dt { "State" } dd { (state(&order.state)) }
            @if let Some(number) = order.number { dt { "Number" } dd { (number) } }
            dt { "Organisation" } dd { bdi { (visible(&order.organisation)) } }
            dt { "Dialect" } dd { (order.dialect) }
            dt { "Revision" } dd { (count(order.revision.into())) }
            dt { "Created" } dd {
                (time(&order.created_at)) ", in "
                a href=(format!("/console/batches/{}", api::segment(&order.batch_id))) { "this batch" }
            }
            @if order.updated_at != order.created_at { dt { "Updated" } dd { (time(&order.updated_at)) } }
            dt { "Order ID" } dd { code { (order.id) } }
        }
    }
}

fn actions(visit: &Visit, order: &Order) -> Markup {
    let address = order.address();
    html! {
        @if order.is_open() {
            div.actions {
                @if order.state == "pending" {
                    a.button.main href={ (address) "/process" } { "Mark as processed…" }
                }
                details.sure {
                    summary.button { "Cancel the order…" }
                    (form(visit, &format!("{address}/cancel"), &html! {
                        p { "This cannot be undone." }
                        button.danger type="submit" { "Cancel the order" }
                    }))
                }
            }
        }
    }
}

/// The forms in which an order can be shown.
fn forms(order: &Order, chosen: &str) -> Markup {
    let ids = wharfinger_client::source::dialect_ids();
    let dialects = ids.into_iter().map(|id| (id, id));
    let fixed = [("", "Summary"), ("submitted", "As submitted")];
    let forms = fixed.into_iter().chain(dialects);
    let address = order.address();
    html! {
        nav.forms aria-label="Formats of the order" {
            @for (name, text) in forms {
                a href=(api::target(&address, &[("as", name)])) aria-current=[(name == chosen).then_some("true")] { (text) }
            }
        }
    }
}

/// An order in a form.
struct InForm {
    text: String,
    /// What the form requires and the order lacks.
    missing: String,
}

async fn in_form(visit: &Visit, id: &str, name: &str) -> Result<InForm, Refused> {
    let path = format!("/v1/orders/{}", api::segment(id));
    let target = api::target(&path, &[("as", name)]);
    let answer = visit.send(Method::GET, &target, None).await?;
    let missing = answer.headers.get("wharfinger-missing");
    let missing = missing.and_then(|names| names.to_str().ok());
    Ok(InForm {
        text: String::from_utf8_lossy(&answer.body).into_owned(),
        missing: missing.unwrap_or_default().to_owned(),
    })
}

fn text_of(order: &Order, name: &str, shown: &InForm) -> Markup {
    let text = &shown.text;
    let pretty = if name == "submitted" {
        None
    } else {
        texts::pretty(text)
    };
    let text = pretty.as_deref().unwrap_or(text);
    let mut ends = (0..=TEXT_BYTES_MAX.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    let end = end.unwrap_or_default();
    let whole = format!("/console/api/v1/orders/{}", api::segment(&order.id));
    html! {
        @if !shown.missing.is_empty() {
            p.notice.warm { "This format requires attributes that the order does not have: " (visible(&shown.missing)) }
        }
        pre tabindex="0" role="region" aria-label="The order as text" { code { (visible(&text[..end])) } }
        @if end < text.len() { p.hint { "Only the first " (count(end as u64)) " bytes are shown." } }
        p.more { a href=(api::target(&whole, &[("as", name)])) { "Open as plain JSON" } }
    }
}

fn summary(order: &Order) -> Markup {
    let customer = &order.customer;
    let name = customer.name();
    let delivery = order.shipping_address.as_ref();
    html! {
        div.parts {
            section {
                h2 { "Customer" }
                @if !name.is_empty() { p { bdi { (visible(&name)) } } }
                @for value in [&customer.email, &customer.phone, &customer.reference].into_iter().flatten() {
                    p { bdi { (visible(value)) } }
                }
                @if name.is_empty() && customer.email.is_none() && customer.phone.is_none() && customer.reference.is_none() {
                    p.hint { "not given" }
                }
            }
            @if let Some(address) = delivery { section { h2 { "Shipping address" } (address.shown()) } }
            @if let Some(address) = &order.billing_address { section { h2 { "Billing address" } (address.shown()) } }
        }
        h2 { "Order lines" }
        @if order.lines.is_empty() { p.hint { "The order has no lines." } } @else { (lines(order, LINES_MAX)) }
        dl.facts {
            (fact_at("Placed", order.placed_at.as_ref()))
            (fact("Shipping price", order.shipping_price.as_ref()))
            (fact("Discount", order.discount.as_ref()))
            (fact("Instructions", order.instructions.as_ref()))
        }
    }
}

/// The fields of a report: name, label, and the kind of field.
const REPORT: [(&str, &str, &str); 4] = [
    ("status", "Status", "text"),
    ("ticket_number", "Ticket number", "text"),
    ("tracking_url", "Tracking link", "url"),
    ("delivered_at", "Delivered on", "date"),
];

fn fulfilment(visit: &Visit, order: &Order, told: &Said) -> Markup {
    let known = order.fulfilment.as_ref();
    let can_report = !matches!(order.state.as_str(), "cancelled" | "draft" | "held");
    let value = |name: &str| {
        let of = |report: &Fulfilment| match name {
            "status" => report.status.clone(),
            "ticket_number" => report.ticket_number.clone(),
            "tracking_url" => report.tracking_url.clone(),
            _ => report
                .delivered_at
                .as_deref()
                .and_then(|at| at.get(..10))
                .map(str::to_owned),
        };
        told.sent(name)
            .or_else(|| known.and_then(of))
            .unwrap_or_default()
    };
    html! {
        h2 { "Fulfilment" }
        @match known {
            None => { p.hint { "No fulfilment was reported yet." } }
            Some(report) => {
                dl.facts {
                    (fact("Status", report.status.as_ref()))
                    (fact("Ticket number", report.ticket_number.as_ref()))
                    @if let Some(url) = &report.tracking_url {
                        dt { "Tracking" }
                        dd { a href=(web(url)) rel="noreferrer noopener" { (visible(url)) } }
                    }
                    (fact_at("Picked", report.picked_at.as_ref()))
                    (fact_at("Delivered", report.delivered_at.as_ref()))
                    (fact_at("Printed", report.printed_at.as_ref()))
                    (fact("Printed by", report.printed_by.as_ref()))
                    (fact_at("Reported", report.updated_at.as_ref()))
                }
            }
        }
        @if can_report && visit.session.may("orders:write") {
            details.sure #fulfilment open[!told.problems.is_empty()] {
                summary.button { "Report fulfilment…" }
                (form(visit, &format!("{}/fulfilment", order_address(&order.id)), &html! {
                    @for fault in &told.problems { (said(fault)) }
                    @for (name, label, kind) in REPORT {
                        label.field { span { (label) } input type=(kind) name=(name) value=(value(name)) autocomplete="off"; }
                    }
                    @for (name, value) in kept(known) { input type="hidden" name=(name) value=(value); }
                    p.hint { "A report replaces the earlier one." }
                    button.main type="submit" { "Report fulfilment" }
                }))
            }
        }
    }
}

/// What the form does not ask for, and the report before has.
fn kept(known: Option<&Fulfilment>) -> Vec<(&'static str, String)> {
    let Some(report) = known else {
        return Vec::new();
    };
    let lines = report.lines.as_ref().map(|lines| lines.get().to_owned());
    let kept = [
        ("picked_at", report.picked_at.clone()),
        ("printed_at", report.printed_at.clone()),
        ("printed_by", report.printed_by.clone()),
        ("lines", lines),
    ];
    let kept = kept.into_iter();
    kept.filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// An address of the web. Nothing else becomes a link.
fn web(url: &str) -> &str {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web { url } else { "#" }
}
