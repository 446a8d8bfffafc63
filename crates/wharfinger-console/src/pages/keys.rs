//! Not written yet.

use axum::Router;

use crate::visit::Shared;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
}
