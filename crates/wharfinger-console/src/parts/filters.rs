//! The filters above a list. They have the same names, order and look on every page.

use maud::{Markup, html};

use super::forms::{dialect_choices, select, text_field};
use super::organisations::Who;
use super::words::next_day;
use crate::visit::Visit;

/// The filters of a list. Add what a list has in this order: search, state, days, organisation, dialect, sender.
pub(crate) struct Filters<'v> {
    visit: &'v Visit,
    path: &'static str,
    fields: Vec<Markup>,
    is_used: bool,
}

impl<'v> Filters<'v> {
    /// The filters of the list at a path.
    pub(crate) fn new(visit: &'v Visit, path: &'static str) -> Self {
        Self {
            visit,
            path,
            fields: Vec::new(),
            is_used: false,
        }
    }

    fn add(mut self, name: &str, field: Markup) -> Self {
        self.is_used |= !self.visit.query(name).is_empty();
        self.fields.push(field);
        self
    }

    /// A search text, with what it is compared with.
    pub(crate) fn search(self, by: &str, choices: &[(&str, &str)]) -> Self {
        let text = self.visit.query("q");
        let field = html! {
            (select("by", "Search by", by, choices))
            label.field.text {
                span { "Search for" }
                input type="search" name="q" value=(text) autocomplete="off" maxlength="320" dir="auto";
            }
        };
        self.add("q", field)
    }

    /// Any text.
    pub(crate) fn text(self, name: &str, label: &str) -> Self {
        let field = text_field(name, label, self.visit.query(name));
        self.add(name, field)
    }

    /// A choice. The first one has an empty value, for all.
    pub(crate) fn choice(self, name: &str, label: &str, choices: &[(&str, &str)]) -> Self {
        let chosen = self.visit.query(name).to_owned();
        self.choice_of(name, label, &chosen, choices)
    }

    /// A choice with this one chosen.
    pub(crate) fn choice_of(
        self,
        name: &str,
        label: &str,
        chosen: &str,
        choices: &[(&str, &str)],
    ) -> Self {
        self.add(name, select(name, label, chosen, choices))
    }

    /// The first and the last day.
    pub(crate) fn days(self) -> Self {
        let day = |name: &str, label: &str| {
            let value = self.visit.query(name);
            html! { label.field { span { (label) } input type="date" name=(name) value=(value); } }
        };
        let (from, to) = (day("from", "From day (UTC)"), day("to", "To day (UTC)"));
        self.add("from", from).add("to", to)
    }

    /// An organisation, if the key can access several.
    pub(crate) fn organisation(self, who: &Who) -> Self {
        let field = who.organisation_field(self.visit.query("organisation"));
        if who.organisations_total < 2 {
            return self;
        }
        self.add("organisation", field)
    }

    /// A dialect.
    pub(crate) fn dialect(self) -> Self {
        self.choice("dialect", "Dialect", &dialect_choices())
    }

    /// The key that sent something.
    pub(crate) fn sender(self) -> Self {
        self.text("key_id", "Sent by key")
    }

    /// The form.
    pub(crate) fn show(self) -> Markup {
        html! {
            form.filters method="get" action=(self.path) role="search" {
                @for field in &self.fields { (field) }
                div.filter-buttons {
                    button type="submit" { "Filter" }
                    @if self.is_used { a href=(self.path) { "Clear" } }
                }
            }
        }
    }
}

/// The day after a day, as the time of the API before which to stop: a person names the last day that is shown. What is no day
/// is left as it is, so that the API says so.
pub(crate) fn day_after(day: &str) -> String {
    let next = next_day(day);
    next.map_or_else(|| day.to_owned(), |next| next.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_shown_whole() {
        assert_eq!(day_after("2026-12-31"), "2027-01-01");
        assert_eq!(day_after("soon"), "soon");
        assert_eq!(day_after(""), "");
    }
}
