//! Closing a rejected order: sending it again, or dismissing it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde::de::IgnoredAny;
use wharfinger_core::decide::admit::Policy;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialect::{Action, Operation, Reply, Results};
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::Organisation;
use wharfinger_core::reading::validate;

use super::super::answer::time;
use super::super::input;
use super::super::transitions::RefusedAt;
use super::{DismissedRejection, dismissed_view, find, id, not_found, text};
use crate::access::secret;
use crate::http::answer::{counted, respond_with};
use crate::http::body::{self, Accepts};
use crate::intake;
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::mending::refuse_others;
use crate::intake::request_context::{BatchOptions, Call, file_name};
use crate::store::{Closed, DismissRejection, DismissResult, RejectedOrder, mended_by};

/// Longest note, in characters.
pub(super) const NOTE_CHARS_MAX: usize = 1_000;

/// Sends a rejected order again: it takes the way of a batch of one order.
pub(super) async fn resubmit(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let found = find(&app.store, call).await?;
    let mut read = body::read(app, call, headers, body, Accepts::Json).await?;
    let options = BatchOptions {
        mends: Some(found.batch),
        resubmits: Some(found.recorded.index),
        policy: Policy::default(),
        results: Results::default(),
        file_name: file_name(&call.head)?,
        ..BatchOptions::for_dialect(dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?)
    };
    let organisation = match call.organisation {
        Some(named) => {
            refuse_other(call, named, found.recorded.organisation)?;
            Some(named)
        }
        None => organisation_of(call, found.recorded.organisation)?,
    };
    if read.body.bytes.is_empty() {
        let text = as_it_came(app, found)?;
        if !read.lease.grow(2 * text.len()) {
            return Err(intake::overloaded());
        }
        read.body.bytes = Bytes::from(text);
    }
    refuse_others(&read.body.bytes)?;
    let call = Call {
        request_id: call.request_id,
        dialect: call.dialect,
        operation: submitting()?,
        target: call.target,
        head: call.head,
        authenticated: call.authenticated,
        organisation,
        idempotency_key: call.idempotency_key.clone(),
        dry_run: call.dry_run,
    };
    let batch = if call.dry_run {
        secret::trial_batch_id()
    } else {
        secret::batch_id()
    };
    let (body, lease) = (&read.body, &mut read.lease);
    let taken = intake::submit_with(app, &call, &options, batch, body, lease).await?;
    Ok(counted(respond_with(taken.answered), read.lease))
}

/// The native operation that submits orders.
fn submitting() -> Result<&'static Operation, RequestFailure> {
    let mut operations = dialects::OWN.operations().iter();
    let is_it = |operation: &&Operation| matches!(operation.action, Action::Submit { .. });
    operations.find(is_it).ok_or(RequestFailure::Internal)
}

/// The organisation that the order was sent for, or that it named.
fn organisation_of<'c>(
    call: &Call<'c>,
    id: Option<OrganisationId>,
) -> Result<Option<&'c Organisation>, RequestFailure> {
    let Some(id) = id else {
        return Ok(None);
    };
    let mut reached = call.authenticated.caller().reached().into_iter();
    match reached.find(|organisation| organisation.id == id) {
        Some(organisation) if organisation.customer_orders_enabled => Ok(Some(organisation)),
        Some(_) => Err(RequestFailure::OrganisationDisabled),
        None => Ok(None),
    }
}

/// Refuses to mend an order of one organisation in another.
fn refuse_other(
    call: &Call<'_>,
    named: &Organisation,
    id: Option<OrganisationId>,
) -> Result<(), RequestFailure> {
    let Some(id) = id.filter(|id| *id != named.id) else {
        return Ok(());
    };
    let mut reached = call.authenticated.caller().reached().into_iter();
    let own = reached.find(|organisation| organisation.id == id);
    let own = own.map_or("another", |organisation| organisation.code.as_str());
    Err(RequestFailure::BadParameter(format!(
        "The rejected order is of organisation {own} and cannot be sent again for {}; omit the parameter organisation",
        named.code
    )))
}

/// The text of a rejected order, if it can be sent as it is.
fn as_it_came(app: &App, found: RejectedOrder) -> Result<String, RequestFailure> {
    let Some(text) = text(found.recorded.outcome) else {
        let days = app.rejected_days;
        return Err(RequestFailure::Gone {
            what: format!(
                "The texts of rejected orders are kept for {days} days; send the mended order as the body"
            ),
            first: None,
        });
    };
    if serde_json::from_str::<IgnoredAny>(&text).is_err() {
        return Err(RequestFailure::Conflict(
            "The order as it was sent is not JSON; send the mended order as the body".into(),
        ));
    }
    Ok(text)
}

/// Dismisses a rejected order.
pub(super) async fn dismiss(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let id = id(call)?;
    let body = input::body(app, call, headers, body).await?;
    let note = if body.is_empty() {
        None
    } else {
        input::strict_object(app, &body, &["note"], |form| {
            form.optional("note", validate::short_text(NOTE_CHARS_MAX))
                .map(std::borrow::Cow::into_owned)
        })?
    };
    let refusal = RefusedAt::of(call);
    let encode = move |result: &DismissResult| match result {
        DismissResult::Dismissed(order) => match &order.closed {
            Some(Closed::Dismissed(dismissed)) => {
                let view = DismissedRejection {
                    id: id.batch.order(id.index).to_string(),
                    status: "dismissed",
                    dismissed: dismissed_view(dismissed),
                };
                Reply::json(200, &view)
            }
            Some(Closed::Mended(_)) | None => refusal.failure(&RequestFailure::Internal),
        },
        DismissResult::Before(before) => {
            let at = time(before.at_ms);
            refusal.failure(&RequestFailure::Conflict(format!(
                "The rejected order was dismissed before, at {at}; its note cannot be replaced"
            )))
        }
        DismissResult::NotFound => refusal.failure(&not_found(id)),
        DismissResult::Mended(by) => {
            let why = mended_by(*by).replacen("the rejected", "The rejected", 1);
            refusal.failure(&RequestFailure::Conflict(why))
        }
    };
    let change = async |save_reply| {
        let request = DismissRejection {
            id,
            visible: call.visible(),
            key_id: call.authenticated.key_id().to_owned(),
            note,
            save_reply,
        };
        app.store.dismiss_rejection(request).await
    };
    let idempotency = &app.idempotency;
    let answered = idempotency
        .change(call, &body[..], SaveAs::Plain, encode, change)
        .await?;
    Ok(respond_with(answered))
}
