//! The forms of the columns, and the mapping as a file.

use axum::Extension;
use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use wharfinger_client::source::preset_of;

use super::columns::{Columns, Way};
use super::{Shelved, begin, find, told_gone};
use crate::page;
use crate::visit::{Posted, Visit};

/// Bytes of a mapping that is pasted.
const PASTED_BYTES_MAX: usize = 256 << 10;

/// The mapping as a file.
pub(super) async fn mapping_file(Extension(shelf): Shelved, visit: Visit) -> Response {
    let Some(upload) = find(&visit, &shelf) else {
        return told_gone(&visit);
    };
    let Some(mapping) = upload.state().mapping else {
        return page::not_found(Some(&visit));
    };
    let mut response = Response::new(Body::from(mapping));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/toml");
    headers.insert(CONTENT_TYPE, kind);
    let file = HeaderValue::from_static("attachment; filename=\"mapping.toml\"");
    headers.insert(CONTENT_DISPOSITION, file);
    response
}

/// What a form of the page says about the columns.
pub(super) async fn columns(Extension(shelf): Shelved, posted: Posted) -> Response {
    let visit = &posted.visit;
    let Some(upload) = find(visit, &shelf) else {
        return told_gone(visit);
    };
    let Some(table) = &upload.table else {
        return page::redirect(&upload.path());
    };
    if upload.running().is_some() {
        return page::redirect(&upload.path());
    }
    let mut columns = upload.state().columns;
    read_columns(&posted, table.columns.len(), &mut columns);
    match posted.field("do") {
        "by-hand" => columns.way = Way::ByHand,
        "preset" => {
            if let Some((name, text)) = preset_of(&table.columns) {
                columns.way = Way::Preset(name, text);
            }
        }
        "paste" => {
            posted.field("pasted").clone_into(&mut columns.pasted);
            columns
                .pasted
                .truncate(columns.pasted.floor_char_boundary(PASTED_BYTES_MAX));
            columns.way = Way::Pasted;
        }
        _ => {}
    }
    let mapping = columns.mapping(table);
    columns.error = mapping.as_ref().err().cloned();
    let is_good = mapping.is_ok();
    upload.change(|state| {
        state.columns = columns;
        state.mapping = mapping.ok();
    });
    if posted.field("do") == "check" && is_good {
        if let Err(told) = begin(visit, &shelf, &upload, true).await {
            return told;
        }
        return page::redirect(&upload.path());
    }
    page::redirect(&format!("{}?step=columns", upload.path()))
}

/// Takes what a form says about the columns. Other forms of the page leave it as it is.
fn read_columns(posted: &Posted, count: usize, columns: &mut Columns) {
    if !posted.field("zone").is_empty() {
        posted.field("zone").trim().clone_into(&mut columns.zone);
    }
    if posted.field("numbers").is_empty() {
        return;
    }
    posted.field("numbers").clone_into(&mut columns.numbers);
    posted.field("date").clone_into(&mut columns.date);
    let targets = (0..count).map(|at| posted.field(&format!("to-{at}")).to_owned());
    columns.targets = targets.collect();
}
