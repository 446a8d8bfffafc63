//! The page of a held order: why it is held, what it says, and the ways out: release, refuse, mend.

use std::borrow::Cow;

use axum::response::Response;
use http::{Method, StatusCode};
use maud::{Markup, html};

use super::address;
use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{
    Fault, Order, Placed, count, editor, faults_of_refused, form, lines, more, said, time, visible,
    wheres,
};
use crate::texts;
use crate::visit::Visit;

/// Most lines of an order that the page shows.
const LINES_MAX: usize = 50;
/// Most characters of a note.
pub(super) const NOTE_CHARS_MAX: u32 = 1_000;

/// What the page is to say about a form.
#[derive(Default)]
pub(super) struct Said {
    /// The status of the page.
    pub(super) status: Option<StatusCode>,
    /// The class and the text of the notice about a decision.
    pub(super) notice: Option<(&'static str, String)>,
    /// The class and the text of what is said about the text.
    pub(super) verdict: Option<(&'static str, String)>,
    /// What is wrong with the text.
    pub(super) problems: Vec<Fault>,
    /// The text as the person has left it.
    pub(super) text: Option<String>,
    /// The revision that the person's text was made from. `None` for the current one.
    pub(super) revision: Option<String>,
    /// Whether somebody else has saved a text since then.
    pub(super) is_late: bool,
    /// The note as the person has left it.
    pub(super) note: String,
}

impl Said {
    /// What is said about a refused decision.
    pub(super) fn of(refused: &Refused) -> Self {
        Self {
            status: StatusCode::from_u16(refused.status).ok(),
            notice: Some(("bad", refused.sentence().to_owned())),
            ..Self::default()
        }
    }

    /// What is said about a refused text.
    pub(super) fn of_text(text: String, refused: &Refused) -> Self {
        Self {
            status: StatusCode::from_u16(refused.status).ok(),
            verdict: Some(("bad", refused.sentence().to_owned())),
            problems: faults_of_refused(&text, refused),
            text: Some(text),
            ..Self::default()
        }
    }
}

pub(super) async fn show(visit: Visit) -> Response {
    page(&visit, &Said::default()).await
}

/// The order of the page.
pub(super) async fn order(visit: &Visit) -> Result<Order, Refused> {
    let id = api::segment(visit.path("id"));
    visit.get(&format!("/v1/orders/{id}")).await
}

/// The page, with what is to be said about a form.
pub(super) async fn page(visit: &Visit, told: &Said) -> Response {
    let order = match order(visit).await {
        Ok(order) => order,
        Err(refused) => return page::refused(visit, &refused),
    };
    let Some(hold) = &order.held else {
        if told.notice.is_some() || told.verdict.is_some() {
            let sentence = "This order is no longer held.";
            return Page::new(visit, format!("Order {}", order.key))
                .status(StatusCode::CONFLICT)
                .show(&html! {
                    p.notice.warm role="alert" { (sentence) }
                    p { a href=(order.address()) { "View the order" } }
                });
        }
        return page::redirect(&order.address());
    };
    let text = match &told.text {
        Some(text) => text.clone(),
        None => match submitted(visit, &order.id).await {
            Ok(text) => text,
            Err(refused) => return page::refused(visit, &refused),
        },
    };
    let theirs = if told.is_late {
        submitted(visit, &order.id).await.ok()
    } else {
        None
    };
    let may_write = visit.session.may("orders:write");
    let content = html! {
        @if let Some((class, sentence)) = &told.notice { p.notice.(class) role="alert" { (visible(sentence)) } }
        div.why {
            p.sentence dir="auto" { (visible(&hold.sentence)) }
            p.hint {
                "Rule " b { (visible(&hold.rule)) }
                @if let Some(at) = &hold.at { ", since " (time(at)) }
            }
            @if let Some(error) = &hold.error { p.hint { "The rule could not be evaluated for this order: " (visible(error)) } }
        }
        @if may_write { (decide(visit, &order, told)) }
        h2 { "The order" }
        dl.facts {
            dt { "Customer" } dd { (order.customer.shown()) }
            dt { "Organisation" } dd { bdi { (visible(&order.organisation)) } }
            dt { "Created" } dd { (time(&order.created_at)) }
            @if let Some(address) = &order.shipping_address { dt { "Shipping address" } dd { (address.shown()) } }
            @if let Some(address) = &order.billing_address { dt { "Billing address" } dd { (address.shown()) } }
        }
        (lines(&order, LINES_MAX))
        p.more { a href=(order.address()) { "View all details of this order" } }
        @if may_write { (edit(visit, &order, &text, theirs.as_deref(), told)) }
    };
    Page::new(visit, format!("Held: {}", order.key))
        .done(&["saved"])
        .status(told.status.unwrap_or(StatusCode::OK))
        .module("mend.js")
        .show(&content)
}

/// The text of an order, as it was sent.
async fn submitted(visit: &Visit, id: &str) -> Result<String, Refused> {
    let target = format!("/v1/orders/{}?as=submitted", api::segment(id));
    let answer = visit.send(Method::GET, &target, None).await?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// Both decisions share the note, so they are buttons of one form. The note is a text area, in which Enter decides nothing.
fn decide(visit: &Visit, order: &Order, told: &Said) -> Markup {
    let address = address(&order.id);
    html! {
        (form(visit, &format!("{address}/release"), &html! {
            label.field {
                span { "Note (optional)" }
                textarea.note name="note" rows="2" maxlength=(NOTE_CHARS_MAX) autocomplete="off" dir="auto" { "\n" (told.note) }
            }
            div.actions {
                button.main type="submit" { "Release" }
                button.danger type="submit" formaction=(format!("{address}/refuse/ask")) { "Refuse…" }
                span.hint { "A released order is processed as usual. A refused order is cancelled." }
            }
        }))
    }
}

/// The editor. The module `mend.js` sends its form while a person types.
fn edit(visit: &Visit, order: &Order, text: &str, theirs: Option<&str>, told: &Said) -> Markup {
    let current = order.revision.to_string();
    let revision = told.revision.as_ref().unwrap_or(&current);
    // What a person wrote stays as it is.
    let text = match told.text {
        None => texts::first_shown(text),
        Some(_) => Cow::Borrowed(text),
    };
    let text = &*text;
    let placed = Placed::new(text, &told.problems);
    html! {
        details.mend #change open[told.text.is_some()] {
            summary.button { "Edit the order…" }
            (form(visit, &format!("{}/text", address(&order.id)), &html! {
                input type="hidden" name="revision" value=(revision);
                div.bench #bench {
                    div.writing {
                        div.bar {
                            label for="text" { "The order, as it was sent (" (order.dialect) ")" }
                            span.tools { button type="submit" name="do" value="check" { "Check" } }
                        }
                        (editor(text, &placed))
                    }
                    section.faults #faults aria-labelledby="faults-title" {
                        h2 #faults-title role=[told.verdict.is_some().then_some("status")] { (title(told)) }
                        @if let Some((class, sentence)) = &told.verdict { p.notice.(class) { (visible(sentence)) } }
                        (faults(text, &placed))
                    }
                }
                div.actions {
                    button.main type="submit" name="do" value="save" { "Save" }
                    span.hint { "A check stores nothing. Saving makes a new revision with your key, and the rules check it again." }
                }
                @if let Some(theirs) = theirs {
                    h2 { "The order as it is stored now" }
                    pre tabindex="0" role="region" aria-label="The order as it is stored now" { code { (visible(texts::pretty(theirs).as_deref().unwrap_or(theirs))) } }
                }
            }))
        }
    }
}

/// What is known about the text, in few words.
fn title(told: &Said) -> String {
    if told.is_late {
        return "Somebody else was faster".to_owned();
    }
    match (&told.verdict, told.problems.len()) {
        (None, _) => "As it is stored".to_owned(),
        (Some(("bad", _)), 0) => "This cannot be saved".to_owned(),
        (Some(("bad", _)), 1) => "1 thing is wrong".to_owned(),
        (Some(("bad", _)), faults) => format!("{} things are wrong", count(faults as u64)),
        (Some(_), _) => "Nothing is wrong".to_owned(),
    }
}

fn faults(text: &str, placed: &Placed<'_>) -> Markup {
    let wheres = wheres(text, placed);
    html! {
        ol {
            @for (number, fault) in placed.faults.iter().enumerate() {
                li.fault-card id=(format!("fault-{number}")) { (wheres[number]) (said(fault)) }
            }
        }
        (more(placed.left_out))
    }
}
