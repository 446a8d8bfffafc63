//! Connects to NATS, and finds or creates the stream.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, ConnectErrorKind, ConnectOptions};

use super::PATIENCE;
use crate::onward::guard::Guard;
use crate::onward::sinks::{Failure, NatsSettings, forbidden};
use crate::runtime::trust::{Trust, client_config};

/// The longest wait for a connection.
const CONNECTING_MAX: Duration = Duration::from_secs(5);

/// Connects, and opens the stream. Creates it if it is missing and the settings say so.
pub(super) async fn open(
    settings: &NatsSettings,
    guard: &Guard,
) -> Result<(Context, Stream), Failure> {
    let client = connect(settings, guard).await?;
    let context = ContextBuilder::new().timeout(PATIENCE).build(client);
    let name = &settings.stream;
    let missing = match context.get_stream(name).await {
        Ok(stream) => return Ok((context, stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(why)
                if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                why
            }
            GetStreamErrorKind::JetStream(why) => {
                return Err(Failure::refused(format!(
                    "NATS does not show stream {name}: {why}"
                )));
            }
            GetStreamErrorKind::EmptyName
            | GetStreamErrorKind::InvalidStreamName
            | GetStreamErrorKind::Request => return Err(lost(&error)),
        },
    };
    if !settings.create {
        return Err(Failure::refused(format!(
            "NATS has no stream {name} ({missing}); create it with the subjects {}.>, or set create",
            settings.prefix
        )));
    }
    let stream = create(&context, settings).await?;
    Ok((context, stream))
}

async fn create(context: &Context, settings: &NatsSettings) -> Result<Stream, Failure> {
    let (name, prefix) = (&settings.stream, &settings.prefix);
    let config = Config {
        name: name.clone(),
        subjects: vec![format!("{prefix}.>")],
        description: Some("Events of Wharfinger".into()),
        ..Config::default()
    };
    let created = context.create_stream(config).await;
    created.map_err(|error| match error.kind() {
        CreateStreamErrorKind::JetStream(why) => {
            let remedy = if why.error_code() == ErrorCode::STREAM_SUBJECT_OVERLAP {
                format!("; another stream takes subjects that begin with {prefix}, so name another prefix")
            } else {
                String::new()
            };
            Failure::refused(format!("NATS does not create stream {name}: {why}{remedy}"))
        }
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => lost(&error),
    })
}

/// Connects. A connection that breaks is not mended: the sink is opened anew, which finds out what the stream has.
async fn connect(settings: &NatsSettings, guard: &Guard) -> Result<Client, Failure> {
    let place = settings.place();
    let (host, port, is_encrypted) =
        place.map_err(|refused| Failure::refused(refused.to_string()))?;
    let resolved = guard.resolve(&host, port).await;
    let addresses = resolved.map_err(|refused| forbidden(&refused))?;
    let mut options = ConnectOptions::new()
        .name("wharfinger")
        .connection_timeout(CONNECTING_MAX)
        .request_timeout(Some(PATIENCE))
        .max_reconnects(1)
        .reconnect_delay_callback(|_| Duration::from_secs(1))
        // They may be anywhere.
        .ignore_discovered_servers()
        .event_callback(|event| async move { tracing::debug!(%event, "NATS") })
        .require_tls(is_encrypted);
    if is_encrypted {
        let trust = match &settings.ca {
            Some(pem) => Trust::Text(pem),
            None => Trust::System,
        };
        let config = client_config(trust, "NATS", "the destination's ca");
        options = options.tls_client_config(config.map_err(Failure::refused)?);
    }
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(token) = &settings.token {
        options = options.token(token.clone());
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let server = match addresses.first() {
        // The name may mean another address by now.
        Some(checked) if !is_encrypted => format!("nats://{checked}"),
        // The client looks the name up again, but the certificate must be of this name.
        _ => format!("tls://{host}:{port}"),
    };
    let connected = options.connect(server).await;
    connected.map_err(|error| {
        let remedy = match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                return Failure::refused(
                    "NATS refuses the login; check the destination's user and password, or its token",
                );
            }
            ConnectErrorKind::Tls => "check the destination's ca and the server's certificate",
            ConnectErrorKind::ServerParse
            | ConnectErrorKind::Dns
            | ConnectErrorKind::TimedOut
            | ConnectErrorKind::Io
            | ConnectErrorKind::MaxReconnects => "check the address, and that NATS runs there",
        };
        let source = error.source().map(|source| format!(": {source}"));
        let (kind, source) = (error.kind(), source.unwrap_or_default());
        Failure::unreachable(format!(
            "cannot reach NATS at {host}:{port} ({kind}{source}); {remedy}"
        ))
    })
}

/// A request that NATS has not answered.
pub(super) fn lost(error: &dyn Error) -> Failure {
    Failure::unreachable(format!(
        "NATS does not answer ({error}); check that it runs with JetStream (-js)"
    ))
}
