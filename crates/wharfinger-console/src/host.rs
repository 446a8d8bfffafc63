//! What the console needs from the server.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::Request;
use axum::response::Response;

/// How long a session lasts at most, in milliseconds.
pub const SESSION_MS: i64 = 12 * 60 * 60 * 1_000;

/// The server, as the console sees it.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Begins a session for a key. Returns the session's token, which only the person's browser keeps.
    ///
    /// # Errors
    /// The key is wrong, void, or there were too many attempts.
    async fn sign_in(&self, id: &str, secret: &str, client: IpAddr) -> Result<String, NoEntry>;

    /// The session of a token.
    ///
    /// # Errors
    /// There is none, it or its key has ended, or nobody can tell now.
    async fn session(&self, token: &str) -> Result<Session, NoSession>;

    /// The session as it is now, from memory: whether its key is still valid. Does not notice that the person has signed out.
    fn renew(&self, session: &Session) -> Option<Session>;

    /// Ends a session.
    async fn sign_out(&self, token: &str);

    /// Sends a request to the server's own routes in the rights of a session's key.
    async fn call(&self, session: &Session, request: Request) -> Response;

    /// Tells when something is stored from now on.
    fn changes(&self) -> Box<dyn Changes>;

    /// Waits for this long, or until the server is about to stop.
    async fn pause(&self, time: Duration);

    /// Whether the server is about to stop. Responses must end then.
    fn is_stopping(&self) -> bool;

    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Where a request came from.
    fn client(&self, request: &Request) -> Client;
}

/// What is stored from a time on.
#[async_trait]
pub trait Changes: Send {
    /// Waits until something was stored since the last call.
    async fn next(&mut self);
}

/// The session of a person who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token in the cookie.
    pub token: String,
    /// The key's public id.
    pub key_id: String,
    /// Names of the key's scopes, such as `orders:read`.
    pub scopes: Vec<&'static str>,
    /// Whether the key reaches every organisation, including future ones.
    pub reaches_all: bool,
    /// What the key may see. It is the same text for keys with the same scopes and organisations.
    pub rights: Arc<str>,
    /// What the server knows of the key, for [`Host::call`].
    pub caller: Arc<dyn Any + Send + Sync>,
}

impl Session {
    /// Whether the key may see what concerns all organisations together, such as the load of the server.
    #[must_use]
    pub fn may_see_server(&self) -> bool {
        self.reaches_all && self.may("admin")
    }

    /// Whether the key has a scope.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The other end of a request.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether the request came over TLS, to the server itself or to a trusted proxy.
    pub is_secure: bool,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// It has ended, or there never was one.
    Ended,
    /// The server cannot read its store now.
    Unavailable,
}

/// Why a person could not sign in.
#[derive(Clone, Debug)]
pub enum NoEntry {
    /// The key's id or its secret is wrong, or the key is void.
    WrongKey,
    /// Too many wrong attempts. Seconds until the next one is allowed.
    TooManyAttempts {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// The server cannot do it now.
    Unavailable,
}
