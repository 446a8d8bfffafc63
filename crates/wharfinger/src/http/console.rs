//! The console at `/console`: the server, as the crate of its pages sees it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONNECTION, HOST};
use tower::ServiceExt;
use wharfinger_console::Host;
use wharfinger_console::host::{Client, NoEntry, Session};
use wharfinger_core::dialect::Credentials;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;

use super::forwarded;
use crate::access::{Authenticated, secret};
use crate::intake::app::App;

/// Marks a request that the console makes in the process, with the caller whose session it is.
#[derive(Clone)]
pub(super) struct InSession(pub(super) Authenticated);

/// Adds the console to the routes that it calls.
pub(super) fn add_to(routes: Router, app: &Arc<App>) -> Router {
    let host = Server {
        app: Arc::clone(app),
        routes: routes.clone(),
        sessions: Mutex::default(),
    };
    routes.merge(wharfinger_console::router(Arc::new(host)))
}

struct Server {
    app: Arc<App>,
    routes: Router,
    sessions: Mutex<HashMap<String, Authenticated>>,
}

impl Server {
    fn caller(&self, token: &str) -> Option<Authenticated> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = sessions.get(token)?.clone();
        drop(sessions);
        self.app.access.renew(&caller)
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
        let caller = caller.map_err(|failure| match failure {
            RequestFailure::TooManyAttempts { retry_after_s } => {
                NoEntry::TooManyAttempts { retry_after_s }
            }
            _ => NoEntry::WrongKey,
        })?;
        let token = secret::key_secret();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(token.clone(), caller);
        Ok(token)
    }

    async fn session(&self, token: &str) -> Option<Session> {
        let caller = self.caller(token)?;
        let scopes = Scope::ALL.into_iter().filter(|scope| caller.may(*scope));
        Some(Session {
            token: token.to_owned(),
            key_id: caller.key_id().to_owned(),
            scopes: scopes.map(Scope::name).collect(),
        })
    }

    async fn sign_out(&self, token: &str) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(token);
    }

    async fn call(&self, session: &Session, mut request: Request) -> Response {
        if let Some(caller) = self.caller(&session.token) {
            request.extensions_mut().insert(InSession(caller));
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

    fn client(&self, request: &Request) -> Client {
        let client = forwarded::Client::of(request.extensions());
        Client {
            address: client.address,
            is_secure: false,
        }
    }
}
