//! The server as clients reach it: whether a proxy passes on what the server needs, and the certificate.

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use serde_json::Value;
use url::{Host, Url};
use wharfinger_client::http::agent;

use super::finding::Report;
use crate::http::health::key_fields;
use crate::http::secure::SPEAK_TLS;
use crate::runtime::trust::{Trust, client_config};
use crate::serve::tls::end_of;

/// How long the server may take for a response.
const PATIENCE: Duration = Duration::from_secs(20);
/// The largest response that is read, in bytes: the description of all routes.
const BYTES_MAX: u64 = 16 << 20;

/// Checks the server at a URL.
pub(super) fn check(report: &mut Report, url: &str, ca: Option<&Path>) {
    let check = "public_url";
    let base = match Url::parse(url) {
        Ok(base) if matches!(base.scheme(), "http" | "https") && base.has_host() => base,
        Ok(_) | Err(_) => {
            let remedy = "write it as https://HOST or http://HOST:PORT";
            return report.fault(check, "the URL is none of a server", remedy);
        }
    };
    let is_local = is_local(&base);
    if base.scheme() == "http" && !is_local {
        report.fault(
            check,
            "clients reach the server by plain HTTP: keys and orders cross the network unencrypted",
            "give the server a certificate, or put a proxy with TLS in front: docs/deploy.md",
        );
    }
    let site = match agent(base.scheme() == "https", ca) {
        Ok(agent) => Site { agent, base },
        Err(error) => return report.fault(check, format!("{error:#}"), "correct --ca"),
    };
    if !site.lives(report) {
        return;
    }
    site.is_ready(report);
    site.has_this_version(report);
    if !is_local
        && site
            .get("/metrics", &[])
            .is_ok_and(|(status, _)| status == 200)
    {
        report.note(
            "public_metrics",
            "everybody can read /metrics: how many orders come in, but nothing about any order",
            "do not let the proxy pass /metrics on, if that should stay private",
        );
    }
    if site.base.scheme() == "https" {
        certificate(report, &site.base, ca);
    }
}

/// Whether a response to plain HTTP says that its port is for TLS.
fn is_for_tls(status: u16, text: &str) -> bool {
    // The second sentence is nginx's.
    status == 400
        && (text == SPEAK_TLS || text.contains("plain HTTP request was sent to HTTPS port"))
}

/// Whether the host is this machine.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A server at a URL.
struct Site {
    agent: ureq::Agent,
    base: Url,
}

