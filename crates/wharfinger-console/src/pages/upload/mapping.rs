//! The page of the columns of a CSV file.

use axum::response::Response;
use maud::{Markup, html};
use wharfinger_client::source::{
    Attribute, CellReading, Record, Table, attributes, dialect, preset_of, targets_of,
};

use super::Limits;
use super::columns::{Columns, DATES, LINE_METADATA, METADATA, NUMBERS, Way, is_repeated};
use super::organisation::change_form;
use super::results::{remove_form, steps, subtitle};
use super::shelf::Upload;
use crate::page::Page;
use crate::parts::{form, frame, select, text_field, visible};
use crate::visit::Visit;

/// Orders of the preview.
const PREVIEW_ORDERS: usize = 3;
/// Characters of a sample that are shown.
const SAMPLE_CHARS: usize = 60;
/// Characters of an order that are shown.
const ORDER_CHARS: usize = 8_000;

pub(super) fn show(visit: &Visit, upload: &Upload, table: &Table, limits: &Limits) -> Response {
    let state = upload.state();
    let columns = &state.columns;
    let action = format!("{}/columns", upload.path());
    let preview = state
        .mapping
        .as_deref()
        .map(|mapping| tokio::task::block_in_place(|| preview(upload, mapping)));
    let content = html! {
        (steps(true, "columns"))
        (subtitle(upload))
        @if let Some(error) = &columns.error {
            p.notice.bad role="alert" { (visible(error)) }
        }
        @match &columns.way {
            Way::ByHand => (by_hand(visit, &action, table, columns)),
            Way::Preset(name, text) => (preset(visit, &action, columns, (name, text))),
            Way::Pasted => (pasted(visit, &action, columns)),
        }
        @if let Some(preview) = preview { (preview) }
        (others(visit, &action, table, columns))
        (change_form(visit, upload, limits))
        div.actions {
            @if state.mapping.is_some() {
                a.button href=(format!("{}/mapping.toml", upload.path())) download="mapping.toml" { "Download the mapping" }
            }
            (remove_form(visit, upload))
        }
        @if state.mapping.is_some() {
            p.hint { "You can also use the mapping on the command line: " code { "wharfinger submit FILE --map mapping.toml" } }
        }
    };
    Page::new(visit, &*upload.name)
        .module("upload.js")
        .show(&content)
}

/// The buttons that go on.
fn go_on() -> Markup {
    html! {
        div.actions {
            button.main type="submit" name="do" value="check" { "Check all orders" }
            button type="submit" name="do" value="preview" { "Show the preview" }
        }
    }
}

fn by_hand(visit: &Visit, action: &str, table: &Table, columns: &Columns) -> Markup {
    let all = attributes();
    let content = html! {
        p { "Choose an attribute for each column. Rows with the same order key are lines of one order." }
        ul.columns {
            @for (at, name) in table.columns.iter().enumerate() {
                (column(table, columns, &all, at, name))
            }
        }
        div.row {
            (select("numbers", "Numbers are written as", &columns.numbers, &NUMBERS.map(|(name, example, ..)| (name, example))))
            (select("date", "Dates are written as", &columns.date, &DATES))
            (text_field("zone", "Time zone of the dates", &columns.zone))
        }
        (go_on())
    };
    form(visit, action, &content)
}

fn column(table: &Table, columns: &Columns, all: &[Attribute], at: usize, name: &str) -> Markup {
    let samples = table.rows.iter().filter_map(|row| row.get(at));
    let samples: Vec<_> = samples.filter(|cell| !cell.trim().is_empty()).collect();
    let chosen = columns.targets.get(at).map_or("", String::as_str);
    let (id, label) = (format!("to-{at}"), format!("label-{at}"));
    html! {
        li {
            div {
                label #(label) for=(id) { bdi { @if name.is_empty() { "(no name)" } @else { (visible(name)) } } }
                p.hint { @for sample in samples.iter().take(2) { bdi.sample { (visible(&shortened(sample, SAMPLE_CHARS))) } } }
            }
            @if name.is_empty() || is_repeated(&table.columns, name) {
                p.hint { "Ignored, because the name of the column is empty or not unique." }
            } @else {
                (attribute_select(&id, chosen, all))
            }
        }
    }
}

fn attribute_select(id: &str, chosen: &str, all: &[Attribute]) -> Markup {
    let option = |value: &str, text: &str| {
        html! { option value=(value) selected[value == chosen] { (text) } }
    };
    html! {
        select #(id) name=(id) {
            (option("", "Ignore"))
            @for (group, prefix) in GROUPS {
                optgroup label=(group) {
                    @for one in all.iter().filter(|one| group_of(&one.path) == prefix) {
                        (option(&one.path, &described(one)))
                    }
                }
            }
            optgroup label="Metadata" {
                (option(METADATA, "Metadata of the order"))
                (option(LINE_METADATA, "Metadata of the line"))
            }
        }
    }
}

/// The groups of attributes, and how their paths begin.
const GROUPS: [(&str, &str); 6] = [
    ("Order", ""),
    ("Customer", "customer"),
    ("Billing address", "billing_address"),
    ("Shipping address", "shipping_address"),
    ("Lines", "lines[]"),
    ("References", "references"),
];

