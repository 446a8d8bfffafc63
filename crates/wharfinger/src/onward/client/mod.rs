//! An HTTP/1.1 client for receivers that may be slow, broken or hostile.
//!
//! Everything is bounded: the time of a request as a whole, the head of an answer, and its body. Redirects are not followed. The
//! connection goes to an address that the guard has checked. A connection is kept for the next request.

mod connect;
mod proxy;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::guard::{Refused, read_url};
use connect::Connection;
pub use connect::Reach;

/// Bytes of an answer's body that are read.
const BODY_BYTES_MAX: usize = 64 << 10;
/// A connection that was not used for this long is not used again. Receivers close theirs after a while, and a request that meets
/// that may have arrived or not.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// What this client calls itself.
const AGENT: &str = concat!("wharfinger/", env!("CARGO_PKG_VERSION"));

/// Sends requests to one URL.
pub struct Client {
    reach: Arc<Reach>,
    url: Url,
    host: HeaderValue,
    /// Connections that wait for a request, and since when.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header `retry-after`.
    pub retry_after: Option<String>,
    /// The beginning of its body.
    pub body: Bytes,
    /// Whether this is the whole body.
    pub is_whole: bool,
}

/// Why there is no answer. The sentences are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The host cannot be looked up, or takes no connection.
    Unreachable(String),
    /// The host has an address to which this server does not connect.
    Forbidden(String),
    /// The receiver's certificate, or its TLS.
    Tls(String),
    /// The time is up.
    Late(String),
    /// The connection ended before there was an answer.
    BrokenOff(String),
    /// The answer is not one of HTTP/1.1, or its head is too large.
    BadAnswer(String),
    /// The proxy cannot be reached, or does not work. The receiver has no part in it.
    Proxy(String),
}

impl Fault {
    /// The result of an attempt that met with it.
    #[must_use]
    pub fn result(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Forbidden(_) => "forbidden_address",
            Self::Tls(_) => "tls",
            Self::Late(_) => "timeout",
            Self::BrokenOff(_) => "broken_off",
            Self::BadAnswer(_) => "bad_answer",
            Self::Proxy(_) => "proxy",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why)
            | Self::Forbidden(why)
            | Self::Tls(why)
            | Self::Late(why)
            | Self::BrokenOff(why)
            | Self::BadAnswer(why)
            | Self::Proxy(why) => f.write_str(why),
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let why = refused.to_string();
        match refused {
            Refused::Forbidden(_) | Refused::Url(_) => Self::Forbidden(why),
            Refused::Unresolved { .. } => Self::Unreachable(why),
        }
    }
}

impl Client {
    /// A client for a URL.
    ///
    /// # Errors
    /// It is not a URL of a webhook.
    pub fn new(reach: Arc<Reach>, url: &str) -> Result<Self, Refused> {
        let url = read_url(url)?;
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let host = HeaderValue::from_str(authority);
        let host = host.map_err(|_| Refused::Url("the host cannot be sent".into()))?;
        Ok(Self {
            reach,
            url,
            host,
            idle: Mutex::default(),
        })
    }

    /// Posts a body of JSON. `within` bounds everything: the look-up, the connection, the request and the answer.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(
        &self,
        headers: HeaderMap,
        body: Bytes,
        within: Duration,
    ) -> Result<Answer, Fault> {
        let deadline = Instant::now() + within;
        let late = |_| {
            Fault::Late(format!(
                "There was no answer within {} s.",
                within.as_secs()
            ))
        };
        if let Some(mut kept) = self.take_idle() {
            let request = self.request(&kept, headers.clone(), body.clone())?;
            let sent = timeout_at(deadline, kept.send(request)).await;
            match sent.map_err(late)? {
                Ok(response) => return Ok(self.read(kept, response, deadline).await),
                // The receiver has closed the connection meanwhile, or dropped it as it came. A new one tells.
                Err(Fault::BrokenOff(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        let opened = timeout_at(deadline, self.reach.connect(&self.url)).await;
        let mut connection = opened.map_err(late)??;
        let request = self.request(&connection, headers, body)?;
        let sent = timeout_at(deadline, connection.send(request)).await;
        let response = sent.map_err(late)??;
        Ok(self.read(connection, response, deadline).await)
    }

    fn request(
        &self,
        connection: &Connection,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let target = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let target = match connection.absolute() {
            Some(address) => format!("http://{address}{target}"),
            None => target.to_owned(),
        };
        let target: Uri = target
            .parse()
            .map_err(|error| Fault::BadAnswer(format!("The URL cannot be sent: {error}")))?;
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = connection.proxy_authorization() {
            headers.insert(http::header::PROXY_AUTHORIZATION, authorization);
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Reads the answer within the limits, and keeps the connection if it can be used again.
    async fn read(
        &self,
        connection: Connection,
        response: Response<Incoming>,
        deadline: Instant,
    ) -> Answer {
        let (head, mut body) = response.into_parts();
        let retry_after = head.headers.get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        let mut read = BytesMut::new();
        let is_whole = loop {
            match timeout_at(deadline, body.frame()).await {
                Ok(None) => break true,
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    let room = BODY_BYTES_MAX - read.len();
                    read.extend_from_slice(&data[..data.len().min(room)]);
                    if data.len() > room {
                        break false;
                    }
                }
                Ok(Some(Err(_))) | Err(_) => break false,
            }
        };
        if is_whole && !connection.is_closed() {
            self.lock_idle().push((connection, Instant::now()));
        }
        Answer {
            status: head.status.as_u16(),
            retry_after: retry_after.map(str::to_owned),
            body: read.freeze(),
            is_whole,
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.lock_idle();
        idle.retain(|(connection, since)| !connection.is_closed() && since.elapsed() < IDLE_MAX);
        idle.pop().map(|(connection, _)| connection)
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
