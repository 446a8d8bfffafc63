//! `/console`: what came in today, what is wrong with it, and whether it goes on.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use maud::html;

use crate::page::Page;
use crate::visit::{Shared, Visit};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console", get(today))
        .route("/console/", get(today))
}

async fn today(visit: Visit) -> Response {
    Page::new(&visit, "Today").show(&html! {})
}
