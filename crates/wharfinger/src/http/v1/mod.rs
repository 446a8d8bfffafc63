//! Resources of the native API: receipts, imports, orders, events, administration and limits. Each file lists its routes.

mod answer;
mod audit;
mod batches;
mod catalogue;
mod cursor;
mod destinations;
mod erasure;
mod events;
mod fulfilment;
mod held;
mod imports;
mod input;
mod keys;
mod limits;
mod order_cursor;
mod order_forms;
mod orders;
mod organisations;
mod parameters;
mod problems;
mod rejected;
mod rejections;
mod route;
mod rules;
mod stats;
mod transitions;
mod whoami;

use wharfinger_core::dialect::Reply;
use wharfinger_core::order::failure::RequestFailure;

pub(super) use self::answer::Page;
pub(super) use self::route::{Request, Route};
use crate::intake::app::App;
use crate::intake::idempotency::{Answered, SaveAs};
use crate::intake::request_context::Call;
use crate::store::Change;

/// All routes, in the order of the description.
pub(super) fn routes() -> impl Iterator<Item = &'static Route> {
    let lists = [
        batches::ROUTES,
        rejected::ROUTES,
        rejections::ROUTES,
        stats::ROUTES,
        imports::ROUTES,
        orders::ROUTES,
        transitions::ROUTES,
        fulfilment::ROUTES,
        held::ROUTES,
        events::ROUTES,
        destinations::ROUTES,
        organisations::ROUTES,
        rules::ROUTES,
        catalogue::ROUTES,
        keys::ROUTES,
        whoami::ROUTES,
        limits::ROUTES,
        erasure::ROUTES,
        audit::ROUTES,
    ];
    lists.into_iter().flatten()
}

/// Changes organisations, keys or destinations, and responds with `reply`. Later requests see the change.
async fn administer(
    app: &App,
    call: &Call<'_>,
    body: &[u8],
    change: Change,
    (reply, save_as): (Reply, SaveAs),
) -> Result<Answered, RequestFailure> {
    let who = call.authenticated.key_id();
    let encode = move |(): &()| reply.clone();
    let change = async |save_reply| Ok(((), app.store.administer(who, change, save_reply).await?));
    let idempotency = &app.idempotency;
    let answered = idempotency.change(call, body, save_as, encode, change);
    let answered = answered.await?;
    if let Err(error) = app.access.refresh(app.store.as_ref()).await {
        tracing::error!(%error, "Could not reload organisations and keys.");
    }
    Ok(answered)
}
