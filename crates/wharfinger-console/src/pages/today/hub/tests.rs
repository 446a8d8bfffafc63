//! Views are computed once for all viewers, only when something happens, and not at all for nobody.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;

use super::*;
use crate::host::{Changes, Client, Host, NoEntry, NoSession};

/// A server that counts requests. Something is stored when the test says so.
struct Counting {
    requests: AtomicUsize,
    stored: watch::Sender<u32>,
}

struct Stored(watch::Receiver<u32>);

#[async_trait]
impl Changes for Stored {
    async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Host for Counting {
    async fn sign_in(&self, _: &str, _: &str, _: IpAddr) -> Result<String, NoEntry> {
        Err(NoEntry::Unavailable)
    }

    async fn session(&self, _: &str) -> Result<Session, NoSession> {
        Err(NoSession::Ended)
    }

    fn renew(&self, session: &Session) -> Option<Session> {
        (session.key_id != "revoked").then(|| session.clone())
    }

    async fn sign_out(&self, _: &str) {}

    /// Each answer is another one, so that each computation differs.
    async fn call(&self, _: &Session, _: Request) -> Response {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"status":503,"title":"number {number}"}}"#);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(Stored(self.stored.subscribe()))
    }

    /// The short pause is over at once, the long one never.
    async fn pause(&self, time: Duration) {
        if time > EVERY {
            std::future::pending::<()>().await;
        }
    }

    fn is_stopping(&self) -> bool {
        false
    }

    fn now_ms(&self) -> i64 {
        0
    }

    fn client(&self, _: &Request) -> Client {
        Client {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            is_secure: false,
        }
    }
}

fn session(key_id: &str) -> Session {
    Session {
        token: String::new(),
        key_id: key_id.to_owned(),
        scopes: vec!["orders:read"],
        reaches_all: false,
        rights: "1".into(),
        caller: Arc::new(()),
    }
}

fn view(span: usize) -> View {
    View {
        rights: "1".into(),
        organisation: String::new(),
        span,
    }
}

/// The next parts of a viewer, once all that is to be computed now was computed.
async fn next(parts: &mut watch::Receiver<Arc<Parts>>) -> Arc<Parts> {
    parts.changed().await.expect("the view is computed");
    Arc::clone(&parts.borrow_and_update())
}

#[tokio::test]
async fn a_view_is_computed_once_for_all_who_look_at_it() {
    let counting = Arc::new(Counting {
        requests: AtomicUsize::new(0),
        stored: watch::Sender::new(0),
    });
    let host: Shared = Arc::clone(&counting) as Shared;
    let requests = || counting.requests.load(Ordering::Relaxed);
    let hub = Arc::new(Hub::default());
    // The first viewer's key is revoked: the view is computed in the rights of another one.
    let (gone, _) = hub.join(&host, view(0), session("revoked")).ok().unwrap();
    let mut viewers: Vec<_> = (0..10)
        .map(|at| {
            hub.join(&host, view(0), session(&at.to_string()))
                .ok()
                .unwrap()
        })
        .collect();
    let first = next(&mut viewers[0].1).await;
    let once = requests();
    assert!(once > 0);
    for (_, parts) in &mut viewers[1..] {
        assert_eq!(next(parts).await, first);
    }
    assert_eq!(requests(), once, "once for all");
    counting.stored.send_replace(1);
    let second = next(&mut viewers[0].1).await;
    assert_ne!(second, first);
    for (_, parts) in &mut viewers[1..] {
        assert_eq!(next(parts).await, second);
    }
    assert_eq!(requests(), 2 * once);
    // Another time is another view.
    let (_other, mut parts) = hub.join(&host, view(1), session("a")).ok().unwrap();
    next(&mut parts).await;
    assert_eq!(requests(), 3 * once);
    // When nobody looks, nothing is computed, and nothing stays.
    drop((gone, viewers, _other));
    while !hub.views().groups.is_empty() {
        tokio::task::yield_now().await;
    }
    counting.stored.send_replace(2);
    tokio::task::yield_now().await;
    assert_eq!(requests(), 3 * once);
    assert!(parts.changed().await.is_err(), "the streams end");
}

#[tokio::test]
async fn a_key_and_the_server_have_so_many_streams() {
    let host: Shared = Arc::new(Counting {
        requests: AtomicUsize::new(0),
        stored: watch::Sender::new(0),
    });
    let hub = Arc::new(Hub::default());
    let mut places = Vec::new();
    for at in 0..STREAMS_MAX / OF_A_KEY_MAX {
        for _ in 0..OF_A_KEY_MAX {
            places.push(
                hub.join(&host, view(0), session(&at.to_string()))
                    .ok()
                    .unwrap(),
            );
        }
        let one_more = hub.join(&host, view(1), session(&at.to_string()));
        assert_eq!(one_more.err(), Some(Full));
    }
    assert_eq!(hub.join(&host, view(0), session("new")).err(), Some(Full));
    places.pop();
    assert!(hub.join(&host, view(0), session("new")).is_ok());
}
