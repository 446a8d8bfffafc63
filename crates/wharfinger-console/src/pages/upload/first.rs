//! The form for a file, and the files that are here.

use axum::Extension;
use axum::response::Response;
use maud::{Markup, html};
use wharfinger_client::source::dialect_ids;

use super::shelf::{FILE_BYTES_MAX, Shelf, Upload};
use super::{Limits, Shelved, without_scope};
use crate::page::Page;
use crate::parts::{count, select, visible};
use crate::visit::Visit;

pub(super) async fn show(Extension(shelf): Shelved, visit: Visit) -> Response {
    if let Some(told) = without_scope(&visit) {
        return told;
    }
    let limits = match Limits::of(&visit).await {
        Ok(limits) => limits,
        Err(told) => return told,
    };
    let content = html! {
        p.about { "Choose a file of orders. It is checked first. No order is stored until you send it." }
        @if visit.query("done") == "removed" {
            p.notice.good role="status" { "The file was removed." }
        }
        (form(&visit, &limits))
        (files(&visit, &shelf))
    };
    Page::new(&visit, "Upload")
        .module("upload.js")
        .show(&content)
}

fn form(visit: &Visit, limits: &Limits) -> Markup {
    let mebibytes = FILE_BYTES_MAX >> 20;
    html! {
        form #upload method="post" action="/console/upload" enctype="multipart/form-data" data-bytes-max=(FILE_BYTES_MAX) {
            input type="hidden" name="csrf" value=(visit.csrf());
            div.row {
                (organisation(limits))
                (dialects())
            }
            label.drop for="file" {
                span.drop-title { "File of orders" }
                input #file type="file" name="file" required accept=".json,.ndjson,.jsonl,.csv,.tsv,.gz,.zst" aria-describedby="file-hint";
                span #file-hint .hint {
                    "JSON, NDJSON or CSV, also compressed by gzip or zstd, up to " (mebibytes) " MiB"
                    span.only-script { ". You can also drop it here." }
                }
            }
            p #upload-error .notice.bad role="alert" hidden {}
            div #upload-progress .progress hidden {
                progress max="100" value="0" aria-label="Part of the file that was sent to the server" {}
                p.hint role="status" {}
            }
            div.actions { button.main type="submit" { "Check the file" } }
        }
        p.hint {
            "Only your key sees the file. The server removes it after it was sent, after a day, and when the server restarts. "
            "Send larger files with " code { "wharfinger submit" } "."
        }
    }
}

fn organisation(limits: &Limits) -> Markup {
    if let Some(only) = limits.only() {
        return html! {
            div.field { span { "Organisation" } p.fixed { bdi { (visible(only)) } } }
        };
    }
    super::organisation::field(limits, "")
}

fn dialects() -> Markup {
    let ids = dialect_ids();
    let choices: Vec<_> = ids.iter().map(|id| (*id, *id)).collect();
    select("dialect", "Dialect of JSON orders", "", &choices)
}

fn files(visit: &Visit, shelf: &Shelf) -> Markup {
    let uploads = shelf.of(&visit.session.key_id);
    html! {
        @if !uploads.is_empty() {
            h2 { "Your files" }
            ul.files {
                @for upload in &uploads {
                    li {
                        a href=(upload.path()) { bdi { (visible(&upload.name)) } }
                        span.hint { (size(upload.bytes)) " · " (stage(upload)) }
                    }
                }
            }
        }
    }
}

/// What was done with a file, in a few words.
fn stage(upload: &Upload) -> &'static str {
    let state = upload.state();
    let sending = state.sending.map(|run| run.seen());
    match (sending, state.check.map(|run| run.seen())) {
        (Some(seen), _) if !seen.is_done => "Sending",
        (Some(seen), _) if seen.error.is_some() => "Partly sent",
        (Some(_), _) => "Sent",
        (None, Some(seen)) if !seen.is_done => "Checking",
        (None, Some(_)) => "Checked, not sent",
        (None, None) => "Not checked yet",
    }
}

/// A size as people read it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{} bytes", count(bytes)),
        1_024..1_048_576 => format!("{} KiB", bytes.div_ceil(1_024)),
        _ => format!("{} MiB", count(bytes.div_ceil(1 << 20))),
    }
}