fn group_of(path: &str) -> &str {
    path.split_once('.').map_or("", |(group, _)| group)
}

fn described(attribute: &Attribute) -> String {
    let reading = match attribute.reading {
        CellReading::Text => "",
        CellReading::Number => ", a number",
        CellReading::Date => ", a date",
    };
    let needed = if attribute.path == "key" {
        ", required"
    } else {
        ""
    };
    format!("{}{reading}{needed}", attribute.path)
}

fn preset(visit: &Visit, action: &str, columns: &Columns, (name, text): (&str, &str)) -> Markup {
    let targets = targets_of(text).unwrap_or_default();
    let content = html! {
        p.notice.good role="status" { "The file is an export of " strong { (name) } ". Its columns are known, so you do not need to choose anything." }
        div.narrow { (text_field("zone", "Time zone of the dates", &columns.zone)) }
        (go_on())
    };
    html! {
        (form(visit, action, &content))
        details.others { summary { "Attributes of the columns" } (target_list(&targets)) }
    }
}

fn pasted(visit: &Visit, action: &str, columns: &Columns) -> Markup {
    let content = html! {
        p { "The columns are mapped as the mapping file says." }
        (go_on())
    };
    let targets = targets_of(&columns.pasted).unwrap_or_default();
    html! {
        @if columns.error.is_none() { (form(visit, action, &content)) }
        @if !targets.is_empty() { (target_list(&targets)) }
    }
}

fn target_list(targets: &[(String, Vec<String>)]) -> Markup {
    html! {
        (frame("Columns", &html! {
            table {
                thead { tr { th scope="col" { "Column" } th scope="col" { "Attributes" } } }
                tbody {
                    @for (column, paths) in targets {
                        tr { td { bdi { (visible(column)) } } td { code { (visible(&paths.join(", "))) } } }
                    }
                }
            }
        }))
    }
}

/// The other ways to a mapping.
fn others(visit: &Visit, action: &str, table: &Table, columns: &Columns) -> Markup {
    let preset = preset_of(&table.columns);
    let paste = html! {
        label.field {
            span { "Mapping file" }
            textarea.code name="pasted" rows="8" spellcheck="false" { (columns.pasted) }
        }
        button type="submit" name="do" value="paste" { "Use this mapping" }
    };
    html! {
        details.others open[columns.way == Way::Pasted && columns.error.is_some()] {
            summary { "Use another mapping" }
            @if columns.way != Way::ByHand {
                (form(visit, action, &html! { button type="submit" name="do" value="by-hand" { "Choose the attributes yourself" } }))
            }
            @if let Some((name, _)) = preset.filter(|_| !matches!(columns.way, Way::Preset(..))) {
                (form(visit, action, &html! { button type="submit" name="do" value="preset" { "Use the preset " (name) } }))
            }
            (form(visit, action, &paste))
        }
    }
}

/// The first orders as they become.
fn preview(upload: &Upload, mapping: &str) -> Markup {
    match first_orders(upload, mapping) {
        Ok(orders) => html! {
            h2 #preview { "The first orders" }
            @if orders.is_empty() { p { "The file has no rows." } }
            div.first-orders {
                @for order in &orders { (one_order(order)) }
            }
        },
        Err(error) => html! {
            h2 #preview { "The first orders" }
            p.notice.bad role="alert" { (visible(&error)) }
        },
    }
}

fn one_order(order: &Record) -> Markup {
    html! {
        section aria-label=(format!("Order of row {}", order.line)) {
            h3 { "Row " (order.line) }
            @for fault in &order.faults {
                p.notice.bad {
                    "Row " (fault.row) @if let Some(column) = &fault.column { ", column " bdi { (visible(column)) } } ": " (visible(&fault.message))
                }
            }
            pre tabindex="0" { (visible(&shortened(&indented(&order.text), ORDER_CHARS))) }
        }
    }
}

fn first_orders(upload: &Upload, mapping: &str) -> Result<Vec<Record>, String> {
    let gone = || "The file is no longer here.".to_owned();
    let own = dialect(wharfinger_client::source::dialect_ids()[0]).ok_or_else(gone)?;
    let content = upload.content().ok_or_else(gone)?;
    let sentence = |error| format!("{error:#}");
    let mut opened = content.open(Some(mapping), own).map_err(sentence)?;
    let mut orders = Vec::new();
    while orders.len() < PREVIEW_ORDERS
        && let Some(order) = opened.source.next().map_err(sentence)?
    {
        orders.push(order);
    }
    Ok(orders)
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// JSON with a line for each value. All its tokens stay as they are.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for letter in json.chars() {
        let line = |text: &mut String, depth: usize| {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", depth));
        };
        if is_string {
            text.push(letter);
            is_string = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' => {
                depth += 1;
                text.push(letter);
                line(&mut text, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => {
                is_string = letter == '"';
                text.push(letter);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_its_tokens_stay() {
        let json = r#"{"a":[1.10,"x,\"{}:\\"],"b":-2e5}"#;
        let expected = "{\n  \"a\": [\n    1.10,\n    \"x,\\\"{}:\\\\\"\n  ],\n  \"b\": -2e5\n}";
        assert_eq!(indented(json), expected);
    }
}
