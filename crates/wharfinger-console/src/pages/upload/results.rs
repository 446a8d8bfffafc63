//! The pages of a check and of a sending.

use axum::response::Response;
use maud::{Markup, html};

use super::Limits;
use super::first::size;
use super::organisation::change_form;
use super::rows::{PAGE_ROWS, Row, RowFault};
use super::run::{Counts, Run, Seen};
use super::shelf::Upload;
use crate::api::{segment, target};
use crate::page::Page;
use crate::parts::{count, form, outcome, visible};
use crate::visit::Visit;

/// The steps of an upload.
pub(super) fn steps(is_table: bool, current: &str) -> Markup {
    let all = [
        ("file", "File"),
        ("columns", "Columns"),
        ("check", "Check"),
        ("send", "Send"),
    ];
    let shown = all
        .iter()
        .filter(|(name, _)| is_table || *name != "columns");
    html! {
        ol.steps aria-label="Steps" {
            @for (name, text) in shown {
                li aria-current=[(*name == current).then_some("step")] { (text) }
            }
        }
    }
}

/// The file's size, and how its orders are read.
pub(super) fn subtitle(upload: &Upload) -> Markup {
    let state = upload.state();
    html! {
        p.subtitle {
            (size(upload.bytes)) " · "
            @if upload.table.is_some() { "CSV" } @else { (state.dialect) }
            @if !state.organisation.is_empty() { " · Organisation " bdi { (visible(&state.organisation)) } }
        }
    }
}

pub(super) fn remove_form(visit: &Visit, upload: &Upload) -> Markup {
    let action = format!("{}/remove", upload.path());
    form(
        visit,
        &action,
        &html! { button.quiet type="submit" { "Remove the file" } },
    )
}

/// The page of a file that was not checked.
pub(super) fn not_checked(visit: &Visit, upload: &Upload, limits: &Limits) -> Response {
    let action = format!("{}/check", upload.path());
    let content = html! {
        (steps(upload.table.is_some(), "check"))
        (subtitle(upload))
        div.actions {
            (form(visit, &action, &html! { button.main type="submit" { "Check the file" } }))
            (remove_form(visit, upload))
        }
        (change_form(visit, upload, limits))
    };
    Page::new(visit, &*upload.name).show(&content)
}

/// The page of a run.
pub(super) fn show(visit: &Visit, upload: &Upload, run: &Run, limits: &Limits) -> Response {
    let seen = run.seen();
    let step = if run.is_dry { "check" } else { "send" };
    let content = html! {
        (steps(upload.table.is_some(), step))
        (subtitle(upload))
        @if !seen.is_done {
            (running(visit, upload, run, &seen))
        } @else if run.is_dry {
            (checked(visit, upload, &seen))
            (change_form(visit, upload, limits))
        } @else {
            (sent(visit, upload, &seen))
        }
        @if seen.is_done {
            (list(visit, upload, run, &seen))
            div.actions { (remove_form(visit, upload)) }
        }
    };
    Page::new(visit, &*upload.name)
        .module("upload.js")
        .show(&content)
}

fn running(visit: &Visit, upload: &Upload, run: &Run, seen: &Seen) -> Markup {
    let (doing, hint) = if run.is_dry {
        ("Checking the orders", "No order is stored yet.")
    } else {
        (
            "Sending the orders",
            "You can leave this page. The server stops sending when you sign out, when your session ends, or when the key is revoked.",
        )
    };
    let stop = format!("{}/stop", upload.path());
    html! {
        // Without scripts, the page is loaded again and again.
        noscript { meta http-equiv="refresh" content="2"; }
        div #run data-progress=(format!("{}/progress", upload.path())) {
            h2 { (doing) }
            progress max=(upload.bytes) value=(seen.bytes_read) aria-label="Part of the file that was read" {}
            p.hint role="status" data-waits { (seen.waits.unwrap_or_default()) }
            (cards(run.is_dry, &seen.counts, true))
            p.hint { (hint) }
            (form(visit, &stop, &html! { button type="submit" { "Stop" } }))
        }
    }
}

