//! The form with the rules.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::edit::{Draft, Fault, RULES_MAX};
use super::trial::{CHOICES, LAST, Trial};
use super::{Rule, address};
use crate::api::segment;
use crate::page::Page;
use crate::parts::{count, form, visible};
use crate::visit::Visit;

/// What a rule may have, in characters.
const NAME_CHARS_MAX: u32 = 100;
const WHEN_CHARS_MAX: u32 = 2_000;
const SENTENCE_CHARS_MAX: u32 = 500;

pub(super) struct Editor<'e> {
    visit: &'e Visit,
    draft: &'e Draft,
    faults: &'e [Fault],
    status: StatusCode,
    notice: Option<Markup>,
    trial: Option<Markup>,
    last: u64,
}

impl<'e> Editor<'e> {
    pub(super) fn new(visit: &'e Visit, draft: &'e Draft, faults: &'e [Fault]) -> Self {
        Self {
            visit,
            draft,
            faults,
            status: StatusCode::OK,
            notice: None,
            trial: None,
            last: LAST,
        }
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// What the API refused for another reason than a rule.
    pub(super) fn refused(mut self, sentence: &str) -> Self {
        self.notice = Some(html! { p.notice.bad role="alert" { (visible(sentence)) } });
        self
    }

    /// The rules that somebody else has set meanwhile.
    pub(super) fn others(mut self, about: &str, now: &[Rule]) -> Self {
        self.notice = Some(html! {
            div.notice.warm role="alert" {
                p { (about) }
                @if now.is_empty() { p { "No rules are set." } }
                @for rule in now { p { b { (visible(&rule.name)) } ": " code { (visible(&rule.when)) } } }
            }
        });
        self
    }

    pub(super) fn tried(mut self, trial: &Trial, last: u64) -> Self {
        self.trial = Some(trial.show(last));
        self.last = last;
        self
    }

    pub(super) fn show(&self) -> Response {
        let code = self.visit.path("code");
        let rules = self.draft.rules.iter().enumerate();
        let content = html! {
            input type="hidden" name="was" value=(self.draft.was);
            // The first button is the one that Enter presses in a field.
            div.actions {
                button type="submit" name="do" value="check" { "Check" }
                span.hint { "Checks the expressions. Nothing is saved." }
            }
            (self.summary())
            @for (at, rule) in rules { (self.rule(at, rule)) }
            @if self.draft.rules.is_empty() { p.hint { "No rules: no order is held." } }
            @if self.draft.rules.len() < RULES_MAX {
                p { button type="submit" name="do" value="add" { "Add a rule" } }
            }
            (self.actions())
        };
        Page::new(self.visit, format!("Rules of {code}"))
        .done(&["saved"])
            .status(self.status)
            .module("rules.js")
            .show(&html! {
                p.subtitle {
                    a href=(format!("/console/organisations/{}", segment(code))) { "Organisation " bdi { (visible(code)) } } " · "
                    a href=(format!("/console/held?organisation={}", segment(code))) { "Held orders" }
                }
                p.lead {
                    "A rule holds an order for a person if its expression is true. The first one that is true is named. \
                     Rules concern orders that are sent from then on."
                }
                @if let Some(notice) = &self.notice { (notice) }
                (form(self.visit, &address(code), &content))
                (self.trial.as_ref().unwrap_or(&html! {}))
                (help())
            })
    }

    /// How many faults there are, and those of all rules together.
    fn summary(&self) -> Markup {
        let mut general = self.faults.iter().filter(|fault| fault.at.is_none());
        html! {
            div #rules-summary {
                @if !self.faults.is_empty() {
                    div.notice.bad role="status" {
                        p {
                            @if self.faults.len() == 1 { "1 thing is wrong." } @else { (count(self.faults.len() as u64)) " things are wrong." }
                            " The rules cannot be saved like this."
                        }
                        @for fault in general.by_ref() { p { (visible(&fault.message)) } }
                    }
                }
            }
        }
    }

