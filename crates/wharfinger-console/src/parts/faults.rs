//! What is wrong with an order, marked at its place in the JSON, with hints beside.

use std::ops::Range;

use maud::{Markup, html};

use super::count;
use super::rejections::Fault;
use crate::texts::{self, Piece, Place, Row, excerpt, fault_at, locate, visible};

/// Most faults of one order that a page shows.
pub(crate) const FAULTS_MAX: usize = 50;

/// The first faults of an order, with their places in a text.
pub(crate) struct Placed<'f> {
    /// The faults that are shown.
    pub(crate) faults: &'f [Fault],
    /// How many more there are.
    pub(crate) left_out: usize,
    /// Where each attribute is. `None` where the text cannot be read so far.
    pub(crate) places: Vec<Option<Place>>,
    /// What is marked, sorted by place, with the number of its fault.
    pub(crate) marks: Vec<(Range<usize>, usize)>,
}

impl<'f> Placed<'f> {
    /// Finds the faults in a text.
    pub(crate) fn new(text: &str, faults: &'f [Fault]) -> Self {
        let shown = &faults[..faults.len().min(FAULTS_MAX)];
        let pointers: Vec<_> = shown.iter().map(|fault| fault.pointer.as_str()).collect();
        let mut places = locate(text, &pointers);
        if let Some((at, _)) = fault_at(text) {
            // The one fault of a text that is no JSON is where it cannot be read.
            let next = text[at..].chars().next().map_or(0, char::len_utf8);
            let here = Place {
                name: None,
                value: at..at + next,
                missing: Vec::new(),
            };
            places.fill(Some(here));
        }
        let mark =
            |(number, place): (usize, &Option<Place>)| Some((place.as_ref()?.mark(text), number));
        let mut marks: Vec<_> = places.iter().enumerate().filter_map(mark).collect();
        marks.sort_by_key(|(range, number)| (range.start, range.end, *number));
        Self {
            faults: shown,
            left_out: faults.len() - shown.len(),
            places,
            marks,
        }
    }

    /// The line of each fault, from 1.
    pub(crate) fn lines(&self, text: &str) -> Vec<Option<usize>> {
        let ends: Vec<_> = line_ends(text);
        let line = |place: &Option<Place>| {
            let at = place.as_ref()?.mark(text).start;
            Some(1 + ends.partition_point(|end| *end < at))
        };
        self.places.iter().map(line).collect()
    }
}

fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(at, _)| at).collect()
}

/// An order in its JSON, pretty, in the lines around its faults, each with what is wrong and what helps. `prefix` makes the
/// places unique on a page of several orders.
pub(crate) fn marked_order(text: &str, faults: &[Fault], prefix: &str) -> Markup {
    let pretty = texts::pretty(text);
    let text = pretty.as_deref().unwrap_or(text);
    let placed = Placed::new(text, faults);
    let rows = excerpt(text, &placed.marks);
    let without_place = (0..placed.faults.len()).filter(|at| placed.places[*at].is_none());
    html! {
        @for number in without_place { (said(&placed.faults[number])) }
        div.source role="group" aria-label="The order as JSON, with its errors" {
            @for row in &rows { (line(row, &placed, prefix)) }
        }
        (more(placed.left_out))
    }
}

/// How many faults are not shown.
pub(crate) fn more(left_out: usize) -> Markup {
    html! {
        @if left_out > 0 {
            p.hint { (count(left_out as u64)) " more errors are not shown." }
        }
    }
}

fn line(row: &Row<'_>, placed: &Placed<'_>, prefix: &str) -> Markup {
    match row {
        Row::Gap(lines) => html! {
            div.gap { (count(*lines as u64)) @if *lines == 1 { " line" } @else { " lines" } }
        },
        Row::Line(number, pieces, faults) => html! {
            div.line.bad[!faults.is_empty()] {
                span.no aria-hidden="true" { (number) }
                code { @for piece in pieces { (shown(piece, prefix)) } }
                @if !faults.is_empty() {
                    div.beside { @for fault in faults { (said(&placed.faults[*fault])) } }
                }
            }
        },
    }
}

/// A piece of a text.
pub(crate) fn shown(piece: &Piece<'_>, prefix: &str) -> Markup {
    html! {
        @if let Some(fault) = piece.fault {
            mark id=(format!("{prefix}{fault}")) { (visible(piece.text)) }
        } @else {
            (visible(piece.text))
        }
        @if piece.left_out > 0 { span.cut { "… " (count(piece.left_out as u64)) " bytes more …" } }
    }
}

/// What is wrong, and what helps.
pub(crate) fn said(fault: &Fault) -> Markup {
    html! {
        div.fault {
            p.what dir="auto" { (visible(&fault.message)) }
            @if let Some(hint) = &fault.hint { p.helps dir="auto" { (visible(hint)) } }
            @if let Some(rule) = &fault.rule { p.hint { "Expected: " (rule) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(pointer: &str) -> Fault {
        Fault {
            pointer: pointer.to_owned(),
            code: "not_email".to_owned(),
            message: "<b>wrong</b>".to_owned(),
            hint: Some("write \u{202e}it".to_owned()),
            ..Fault::default()
        }
    }

    #[test]
    fn texts_from_outside_are_escaped_and_visible() {
        let order = "{\"a\":\"<script>\u{202e}\"}";
        let made = marked_order(order, &[fault("/a")], "m").into_string();
        assert!(!made.contains("<script") && !made.contains("<b>"), "{made}");
        assert!(!made.contains('\u{202e}'), "{made}");
        assert!(
            made.contains(
                r#"<mark id="m0">&quot;&lt;script&gt;<span class="sign">\u202e</span>&quot;</mark>"#
            ),
            "{made}"
        );
        assert!(
            made.contains("write <span class=\"sign\">\\u202e</span>it"),
            "{made}"
        );
    }

    #[test]
    fn ten_thousand_faults_are_cut_with_a_count() {
        let lines: Vec<_> = (0..10_000).map(|_| r#"{"sku":""}"#).collect();
        let order = format!(r#"{{"lines":[{}]}}"#, lines.join(","));
        let faults: Vec<_> = (0..10_000)
            .map(|at| fault(&format!("/lines/{at}/sku")))
            .collect();
        let made = marked_order(&order, &faults, "m").into_string();
        assert_eq!(made.matches("<mark").count(), FAULTS_MAX);
        assert!(made.contains("9,950 more errors"), "{made}");
        assert!(made.len() < 40_000, "{}", made.len());
    }

    #[test]
    fn a_text_that_is_no_json_is_marked_where_it_cannot_be_read() {
        let made = marked_order("{\"a\": 'x'}", &[fault("")], "m").into_string();
        assert!(
            made.contains("{&quot;a&quot;: <mark id=\"m0\">'</mark>x'}"),
            "{made}"
        );
    }

    #[test]
    fn a_fault_has_the_line_of_its_attribute() {
        let order = "{\n\"a\":1,\n\"b\":{\n\"c\":2}}";
        let faults = [fault("/b/c"), fault("/b/d"), fault("/a"), fault("")];
        let placed = Placed::new(order, &faults);
        assert_eq!(placed.lines(order), [Some(4), Some(3), Some(2), Some(1)]);
    }
}
