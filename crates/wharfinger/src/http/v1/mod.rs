//! What the server keeps besides orders in their dialects' forms: receipts, imports, events, keys.

mod answer;
mod cursor;
mod events;
mod imports;
mod input;
mod moves;
mod orders;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use wharfinger_core::admit::Move;
use wharfinger_core::dialect::Resource;
use wharfinger_core::failure::RequestFailure;

use crate::app::App;
use crate::call::Call;

/// Serves a request for a resource.
pub(super) async fn serve(
    app: &Arc<App>,
    call: &Call<'_>,
    resource: Resource,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    match resource {
        Resource::ListBatches
        | Resource::ShowBatch
        | Resource::ListResults
        | Resource::ListRejected => todo!("batches.rs: the lead"),
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
        Resource::FulfilOrder => todo!("fulfilment.rs"),
        Resource::ListEvents => todo!("events.rs"),
        Resource::ListOrganisations
        | Resource::CreateOrganisation
        | Resource::ShowOrganisation
        | Resource::ChangeOrganisation
        | Resource::ListKeys
        | Resource::CreateKey
        | Resource::RotateKey
        | Resource::RevokeKey
        | Resource::ListAudit => todo!("admin.rs"),
    }
}
