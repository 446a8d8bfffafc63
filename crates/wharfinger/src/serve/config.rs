//! The settings of `serve`. A flag overrides an environment variable, which overrides the file, which overrides the default.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use wharfinger_core::limits::Limits;

use crate::serve::transport::Transport;
use crate::store::{Database, Location, Rates};

mod check;
mod listen;

pub use self::listen::Listen;

/// The settings. Each is a flag, an environment variable and a key of the file, under the same name.
#[derive(Args, Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// TOML file with settings, named as these options with `_` instead of `-`
    #[arg(long, env = "WHARFINGER_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on, such as localhost:8080, or :8080 for all addresses; port 0 picks a free one
    /// [default: 127.0.0.1:8080]
    #[arg(long, env = "WHARFINGER_LISTEN", value_name = "ADDRESS")]
    pub listen: Listen,
    /// PEM file with the server's certificate, then its intermediates: serves HTTPS. It is read again when it changes
    #[arg(long, env = "WHARFINGER_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the private key of this certificate, not encrypted
    #[arg(long, env = "WHARFINGER_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, such as 127.0.0.1/32; separated by
    /// commas [default: none]
    #[arg(
        long,
        env = "WHARFINGER_BEHIND_PROXY",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = network
    )]
    pub behind_proxy: Vec<IpNet>,
    /// Data directory that stores the orders [default: ./wharfinger-data]
    #[arg(long, env = "WHARFINGER_DATA", value_name = "DIRECTORY")]
    pub data: PathBuf,
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
    pub body_bytes_max: usize,
    /// Memory for all bodies in flight and the data derived from them [default: 1073741824]
    #[arg(
        long,
        env = "WHARFINGER_BODY_BYTES_IN_FLIGHT_MAX",
        value_name = "BYTES"
    )]
    pub body_bytes_in_flight_max: usize,
    /// Percent of this memory for one key or organisation while it is the only one; less when there are others [default: 50]
    #[arg(long, env = "WHARFINGER_SHARE_PERCENT", value_name = "PERCENT")]
    pub share_percent: u8,
    /// Most orders in a batch [default: 50000]
    #[arg(long, env = "WHARFINGER_ORDERS_PER_BATCH_MAX", value_name = "COUNT")]
    pub orders_per_batch_max: usize,
    /// Largest order, in bytes [default: 1048576]
    #[arg(long, env = "WHARFINGER_ORDER_BYTES_MAX", value_name = "BYTES")]
    pub order_bytes_max: usize,
    /// Deepest nesting of an order [default: 64]
    #[arg(long, env = "WHARFINGER_ORDER_DEPTH_MAX", value_name = "LEVELS")]
    pub order_depth_max: usize,
    /// Seconds for the head of a request [default: 10]
    #[arg(long, env = "WHARFINGER_HEADER_TIMEOUT_S", value_name = "SECONDS")]
    pub header_timeout_s: u64,
    /// Seconds that a client may keep the server waiting for a body [default: 30]
    #[arg(long, env = "WHARFINGER_BODY_IDLE_TIMEOUT_S", value_name = "SECONDS")]
    pub body_idle_timeout_s: u64,
    /// Seconds that a client may leave a response unread [default: 30]
    #[arg(long, env = "WHARFINGER_WRITE_TIMEOUT_S", value_name = "SECONDS")]
    pub write_timeout_s: u64,
    /// Slowest rate for sending a body or reading a response, averaged over these time-outs; 0 for none [default: 1000]
    #[arg(long, env = "WHARFINGER_BYTES_PER_SECOND_MIN", value_name = "BYTES")]
    pub bytes_per_second_min: u32,
    /// Seconds for a whole request [default: 600]
    #[arg(long, env = "WHARFINGER_REQUEST_TIMEOUT_S", value_name = "SECONDS")]
    pub request_timeout_s: u64,
    /// Seconds for requests in flight after the server is told to stop [default: 30]
    #[arg(long, env = "WHARFINGER_SHUTDOWN_TIMEOUT_S", value_name = "SECONDS")]
    pub shutdown_timeout_s: u64,
    /// Connections served at once; further ones replace others, or wait [default: 10000]
    #[arg(long, env = "WHARFINGER_CONNECTIONS_MAX", value_name = "COUNT")]
    pub connections_max: usize,
    /// Connections of one address, or of one IPv6 /64; further ones get 429. 0 for no limit. Not for proxies in --behind-proxy
    /// [default: half of --connections-max]
    #[arg(
        long,
        env = "WHARFINGER_CONNECTIONS_PER_ADDRESS_MAX",
        value_name = "COUNT"
    )]
    pub connections_per_address_max: Option<usize>,
    /// Requests that may wait for the store; further ones get 503 [default: 1024]
    #[arg(long, env = "WHARFINGER_QUEUE_MAX", value_name = "COUNT")]
    pub queue_max: usize,
    /// Bytes to keep free on the data directory's disk. Below it new orders are refused; state changes, purging and erasing
    /// continue [default: 536870912]
    #[arg(
        long,
        visible_alias = "disk-reserve",
        env = "WHARFINGER_DISK_RESERVE_BYTES",
        value_name = "BYTES"
    )]
    pub disk_reserve_bytes: u64,
    /// Hours that the response for an Idempotency-Key is saved [default: 24]
    #[arg(long, env = "WHARFINGER_IDEMPOTENCY_HOURS", value_name = "HOURS")]
    pub idempotency_hours: u64,
    /// Days that the texts of rejected orders are kept, so that they can be fixed; 0 for not at all [default: 30]
    #[arg(long, env = "WHARFINGER_REJECTED_DAYS", value_name = "DAYS")]
    pub rejected_days: u32,
    /// Requests per second for each key that has no rate of its own [default: no limit]
    #[arg(long, env = "WHARFINGER_REQUESTS_PER_SECOND", value_name = "COUNT")]
    pub requests_per_second: Option<u32>,
    /// Orders per second for each key that has no rate of its own [default: no limit]
    #[arg(long, env = "WHARFINGER_ORDERS_PER_SECOND", value_name = "COUNT")]
    pub orders_per_second: Option<u32>,
    /// Networks that destinations may be in although they are not public, such as 10.0.0.0/8; separated by commas [default: none]
    #[arg(
        long,
        env = "WHARFINGER_DESTINATIONS_ALLOW",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub destinations_allow: Vec<IpNet>,
    /// PEM file with CAs that are trusted for destinations, besides those of the system
    #[arg(long, env = "WHARFINGER_DESTINATIONS_CA", value_name = "FILE")]
    pub destinations_ca: Option<PathBuf>,
    /// HTTP proxy by which destinations are reached, as http://HOST:PORT
    #[arg(
        long,
        env = "WHARFINGER_DESTINATIONS_PROXY",
        value_name = "URL",
        hide_env_values = true
    )]
    pub destinations_proxy: Option<String>,
    /// Directory below which destinations may write files [default: none]
    #[arg(long, env = "WHARFINGER_DESTINATIONS_FILES", value_name = "DIRECTORY")]
    pub destinations_files: Option<PathBuf>,
    /// Collector of traces (OpenTelemetry, OTLP over HTTP), as http://HOST:4318; OTEL_EXPORTER_OTLP_ENDPOINT is read too
    /// [default: none]
    #[arg(
        long,
        env = "WHARFINGER_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true
    )]
    pub otlp_endpoint: Option<String>,
    /// Percent of the requests without a `traceparent` header that are traced [default: 100]
    #[arg(long, env = "WHARFINGER_OTLP_PERCENT", value_name = "PERCENT")]
    pub otlp_percent: u8,
    /// Format of log lines on stderr [default: pretty on a terminal, json otherwise]
    #[arg(long, env = "WHARFINGER_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Log level: error, warn, info, debug, trace, or off [default: info]
    #[arg(long, env = "WHARFINGER_LOG", value_name = "LEVEL")]
    pub log: String,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits::default();
        let transport = Transport::default();
        Self {
            config: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)).into(),
            tls_cert: None,
            tls_key: None,
            behind_proxy: Vec::new(),
            data: DATA_DEFAULT.into(),
            database: None,
            database_password_file: None,
            database_ca: None,
            body_bytes_max: limits.body_bytes_max,
            body_bytes_in_flight_max: 1 << 30,
            share_percent: 50,
            orders_per_batch_max: limits.orders_per_batch_max,
            order_bytes_max: limits.order_bytes_max,
            order_depth_max: limits.order_depth_max,
            header_timeout_s: transport.header_timeout.as_secs(),
            body_idle_timeout_s: transport.body_idle_timeout.as_secs(),
            write_timeout_s: transport.write_timeout.as_secs(),
            bytes_per_second_min: transport.bytes_per_second_min,
            request_timeout_s: transport.request_timeout.as_secs(),
            shutdown_timeout_s: transport.shutdown_timeout.as_secs(),
            connections_max: transport.connections_max,
            connections_per_address_max: None,
            queue_max: 1_024,
            // Room for a purge or an erasure, and for the write-ahead log of it.
            disk_reserve_bytes: 512 << 20,
            idempotency_hours: 24,
            rejected_days: 30,
            requests_per_second: None,
            orders_per_second: None,
            destinations_allow: Vec::new(),
            destinations_ca: None,
            destinations_proxy: None,
            destinations_files: None,
            otlp_endpoint: None,
            otlp_percent: 100,
            log_format: None,
            log: "info".into(),
        }
    }
}

