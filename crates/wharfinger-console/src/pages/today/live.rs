//! `/console/live`: the parts of the first page as server-sent events, while somebody looks at it.
//!
//! An event has the parts that differ from what this browser got before. The stream ends with the session, and when the server stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::hub::{Full, Hub, Place, View};
use super::{Parts, SPANS};
use crate::host::{NoSession, Session};
use crate::page;
use crate::visit::{Shared, Visit};

/// How often the session is looked up. Meanwhile, its key is checked in memory before each event.
const SESSION_EVERY: Duration = Duration::from_secs(10);
/// How often something is sent at least, so that nothing between here and the browser takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the browser waits before it reconnects.
const RETRY: Duration = Duration::from_secs(2);

/// Tells proxies such as nginx to pass events on at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) async fn stream(Extension(hub): Extension<Arc<Hub>>, visit: Visit) -> Response {
    let span = visit.query("span");
    let span = SPANS.iter().position(|known| known.name == span);
    let organisation = visit.query("organisation").to_owned();
    if !super::is_known(&visit, &organisation).await {
        return page::not_found(Some(&visit));
    }
    let view = View {
        rights: Arc::clone(&visit.session.rights),
        organisation,
        span: span.unwrap_or(super::SPAN),
    };
    let (place, parts) = match hub.join(&visit.host, view, visit.session.clone()) {
        Ok(joined) => joined,
        Err(Full) => {
            let sentence = "Too many pages are live now. Load the page again to see what is new.";
            return page::plain(StatusCode::TOO_MANY_REQUESTS, "Too many streams", sentence);
        }
    };
    let viewer = Viewer {
        host: visit.host,
        session: visit.session,
        parts,
        sent: Arc::default(),
        is_over: false,
        _place: place,
    };
    let events = futures_util::stream::unfold(viewer, |mut viewer| async move {
        let event = viewer.next().await?;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

/// One browser.
struct Viewer {
    host: Shared,
    session: Session,
    parts: watch::Receiver<Arc<Parts>>,
    /// What it has got so far.
    sent: Arc<Parts>,
    is_over: bool,
    _place: Place,
}

impl Viewer {
    /// The next event. `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.is_over || self.host.is_stopping() {
                return None;
            }
            match tokio::time::timeout(SESSION_EVERY, self.parts.changed()).await {
                // The computation has ended. The browser reconnects.
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {
                    if self.host.renew(&self.session).is_none() {
                        return self.over();
                    }
                    let now = Arc::clone(&self.parts.borrow_and_update());
                    if let Some(event) = difference(&self.sent, &now) {
                        self.sent = now;
                        return Some(event);
                    }
                }
                Err(_) => {
                    let ended = self.host.session(&self.session.token).await;
                    if matches!(ended, Err(NoSession::Ended)) {
                        return self.over();
                    }
                }
            }
        }
    }

    /// Tells the browser that the session has ended.
    fn over(&mut self) -> Option<Event> {
        self.is_over = true;
        Some(Event::default().event("over").data("{}"))
    }
}

/// The parts that are new. `None` if there are none.
fn difference(before: &Parts, now: &Parts) -> Option<Event> {
    let mut changed = Map::new();
    for (name, before, now) in before.beside(now) {
        if before != now {
            changed.insert(name.to_owned(), now.map_or(Value::Null, Value::from));
        }
    }
    let data = Value::from(changed);
    let event = Event::default().event("parts").retry(RETRY);
    (data != Value::Object(Map::new())).then(|| event.data(data.to_string()))
}
