//! Connections: to a checked address, with or without TLS, directly or by a proxy.

use std::error::Error as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::Fault;
use super::proxy::Proxy;
use crate::onward::guard::Guard;
use crate::runtime::trust;

/// Bytes that the head of an answer may have.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Fields that the head of an answer may have.
const HEADERS_MAX: usize = 128;
/// How long one address of several is tried.
const ADDRESS_WITHIN: Duration = Duration::from_secs(5);

/// How destinations are reached: which addresses are allowed, whose certificates are trusted, by which proxy.
pub struct Reach {
    guard: Guard,
    tls: Arc<ClientConfig>,
    proxy: Option<Proxy>,
}

/// A connection that carries one request after the other.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The task that moves its bytes.
    task: AbortHandle,
    /// The address that requests name in full, and what the proxy asks for, if a proxy reads the requests.
    proxied: Option<(SocketAddr, Option<HeaderValue>)>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Whatever the receiver still sends is not read.
        self.task.abort();
    }
}

impl Reach {
    /// Reaches what `guard` allows. `ca` is a file with CAs that are trusted besides those of the system; `proxy` is the URL of an
    /// HTTP proxy.
    ///
    /// # Errors
    /// The file or the URL cannot be used. The sentence says why.
    pub fn new(guard: Guard, ca: Option<&Path>, proxy: Option<&str>) -> Result<Self, String> {
        let mut roots = trust::of_system();
        if let Some(file) = ca {
            trust::add_file(&mut roots, file, "destinations")?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            guard,
            tls: Arc::new(tls),
            proxy: proxy.map(Proxy::new).transpose()?,
        })
    }

    /// Which addresses are allowed.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Connects to the host of a URL.
    pub(super) async fn connect(&self, url: &Url) -> Result<Connection, Fault> {
        let addresses = self.guard.addresses(url).await?;
        let is_plain = url.scheme() == "http";
        let Some(proxy) = &self.proxy else {
            let stream = reach_one(&addresses).await?;
            return if is_plain {
                open(stream, None).await
            } else {
                open(self.secure(url, stream).await?, None).await
            };
        };
        // The proxy is given the checked address, not the name, which it would look up again.
        let no_address = || Fault::Unreachable("The host has no address.".into());
        let address = *addresses.first().ok_or_else(no_address)?;
        let stream = proxy.connect().await?;
        if is_plain {
            open(stream, Some((address, proxy.authorization()))).await
        } else {
            let stream = proxy.tunnel(stream, address).await?;
            open(self.secure(url, stream).await?, None).await
        }
    }

    async fn secure(
        &self,
        url: &Url,
        stream: TcpStream,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + std::marker::Send + 'static, Fault> {
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|error| {
                    Fault::Tls(format!("The host cannot be in a certificate: {error}."))
                })?,
            Some(Host::Ipv4(address)) => {
                ServerName::IpAddress(std::net::IpAddr::V4(address).into())
            }
            Some(Host::Ipv6(address)) => {
                ServerName::IpAddress(std::net::IpAddr::V6(address).into())
            }
            None => return Err(Fault::Tls("The URL has no host.".into())),
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let secured = connector.connect(name, stream).await;
        secured.map_err(|error| Fault::Tls(format!("TLS with the destination failed: {error}.")))
    }
}

/// Connects to the first of several addresses that answers.
async fn reach_one(addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let mut why = String::from("it has no address");
    for address in addresses {
        let connected = timeout(ADDRESS_WITHIN, TcpStream::connect(address)).await;
        match connected {
            Ok(Ok(stream)) => {
                // Requests are written whole; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address} did not answer"),
        }
    }
    Err(Fault::Unreachable(format!("No connection: {why}.")))
}

async fn open<S>(
    stream: S,
    proxied: Option<(SocketAddr, Option<HeaderValue>)>,
) -> Result<Connection, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + std::marker::Send + 'static,
{
    let opened = Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await;
    let (sender, connection) = opened.map_err(|error| fault_of(&error))?;
    // Its errors are those of its requests.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok(Connection {
        sender,
        task: task.abort_handle(),
        proxied,
    })
}

impl Connection {
    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Fault> {
        self.sender
            .ready()
            .await
            .map_err(|error| fault_of(&error))?;
        let answered = self.sender.send_request(request).await;
        let response = answered.map_err(|error| fault_of(&error))?;
        if self.proxied.is_some()
            && response.status() == http::StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            return Err(Fault::Proxy(
                "The proxy asks for a user and a password.".into(),
            ));
        }
        Ok(response)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The address that requests name in full, if a proxy reads them.
    pub(super) fn absolute(&self) -> Option<SocketAddr> {
        self.proxied.as_ref().map(|(address, _)| *address)
    }

    pub(super) fn proxy_authorization(&self) -> Option<HeaderValue> {
        self.proxied.as_ref()?.1.clone()
    }
}

fn fault_of(error: &hyper::Error) -> Fault {
    let cause = error.source().map(|cause| format!(": {cause}"));
    let why = format!("{error}{}", cause.unwrap_or_default());
    if error.is_parse() {
        Fault::BadAnswer(format!("The answer is not one of HTTP/1.1: {why}."))
    } else {
        Fault::BrokenOff(format!("The connection ended before the answer: {why}."))
    }
}
