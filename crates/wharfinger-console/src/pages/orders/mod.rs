//! `/console/orders`: find orders, and everything about one.

mod change;
mod diff;
mod history;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::visit::Shared;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console/orders", get(list::show))
        .route("/console/orders/{id}", get(show::show))
        .route(
            "/console/orders/{id}/process",
            get(change::ask_process).post(change::process),
        )
        .route("/console/orders/{id}/cancel", post(change::cancel))
        .route("/console/orders/{id}/fulfilment", post(change::fulfil))
}