impl Site {
    /// The status and the text of a response.
    fn get(&self, target: &str, headers: &[(&str, &str)]) -> Result<(u16, String), String> {
        let url = format!("{}{target}", self.base.as_str().trim_end_matches('/'));
        let mut request = self.agent.get(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.config().timeout_global(Some(PATIENCE)).build();
        let mut response = request.call().map_err(|error| error.to_string())?;
        let text = response.body_mut().with_config().limit(BYTES_MAX);
        let text = text.read_to_string().map_err(|error| error.to_string())?;
        Ok((response.status().as_u16(), text))
    }

    /// Whether it responds. Checks which header fields have arrived, and who it takes the client for.
    fn lives(&self, report: &mut Report) -> bool {
        let check = "public_url";
        let known = key_fields();
        let fields = Vec::from_iter(known.iter().map(|name| (*name, "doctor")));
        let (status, text) = match self.get("/healthz?headers", &fields) {
            Ok(answer) => answer,
            Err(why) => {
                let remedy = "see that the server and the proxy run, and that the name leads to them; with a private CA, use --ca";
                report.fault(check, format!("cannot reach {}: {why}", self.base), remedy);
                return false;
            }
        };
        if is_for_tls(status, &text) {
            let told = format!(
                "{} speaks HTTPS, and the URL begins with http://",
                self.base
            );
            report.fault(check, told, "begin the URL with https://");
            return false;
        }
        if status != 200 || !text.starts_with("ok\n") {
            let told = format!(
                "{} answered /healthz with HTTP {status}, and is no Wharfinger",
                self.base
            );
            let remedy = "see where the proxy passes requests on to, and that it changes no path";
            report.fault(check, told, remedy);
            return false;
        }
        report.ok(check, format!("{} is reached", self.base));
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let Some(arrived) = line("headers: ") else {
            let remedy = "upgrade the server; this command is newer";
            report.note(
                "public_headers",
                "the server does not tell which header fields arrive",
                remedy,
            );
            return true;
        };
        let has = |name: &&&str| arrived.split(' ').any(|field| field == **name);
        let dropped = Vec::from_iter(known.iter().filter(|name| !has(name)).copied());
        if dropped.is_empty() {
            let told = format!("{} arrive at the server", known.join(", "));
            report.ok("public_headers", told);
        } else {
            report.fault(
                "public_headers",
                format!("a proxy drops {}: every request with such a key is refused", dropped.join(", ")),
                "in nginx, set `underscores_in_headers on;` in the default server of the port: docs/deploy.md",
            );
        }
        let is_secure = line("scheme: ") == Some("https");
        let client = line("client: ").unwrap_or_default();
        if self.base.scheme() == "https" && !is_secure {
            report.fault(
                "public_client",
                format!("the server takes all clients for the proxy ({client}), and their connections for plain HTTP"),
                "name the proxy with --behind-proxy, and let it set X-Forwarded-For and X-Forwarded-Proto: docs/deploy.md",
            );
        } else {
            report.ok(
                "public_client",
                format!("the server takes this client for {client}"),
            );
        }
        true
    }

    fn is_ready(&self, report: &mut Report) {
        let check = "public_ready";
        match self.get("/readyz", &[]) {
            Ok((200, _)) => report.ok(check, "the server accepts new orders"),
            Ok((status, text)) => report.fault(
                check,
                format!(
                    "the server accepts no orders (HTTP {status}): {}",
                    text.trim()
                ),
                "see the log of the server",
            ),
            Err(why) => report.fault(check, why, "see the log of the server"),
        }
    }

    fn has_this_version(&self, report: &mut Report) {
        let own = env!("CARGO_PKG_VERSION");
        let described = self.get("/openapi.json", &[]).ok();
        let described = described.and_then(|(_, text)| serde_json::from_str::<Value>(&text).ok());
        let version = described
            .as_ref()
            .and_then(|of| of["info"]["version"].as_str());
        match version {
            Some(version) if version != own => report.note(
                "public_version",
                format!("the server is version {version}, and this program is {own}"),
                "restart the server after an upgrade, and use the program of the server's package for commands",
            ),
            Some(_) => report.ok("public_version", format!("the server is version {own} too")),
            None => {}
        }
    }
}

/// Checks the end of the certificate that clients see.
fn certificate(report: &mut Report, base: &Url, ca: Option<&Path>) {
    let check = "public_certificate";
    match end_of_seen(base, ca) {
        Ok(ends_at_s) => super::ends(report, check, ends_at_s),
        Err(why) => report.fault(check, why, "see the certificate of the proxy"),
    }
}

fn end_of_seen(base: &Url, ca: Option<&Path>) -> Result<i64, String> {
    let trust = ca.map_or(Trust::System, Trust::File);
    let config = client_config(trust, "the server", "--ca")?;
    let port = base.port_or_known_default().unwrap_or(443);
    let name = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let server = match name.parse::<IpAddr>() {
        Ok(address) => ServerName::IpAddress(address.into()),
        Err(_) => ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?,
    };
    let io = |error: std::io::Error| error.to_string();
    let mut addresses = (name, port).to_socket_addrs().map_err(io)?;
    let address = addresses.next().ok_or("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(io)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(io)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(io)?;
    let connection = ClientConnection::new(Arc::new(config), server);
    let mut connection = connection.map_err(|error| error.to_string())?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(io)?;
    }
    let first = connection.peer_certificates().and_then(<[_]>::first);
    first
        .and_then(|der| end_of(der))
        .ok_or_else(|| "the certificate cannot be read".into())
}
