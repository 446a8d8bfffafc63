//! The Wharfinger server and command line: everything with side effects.
//!
//! `http` receives requests, `intake` turns a body into outcomes, `store` keeps what was admitted, and `cli` has one file per
//! command. `wharfinger-core` decides what an order means.

pub mod access;
pub mod administration;
pub mod app;
#[doc(hidden)]
pub mod bench;
pub mod budget;
pub mod call;
pub mod catalogue;
mod child;
pub mod cli;
pub mod clock;
pub mod config;
mod demo;
pub mod feed;
pub mod http;
pub mod idempotency;
pub mod imports;
pub mod intake;
mod logging;
pub mod metrics;
pub mod rates;
pub mod readback;
mod seal;
pub mod secret;
pub mod store;
pub mod telling;
pub mod turns;
