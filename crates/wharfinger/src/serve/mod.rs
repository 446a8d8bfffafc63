//! What a running server shares among its requests: settings, limits of the transfer, the event feed, readiness, the
//! server's certificate, the service manager.
//!
//! May import `store`, `runtime` and `clock`.

pub mod config;
pub mod event_view;
pub mod feed;
pub(crate) mod feed_cursor;
pub mod readiness;
pub mod supervisor;
pub mod tls;
pub mod transport;
