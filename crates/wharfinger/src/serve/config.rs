//! The settings of `serve`. A flag overrides an environment variable, which overrides the file, which overrides the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use wharfinger_core::limits::Limits;

use crate::serve::transport::Transport;
use crate::store::{Database, Location, RATE_MAX, Rates};

/// Default listen address.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// Default memory for bodies in flight and the data derived from them, in bytes.
const BODY_BYTES_IN_FLIGHT_DEFAULT: usize = 1 << 30;
/// Default share of a budget for one key or organisation while it is the only one, in percent.
const SHARE_PERCENT_DEFAULT: u8 = 50;
/// Default number of requests that may wait for the store.
const QUEUE_DEFAULT: usize = 1_024;
/// Default hours that a response is saved for its idempotency key.
const IDEMPOTENCY_HOURS_DEFAULT: u64 = 24;
/// Default days that the texts of rejected orders are kept.
const REJECTED_DAYS_DEFAULT: u32 = 30;
/// Default bytes to keep free on the disk: room for a purge or an erasure, and for the write-ahead log of it.
const DISK_RESERVE_DEFAULT: u64 = 512 << 20;
/// Upper bound of counts: far more connections or waiting requests than a machine can have, and small enough to allocate for.
const COUNT_CEILING: usize = 1 << 24;
/// Upper bound of orders per batch. Above it, positions in a batch leave no room for the sub-orders of split orders.
const ORDERS_PER_BATCH_CEILING: usize = 1 << 20;
/// Upper bound of body sizes: offsets in a body are 32-bit.
const BODY_BYTES_CEILING: usize = 1 << 30;

