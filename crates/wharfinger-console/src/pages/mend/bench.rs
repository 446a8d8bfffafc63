//! The editor of a rejected order, with its faults beside it.

use maud::{Markup, html};

use super::edit;
use crate::api::{self, Refused};
use crate::parts::{
    Fault, Placed, Rejection, Suggestion, Verdict, count, editor, faults_of_refused, form, more,
    said, suggestions, visible, visible_text, wheres,
};
use crate::texts::{Place, plain};
use crate::visit::Visit;

/// Longest value that a field beside a fault holds, in bytes. Longer ones are edited in the text.
const FIELD_BYTES_MAX: usize = 200;

/// What is known about a text.
pub(super) enum Judged {
    /// The faults that were found when it was received.
    AsReceived,
    /// What a dry run says.
    Verdict(Verdict),
    /// It cannot be judged.
    Refused(Refused),
}

impl Judged {
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Verdict(verdict) if verdict.is_good())
    }
}

pub(super) struct Bench<'b> {
    pub(super) visit: &'b Visit,
    pub(super) found: &'b Rejection,
    /// Whether the text is another one than that of the order as it was received.
    pub(super) is_changed: bool,
    pub(super) text: String,
    pub(super) judged: Judged,
}

impl Bench<'_> {
    pub(super) fn show(&self) -> Markup {
        let faults = match &self.judged {
            Judged::AsReceived => self.found.errors.as_slice(),
            Judged::Verdict(verdict) => verdict.errors.as_slice(),
            Judged::Refused(_) => &[],
        };
        let of_text;
        let faults = match &self.judged {
            Judged::Refused(refused) => {
                of_text = faults_of_refused(&self.text, refused);
                of_text.as_slice()
            }
            Judged::AsReceived | Judged::Verdict(_) => faults,
        };
        let placed = Placed::new(&self.text, faults);
        let content = html! {
            // The first button is the one that Enter presses in a field.
            div.bench #bench data-good[self.judged.is_good()] {
                div.writing {
                    div.bar {
                        label for="text" { "The order as JSON" }
                        span.tools {
                            button type="submit" name="do" value="check" { "Check" }
                            button.quiet type="submit" name="do" value="format" { "Format" }
                            @if self.is_changed {
                                button.quiet type="submit" name="do" value="undo" { "Undo changes" }
                            }
                        }
                    }
                    (editor(&self.text, &placed))
                }
                section.faults #faults aria-labelledby="faults-title" {
                    (self.verdict(faults.len()))
                    (self.list(&placed))
                }
            }
            div.actions {
                button.main type="submit" name="do" value="send" { "Send again" }
                span.hint { "The order is checked first, and sent only if it is valid." }
            }
        };
        html! {
            (form(self.visit, &super::address(&self.found.id), &content))
            (dismissal(self.visit, self.found))
        }
    }

    fn verdict(&self, faults: usize) -> Markup {
        html! {
            @match &self.judged {
                Judged::Verdict(verdict) if verdict.is_good() => {
                    h2 #faults-title role="status" { "No errors" }
                    p.notice.good { (promise(&verdict.outcome)) }
                }
                Judged::Refused(refused) if faults == 0 => {
                    h2 #faults-title role="status" { "The order cannot be sent" }
                    p.notice.bad { (visible(refused.sentence())) }
                }
                Judged::AsReceived | Judged::Verdict(_) | Judged::Refused(_) => {
                    h2 #faults-title role="status" {
                        @if faults == 1 { "1 error" } @else { (count(faults as u64)) " errors" }
                    }
                }
            }
        }
    }

    fn list(&self, placed: &Placed<'_>) -> Markup {
        let wheres = wheres(&self.text, placed);
        html! {
            ol {
                @for (number, fault) in placed.faults.iter().enumerate() {
                    @let place = placed.places[number].as_ref();
                    li.fault-card id=(format!("fault-{number}")) {
                        (wheres[number])
                        (said(fault))
                        (self.remedies(number, fault, place))
                    }
                }
            }
            (more(placed.left_out))
        }
    }

    /// Buttons for what the hint gives, and a field for another value.
    fn remedies(&self, number: usize, fault: &Fault, place: Option<&Place>) -> Markup {
        let suggestions = suggestions(fault);
        let value = match place {
            Some(place) if place.missing.is_empty() => Some(&self.text[place.value.clone()]),
            Some(place) if self.text[place.value.clone()].starts_with('{') => Some(""),
            Some(_) | None => None,
        };
        let is_short =
            |value: &&str| value.len() <= FIELD_BYTES_MAX && !value.starts_with(['{', '[']);
        let value = value
            .filter(is_short)
            .filter(|_| !fault.pointer.is_empty())
            .map(plain);
        let pointer = visible_text(&fault.pointer);
        let name = format!("New value of {pointer}");
        html! {
            @if !suggestions.is_empty() {
                div.suggested {
                    @for suggestion in &suggestions {
                        button type="submit" name="apply" value=(edit::button(&fault.pointer, &fault.code, suggestion)) {
                            @match suggestion {
                                Suggestion::Value(value) => { "Use " bdi { (visible(value)) } }
                                Suggestion::Name(_, to) => { "Rename to " bdi { (visible(to)) } }
                            }
                        }
                    }
                }
            }
            @if let Some(value) = value {
                input type="hidden" name="pointer" value=(fault.pointer);
                input type="hidden" name="code" value=(fault.code);
                input type="hidden" name="was" value=(value);
                div.set {
                    input id=(format!("value-{number}")) type="text" name="value" value=(value) aria-label=(name) autocomplete="off" spellcheck="false" dir="auto";
                    button type="submit" name="do" value="check" aria-label={ "Set " (pointer) } { "Set" }
                }
            }
        }
    }
}

/// What would become of the order.
fn promise(outcome: &str) -> &'static str {
    match outcome {
        "updated" => "If you send it now, it updates the order with this key.",
        "unchanged" => {
            "The order with this key already has this content. If you send it now, this error is closed."
        }
        _ => "If you send it now, it is accepted.",
    }
}

/// The form that dismisses a rejection.
pub(super) fn dismissal(visit: &Visit, found: &Rejection) -> Markup {
    if !visit.session.may("orders:write") {
        return html! {};
    }
    let content = html! {
        p.hint { "Closes the order without sending it. It stays rejected. Do not name persons in the note." }
        label.field { span { "Note (optional)" } input type="text" name="note" maxlength="1000" autocomplete="off"; }
        button.danger type="submit" { "Dismiss" }
    };
    let address = format!("/console/rejections/{}/dismiss", api::segment(&found.id));
    html! { details.aside { summary { "Dismiss this order" } (form(visit, &address, &content)) } }
}
