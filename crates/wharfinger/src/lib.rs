//! The server half of Wharfinger: everything that touches the world.
//!
//! `http` brings a request to `intake`, where one order's journey reads as one short function; `store` keeps what was
//! admitted; `cli` has a file for each command. What an order means is decided in `wharfinger-core`.

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
