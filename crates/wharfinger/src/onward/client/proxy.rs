//! An HTTP proxy between this server and the destinations.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::Fault;

/// Bytes that the head of its answer may have.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// How long it may take to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A proxy. It is the operator's choice, so its address is not guarded.
pub(super) struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads its URL: `http://`, perhaps a user and a password, a host and a port. The error does not quote it.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let expected = "--destinations-proxy must be a URL such as http://proxy.example:3128";
        let url = Url::parse(url).map_err(|error| format!("{expected}: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let is_bare = url.path() == "/" && url.query().is_none();
        if url.scheme() != "http" || host.is_empty() || !is_bare {
            return Err(expected.into());
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = url.password().map(decode);
        let authorization = if url.username().is_empty() && password.is_none() {
            None
        } else {
            let user = decode(url.username());
            let pair = format!("{user}:{}", password.unwrap_or_default());
            let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
                .map_err(|error| format!("{expected}: {error}"))?;
            value.set_sensitive(true);
            Some(value)
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(80),
            authorization,
        })
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        self.authorization.clone()
    }

    pub(super) async fn connect(&self) -> Result<TcpStream, Fault> {
        let named = |why: &str| {
            let (host, port) = (&self.host, self.port);
            Fault::Proxy(format!("The proxy {host}:{port} cannot be reached: {why}."))
        };
        let connecting = TcpStream::connect((&*self.host, self.port));
        let connected = timeout(CONNECT_WITHIN, connecting).await;
        let stream = connected
            .map_err(|_| named("it did not answer"))?
            .map_err(|error| named(&error.to_string()))?;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// Asks for a tunnel to an address.
    pub(super) async fn tunnel(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
    ) -> Result<TcpStream, Fault> {
        let broken = |error: std::io::Error| Fault::Proxy(format!("The proxy broke off: {error}."));
        let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await.map_err(broken)?;
        let mut head = Vec::new();
        // Byte by byte: what comes after the head is the receiver's.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == HEAD_BYTES_MAX {
                return Err(Fault::Proxy(
                    "The head of the proxy's answer is too large.".into(),
                ));
            }
            head.push(stream.read_u8().await.map_err(broken)?);
        }
        match status(&head) {
            Some(200..=299) => Ok(stream),
            Some(407) => Err(Fault::Proxy(
                "The proxy asks for a user and a password.".into(),
            )),
            // The proxy works, and does not want this destination.
            Some(status @ 400..=499) => Err(Fault::Unreachable(format!(
                "The proxy refused the connection to {address} with status {status}."
            ))),
            status => Err(Fault::Proxy(format!(
                "The proxy gave no connection to {address}: status {}.",
                status.map_or_else(|| "unknown".into(), |status| status.to_string())
            ))),
        }
    }
}

/// The status in the head of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.strip_prefix("HTTP/1.")?.split(' ').skip(1);
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Proxy, status};

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(
            status(b"HTTP/1.1 200 Connection established\r\n\r\n"),
            Some(200)
        );
        assert_eq!(status(b"HTTP/1.0 502\r\n\r\n"), Some(502));
        for head in [
            "",
            "HTTP/1.1\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
        ] {
            assert_eq!(status(head.as_bytes()), None, "{head}");
        }
    }

    #[test]
    fn a_user_and_a_password_are_sent() {
        let proxy = Proxy::new("http://me:p%40ss@[::1]:3128").unwrap();
        assert_eq!((&*proxy.host, proxy.port), ("::1", 3128));
        assert_eq!(proxy.authorization().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(Proxy::new("http://proxy").unwrap().port, 80);
        for url in [
            "proxy:3128",
            "https://proxy",
            "http://proxy/path",
            "socks5://proxy",
        ] {
            assert!(Proxy::new(url).is_err(), "{url}");
        }
    }
}
