//! The console at `/console`: the server, as the crate of its pages sees it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONNECTION, HOST};
use tokio::sync::watch;
use tower::ServiceExt;
use wharfinger_console::Host;
use wharfinger_console::host::{Changes, Client, NoEntry, NoSession, SESSION_MS, Session};
use wharfinger_core::dialect::Credentials;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::{OrgAccess, Scope};

use super::forwarded;
use crate::access::{Authenticated, secret};
use crate::clock;
use crate::intake::app::App;
use crate::store::{ConsoleSession, Growth};

/// Marks a request that the console makes in the process, with the caller whose session it is.
#[derive(Clone)]
pub(super) struct InSession(pub(super) Authenticated);

/// Adds the console to the routes that it calls.
pub(super) fn add_to(routes: Router, app: &Arc<App>) -> Router {
    let host = Server {
        app: Arc::clone(app),
        routes: routes.clone(),
    };
    routes.merge(wharfinger_console::router(Arc::new(host)))
}

struct Server {
    app: Arc<App>,
    routes: Router,
}

/// What a person is told whose key was refused.
fn refused(failure: &RequestFailure) -> NoEntry {
    if let RequestFailure::TooManyAttempts { retry_after_s }
    | RequestFailure::RateLimited { retry_after_s } = failure
    {
        let retry_after_s = *retry_after_s;
        NoEntry::TooManyAttempts { retry_after_s }
    } else {
        NoEntry::WrongKey
    }
}

fn session_of(token: &str, caller: Authenticated) -> Session {
    let scopes = Scope::ALL.into_iter().filter(|scope| caller.may(*scope));
    let scopes: Vec<_> = scopes.map(Scope::name).collect();
    let reach = &caller.key().reach;
    let rights = match reach {
        OrgAccess::All => format!("all {scopes:?}"),
        OrgAccess::Only(ids) => {
            let mut ids: Vec<_> = ids.iter().map(|id| id.0).collect();
            ids.sort_unstable();
            format!("{ids:?} {scopes:?}")
        }
    };
    Session {
        token: token.to_owned(),
        key_id: caller.key_id().to_owned(),
        scopes,
        reaches_all: *reach == OrgAccess::All,
        rights: rights.into(),
        caller: Arc::new(caller),
    }
}

/// What the store announces.
struct Growing(watch::Receiver<Growth>);

#[async_trait]
impl Changes for Growing {
    async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The store is closed.
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Host for Server {
    async fn sign_in(&self, id: &str, secret: &str, client: IpAddr) -> Result<String, NoEntry> {
        let credentials = Credentials::Pair {
            id: id.to_owned(),
            secret: secret.to_owned(),
        };
        let caller = self.app.access.authenticate(&credentials, client);
        let caller = caller.map_err(|failure| {
            tracing::info!(%client, "A key was refused at the console.");
            refused(&failure)
        })?;
        caller
            .count_reading()
            .map_err(|failure| refused(&failure))?;
        let token = secret::session_token();
        let now_ms = clock::now_ms();
        let session = ConsoleSession {
            token_sha256: secret::hash(&token),
            key_id: caller.key_id().to_owned(),
            secret_sha256: caller.key().secret_sha256,
            created_at_ms: now_ms,
            expires_at_ms: now_ms + SESSION_MS,
        };
        if let Err(error) = self.app.store.begin_session(session).await {
            tracing::error!(%error, "Could not begin a session of the console.");
            return Err(NoEntry::Unavailable);
        }
        tracing::info!(key_id = caller.key_id(), %client, "Signed in to the console.");
        Ok(token)
    }

    async fn session(&self, token: &str) -> Result<Session, NoSession> {
        if token.is_empty() {
            return Err(NoSession::Ended);
        }
        let found = self.app.store.session(secret::hash(token)).await;
        let found = found.map_err(|error| {
            tracing::error!(%error, "Could not look up a session of the console.");
            NoSession::Unavailable
        })?;
        let found = found.ok_or(NoSession::Ended)?;
        let caller = self.app.access.resume(&found.key_id, &found.secret_sha256);
        let caller = caller.ok_or(NoSession::Ended)?;
        Ok(session_of(token, caller))
    }

    fn renew(&self, session: &Session) -> Option<Session> {
        let caller = session.caller.downcast_ref::<Authenticated>()?;
        let caller = self.app.access.renew(caller)?;
        Some(session_of(&session.token, caller))
    }

    async fn sign_out(&self, token: &str) {
        if token.is_empty() {
            return;
        }
        if let Err(error) = self.app.store.end_session(secret::hash(token)).await {
            tracing::error!(%error, "Could not end a session of the console.");
        }
    }

    async fn call(&self, session: &Session, mut request: Request) -> Response {
        if let Some(caller) = session.caller.downcast_ref::<Authenticated>() {
            request.extensions_mut().insert(InSession(caller.clone()));
        }
        let host = HeaderValue::from_static("console.invalid");
        request.headers_mut().insert(HOST, host);
        let served = self.routes.clone().oneshot(request).await;
        let mut response = match served {
            Ok(response) => response,
            Err(never) => match never {},
        };
        response.headers_mut().remove(CONNECTION);
        response
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(Growing(self.app.store.growth()))
    }

    async fn pause(&self, time: Duration) {
        self.app.feed.pause(time).await;
    }

    fn is_stopping(&self) -> bool {
        self.app.feed.is_stopped()
    }

    fn now_ms(&self) -> i64 {
        clock::now_ms()
    }

    fn client(&self, request: &Request) -> Client {
        let client = forwarded::Client::of(request.extensions());
        Client {
            address: client.address,
            is_secure: client.is_secure,
        }
    }
}