/// Each option is also an environment variable and a key of the file, under the same name.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeOptions {
    /// TOML file with settings, named as these options with `_` instead of `-`
    #[arg(long, env = "WHARFINGER_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "WHARFINGER_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Data directory that stores the orders [default: ./wharfinger-data]
    #[arg(long, env = "WHARFINGER_DATA", value_name = "DIRECTORY")]
    pub data: Option<PathBuf>,
    /// PostgreSQL database that stores the orders instead, as postgres://USER@HOST/NAME
    #[arg(
        long,
        env = "WHARFINGER_DATABASE",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// File with the database password; alternatively, set WHARFINGER_DATABASE_PASSWORD
    #[arg(long, env = "WHARFINGER_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,
    /// PEM file with the CA of the database's certificate. Enables TLS, which verifies certificate and host name;
    /// sslmode=require in the URL does the same with the CAs that the system trusts
    #[arg(long, env = "WHARFINGER_DATABASE_CA", value_name = "FILE")]
    pub database_ca: Option<PathBuf>,
    /// Largest body, in bytes after decompression [default: 67108864]
    #[arg(long, env = "WHARFINGER_BODY_BYTES_MAX", value_name = "BYTES")]
    pub body_bytes_max: Option<usize>,
    /// Memory for all bodies in flight and the data derived from them [default: 1073741824]
    #[arg(
        long,
        env = "WHARFINGER_BODY_BYTES_IN_FLIGHT_MAX",
        value_name = "BYTES"
    )]
    pub body_bytes_in_flight_max: Option<usize>,
    /// Percent of this memory for one key or organisation while it is the only one; less when there are others [default: 50]
    #[arg(long, env = "WHARFINGER_SHARE_PERCENT", value_name = "PERCENT")]
    pub share_percent: Option<u8>,
    /// Most orders in a batch [default: 50000]
    #[arg(long, env = "WHARFINGER_ORDERS_PER_BATCH_MAX", value_name = "COUNT")]
    pub orders_per_batch_max: Option<usize>,
    /// Largest order, in bytes [default: 1048576]
    #[arg(long, env = "WHARFINGER_ORDER_BYTES_MAX", value_name = "BYTES")]
    pub order_bytes_max: Option<usize>,
    /// Deepest nesting of an order [default: 64]
    #[arg(long, env = "WHARFINGER_ORDER_DEPTH_MAX", value_name = "LEVELS")]
    pub order_depth_max: Option<usize>,
    /// Seconds for the head of a request [default: 10]
    #[arg(long, env = "WHARFINGER_HEADER_TIMEOUT_S", value_name = "SECONDS")]
    pub header_timeout_s: Option<u64>,
    /// Seconds that a client may keep the server waiting for a body [default: 30]
    #[arg(long, env = "WHARFINGER_BODY_IDLE_TIMEOUT_S", value_name = "SECONDS")]
    pub body_idle_timeout_s: Option<u64>,
    /// Seconds that a client may leave a response unread [default: 30]
    #[arg(long, env = "WHARFINGER_WRITE_TIMEOUT_S", value_name = "SECONDS")]
    pub write_timeout_s: Option<u64>,
    /// Slowest rate for sending a body or reading a response, averaged over these time-outs; 0 for none [default: 1000]
    #[arg(long, env = "WHARFINGER_BYTES_PER_SECOND_MIN", value_name = "BYTES")]
    pub bytes_per_second_min: Option<u32>,
    /// Seconds for a whole request [default: 600]
    #[arg(long, env = "WHARFINGER_REQUEST_TIMEOUT_S", value_name = "SECONDS")]
    pub request_timeout_s: Option<u64>,
    /// Seconds for requests in flight after the server is told to stop [default: 30]
    #[arg(long, env = "WHARFINGER_SHUTDOWN_TIMEOUT_S", value_name = "SECONDS")]
    pub shutdown_timeout_s: Option<u64>,
    /// Connections served at once; further ones replace others, or wait [default: 10000]
    #[arg(long, env = "WHARFINGER_CONNECTIONS_MAX", value_name = "COUNT")]
    pub connections_max: Option<usize>,
    /// Connections of one address, or of one IPv6 /64; further ones get 429. 0 for no limit, as behind a proxy
    /// [default: half of --connections-max]
    #[arg(
        long,
        env = "WHARFINGER_CONNECTIONS_PER_ADDRESS_MAX",
        value_name = "COUNT"
    )]
    pub connections_per_address_max: Option<usize>,
    /// Requests that may wait for the store; further ones get 503 [default: 1024]
    #[arg(long, env = "WHARFINGER_QUEUE_MAX", value_name = "COUNT")]
    pub queue_max: Option<usize>,
    /// Bytes to keep free on the data directory's disk. Below it new orders are refused; state changes, purging and erasing
    /// continue [default: 536870912]
    #[arg(
        long,
        visible_alias = "disk-reserve",
        env = "WHARFINGER_DISK_RESERVE_BYTES",
        value_name = "BYTES"
    )]
    pub disk_reserve_bytes: Option<u64>,
    /// Hours that the response for an Idempotency-Key is saved [default: 24]
    #[arg(long, env = "WHARFINGER_IDEMPOTENCY_HOURS", value_name = "HOURS")]
    pub idempotency_hours: Option<u64>,
    /// Days that the texts of rejected orders are kept, so that they can be fixed; 0 for not at all [default: 30]
    #[arg(long, env = "WHARFINGER_REJECTED_DAYS", value_name = "DAYS")]
    pub rejected_days: Option<u32>,
    /// Requests per second for each key that has no rate of its own [default: no limit]
    #[arg(long, env = "WHARFINGER_REQUESTS_PER_SECOND", value_name = "COUNT")]
    pub requests_per_second: Option<u32>,
    /// Orders per second for each key that has no rate of its own [default: no limit]
    #[arg(long, env = "WHARFINGER_ORDERS_PER_SECOND", value_name = "COUNT")]
    pub orders_per_second: Option<u32>,
    /// Format of log lines on stderr [default: pretty on a terminal, json otherwise]
    #[arg(long, env = "WHARFINGER_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Log level: error, warn, info, debug or trace [default: info]
    #[arg(long, env = "WHARFINGER_LOG", value_name = "LEVEL")]
    pub log: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    Pretty,
    /// For programs: one JSON object per line
    Json,
}

