//! What a running server shares among its requests: settings, metrics, bounds on memory and on work, the event feed.
//!
//! May import `store` (for the feed) and `clock`; never `http`, `intake` or `cli`.

pub mod budget;
pub mod config;
pub mod feed;
pub mod metrics;
pub mod turns;