/// The counts. Those that are zero are left out, but for the first.
fn cards(is_dry: bool, counts: &Counts, is_running: bool) -> Markup {
    let one_order = counts.orders == 1 && !is_running;
    let orders = if one_order { "order" } else { "orders" };
    let accepted = if is_dry { "new" } else { "accepted" };
    let all = [
        ("orders", orders, counts.orders, true),
        ("accepted", accepted, counts.accepted, true),
        ("updated", "updated", counts.updated, false),
        ("unchanged", "unchanged", counts.unchanged, false),
        ("rejected", "rejected", counts.rejected, true),
        ("not_sent", "not sent", counts.not_sent, false),
        ("warnings", "with warnings", counts.warnings, false),
    ];
    html! {
        div.cards.tally {
            @for (name, text, number, is_always) in all {
                div.card hidden[number == 0 && !is_always] data-card=(name) {
                    span.number data-count=(name) { (count(number)) }
                    (text)
                }
            }
        }
    }
}

fn checked(visit: &Visit, upload: &Upload, seen: &Seen) -> Markup {
    let counts = &seen.counts;
    let good = counts.accepted + counts.updated + counts.unchanged;
    let to_send = counts.orders - counts.not_sent;
    let send = format!("{}/send", upload.path());
    let columns = format!("{}?step=columns", upload.path());
    // Sending is not what comes next if no order would be accepted.
    let is_next = good > 0;
    let button = html! {
        button.main[is_next] type="submit" { "Send " (orders(to_send)) }
    };
    html! {
        @if let Some(error) = &seen.error {
            p.notice.bad role="alert" { "The file could not be checked completely. " (visible(error)) }
        } @else if good == counts.orders {
            p.notice.good role="status" { @if good == 1 { "The order can be sent." } @else { "All " (orders(good)) " can be sent." } }
        } @else {
            p.notice.warm role="status" { (count(good)) " of " (orders(counts.orders)) " would be accepted." }
        }
        (cards(true, counts, false))
        @if counts.not_sent > 0 {
            p.hint { "Rows that cannot be read as orders are not sent. Correct them in the file and upload it again: orders that are already stored stay unchanged." }
        }
        @if counts.rejected > 0 {
            p.hint { "Rejected orders are sent too, so that you can mend them on the page Errors." }
        }
        @if counts.batches > 1 {
            p.hint { "Orders are checked in parts of 1,000. An order that is in the file twice can be counted as new twice." }
        }
        div.actions {
            @if is_next && upload.has_content() { (form(visit, &send, &button)) }
            @if upload.table.is_some() { a.button.main[!is_next] href=(columns) { "Change the columns" } }
            @else if !is_next { a.button.main href="/console/upload" { "Upload another file" } }
            @if !is_next && to_send > 0 && upload.has_content() { (form(visit, &send, &button)) }
            @if seen.error.is_some() {
                (form(visit, &format!("{}/check", upload.path()), &html! { button type="submit" { "Check again" } }))
            }
        }
    }
}

/// A number of orders, in words.
fn orders(number: u64) -> String {
    let word = if number == 1 { "order" } else { "orders" };
    format!("{} {word}", count(number))
}

fn sent(visit: &Visit, upload: &Upload, seen: &Seen) -> Markup {
    let counts = &seen.counts;
    let sent = counts.orders - counts.not_sent;
    html! {
        @if let Some(error) = &seen.error {
            p.notice.bad role="alert" {
                "Not all orders were sent. " (visible(error)) " " (orders(sent)) " of the file " @if sent == 1 { "was" } @else { "were" } " sent before. "
                @if upload.has_content() { "Send the rest: no order is stored twice." }
            }
        } @else if counts.rejected + counts.not_sent > 0 {
            p.notice.warm role="status" { "The file was sent. " (count(sent - counts.rejected)) " of " (orders(counts.orders)) " were accepted." }
        } @else {
            p.notice.good role="status" { "The file was sent. " (orders(sent)) @if sent == 1 { " was accepted." } @else { " were accepted." } }
        }
        (cards(false, counts, false))
        div.actions {
            @if seen.error.is_some() && upload.has_content() {
                (form(visit, &format!("{}/send", upload.path()), &html! { button.main type="submit" { "Send the rest" } }))
            }
            @if counts.rejected > 0 { a.button href="/console/errors" { "Mend rejected orders" } }
            a.button href="/console/upload" { "Upload another file" }
        }
        (batches(seen))
    }
}

