//! The editor of an order's text: the text over the same text with its faults marked. The module `mend.js` makes it live.

use maud::{Markup, html};

use super::faults::Placed;
use super::rejections::Fault;
use super::words::count;
use crate::api::Refused;
use crate::texts::{Piece, fault_at, marked, visible};

/// Longest text that is marked in the editor, in bytes. A browser takes seconds to lay out a longer one twice; its faults have their
/// lines beside it.
const MARKED_BYTES_MAX: usize = 200_000;

/// The text, over the same text with the marks. Both have the same measures.
pub(crate) fn editor(text: &str, placed: &Placed<'_>) -> Markup {
    let is_large = text.len() > MARKED_BYTES_MAX;
    let pieces = if is_large {
        Vec::new()
    } else {
        marked(text, &placed.marks)
    };
    html! {
        div.editor.large[is_large] {
            div.behind #behind aria-hidden="true" { @for piece in &pieces { (shown_plain(piece)) } "\n" }
            // A browser leaves out the line break after the tag.
            textarea.code #text name="text" spellcheck="false" autocapitalize="none" autocomplete="off" wrap="soft" aria-describedby="faults-title" {
                "\n" (text)
            }
        }
    }
}

/// Where each fault of a text is: its line, which leads there, and its attribute.
pub(crate) fn wheres(text: &str, placed: &Placed<'_>) -> Vec<Markup> {
    let lines = placed.lines(text);
    let faults = placed.faults.iter().zip(&placed.places).zip(lines);
    let shown = faults.map(|((fault, place), line)| {
        let start = place.as_ref().map(|place| place.mark(text).start);
        html! {
            p.where {
                @if let Some(line) = line {
                    a.line-link href="#text" data-at=[start.map(|at| utf16(&text[..at]))] { "Line " (count(line as u64)) }
                    " "
                }
                @if !fault.pointer.is_empty() { code dir="ltr" { (visible(&fault.pointer)) } }
            }
        }
    });
    shown.collect()
}

/// The faults of a text that was refused as a whole. If it is no JSON, the place is known all the same.
pub(crate) fn faults_of_refused(text: &str, refused: &Refused) -> Vec<Fault> {
    let Some((_, reason)) = fault_at(text) else {
        let faults = refused.errors.iter().cloned();
        return faults
            .filter_map(|error| serde_json::from_value(error).ok())
            .collect();
    };
    vec![Fault {
        code: "not_json".to_owned(),
        message: format!("The text is not valid JSON here: {reason}"),
        ..Fault::default()
    }]
}

/// A piece behind the editor: the same letters as there, so that lines break in the same places.
fn shown_plain(piece: &Piece<'_>) -> Markup {
    html! { @if let Some(fault) = piece.fault { mark data-fault=(fault) { (piece.text) } } @else { (piece.text) } }
}

/// The length of a text as a browser counts it.
fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}
