//! Fulfilment reports of orders.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use wharfinger_core::decide::fulfilment::{ATTRIBUTES, Fulfilment, Reported};
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;

use super::super::answer::respond_with;
use super::answer::time;
use super::moves::RefusedAt;
use super::{input, orders};
use crate::app::App;
use crate::intake::idempotency::change;
use crate::intake::request_context::Call;
use crate::store::{Fulfil, FulfilledOrder};

/// A fulfilment report in a response.
#[derive(Serialize)]
pub(super) struct ReportView {
    #[serde(flatten)]
    said: Map<String, Value>,
    updated_at: String,
}

impl ReportView {
    pub(super) fn of(report: &Reported) -> Result<Self, RequestFailure> {
        let said = serde_json::from_str(&report.fulfilment.to_json()).map_err(|error| {
            tracing::error!(%error, "A stored fulfilment report is not valid JSON.");
            RequestFailure::Internal
        })?;
        Ok(Self {
            said,
            updated_at: time(report.at_ms),
        })
    }
}

/// Stores a report on the order in the path, replacing the previous one.
pub(super) async fn report(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let found = orders::find(app, call).await?;
    let id = found.order.id;
    let body = input::body(app, call, headers, body).await?;
    let dialect = dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?;
    let order_lines = dialect.canonical(&found.order).lines.len();
    let fulfilment = input::strict_object(app, &body, ATTRIBUTES, |form| {
        Fulfilment::read(form, order_lines)
    })?;
    let place = RefusedAt::of(call);
    let encode = move |kept: &FulfilledOrder| match kept {
        Ok(report) => match ReportView::of(report) {
            Ok(told) => Reply::json(200, &told),
            Err(failure) => place.failure(&failure),
        },
        Err(refused) => place.conflict(refused.state, refused.code, &id, "fulfilled"),
    };
    let key_id = call.authenticated.key_id().to_owned();
    let reach = call.authenticated.caller().reach.clone();
    let answered = change(app, call, &body[..], encode, async |save_reply| {
        let request = Fulfil {
            id,
            reach,
            fulfilment,
            key_id,
            save_reply,
        };
        let kept = app.store.fulfil(request).await?;
        Ok((kept.result, kept.reply))
    });
    Ok(respond_with(answered.await?))
}
