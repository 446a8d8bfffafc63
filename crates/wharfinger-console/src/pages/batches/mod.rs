//! `/console/batches`: the receipts of batches, newest first, and what became of each order.

mod list;
mod receipt;
mod rejected;
mod results;
mod show;

use axum::Router;
use axum::routing::get;

use crate::visit::Shared;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console/batches", get(list::show))
        .route("/console/batches/{id}", get(show::show))
}
