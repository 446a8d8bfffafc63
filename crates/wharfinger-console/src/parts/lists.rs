//! Lists of `/v1`, page by page.

use maud::{Markup, html};
use serde::Deserialize;

use crate::api;
use crate::visit::Visit;

/// A page of a list of `/v1`.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
    /// The cursor of the next page.
    #[serde(default = "Option::default")]
    pub(crate) next: Option<String>,
    /// How many rows all pages have, where the server knows it.
    #[serde(default = "Option::default")]
    pub(crate) total: Option<u64>,
}

/// The links below a list: to its first and to its next page. `filters` are the parameters that both keep.
pub(crate) fn pager(
    visit: &Visit,
    path: &str,
    filters: &[(&str, &str)],
    next: Option<&str>,
) -> Markup {
    let is_first = visit.query("after").is_empty();
    let mut following = filters.to_vec();
    following.push(("after", next.unwrap_or_default()));
    html! {
        @if !is_first || next.is_some() {
            nav.pager aria-label="Pages of the list" {
                @if !is_first { a href=(api::target(path, filters)) { "First page" } }
                @if next.is_some() { a rel="next" href=(api::target(path, &following)) { "Next page" } }
            }
        }
    }
}

/// A table that scrolls in its own frame on a narrow screen. `label` says what it is. The content is `thead` and `tbody`.
pub(crate) fn table(label: &str, content: &Markup) -> Markup {
    frame(label, &html! { table { (content) } })
}

/// A table whose rows become cards on a narrow screen. Cells have the name of their column in `data-label`; the cell that
/// names the row has the class `wide`.
pub(crate) fn stack(label: &str, content: &Markup) -> Markup {
    frame(label, &html! { table.stack { (content) } })
}

/// The frame of a table that has a class of its own.
pub(crate) fn frame(label: &str, table: &Markup) -> Markup {
    html! {
        // It has the focus, so that it can be scrolled with the keyboard.
        div.table role="region" aria-label=(label) tabindex="0" { (table) }
    }
}

/// What stands in place of a list that has no rows: what is missing, and what to do next.
pub(crate) fn empty(sentence: &str, next: &Markup) -> Markup {
    html! { div.empty { p { (sentence) } (next) } }
}
