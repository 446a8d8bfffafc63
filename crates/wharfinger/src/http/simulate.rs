//! `Wharfinger-Simulate`: failures on demand, for senders who test how their client takes them. Only keys that were made for tests
//! may ask for one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wharfinger_core::order::failure::RequestFailure;

use crate::intake;
use crate::intake::app::App;

/// The field of a request that asks for a failure.
pub(super) const SIMULATE: HeaderName = HeaderName::from_static("wharfinger-simulate");
/// The field of a response that is a failure on demand.
pub(super) const SIMULATED: HeaderName = HeaderName::from_static("wharfinger-simulated");

/// Why a request is refused that asks for what is not possible.
const REFUSED: &str = "Wharfinger-Simulate must be one of 503, 429, timeout, cut-before and cut-after, and needs a key that was \
     created for tests (wharfinger key create --test); nothing was stored";

/// Requests that wait for nothing at the same time. Their clients may have given up long ago: one that closed its connection is not
/// distinguished from one that only sends nothing more. So the oldest of more ends.
const WAITS_MAX: usize = 64;

/// The requests that wait, the oldest first. A wait ends when its sender is dropped.
static WAITS: Mutex<VecDeque<oneshot::Sender<()>>> = Mutex::new(VecDeque::new());

/// A failure on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simulation {
    /// 503, as if the server were overloaded.
    Overloaded,
    /// 429, as if the key had sent too many requests.
    RateLimited,
    /// No response until the time limit of requests.
    Timeout,
    /// The connection is closed, and nothing is done.
    CutBefore,
    /// Everything is done, and the connection is closed instead of a response.
    CutAfter,
}

impl Simulation {
    /// Every failure, for descriptions.
    pub(super) const NAMES: [&str; 5] = ["503", "429", "timeout", "cut-before", "cut-after"];

    /// Reads what a request asks for.
    ///
    /// # Errors
    /// It asks for something unknown, or its key is not for tests.
    pub(super) fn asked_for(
        headers: &HeaderMap,
        is_test_key: bool,
    ) -> Result<Option<Self>, RequestFailure> {
        let mut fields = headers.get_all(SIMULATE).iter();
        let Some(field) = fields.next() else {
            return Ok(None);
        };
        let named = Self::named(field.as_bytes());
        let named = named.filter(|_| is_test_key && fields.next().is_none());
        let refused = || RequestFailure::BadParameter(REFUSED.to_owned());
        named.map(Some).ok_or_else(refused)
    }

    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"503" => Self::Overloaded,
            b"429" => Self::RateLimited,
            b"timeout" => Self::Timeout,
            b"cut-before" => Self::CutBefore,
            b"cut-after" => Self::CutAfter,
            _ => return None,
        })
    }

    /// The name, as requests spell it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Overloaded => "503",
            Self::RateLimited => "429",
            Self::Timeout => "timeout",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
        }
    }

    /// Fails in place of the request's work. `None` if the work is done first.
    pub(super) async fn instead(
        self,
        app: &App,
        body: &mut Body,
    ) -> Option<Result<Response, RequestFailure>> {
        match self {
            Self::Overloaded => Some(Err(intake::overloaded())),
            Self::RateLimited => Some(Err(RequestFailure::RateLimited { retry_after_s: 1 })),
            Self::Timeout => Some(wait(app, body).await),
            Self::CutBefore => Some(Ok(cut(Response::default()))),
            Self::CutAfter => None,
        }
    }

    /// Marks a response that is not sent if that was asked for.
    pub(super) fn after(self, response: Response) -> Response {
        match self {
            Self::CutAfter => cut(response),
            Self::Overloaded | Self::RateLimited => {
                let mut response = response;
                let name = HeaderValue::from_static(self.name());
                response.headers_mut().insert(SIMULATED, name);
                response
            }
            Self::Timeout | Self::CutBefore => response,
        }
    }
}

/// Takes the request, and does nothing until its time is up.
async fn wait(app: &App, body: &mut Body) -> Result<Response, RequestFailure> {
    let (hold, mut ended) = oneshot::channel();
    {
        let mut waits = WAITS.lock().unwrap_or_else(PoisonError::into_inner);
        waits.retain(|wait| !wait.is_closed());
        if waits.len() >= WAITS_MAX {
            waits.pop_front();
        }
        waits.push_back(hold);
    }
    let idle = async {
        let mut left = app.limits.body_bytes_max;
        // A client that is still sending would not notice that nothing is answered.
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return;
            };
            let length = frame.data_ref().map_or(0, bytes::Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        app.feed.pause(app.transport.request_timeout).await;
    };
    let limit = app.transport.request_timeout;
    tokio::select! {
        _ = &mut ended => Ok(cut(Response::default())),
        () = idle => {
            if app.feed.is_stopped() {
                Ok(cut(Response::default()))
            } else {
                Err(RequestFailure::BodyTimeout)
            }
        }
        () = tokio::time::sleep(limit) => Err(RequestFailure::BodyTimeout),
    }
}

/// The connection is closed without a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the client asked for no response")
    }
}

impl std::error::Error for Cut {}

fn cut(mut response: Response) -> Response {
    response.extensions_mut().insert(Cut);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str], is_test_key: bool) -> Result<Option<Simulation>, ()> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SIMULATE, field.parse().expect("a header field"));
        }
        Simulation::asked_for(&headers, is_test_key).map_err(|_| ())
    }

    #[test]
    fn a_failure_is_asked_for_once_by_its_name_with_a_key_for_tests() {
        assert_eq!(read(&[], false), Ok(None));
        for name in Simulation::NAMES {
            let found = read(&[name], true).expect("it is known");
            assert_eq!(found.map(Simulation::name), Some(name));
            assert_eq!(read(&[name], false), Err(()), "{name}");
        }
        for wrong in ["", "500", "Timeout", "503,429", "cut"] {
            assert_eq!(read(&[wrong], true), Err(()), "{wrong}");
        }
        assert_eq!(read(&["503", "503"], true), Err(()));
    }
}
