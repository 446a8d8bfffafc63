//! Resources of the native API: receipts, imports, orders, events and administration.

pub(super) mod answer;
pub(super) mod audit;
pub(super) mod batches;
pub(super) mod catalogue;
mod cursor;
pub(super) mod erasure;
mod events;
pub(super) mod fulfilment;
pub(super) mod imports;
mod input;
mod keys;
pub(super) mod moves;
pub(super) mod orders;
pub(super) mod organisations;
pub(super) mod rejected;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::{Reply, Resource};
use wharfinger_core::order::failure::RequestFailure;

use crate::app::App;
use crate::intake::Answered;
use crate::intake::idempotency;
use crate::intake::request_context::Call;
use crate::store::Change;

/// Serves a request for a resource.
pub(super) async fn serve(
    app: &Arc<App>,
    call: &Call<'_>,
    resource: Resource,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    match resource {
        Resource::ListBatches => batches::list(app, call).await,
        Resource::ShowBatch => batches::show(app, call).await,
        Resource::ListResults => batches::results(app, call, headers).await,
        Resource::ListRejected => rejected::list(app, call).await,
        Resource::ReceiveImport => imports::receive(app, call, headers, body).await,
        Resource::ShowImport => imports::show(app, call, headers).await,
        Resource::CancelImport => imports::cancel(app, call).await,
        Resource::ListOrders => orders::list(app, call).await,
        Resource::ShowOrder => orders::show(app, call).await,
        Resource::ShowHistory => orders::history(app, call).await,
        Resource::ProcessOrder => moves::one(app, call, headers, body, Move::Process).await,
        Resource::CancelOrder => moves::one(app, call, headers, body, moves::CANCEL).await,
        Resource::ProcessOrders => moves::many(app, call, headers, body, Move::Process).await,
        Resource::CancelOrders => moves::many(app, call, headers, body, moves::CANCEL).await,
        Resource::FulfilOrder => fulfilment::report(app, call, headers, body).await,
        Resource::ListEvents => events::list(app, call, headers).await,
        Resource::ListOrganisations => organisations::list(call),
        Resource::CreateOrganisation => organisations::create(app, call, headers, body).await,
        Resource::ShowOrganisation => organisations::show(call),
        Resource::ChangeOrganisation => organisations::change(app, call, headers, body).await,
        Resource::ListProducts => catalogue::products(app, call).await,
        Resource::LoadProducts => {
            let store = async |load| app.store.load_products(load).await;
            catalogue::load(app, call, headers, body, store).await
        }
        Resource::ListCustomers => catalogue::customers(app, call).await,
        Resource::LoadCustomers => {
            let store = async |load| app.store.load_customers(load).await;
            catalogue::load(app, call, headers, body, store).await
        }
        Resource::ListKeys => keys::list(app, call).await,
        Resource::CreateKey => keys::create(app, call, headers, body).await,
        Resource::RotateKey => keys::rotate(app, call, headers, body).await,
        Resource::RevokeKey => keys::revoke(app, call, headers, body).await,
        Resource::EraseCustomer => erasure::erase(app, call, headers, body).await,
        Resource::ListAudit => audit::list(app, call).await,
    }
}

/// Changes organisations or keys, and responds with `reply`. Later requests see the change.
async fn administer(
    app: &App,
    call: &Call<'_>,
    body: &[u8],
    change: Change,
    reply: Reply,
) -> Result<Answered, RequestFailure> {
    let who = call.authenticated.key_id();
    let answered = idempotency::change(
        app,
        call,
        body,
        move |(): &()| reply.clone(),
        async |save_reply| Ok(((), app.store.administer(who, change, save_reply).await?)),
    )
    .await?;
    if let Err(error) = app.access.refresh(app.store.as_ref()).await {
        tracing::error!(%error, "Could not reload organisations and keys.");
    }
    Ok(answered)
}
