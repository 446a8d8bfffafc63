//! The database to connect to: host, user, TLS. Explains in one sentence why it cannot be reached, with the remedy.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Error;
use super::postgres::Session;
use super::{Result, tls};
use crate::runtime::trust::Trust;
use crate::store::engine::location::{Database, SCHEMES};

/// The longest wait for a connection to one host.
const CONNECTING_MAX: Duration = Duration::from_secs(5);
/// The longest wait for a connected server to complete the login, and the handshake if TLS is used.
const GREETING_MAX: Duration = Duration::from_secs(10);
/// The time after which a dead server is noticed, whether something was sent to it or is awaited from it.
const GONE_AFTER: Duration = Duration::from_secs(15);
/// TCP keepalive: the idle time before the first probe, the interval between probes, and their number.
const ASKED_AFTER: Duration = Duration::from_secs(5);
const ASKED_EVERY: Duration = Duration::from_secs(3);
const ASKED_TIMES: u32 = 3;

/// The database server, and the credentials for it.
#[derive(Clone)]
pub(crate) struct Target {
    config: Config,
    /// `None` without encryption.
    tls: Option<MakeRustlsConnect>,
    /// Where the trusted CAs come from.
    trusted: String,
    settings: &'static Settings,
}

/// Where the user enters what is not in the URL, for messages.
struct Settings {
    password: &'static str,
    ca: &'static str,
}

/// Of the database that keeps the store.
const OF_THE_STORE: Settings = Settings {
    password: "--database-password-file or WHARFINGER_DATABASE_PASSWORD",
    ca: "--database-ca",
};

/// Of a database that gets events.
const OF_A_DESTINATION: Settings = Settings {
    password: "the destination's password",
    ca: "the destination's ca",
};

impl std::fmt::Debug for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Omits the password.
        out.debug_struct("Target").finish_non_exhaustive()
    }
}

impl Target {
    /// Parses a URL, `postgres://user:password@host:port/database?options`.
    pub(crate) fn of(database: &Database) -> std::result::Result<Self, String> {
        let ca = database.ca.as_deref();
        let password = database.password.as_deref();
        let trusted = ca.map(|file| (Trust::File(file), file.display().to_string()));
        Self::new(&database.url, password, trusted, &OF_THE_STORE)
    }

    /// As [`Self::of`], for a database that gets events. `ca` is the PEM text of the CAs to trust. The hosts must be reached over a
    /// network: on this machine, PostgreSQL may take the server for a user that it trusts.
    pub(crate) fn of_destination(
        url: &str,
        password: Option<&str>,
        ca: Option<&str>,
    ) -> std::result::Result<Self, String> {
        let trusted = ca.map(|pem| (Trust::Text(pem), OF_A_DESTINATION.ca.to_owned()));
        let target = Self::new(url, password, trusted, &OF_A_DESTINATION)?;
        let mut hosts = target.config.get_hosts().iter();
        if hosts.any(|host| matches!(host, Host::Unix(_))) {
            return Err("the host must be a name or an address, not a Unix socket".into());
        }
        if !target.config.get_hostaddrs().is_empty() {
            return Err("hostaddr is not supported; write the address as the host".into());
        }
        Ok(target)
    }

    fn new(
        url: &str,
        password: Option<&str>,
        trusted: Option<(Trust<'_>, String)>,
        settings: &'static Settings,
    ) -> std::result::Result<Self, String> {
        let (url, mode) = without_mode(url, settings)?;
        let mut config = parse(&url)?;
        let is_local = is_local(&config);
        let is_encrypted = match asks_for_tls(mode.as_deref())? {
            Some(true) if is_local => {
                return Err(
                    "TLS is not available over a Unix socket; omit sslmode, or name a host".into(),
                );
            }
            Some(is_encrypted) => is_encrypted,
            None => trusted.is_some() && !is_local,
        };
        if let Some(password) = password {
            config.password(password);
        }
        bound(&mut config, is_encrypted);
        let (trust, trusted) = trusted.unwrap_or((Trust::System, "this system".into()));
        let connector = || tls::connector(trust, settings.ca);
        Ok(Self {
            config,
            tls: is_encrypted.then(connector).transpose()?,
            trusted,
            settings,
        })
    }

    /// Whether the connection could be read on a network: it is not encrypted and goes to another machine.
    pub(crate) fn is_exposed(&self) -> bool {
        self.tls.is_none() && !is_on_this_machine(&self.config)
    }

    /// The same target for connections that only read: a standby will do.
    pub(crate) fn for_reading(mut self) -> Self {
        self.config.target_session_attrs(TargetSessionAttrs::Any);
        self
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Result<Session> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Unreachable(error.to_string()))?;
        let connected = runtime.block_on(self.client(&self.config));
        let client = connected.map_err(Error::Unreachable)?;
        Session::start(runtime, client)
    }