/// The flags and environment variables of `serve`. They override the settings of the file.
#[derive(Clone, Debug)]
pub struct ServeOptions(ArgMatches);

impl Args for ServeOptions {
    fn augment_args(command: Command) -> Command {
        // No setting is required: the file or a default has it.
        Settings::augment_args_for_update(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Settings::augment_args_for_update(command)
    }
}

impl FromArgMatches for ServeOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0 = matches.clone();
        Ok(())
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    Pretty,
    /// For programs: one JSON object per line
    Json,
}

/// The settings after validation, and what derives from them.
#[derive(Clone, Debug)]
pub struct Config {
    /// The settings.
    pub settings: Settings,
    /// Where the orders are stored.
    pub location: Location,
    /// Limits on the content of a body.
    pub limits: Limits,
    /// Limits on connections and on the transfer of requests.
    pub transport: Transport,
    /// How long a response is saved for its idempotency key.
    pub answers_kept_for: Duration,
    /// Rates of keys that have none of their own.
    pub rates: Rates,
}

/// Default data directory.
pub const DATA_DEFAULT: &str = "./wharfinger-data";

impl ServeOptions {
    /// Reads the file, overrides its settings with the flags and variables, and validates the result.
    ///
    /// # Errors
    /// The file cannot be read or has an unknown option, or a value is invalid.
    pub fn resolve(&self) -> Result<Config> {
        let mut settings = match self.0.get_one::<PathBuf>("config") {
            Some(path) => read_file(path)?,
            None => Settings::default(),
        };
        settings.update_from_arg_matches(&self.0)?;
        settings.validated()
    }
}