fn batches(seen: &Seen) -> Markup {
    html! {
        @if !seen.batches.is_empty() {
            h2 { "Batches" }
            ul.files {
                @for (id, rejected) in &seen.batches {
                    li {
                        a href=(format!("/console/batches/{}", segment(id))) { code { (id) } }
                        @if *rejected > 0 { span.hint { (count(*rejected)) " rejected" } }
                    }
                }
            }
        }
    }
}

/// What the listed orders have. Orders that are only warned about are taken.
fn with_faults(counts: &Counts) -> &'static str {
    match (counts.rejected + counts.not_sent, counts.warnings) {
        (0, 1..) => "With warnings",
        (_, 0) => "With errors",
        _ => "With errors or warnings",
    }
}

/// The orders of a run, page by page.
fn list(visit: &Visit, upload: &Upload, run: &Run, seen: &Seen) -> Markup {
    let is_all = visit.query("list") == "all" && run.is_dry;
    let number: usize = visit.query("page").parse().unwrap_or(1).max(1);
    let page = tokio::task::block_in_place(|| run.page(is_all, number - 1));
    let (rows, total) = page.unwrap_or_else(|error| {
        tracing::error!(%error, "The results of an upload cannot be read.");
        (Vec::new(), 0)
    });
    let faulty = run.page(false, usize::MAX).map_or(0, |(_, total)| total);
    let list = if is_all { "all" } else { "" };
    let path = upload.path();
    let place = if upload.table.is_some() {
        "row"
    } else {
        "line"
    };
    let to = |number: usize| target(&path, &[("list", list), ("page", &number.to_string())]);
    html! {
        @if run.is_dry {
            nav.tabs aria-label="Orders of the file" {
                a href=(path) aria-current=[(!is_all).then_some("page")] { (with_faults(&seen.counts)) " (" (count(faulty as u64)) ")" }
                a href=(target(&path, &[("list", "all")])) aria-current=[is_all.then_some("page")] { "All orders" }
            }
        } @else if total > 0 {
            h2 { "Orders " (with_faults(&seen.counts).to_lowercase()) }
        }
        @if total == 0 && run.is_dry {
            p.hint { @if seen.error.is_some() { "No errors were found in the part that was checked." } @else { "No order has errors." } }
        }
        ol.results { @for row in &rows { (one(row, place)) } }
        @if total > PAGE_ROWS {
            nav.pager aria-label="Pages of the list" {
                @if number > 1 { a rel="prev" href=(to(number - 1)) { "Previous" } }
                span.hint { "Page " (number) " of " (total.div_ceil(PAGE_ROWS)) }
                @if number.saturating_mul(PAGE_ROWS) < total { a rel="next" href=(to(number + 1)) { "Next page" } }
            }
        }
    }
}

fn one(row: &Row, place: &str) -> Markup {
    html! {
        li {
            p.result {
                span.hint { "Order " (count(row.number)) ", " (place) " " (count(row.line)) }
                @if let Some(key) = &row.key { bdi.key { (visible(key)) } }
                (outcome(&row.outcome))
            }
            @if !row.faults.is_empty() {
                ul { @for fault in &row.faults { (one_fault(fault)) } }
            }
            @if row.more > 0 { p.hint { "and " (count(row.more as u64)) " more" } }
        }
    }
}

fn one_fault(fault: &RowFault) -> Markup {
    html! {
        li {
            p { @if fault.is_warning { span.label.warm { "warning" } " " } (visible(&fault.message)) }
            p.hint {
                @if let Some((row, column)) = &fault.cell {
                    "Row " (count(*row)) @if !column.is_empty() { ", column " bdi { (visible(column)) } } " "
                }
                @if !fault.pointer.is_empty() { code { (visible(&fault.pointer)) } }
            }
            @if let Some(hint) = &fault.hint { p.advice { (visible(hint)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_not_errors() {
        let of = |rejected, not_sent, warnings| {
            with_faults(&Counts {
                rejected,
                not_sent,
                warnings,
                ..Counts::default()
            })
        };
        assert_eq!(of(0, 0, 3), "With warnings");
        assert_eq!(of(1, 0, 0), "With errors");
        assert_eq!(of(0, 1, 2), "With errors or warnings");
        assert_eq!(of(0, 0, 0), "With errors");
    }
}
