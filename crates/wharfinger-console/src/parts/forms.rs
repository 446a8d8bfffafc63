//! Forms and their fields.

use maud::{Markup, html};

use crate::visit::Visit;

/// A form that changes something. It carries the session's token.
pub(crate) fn form(visit: &Visit, action: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="csrf" value=(visit.csrf());
            (content)
        }
    }
}

/// A labelled text field.
pub(crate) fn text_field(name: &str, label: &str, value: &str) -> Markup {
    html! {
        label.field { span { (label) } input type="text" name=(name) value=(value) autocomplete="off"; }
    }
}

/// A labelled choice. The first of `choices` may be empty, for "any". Each has a value and a text.
pub(crate) fn select(name: &str, label: &str, chosen: &str, choices: &[(&str, &str)]) -> Markup {
    html! {
        label.field {
            span { (label) }
            select name=(name) {
                @for (value, text) in choices {
                    option value=(value) selected[*value == chosen] { (text) }
                }
            }
        }
    }
}

/// All dialects, and all of them together.
pub(crate) fn dialect_choices() -> Vec<(&'static str, &'static str)> {
    let ids = wharfinger_client::source::dialect_ids();
    let ids = ids.into_iter().map(|id| (id, id));
    [("", "All")].into_iter().chain(ids).collect()
}
