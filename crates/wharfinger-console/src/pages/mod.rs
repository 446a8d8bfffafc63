//! The pages. Each is a file or a folder that lists its own routes. Pages do not import each other, but for `sign_in`.

pub(crate) mod sign_in;

mod audit;
mod batches;
mod catalogue;
mod customers;
mod destinations;
mod errors;
mod held;
mod keys;
mod mend;
mod orders;
mod organisations;
mod rules;
mod server;
mod today;
mod upload;

use axum::Router;

use crate::visit::Shared;

/// The routes of all pages.
pub(crate) fn routes() -> Router<Shared> {
    let pages = [
        sign_in::routes(),
        audit::routes(),
        batches::routes(),
        catalogue::routes(),
        customers::routes(),
        destinations::routes(),
        errors::routes(),
        held::routes(),
        keys::routes(),
        mend::routes(),
        orders::routes(),
        organisations::routes(),
        rules::routes(),
        server::routes(),
        today::routes(),
        upload::routes(),
    ];
    pages.into_iter().fold(Router::new(), Router::merge)
}
