//! What the server keeps besides orders in their dialects' forms: receipts, imports, events, keys.

mod answer;
mod cursor;
mod imports;
mod input;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
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
        Resource::ListOrders | Resource::ShowOrder | Resource::ShowHistory => {
            todo!("orders.rs")
        }
        Resource::ProcessOrder
        | Resource::CancelOrder
        | Resource::ProcessOrders
        | Resource::CancelOrders
        | Resource::FulfilOrder => todo!("moves.rs"),
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
