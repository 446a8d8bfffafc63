//! The header fields of a webhook: those of Standard Webhooks, and where the event is in the feed.

use http::HeaderName;

/// The id of the event, the same on every attempt.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When the attempt was made, in seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The signatures of id, timestamp and body.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// The position of the event in the feed of its organisation.
pub const POSITION: HeaderName = HeaderName::from_static("wharfinger-position");
/// The position of the event before it that the receiver was to get.
pub const PREVIOUS: HeaderName = HeaderName::from_static("wharfinger-previous");
/// The position of the event of the same order before it.
pub const PREVIOUS_OF_ORDER: HeaderName = HeaderName::from_static("wharfinger-previous-of-order");