impl Settings {
    fn validated(self) -> Result<Config> {
        let config = Config {
            location: locate(
                self.data.clone(),
                self.database.clone(),
                self.database_password_file.as_deref(),
                self.database_ca.clone(),
            )?,
            limits: Limits {
                body_bytes_max: self.body_bytes_max,
                orders_per_batch_max: self.orders_per_batch_max,
                order_bytes_max: self.order_bytes_max,
                order_depth_max: self.order_depth_max,
            },
            transport: Transport {
                header_timeout: Duration::from_secs(self.header_timeout_s),
                body_idle_timeout: Duration::from_secs(self.body_idle_timeout_s),
                write_timeout: Duration::from_secs(self.write_timeout_s),
                bytes_per_second_min: self.bytes_per_second_min,
                request_timeout: Duration::from_secs(self.request_timeout_s),
                shutdown_timeout: Duration::from_secs(self.shutdown_timeout_s),
                connections_max: self.connections_max,
                connections_per_address_max: match self.connections_per_address_max {
                    Some(0) => usize::MAX,
                    Some(count) => count,
                    None => self.connections_max.div_ceil(2),
                },
            },
            answers_kept_for: Duration::from_secs(self.idempotency_hours.saturating_mul(3_600)),
            rates: Rates {
                requests_per_second: self.requests_per_second,
                orders_per_second: self.orders_per_second,
            },
            settings: self,
        };
        check::check(&config.settings)?;
        Ok(config)
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
        None => std::env::var(DATABASE_PASSWORD)
            .ok()
            .filter(|password| !password.is_empty()),
    };
    Ok(Location::Database(Database { url, password, ca }))
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let network = address.or_else(|_| text.parse::<IpNet>());
    network.map_err(|_| "write a network as 10.0.0.0/8, or an address as 127.0.0.1".to_owned())
}

fn read_file(path: &Path) -> Result<Settings> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        // Not its own sentence: that shows the line, which may have a password.
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.lines().count().max(1));
        anyhow::anyhow!(
            "the configuration file {} is invalid at line {line}: {}",
            path.display(),
            error.message()
        )
    })
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
            "tls_cert = 'cert.pem'",
            "tls_key = 'key.pem'",
            "log = 'loud'",
            "log = 'info,debug'",
        ] {
            let settings: Settings = toml::from_str(wrong).unwrap();
            assert!(settings.validated().is_err(), "{wrong}");
        }
    }

    /// What the flags say of settings that a file has too.
    #[test]
    fn flags_override_the_file_which_overrides_the_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("wharfinger.toml");
        std::fs::write(
            &file,
            "queue_max = 7\nlog = \"warn\"\nrequests_per_second = 3\n",
        )
        .unwrap();
        let command = ServeOptions::augment_args(Command::new("serve"));
        let file = file.to_str().unwrap();
        let given = [
            "serve",
            "--config",
            file,
            "--queue-max",
            "8",
            "--orders-per-second",
            "4",
        ];
        let matches = command.get_matches_from(given);
        let options = ServeOptions::from_arg_matches(&matches).unwrap();
        let settings = options.resolve().unwrap().settings;
        assert_eq!((settings.queue_max, &*settings.log), (8, "warn"));
        let rates = (settings.requests_per_second, settings.orders_per_second);
        assert_eq!(rates, (Some(3), Some(4)));
        assert_eq!(settings.rejected_days, Settings::default().rejected_days);
        let command = ServeOptions::augment_args(Command::new("serve"));
        let matches = command.get_matches_from(["serve"]);
        let options = ServeOptions::from_arg_matches(&matches).unwrap();
        assert_eq!(options.resolve().unwrap().settings.queue_max, 1_024);
    }

    /// Keeps the commented default file in step with the program.
    #[test]
    fn the_default_file_says_the_defaults() {
        let file = include_str!("../../../../config.default.toml");
        let settings: Settings = toml::from_str(file).unwrap();
        let from_file = settings.validated().unwrap();
        let defaults = Settings::default().validated().unwrap();
        assert_eq!(format!("{from_file:?}"), format!("{defaults:?}"));
        let keys: Vec<_> = file.lines().filter(|line| line.contains(" = ")).collect();
        assert_eq!(keys.len(), 36, "the file has every setting");
    }
}
