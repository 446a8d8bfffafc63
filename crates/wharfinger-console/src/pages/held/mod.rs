//! `/console/held`: orders that a rule holds for a person, and what the person decides.

mod change;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::visit::Shared;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console/held", get(list::show))
        .route("/console/held/{id}", get(show::show))
        .route("/console/held/{id}/release", post(change::release))
        .route("/console/held/{id}/refuse", post(change::refuse))
        .route(
            "/console/held/{id}/refuse/ask",
            get(change::ask_again).post(change::ask_refuse),
        )
        .route("/console/held/{id}/text", post(change::text))
}

/// The address of the page of a held order.
fn address(id: &str) -> String {
    format!("/console/held/{}", crate::api::segment(id))
}