/// The settings after validation.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Where the orders are stored.
    pub location: Location,
    /// Limits on the content of a body.
    pub limits: Limits,
    /// Limits on connections and on the transfer of requests.
    pub transport: Transport,
    /// Memory for bodies in flight and the data derived from them, in bytes.
    pub body_bytes_in_flight_max: usize,
    /// Share of a budget for one key or organisation while it is the only one, in percent.
    pub share_percent: u8,
    /// Requests that may wait for the store.
    pub queue_max: usize,
    /// Bytes of the disk to keep free.
    pub disk_reserve_bytes: u64,
    /// How long a response is saved for its idempotency key.
    pub answers_kept_for: Duration,
    /// Days that the texts of rejected orders are kept.
    pub rejected_days: u32,
    /// Rates of keys that have none of their own.
    pub rates: Rates,
    /// Log format. If `None`, it depends on whether stderr is a terminal.
    pub log_format: Option<LogFormat>,
    /// Log level.
    pub log: String,
}

/// Default data directory.
pub const DATA_DEFAULT: &str = "./wharfinger-data";

impl ServeOptions {
    /// Merges in the settings of the file and the defaults, then validates the result.
    ///
    /// # Errors
    /// The file cannot be read or has an unknown option, or a value is invalid.
    pub fn resolve(self) -> Result<Config> {
        let file = match &self.config {
            Some(path) => read_file(path)?,
            None => Self::default(),
        };
        let options = self.or(file);
        let config = options.with_defaults()?;
        check(&config)?;
        Ok(config)
    }

    fn or(self, file: Self) -> Self {
        Self {
            config: self.config,
            listen: self.listen.or(file.listen),
            data: self.data.or(file.data),
            database: self.database.or(file.database),
            database_password_file: self.database_password_file.or(file.database_password_file),
            database_ca: self.database_ca.or(file.database_ca),
            body_bytes_max: self.body_bytes_max.or(file.body_bytes_max),
            body_bytes_in_flight_max: self
                .body_bytes_in_flight_max
                .or(file.body_bytes_in_flight_max),
            share_percent: self.share_percent.or(file.share_percent),
            orders_per_batch_max: self.orders_per_batch_max.or(file.orders_per_batch_max),
            order_bytes_max: self.order_bytes_max.or(file.order_bytes_max),
            order_depth_max: self.order_depth_max.or(file.order_depth_max),
            header_timeout_s: self.header_timeout_s.or(file.header_timeout_s),
            body_idle_timeout_s: self.body_idle_timeout_s.or(file.body_idle_timeout_s),
            write_timeout_s: self.write_timeout_s.or(file.write_timeout_s),
            bytes_per_second_min: self.bytes_per_second_min.or(file.bytes_per_second_min),
            request_timeout_s: self.request_timeout_s.or(file.request_timeout_s),
            shutdown_timeout_s: self.shutdown_timeout_s.or(file.shutdown_timeout_s),
            connections_max: self.connections_max.or(file.connections_max),
            connections_per_address_max: self
                .connections_per_address_max
                .or(file.connections_per_address_max),
            queue_max: self.queue_max.or(file.queue_max),
            disk_reserve_bytes: self.disk_reserve_bytes.or(file.disk_reserve_bytes),
            idempotency_hours: self.idempotency_hours.or(file.idempotency_hours),
            rejected_days: self.rejected_days.or(file.rejected_days),
            requests_per_second: self.requests_per_second.or(file.requests_per_second),
            orders_per_second: self.orders_per_second.or(file.orders_per_second),
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
        }
    }

