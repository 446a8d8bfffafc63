//! The Wharfinger server and command line: everything with side effects. `wharfinger-core` decides what an order means.
//! `wharfinger-bench` has the workloads of `wharfinger bench`; only `cli` imports it.
//!
//! Its rooms, from top to bottom. A room imports only rooms below it.
//!
//! ```text
//! cli        one file per command; the demo; the bench as a command
//! backup     backups: written, read, restored
//! http       receives requests: routes, connections, bodies, responses
//! imports    long imports, chunk by chunk
//! intake     a body becomes outcomes; idempotency; reading orders back; the state that requests share
//! access     who calls: keys, secrets, rates, the rules for changing them
//! catalogue  products and customers as they are shown
//! otlp       sends traces to a collector
//! onward     carries events to destinations
//! logging    log lines
//! serve      settings, limits of the transfer, the event feed, readiness
//! store      keeps what was admitted
//! runtime    what a process has once: metrics, turns at large work, budgets of memory
//! clock      the time
//! ```

pub mod access;
pub mod backup;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod http;
pub mod imports;
pub mod intake;
mod logging;
pub mod onward;
pub mod otlp;
pub mod runtime;
pub mod serve;
pub mod store;
