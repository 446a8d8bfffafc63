//! Requests to a server, and its responses.

mod key;
mod limits;
mod patient;
mod refusal;
mod tls;

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ::http::request::Builder;
use ::http::{HeaderMap, Request as HttpRequest, StatusCode};
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use ureq::AsSendBody;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use url::Url;

pub use self::key::ApiKey;
pub use self::limits::Limits;
pub use self::patient::{Answered, Patient, Wait};
pub use self::refusal::Refusal;

/// How long to wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a response that is read as a whole. Longer ones are read as a stream.
const RESPONSE_BYTES_MAX: u64 = 256 << 20;

/// A client of one server, with an API key. Keeps connections open. Cheap to clone; threads may share it.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: Url,
    key: ApiKey,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The HTTP method.
    pub method: &'r str,
    /// Path and query, encoded, such as `/v1/orders?limit=10`.
    pub target: &'r str,
    /// Headers besides the key's.
    pub headers: &'r [(&'r str, &'r str)],
    /// The body. Empty if there is none.
    pub body: &'r [u8],
    /// How long the response may take in all. `None` means that it may take any time.
    pub timeout: Option<Duration>,
}

impl<'r> Request<'r> {
    /// A request without a body.
    #[must_use]
    pub fn get(target: &'r str) -> Self {
        Self {
            method: "GET",
            target,
            headers: &[],
            body: &[],
            timeout: Some(Duration::from_secs(60)),
        }
    }
}

/// A response whose body is not yet read.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: ureq::Body,
}

/// What sends requests: follows no redirects, and takes any status for a response. With `has_tls`, certificates are verified by
/// the CAs in the PEM file `ca`, or by those that the system trusts.
///
/// # Errors
/// The CA cannot be read.
pub fn agent(has_tls: bool, ca: Option<&Path>) -> Result<ureq::Agent> {
    let mut config = agent_config();
    if has_tls {
        config = config.tls_config(tls::config(ca)?);
    }
    Ok(config.build().new_agent())
}

/// As [`agent`], for a server on this machine: uses no proxy, and verifies no certificate. Only for requests without secrets.
#[must_use]
pub fn local_agent() -> ureq::Agent {
    agent_config()
        // The server is on this machine, whatever HTTP_PROXY says.
        .proxy(None)
        .tls_config(tls::unverified())
        .build()
        .new_agent()
}

fn agent_config() -> ConfigBuilder<AgentScope> {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_MAX))
        .user_agent(concat!("wharfinger/", env!("CARGO_PKG_VERSION")))
        .max_redirects(0)
        .max_idle_connections_per_host(256)
        .max_idle_connections(256)
}

impl Client {
    /// A client of the server at a URL. `ca` names a PEM file with the CA of its certificate; without it, those that the
    /// system trusts are used. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL is none, or the CA cannot be read.
    pub fn new(url: &str, key: ApiKey, ca: Option<&Path>) -> Result<Self> {
        let base = base(url)?;
        let agent = agent(base.scheme() == "https", ca)?;
        Ok(Self { agent, base, key })
    }

    /// The server, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The API key.
    #[must_use]
    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Sends a request once. Any status is a response.
    ///
    /// # Errors
    /// The server cannot be reached, or the connection breaks before the head of the response is read.
    pub fn send(&self, request: &Request<'_>) -> Result<Response> {
        let bearer = format!("Bearer {}", self.key.secret());
        self.send_head(
            HttpRequest::builder().header("authorization", bearer),
            request,
        )
    }

    /// Sends a request once, without the API key. Any status is a response.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub fn send_without_key(&self, request: &Request<'_>) -> Result<Response> {
        self.send_head(HttpRequest::builder(), request)
    }

    fn send_head(&self, head: Builder, request: &Request<'_>) -> Result<Response> {
        let whole = format!("{}{}", self.url(), request.target);
        let mut head = head.method(request.method).uri(&whole);
        for (name, value) in request.headers {
            head = head.header(*name, *value);
        }
        let has_body =
            !request.body.is_empty() || matches!(request.method, "POST" | "PUT" | "PATCH");
        match has_body {
            true => self.run(head.body(request.body)?, request.timeout),
            false => self.run(head.body(())?, request.timeout),
        }
    }

    fn run(
        &self,
        request: HttpRequest<impl AsSendBody>,
        timeout: Option<Duration>,
    ) -> Result<Response> {
        let request = self.agent.configure_request(request);
        let request = request.timeout_global(timeout).build();
        let response = self.agent.run(request);
        let response = response.with_context(|| format!("cannot reach {}", self.url()))?;
        let (head, body) = response.into_parts();
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Fetches a resource as JSON.
    ///
    /// # Errors
    /// Those of [`Self::send`]; the server refused, in its own words; or the body is not the expected JSON.
    pub fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T> {
        self.send(&Request::get(target))?.successful()?.json()
    }
}

impl Response {
    /// A header's value, if it has one that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The response, if its status is 2xx.
    ///
    /// # Errors
    /// [`Refusal`]: what the server answered instead.
    pub fn successful(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(Refusal::of(self).into())
    }

    /// The body as bytes.
    ///
    /// # Errors
    /// The connection breaks, or the body is too long to be kept in memory.
    pub fn bytes(mut self) -> Result<Vec<u8>> {
        let body = self
            .body
            .with_config()
            .limit(RESPONSE_BYTES_MAX)
            .read_to_vec();
        body.context("the response broke off")
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// Those of [`Self::bytes`], or the body is not the expected JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        let bytes = self.bytes()?;
        serde_json::from_slice(&bytes)
            .context("the response is not the expected JSON; is this a Wharfinger server?")
    }

    /// The body as a stream, of any length.
    pub fn into_reader(self) -> impl Read + Send + 'static {
        self.body.into_with_config().limit(u64::MAX).reader()
    }
}

/// The URL that paths are added to.
fn base(text: &str) -> Result<Url> {
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    // What has an @ may have a password. It is not quoted.
    let quoted = match text.contains('@') {
        true => "what was given",
        false => text,
    };
    let url = Url::parse(&with_scheme)
        .with_context(|| format!("{quoted} is not a URL; expected http://HOST:PORT"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        bail!("{quoted} is not the URL of a server; expected http://HOST:PORT or https://HOST");
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        bail!("the URL of a server must be http://HOST:PORT or https://HOST, with a path at most");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn a_password_in_a_url_is_not_quoted() {
        for url in [
            "http://ann:pass-word@[host",
            "ftp://ann:pass-word@host",
            "http://ann:pass-word@host",
            "ann:pass-word@host:x",
        ] {
            let error = format!("{:#}", base(url).unwrap_err());
            assert!(!error.contains("word"), "{error}");
        }
        let error = base("http://[host").unwrap_err().to_string();
        assert!(error.starts_with("http://[host is not a URL"), "{error}");
    }
}