    fn with_defaults(self) -> Result<Config> {
        let limits = Limits::default();
        let transport = Transport::default();
        let connections_max = self.connections_max.unwrap_or(transport.connections_max);
        let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
        Ok(Config {
            listen: match self.listen {
                Some(listen) => listen,
                None => LISTEN_DEFAULT.parse()?,
            },
            location: locate(
                self.data.unwrap_or_else(|| DATA_DEFAULT.into()),
                self.database,
                self.database_password_file.as_deref(),
                self.database_ca,
            )?,
            limits: Limits {
                body_bytes_max: self.body_bytes_max.unwrap_or(limits.body_bytes_max),
                orders_per_batch_max: self
                    .orders_per_batch_max
                    .unwrap_or(limits.orders_per_batch_max),
                order_bytes_max: self.order_bytes_max.unwrap_or(limits.order_bytes_max),
                order_depth_max: self.order_depth_max.unwrap_or(limits.order_depth_max),
            },
            transport: Transport {
                header_timeout: seconds(self.header_timeout_s, transport.header_timeout),
                body_idle_timeout: seconds(self.body_idle_timeout_s, transport.body_idle_timeout),
                write_timeout: seconds(self.write_timeout_s, transport.write_timeout),
                bytes_per_second_min: self
                    .bytes_per_second_min
                    .unwrap_or(transport.bytes_per_second_min),
                request_timeout: seconds(self.request_timeout_s, transport.request_timeout),
                shutdown_timeout: seconds(self.shutdown_timeout_s, transport.shutdown_timeout),
                connections_max,
                connections_per_address_max: match self.connections_per_address_max {
                    Some(0) => usize::MAX,
                    Some(count) => count,
                    None => connections_max.div_ceil(2),
                },
            },
            body_bytes_in_flight_max: self
                .body_bytes_in_flight_max
                .unwrap_or(BODY_BYTES_IN_FLIGHT_DEFAULT),
            share_percent: self.share_percent.unwrap_or(SHARE_PERCENT_DEFAULT),
            queue_max: self.queue_max.unwrap_or(QUEUE_DEFAULT),
            disk_reserve_bytes: self.disk_reserve_bytes.unwrap_or(DISK_RESERVE_DEFAULT),
            answers_kept_for: Duration::from_secs(
                self.idempotency_hours
                    .unwrap_or(IDEMPOTENCY_HOURS_DEFAULT)
                    .saturating_mul(3_600),
            ),
            rejected_days: self.rejected_days.unwrap_or(REJECTED_DAYS_DEFAULT),
            rates: Rates {
                requests_per_second: self.requests_per_second,
                orders_per_second: self.orders_per_second,
            },
            log_format: self.log_format,
            log: self.log.unwrap_or_else(|| "info".into()),
        })
    }
}

/// Environment variable with the database password.
const DATABASE_PASSWORD: &str = "WHARFINGER_DATABASE_PASSWORD";

