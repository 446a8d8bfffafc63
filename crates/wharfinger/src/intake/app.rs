//! The state that all requests of a server share.

use std::sync::Arc;

use wharfinger_core::limits::Limits;

use crate::access::Access;
use crate::intake::claims::Imports;
use crate::intake::idempotency::Idempotency;
use crate::onward::Onward;
use crate::runtime::budget::Budget;
use crate::runtime::turns::Turns;
use crate::serve::feed::Feed;
use crate::serve::readiness::Readiness;
use crate::serve::transport::Transport;
use crate::store::Store;

/// The server's shared state.
pub struct App {
    /// The orders and everything else that is stored.
    pub store: Arc<Store>,
    /// API keys and organisations.
    pub access: Arc<Access>,
    /// Limits on the content of a body.
    pub limits: Limits,
    /// Limits on connections and on the transfer of requests.
    pub transport: Transport,
    /// Memory budget, in bytes, for bodies in flight and the data derived from them.
    pub body_budget: Budget,
    /// Permits for imports. Each import holds a thread that may block.
    pub import_slots: Budget,
    /// Permits for work on large batches and responses: one per core, so that the serving threads get their share of the CPU.
    pub large_work: Turns,
    /// Event feed: limits concurrent reads and wakes waiting readers.
    pub feed: Feed,
    /// Destinations: how they are reached, and the deliveries to them.
    pub onward: Arc<Onward>,
    /// Requests in progress that have an `Idempotency-Key`.
    pub idempotency: Idempotency,
    /// Imports that are receiving data.
    pub imports: Imports,
    /// The cached result of the last readiness check.
    pub readiness: Readiness,
    /// Days that the texts of rejected orders are kept.
    pub rejected_days: u32,
}
