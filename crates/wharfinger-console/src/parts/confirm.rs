//! Pages that ask before something is done that cannot be undone.

use axum::response::Response;
use maud::{Markup, html};

use super::forms::form;
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
                a href=(self.back) { "Leave it as it is" }
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
            p.hint { "Copy it now. The server keeps only a hash of it, so nobody can show it again." }
        }
        (next)
    };
    Page::new(visit, title).show(&content)
}

/// A hidden field with a random text. With it, a form that is sent again by a reload has no effect a second time.
pub(crate) fn once_field() -> Markup {
    let mut random = [0; 16];
    // Without random numbers, the form works without this protection.
    let is_random = getrandom::fill(&mut random).is_ok();
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    html! { @if is_random { input type="hidden" name="once" value=(text); } }
}