    /// The hosts and ports, as the URL names them.
    pub(crate) fn places(&self) -> Vec<(String, u16)> {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate();
        let places = hosts.map(|(at, host)| {
            let port = ports.get(at).or(ports.first()).unwrap_or(&5432);
            match host {
                Host::Tcp(name) => (name.clone(), *port),
                Host::Unix(path) => (path.display().to_string(), *port),
            }
        });
        places.collect()
    }

    /// Connects to one of these addresses of its hosts. The current runtime then drives the connection.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub(crate) async fn connect_to(
        &self,
        addresses: &[(String, SocketAddr)],
    ) -> std::result::Result<Client, String> {
        let mut config = Config::new();
        if let Some(user) = self.config.get_user() {
            config.user(user);
        }
        if let Some(password) = self.config.get_password() {
            config.password(password);
        }
        if let Some(name) = self.config.get_dbname() {
            config.dbname(name);
        }
        if let Some(options) = self.config.get_options() {
            config.options(options);
        }
        bound(&mut config, self.tls.is_some());
        for (host, address) in addresses {
            config.host(host);
            config.hostaddr(address.ip());
            config.port(address.port());
        }
        self.client(&config).await
    }

    /// Connects, within a time. The current runtime then drives the connection.
    async fn client(&self, config: &Config) -> std::result::Result<Client, String> {
        let hosts = u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        let patience = CONNECTING_MAX.saturating_mul(hosts) + GREETING_MAX;
        match tokio::time::timeout(patience, self.greet(config)).await {
            Ok(connected) => connected.map_err(|error| self.why(&error)),
            Err(_) => Err(format!(
                "the database at {} accepts connections but does not respond; it may be overloaded, or not be PostgreSQL",
                self.hosts()
            )),
        }
    }

    async fn greet(&self, config: &Config) -> std::result::Result<Client, tokio_postgres::Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    /// Explains why the connection failed, with the remedy.
    fn why(&self, error: &tokio_postgres::Error) -> String {
        if let Some(error) = error.as_db_error() {
            return self.refusal(error);
        }
        let source = std::error::Error::source(error);
        let said = source.map_or_else(|| error.to_string(), ToString::to_string);
        if let Some(why) = tls::why(source, &self.trusted, self.settings.ca) {
            return why;
        }
        let hosts = self.hosts();
        match said.as_str() {
            "password missing" => format!(
                "the database requires a password for user {}; set {}",
                self.user(),
                self.settings.password
            ),
            "server does not support TLS" => format!(
                "the database at {hosts} does not support TLS; set ssl = on there, or use sslmode=disable in the URL if nobody else \
                 can read the network"
            ),
            "database does not allow writes" => format!(
                "the database at {hosts} does not accept writes; name the primary, or promote a replica"
            ),
            _ => format!(
                "cannot reach the database at {hosts} ({said}); check the address, and that PostgreSQL runs and listens there"
            ),
        }
    }

    /// Explains why the server refused the connection.
    fn refusal(&self, error: &DbError) -> String {
        let (message, user) = (error.message(), self.user());
        let code = error.code();
        if *code == SqlState::INVALID_PASSWORD {
            format!(
                "the database refuses the password of user {user}, or has no such user; check the user in the URL, and the password \
                 in {}",
                self.settings.password
            )
        } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
            let way = if self.tls.is_none() {
                ", or enable TLS with sslmode=require"
            } else {
                ""
            };
            format!(
                "the database does not admit user {user} ({message}); allow it in the server's pg_hba.conf{way}"
            )
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            let name = self.config.get_dbname().unwrap_or(user);
            format!(
                "the server has no database {name}; create it with `create database \"{name}\" encoding 'UTF8' template template0`, or \
                 name another one in the URL"
            )
        } else if *code == SqlState::TOO_MANY_CONNECTIONS {
            format!(
                "the database has no free connection ({message}); raise max_connections, or run fewer servers"
            )
        } else {
            format!(
                "the database refuses the connection: {message} ({})",
                code.code()
            )
        }
    }

    fn user(&self) -> &str {
        self.config.get_user().unwrap_or("of this process")
    }

    /// The hosts and ports, for messages.
    fn hosts(&self) -> String {
        let hosts = self.config.get_hosts().iter().zip(self.places());
        let told = hosts.map(|(host, (name, port))| match host {
            Host::Tcp(_) => format!("{name}:{port}"),
            Host::Unix(_) => format!("{name}, port {port}"),
        });
        Vec::from_iter(told).join(" or ")
    }
}

