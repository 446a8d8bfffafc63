//! Validates settings.

use anyhow::{Result, bail};

use super::Settings;
use crate::store::RATE_MAX;

/// Upper bound of counts: far more connections or waiting requests than a machine can have, and small enough to allocate for.
const COUNT_CEILING: usize = 1 << 24;
/// Upper bound of orders per batch. Above it, positions in a batch leave no room for the sub-orders of split orders.
const ORDERS_PER_BATCH_CEILING: usize = 1 << 20;
/// Upper bound of body sizes: offsets in a body are 32-bit.
const BODY_BYTES_CEILING: usize = 1 << 30;
/// The levels of `--log`.
const LOG_LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Refuses settings that make no sense.
///
/// # Errors
/// A value is out of range, or settings do not fit together.
pub(super) fn check(settings: &Settings) -> Result<()> {
    let whole = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let not_zero = [
        ("body-bytes-max", whole(settings.body_bytes_max)),
        ("orders-per-batch-max", whole(settings.orders_per_batch_max)),
        ("order-bytes-max", whole(settings.order_bytes_max)),
        ("order-depth-max", whole(settings.order_depth_max)),
        ("connections-max", whole(settings.connections_max)),
        ("queue-max", whole(settings.queue_max)),
        ("header-timeout-s", settings.header_timeout_s),
        ("body-idle-timeout-s", settings.body_idle_timeout_s),
        ("write-timeout-s", settings.write_timeout_s),
        ("request-timeout-s", settings.request_timeout_s),
        ("idempotency-hours", settings.idempotency_hours),
    ];
    for (name, number) in not_zero {
        if number == 0 {
            bail!("--{name} must be at least 1");
        }
    }
    let rates = [
        ("requests-per-second", settings.requests_per_second),
        ("orders-per-second", settings.orders_per_second),
    ];
    for (name, rate) in rates {
        if rate.is_some_and(|rate| !(1..=RATE_MAX).contains(&rate)) {
            bail!("--{name} must be from 1 to {RATE_MAX}; omit it for no limit");
        }
    }
    let at_most = [
        ("connections-max", settings.connections_max, COUNT_CEILING),
        ("queue-max", settings.queue_max, COUNT_CEILING),
        (
            "orders-per-batch-max",
            settings.orders_per_batch_max,
            ORDERS_PER_BATCH_CEILING,
        ),
        (
            "body-bytes-max",
            settings.body_bytes_max,
            BODY_BYTES_CEILING,
        ),
    ];
    for (name, count, ceiling) in at_most {
        if count > ceiling {
            bail!("--{name} must be at most {ceiling}");
        }
    }
    let share_percent = settings.share_percent;
    if !(1..=100).contains(&share_percent) {
        bail!("--share-percent must be from 1 to 100");
    }
    if settings.otlp_percent > 100 {
        bail!("--otlp-percent must be from 0 to 100");
    }
    // A body leases its length, and as much again for derived data.
    let bytes_in_flight_min =
        (2 * settings.body_bytes_max * 100).div_ceil(usize::from(share_percent));
    if settings.body_bytes_in_flight_max < bytes_in_flight_min {
        bail!(
            "--body-bytes-in-flight-max must be at least {bytes_in_flight_min}, because the share of one key ({share_percent} \
             %) must hold twice --body-bytes-max"
        );
    }
    // A filter would take any other word as the name of a module, and log nothing.
    if !LOG_LEVELS.contains(&settings.log.as_str()) {
        let log = settings.log.escape_default();
        bail!("'{log}' is not a log level; use {}", LOG_LEVELS.join(", "));
    }
    if settings.tls_cert.is_some() != settings.tls_key.is_some() {
        bail!("--tls-cert and --tls-key belong together; give both, or neither");
    }
    Ok(())
}
