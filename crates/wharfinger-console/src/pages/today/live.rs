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

/// How often the session is looked up while nothing changes. It is also looked up before each event.
const SESSION_EVERY: Duration = Duration::from_secs(10);
/// How often something is sent at least, so that nothing between here and the browser takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the browser waits before it reconnects.
const RETRY: Duration = Duration::from_secs(2);

/// Tells proxies such as nginx to pass events on at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) async fn stream(Extension(hub): Extension<Arc<Hub>>, visit: Visit) -> Response {
    if !visit.session.may("orders:read") {
        let sentence = "Your key does not read orders.";
        return page::plain(StatusCode::FORBIDDEN, "Not allowed", sentence);
    }
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
            let changed = tokio::time::timeout(SESSION_EVERY, self.parts.changed()).await;
            if matches!(changed, Ok(Err(_))) {
                // The computation has ended. The browser reconnects.
                return None;
            }
            if self.has_ended().await {
                return self.over();
            }
            if changed.is_err() {
                continue;
            }
            let now = Arc::clone(&self.parts.borrow_and_update());
            if let Some(event) = difference(&self.sent, &now) {
                self.sent = now;
                return Some(event);
            }
        }
    }

    /// Whether the person has signed out, the session's time is over, or its key is void.
    async fn has_ended(&self) -> bool {
        match self.host.session(&self.session.token).await {
            Ok(_) => false,
            Err(NoSession::Ended) => true,
            // Nobody can tell now. The key is known in memory.
            Err(NoSession::Unavailable) => self.host.renew(&self.session).is_none(),
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