/// Where the orders are stored: in the database, if `database` names one, and otherwise in the directory.
///
/// # Errors
/// The password file cannot be read, or `data` is a URL.
pub(crate) fn locate(
    data: PathBuf,
    database: Option<String>,
    password_file: Option<&Path>,
    ca: Option<PathBuf>,
) -> Result<Location> {
    let Some(url) = database else {
        // The error does not quote the value, which may contain a password.
        if data.to_string_lossy().contains("://") {
            bail!(
                "a data directory must not have :// in its name; name a PostgreSQL database with --database, as \
                 postgres://USER@HOST/NAME"
            );
        }
        return Ok(Location::Directory(data));
    };
    let password = match password_file {
        Some(file) => {
            let password = std::fs::read_to_string(file).with_context(|| {
                format!("cannot read the database password file {}", file.display())
            })?;
            Some(password.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => std::env::var(DATABASE_PASSWORD).ok(),
    };
    Ok(Location::Database(Database { url, password, ca }))
}

fn read_file(path: &Path) -> Result<ServeOptions> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    toml::from_str(&text)
        .with_context(|| format!("the configuration file {} is invalid", path.display()))
}

fn check(config: &Config) -> Result<()> {
    let limits = &config.limits;
    let counts = [
        ("body-bytes-max", limits.body_bytes_max),
        ("orders-per-batch-max", limits.orders_per_batch_max),
        ("order-bytes-max", limits.order_bytes_max),
        ("order-depth-max", limits.order_depth_max),
        ("connections-max", config.transport.connections_max),
        ("queue-max", config.queue_max),
    ];
    for (name, count) in counts {
        if count == 0 {
            bail!("--{name} must be at least 1");
        }
    }
    let rates = [
        ("requests-per-second", config.rates.requests_per_second),
        ("orders-per-second", config.rates.orders_per_second),
    ];
    for (name, rate) in rates {
        if rate.is_some_and(|rate| !(1..=RATE_MAX).contains(&rate)) {
            bail!("--{name} must be from 1 to {RATE_MAX}; omit it for no limit");
        }
    }
    let transport = &config.transport;
    let times = [
        ("header-timeout-s", transport.header_timeout),
        ("body-idle-timeout-s", transport.body_idle_timeout),
        ("write-timeout-s", transport.write_timeout),
        ("request-timeout-s", transport.request_timeout),
        ("idempotency-hours", config.answers_kept_for),
    ];
    for (name, time) in times {
        if time.is_zero() {
            bail!("--{name} must be at least 1");
        }
    }
    for (name, count) in [
        ("connections-max", transport.connections_max),
        ("queue-max", config.queue_max),
    ] {
        if count > COUNT_CEILING {
            bail!("--{name} must be at most {COUNT_CEILING}");
        }
    }
    if limits.orders_per_batch_max > ORDERS_PER_BATCH_CEILING {
        bail!("--orders-per-batch-max must be at most {ORDERS_PER_BATCH_CEILING}");
    }
    if limits.body_bytes_max > BODY_BYTES_CEILING {
        bail!("--body-bytes-max must be at most {BODY_BYTES_CEILING}");
    }
    if !(1..=100).contains(&config.share_percent) {
        bail!("--share-percent must be from 1 to 100");
    }
    // A body leases its length, and as much again for derived data.
    let bytes_in_flight_min =
        (2 * limits.body_bytes_max * 100).div_ceil(usize::from(config.share_percent));
    if config.body_bytes_in_flight_max < bytes_in_flight_min {
        bail!(
            "--body-bytes-in-flight-max must be at least {bytes_in_flight_min}, because the share of one key ({} %) must hold \
             twice --body-bytes-max",
            config.share_percent
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for wrong in [
            "queue_max = 0",
            "queue_max = 9007199254740991",
            "connections_max = 9007199254740991",
            "header_timeout_s = 0",
            "body_idle_timeout_s = 0",
            "request_timeout_s = 0",
            "write_timeout_s = 0",
            "share_percent = 0",
            "share_percent = 101",
            "body_bytes_max = 2147483648",
            "body_bytes_in_flight_max = 1000",
            "requests_per_second = 0",
            "orders_per_second = 4000000000",
        ] {
            let options: ServeOptions = toml::from_str(wrong).unwrap();
            assert!(options.resolve().is_err(), "{wrong}");
        }
    }

    /// Keeps the commented default file in step with the program.
    #[test]
    fn the_default_file_says_the_defaults() {
        let file = include_str!("../../../../config.default.toml");
        let options: ServeOptions = toml::from_str(file).unwrap();
        let from_file = options.resolve().unwrap();
        let defaults = ServeOptions::default().resolve().unwrap();
        assert_eq!(format!("{from_file:?}"), format!("{defaults:?}"));
        let keys: Vec<_> = file.lines().filter(|line| line.contains(" = ")).collect();
        assert_eq!(keys.len(), 27, "the file has every setting");
    }
}
