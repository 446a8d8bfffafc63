//! The organisation of an uploaded file: shown on its pages, and changed there until the file is sent.

use axum::Extension;
use axum::response::Response;
use maud::{Markup, html};

use super::shelf::Upload;
use super::{Limits, Shelved, begin, find, told_gone};
use crate::page;
use crate::parts::form;
use crate::visit::{Posted, Visit};

/// The field for an organisation.
pub(super) fn field(limits: &Limits, chosen: &str) -> Markup {
    html! {
        label.field {
            span { "Organisation of orders that name none" }
            input type="text" name="organisation" value=(chosen) list="organisations" autocomplete="off" maxlength="64" placeholder="Each order names its own";
            datalist #organisations { @for code in &limits.organisations { option value=(code) {} } }
        }
    }
}

/// The form that changes the organisation. Nothing for a key of one organisation, and once sending has begun: then a part of the
/// orders is stored already.
pub(super) fn change_form(visit: &Visit, upload: &Upload, limits: &Limits) -> Markup {
    let state = upload.state();
    let can_change = limits.only().is_none() && state.sending.is_none() && upload.has_content();
    let action = format!("{}/organisation", upload.path());
    html! {
        @if can_change {
            details.others open[state.organisation.is_empty() && lacks_organisation(upload)] {
                summary { "Change the organisation" }
                (form(visit, &action, &html! {
                    div.narrow { (field(limits, &state.organisation)) }
                    button type="submit" { "Save and check again" }
                }))
            }
        }
    }
}

/// Whether a check has found orders without an organisation.
fn lacks_organisation(upload: &Upload) -> bool {
    let check = upload.state().check;
    let Some(check) = check.filter(|check| !check.is_running()) else {
        return false;
    };
    let (rows, _) = check.page(false, 0).unwrap_or_default();
    let mut faults = rows.iter().flat_map(|row| &row.faults);
    faults.any(|fault| fault.pointer == "/organisation")
}

/// Changes the organisation, and checks the file again if it can be read.
pub(super) async fn change(Extension(shelf): Shelved, posted: Posted) -> Response {
    let visit = &posted.visit;
    let Some(upload) = find(visit, &shelf) else {
        return told_gone(visit);
    };
    let limits = match Limits::of(visit).await {
        Ok(limits) => limits,
        Err(told) => return told,
    };
    let is_free = upload.running().is_none() && upload.state().sending.is_none();
    if limits.only().is_some() || !is_free {
        return page::redirect(&upload.path());
    }
    let code = posted.field("organisation").trim().to_owned();
    let was_checked = upload.state().check.is_some();
    upload.change(|state| {
        state.organisation = code;
        state.check = None;
    });
    if was_checked && let Err(told) = begin(visit, &shelf, &upload, true).await {
        return told;
    }
    page::redirect(&upload.path())
}