/// Sets how a server is connected to, and how long that may take.
fn bound(config: &mut Config, is_encrypted: bool) {
    config.application_name("wharfinger");
    // Of several hosts, connects to the primary. A replica cannot even take the write lock.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.connect_timeout(CONNECTING_MAX);
    config.tcp_user_timeout(GONE_AFTER);
    config.keepalives_idle(ASKED_AFTER);
    config.keepalives_interval(ASKED_EVERY);
    config.keepalives_retries(ASKED_TIMES);
    config.ssl_mode(if is_encrypted {
        SslMode::Require
    } else {
        SslMode::Disable
    });
}

/// Splits a URL into the URL without `sslmode` and the value of `sslmode`.
fn without_mode(
    url: &str,
    settings: &Settings,
) -> std::result::Result<(String, Option<String>), String> {
    if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
        return Err("expected postgres://USER@HOST/NAME".into());
    }
    if url.split('?').next().unwrap_or(url).matches('@').count() > 1 {
        // The text after the first @ would be parsed as the host, and shown.
        return Err("write an @ in the password as %40".into());
    }
    let Some((place, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), None));
    };
    let mut mode = None;
    let mut others = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", _)) => {
                return Err(format!(
                    "sslrootcert is not supported; name the CA with {}",
                    settings.ca
                ));
            }
            Some(_) | None => others.push(parameter),
        }
    }
    Ok((format!("{place}?{}", others.join("&")), mode))
}

fn parse(url: &str) -> std::result::Result<Config, String> {
    let parsed = url.parse::<Config>();
    let config = parsed.map_err(|error| match std::error::Error::source(&error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    })?;
    if config.get_hosts().is_empty() {
        return Err("it has no host".into());
    }
    Ok(config)
}

/// Whether the URL asks for TLS or for none. With TLS, the server's certificate and name are always verified.
fn asks_for_tls(mode: Option<&str>) -> std::result::Result<Option<bool>, String> {
    match mode {
        None => Ok(None),
        // In libpq, `prefer` silently falls back to no encryption. Here it requires TLS.
        Some("require" | "prefer" | "verify-ca" | "verify-full") => Ok(Some(true)),
        Some("disable") => Ok(Some(false)),
        Some(other) => Err(format!(
            "unknown sslmode '{other}'; expected 'require' (TLS with a verified certificate) or 'disable'"
        )),
    }
}

fn is_local(config: &Config) -> bool {
    let mut hosts = config.get_hosts().iter();
    hosts.all(|host| matches!(host, Host::Unix(_)))
}

fn is_on_this_machine(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(std::net::IpAddr::is_loopback);
    }
    let is_loopback = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
    };
    config.get_hosts().iter().all(is_loopback)
}
