//! The Wharfinger server and command line: everything with side effects. `wharfinger-core` decides what an order means.
//! `wharfinger-bench` has the workloads of `wharfinger bench`; only `cli` imports it.
//!
//! ```text
//! cli        one file per command; the demo; the bench as a command
//! http       receives requests: routes, connections, bodies, responses
//! imports    long imports, chunk by chunk
//! intake     a body becomes outcomes; idempotency; reading orders back
//! access     who calls: keys, secrets, rates, the rules for changing them
//! serve      what a running server shares: settings, metrics, budgets, turns, the feed
//! store      keeps what was admitted
//! ```

pub mod access;
pub mod app;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod http;
pub mod imports;
pub mod intake;
mod logging;
pub mod serve;
pub mod store;
