//! Pages that ask before something is done that cannot be undone.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use maud::{Markup, html};

use super::forms::form;
use crate::digits;
use crate::page::Page;
use crate::visit::Visit;

/// A question before an action.
pub(crate) struct Confirm<'c> {
    /// The title, as a question.
    pub(crate) title: &'c str,
    /// What happens, and what cannot be undone.
    pub(crate) about: Markup,
    /// Where the form is sent.
    pub(crate) action: &'c str,
    /// What the button says.
    pub(crate) button: &'c str,
    /// The page to go back to.
    pub(crate) back: &'c str,
}

impl Confirm<'_> {
    /// The page.
    pub(crate) fn show(&self, visit: &Visit) -> Response {
        let content = html! {
            (self.about)
            div.actions {
                button.danger type="submit" { (self.button) }
                a href=(self.back) { "Cancel" }
            }
        };
        Page::new(visit, self.title).show(&form(visit, self.action, &content))
    }
}

/// A page with a secret that is never shown again.
pub(crate) fn secret(
    visit: &Visit,
    title: &str,
    values: &[(&str, &str)],
    next: &Markup,
) -> Response {
    let content = html! {
        div.secret {
            @for (name, value) in values { p { (name) } code { (value) } }
            p.hint { "Copy the secret now. It cannot be shown again." }
        }
        (next)
    };
    Page::new(visit, title).show(&content)
}

/// A hidden field with a random text. With it, a form that is sent again by a reload has no effect a second time.
pub(crate) fn once_field() -> Markup {
    // Without random numbers, the form works without this protection.
    html! { @if let Ok(text) = digits::random() { input type="hidden" name="once" value=(text); } }
}

/// Whether this process gets a form for the first time, by the text of [`once_field`]. The API could tell too, but it keeps an
/// answer with a secret only for callers that have sent theirs.
pub(crate) fn is_first(once: &str) -> bool {
    static SEEN: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
    const SEEN_MAX: usize = 1_000;
    if once.is_empty() || once.len() > 64 {
        return true;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.iter().any(|known| known == once) {
        return false;
    }
    if seen.len() == SEEN_MAX {
        seen.pop_front();
    }
    seen.push_back(once.to_owned());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_recognised() {
        assert!(is_first("a form") && !is_first("a form") && is_first("another form"));
        assert!(is_first("") && is_first(""));
    }
}