    fn rule(&self, at: usize, rule: &Rule) -> Markup {
        let number = at + 1;
        let own = |attribute: &str| {
            let mut faults = self.faults.iter();
            faults.any(|fault| fault.at == Some(at) && fault.attribute == attribute)
        };
        let (described, when) = (format!("fault-{at}"), format!("when-{at}"));
        let rows = rule.when.lines().count().clamp(2, 12);
        let invalid = |attribute: &str| own(attribute).then_some("true");
        html! {
            fieldset.rule {
                legend { "Rule " (number) }
                div.how-fields {
                    label.field {
                        span { "Name" }
                        input type="text" name="name" value=(rule.name) maxlength=(NAME_CHARS_MAX) autocomplete="off" dir="auto"
                            aria-invalid=[invalid("name")] aria-describedby=(described);
                    }
                    label.field {
                        span { "Sentence for the people who decide" }
                        input type="text" name="sentence" value=(rule.sentence) maxlength=(SENTENCE_CHARS_MAX) autocomplete="off" dir="auto"
                            aria-invalid=[invalid("sentence")] aria-describedby=(described);
                    }
                }
                label.field for=(when) {
                    span { "Holds an order for which this is true" }
                    // A browser leaves out the line break after the tag.
                    textarea.code id=(when) name="when" rows=(rows) maxlength=(WHEN_CHARS_MAX) spellcheck="false" autocapitalize="none"
                        aria-invalid=[invalid("when")] aria-describedby=(described) { "\n" (rule.when) }
                }
                div.rule-faults id=(described) { (self.faults_at(at, rule)) }
                div.actions {
                    button.quiet type="submit" name="do" value=(format!("up.{at}")) disabled[at == 0] aria-label={ "Move rule " (number) " up" } { "Up" }
                    button.quiet type="submit" name="do" value=(format!("down.{at}")) disabled[number == self.draft.rules.len()] aria-label={ "Move rule " (number) " down" } { "Down" }
                    button.quiet type="submit" name="do" value=(format!("remove.{at}")) aria-label={ "Remove rule " (number) } { "Remove" }
                }
            }
        }
    }

    fn faults_at(&self, at: usize, rule: &Rule) -> Markup {
        let own = self.faults.iter().filter(|fault| fault.at == Some(at));
        html! {
            @for fault in own {
                div.fault {
                    p.what {
                        @match fault.attribute.as_str() { "name" => "The name ", "sentence" => "The sentence ", "when" if fault.place.is_none() && fault.message.starts_with("is ") => "The expression ", _ => "" }
                        @if let Some((line, column)) = fault.place { "Line " (line) ", column " (column) ": " }
                        (visible(&fault.message))
                    }
                    @if let Some(place) = fault.place { (marked(&rule.when, place)) }
                }
            }
        }
    }

    fn actions(&self) -> Markup {
        let may_read = self.visit.session.may("orders:read");
        html! {
            div.actions {
                button.main type="submit" name="do" value="save" { "Save" }
                @if may_read {
                    button type="submit" name="do" value="test" { "Test" }
                    label.inline {
                        "on the latest "
                        select name="last" {
                            @for last in CHOICES { option value=(last) selected[last == self.last] { (last) } }
                        }
                        " orders"
                    }
                    span.hint { "A test changes nothing." }
                } @else {
                    span.hint { "To test rules on orders, sign in with a key that also has the scope " code { "orders:read" } "." }
                }
            }
        }
    }
}

/// The line of an expression with what is wrong marked: from the place to the end of the word.
fn marked(when: &str, (line, column): (usize, usize)) -> Markup {
    let text = when.lines().nth(line - 1).unwrap_or_default();
    let start = text.char_indices().nth(column - 1);
    let start = start.map_or(text.len(), |(at, _)| at);
    // The place of an attribute is its dot.
    let start = start + usize::from(text[start..].starts_with('.'));
    let (before, rest) = text.split_at(start);
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let (wrong, after) = rest.split_at(word.max(first));
    html! {
        pre.excerpt tabindex="0" { (visible(before)) mark { @if wrong.is_empty() { "⏎" } @else { (visible(wrong)) } } (visible(after)) }
    }
}

/// What can be written.
fn help() -> Markup {
    const EXAMPLES: [(&str, &str); 4] = [
        ("order.total > 1000", "large orders"),
        (
            "order.shipping_address.country != order.billing_address.country",
            "sent to another country than it is billed to",
        ),
        ("size(order.lines) > 50", "many lines"),
        (
            "has(order.customer.email) && order.customer.email.endsWith(\"@example.test\")",
            "an address for tests",
        ),
    ];
    html! {
        details.aside {
            summary { "Examples of expressions" }
            dl.facts { @for (when, about) in EXAMPLES { dt { (about) } dd { code { (when) } } } }
            p.hint { "Expressions are in CEL. " code { "order" } " is the order in the native form, with " code { "order.total" } ". An absent attribute is "
                code { "null" } ". A rule that fails on an order holds it." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn the_word_at_a_place_is_marked() {
        for (when, place, expected) in [
            ("order.totl > 1", (1, 6), "order.<mark>totl</mark> &gt; 1"),
            ("a &&\nb ||", (2, 3), "b <mark>|</mark>|"),
            ("a &&", (1, 5), "a &amp;&amp;<mark>⏎</mark>"),
            ("a", (3, 9), "<mark>⏎</mark>"),
            ("é > 'ü'", (1, 5), "é &gt; <mark>'</mark>ü'"),
        ] {
            let shown = marked(when, place).into_string();
            assert!(shown.contains(expected), "{when}: {shown}");
        }
    }
}
