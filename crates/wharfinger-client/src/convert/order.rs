//! Converts one order: judged in its dialect, brought into the other form, and judged there.

use std::fmt;

use jiff::tz::TimeZone;
use wharfinger_core::convert::{RenderAs, render};
use wharfinger_core::dialect::StoredOrder;
use wharfinger_core::dialects;
use wharfinger_core::order::problem::Problem;

use super::losses::{Change, changes, left_out, of_any_element};
use crate::faults;
use crate::offline::{Judged, Offline};
use crate::report::{Fault, Place};
use crate::source::Record;

/// From one dialect to another.
pub(super) struct Conversion {
    pub(super) from: Offline,
    pub(super) to: Offline,
    pub(super) zone: TimeZone,
}

/// What became of an order.
pub(super) enum Converted {
    /// It is invalid in its own dialect.
    Invalid(Vec<Fault>),
    /// The order in the other form.
    Order { text: String, note: Note },
}

/// What there is to say about a converted order.
#[derive(Debug, Default)]
pub(super) struct Note {
    /// What the other form requires and the order lacks, or has in a form that is not valid there.
    pub(super) missing: Vec<String>,
    /// Values that are others in the other form.
    pub(super) changed: Vec<Change>,
    /// Attributes of the order that the other form does not have.
    pub(super) left_out: Vec<String>,
}

impl Note {
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.left_out.is_empty()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = self.changed.iter();
        let changed = changed.map(
            |Change {
                 attribute,
                 before,
                 after,
             }| { format!("{attribute} from {before:?} to {after:?}") },
        );
        let parts = [
            ("missing", self.missing.join(", ")),
            ("changed", changed.collect::<Vec<_>>().join(", ")),
            ("left out", self.left_out.join(", ")),
        ];
        let said = parts.iter().filter(|(_, list)| !list.is_empty());
        let said: Vec<String> = said.map(|(what, list)| format!("{what}: {list}")).collect();
        out.write_str(&said.join("; "))
    }
}

impl Conversion {
    /// Converts an order. Puts its key into `place`.
    pub(super) fn convert(&mut self, record: &Record, place: &mut Place) -> Converted {
        if !record.faults.is_empty() {
            return Converted::Invalid(faults::of_source(record, place));
        }
        let judged = match self.from.judge(&record.text) {
            Ok(judged) => judged,
            Err(why) => return Converted::Invalid(vec![faults::not_json(record, place, &why)]),
        };
        place.key = judged.key.clone().or_else(|| place.key.take());
        if !judged.problems.is_empty() {
            let names = self.from.dialect().name_case();
            return Converted::Invalid(faults::errors(record, place, &judged, names));
        }
        self.order(&record.text, &judged)
    }

    fn order(&mut self, text: &str, judged: &Judged) -> Converted {
        let (from, to) = (self.from.dialect(), self.to.dialect());
        let stored = self.from.stored(judged, text);
        let rendered = render(&stored, from, RenderAs::Dialect(to));
        let body = String::from_utf8(rendered.body).unwrap_or_default();
        let mut note = Note::default();
        let missing = rendered.missing.iter().map(|path| (*path).to_owned());
        note.missing.extend(missing);
        let there = match self.to.judge(&body) {
            Ok(there) => there,
            Err(why) => {
                note.missing.push(why);
                return Converted::Order { text: body, note };
            }
        };
        name_problems(&there.problems, &mut note.missing);
        if from.id() != to.id() {
            let stored_there = StoredOrder {
                organisation: stored.organisation.clone(),
                ..self.to.stored(&there, &body)
            };
            self.compare(&stored, &stored_there, &mut note);
        }
        Converted::Order { text: body, note }
    }

    /// Compares an order with what is left of it in the other form.
    fn compare(&self, here: &StoredOrder, there: &StoredOrder, note: &mut Note) {
        let (from, to) = (self.from.dialect(), self.to.dialect());
        let (order, order_there) = (from.canonical(here), to.canonical(there));
        let [before, after] = [&order, &order_there].map(|order| {
            let written = dialects::OWN.render(order, &self.zone);
            String::from_utf8(written.body).unwrap_or_default()
        });
        note.changed = changes(&before, &after);
        let back = from.render(&order_there, &self.zone).body;
        let back = String::from_utf8(back).unwrap_or_default();
        let text = here.texts.first().map_or("", String::as_str);
        note.left_out = left_out(text, &back, |text| {
            let mut order = here.clone();
            order.texts = vec![text.to_owned()];
            to.render(&from.canonical(&order), &self.zone).body
        });
    }
}

/// Names what the other dialect finds wrong, unless it is named already.
fn name_problems(problems: &[Problem], missing: &mut Vec<String>) {
    for problem in problems {
        let path = problem.path.to_string();
        let plain = of_any_element(&path);
        let inside = format!("{plain}.");
        let is_named = |named: &String| *named == plain || named.starts_with(&inside);
        let said = problem.to_string();
        if !missing.iter().any(is_named) && !missing.contains(&said) {
            missing.push(said);
        }
    }
}
