//! `wharfinger health`: whether a server answers, for health checks of containers and load balancers.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use wharfinger_client::http::{agent, local_agent};

/// How long the server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The port that servers listen on if nothing else is set.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// `wharfinger health`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exits with 0 if the server answers as expected, and with 1 if not. Needs no key, and sends none. Without --url it asks \
the server on this machine: the port of WHARFINGER_LISTEN, by HTTPS if WHARFINGER_TLS_CERT is set. It does not verify the certificate \
then, because the certificate is for another name.\n\n\
Examples:\n  wharfinger health\n  wharfinger health --ready --url https://orders.example.com"
)]
pub(super) struct Health {
    /// The server, as http://HOST:PORT or https://HOST [default: the one on this machine]
    #[arg(long, env = "WHARFINGER_URL", value_name = "URL")]
    url: Option<String>,
    /// PEM file with the CA of the server's certificate [default: those that the system trusts]
    #[arg(long, env = "WHARFINGER_CA", value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// Also require that the server accepts new orders (/readyz instead of /healthz). That a disk is full, for example, is no reason
    /// to restart a server
    #[arg(long)]
    ready: bool,
}

impl Health {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let (agent, url) = match &self.url {
            Some(url) => {
                let agent = agent(url.starts_with("https:"), self.ca.as_deref())?;
                (agent, url.trim_end_matches('/').to_owned())
            }
            None => {
                let listen = std::env::var("WHARFINGER_LISTEN");
                let listen = listen.as_deref().unwrap_or(LISTEN_DEFAULT);
                let has_tls = std::env::var_os("WHARFINGER_TLS_CERT").is_some();
                (local_agent(), local_url(listen, has_tls)?)
            }
        };
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let request = agent.get(format!("{url}{path}"));
        let request = request.config().timeout_global(Some(ANSWER_WITHIN)).build();
        let response = request.call();
        let mut response = response.with_context(|| format!("cannot reach {url}"))?;
        let status = response.status().as_u16();
        let said = response.body_mut().with_config().limit(1_024);
        let said = said.read_to_string().unwrap_or_default();
        ensure!(
            status == 200,
            "{url}{path} answered {status}: {}",
            super::shown(said.trim())
        );
        writeln!(out, "{}", super::shown(said.trim()))?;
        out.flush()?;
        Ok(())
    }
}

/// The URL by which this machine reaches a server that listens on this address.
pub(super) fn local_url(listen: &str, has_tls: bool) -> Result<String> {
    let Some((host, port)) = listen.rsplit_once(':') else {
        bail!(
            "WHARFINGER_LISTEN has no port; set it to ADDRESS:PORT, or name the server with --url"
        );
    };
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    };
    let scheme = if has_tls { "https" } else { "http" };
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::local_url;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, has_tls, url) in [
            ("127.0.0.1:8080", false, "http://127.0.0.1:8080"),
            ("0.0.0.0:8443", true, "https://127.0.0.1:8443"),
            ("[::]:80", false, "http://[::1]:80"),
            ("[::1]:80", false, "http://[::1]:80"),
            (":8080", false, "http://127.0.0.1:8080"),
            ("localhost:1", false, "http://localhost:1"),
            ("192.0.2.1:8080", false, "http://192.0.2.1:8080"),
        ] {
            assert_eq!(local_url(listen, has_tls).unwrap(), url);
        }
        assert!(local_url("8080", false).is_err());
    }
}
