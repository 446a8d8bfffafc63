//! One request of a person who is signed in.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

use crate::api::{self, Answer, Refused};
use crate::host::{Client, Host, Session};
use crate::page;
use crate::pages::sign_in;
use crate::session;

/// Most bytes of a form. An order may have 1 MiB, and each byte of it may take three in a form.
const FORM_BYTES_MAX: usize = 4 << 20;

/// The state of the console's routes.
pub(crate) type Shared = Arc<dyn Host>;

/// One request of a person who is signed in.
pub(crate) struct Visit {
    /// The server.
    pub(crate) host: Shared,
    /// The session.
    pub(crate) session: Session,
    /// Where the request came from.
    pub(crate) client: Client,
    /// The path, with its query.
    pub(crate) target: String,
    query: Vec<(String, String)>,
    path: Vec<(String, String)>,
}

impl Visit {
    /// A parameter of the query, without white space around it. Empty if it is absent.
    pub(crate) fn query(&self, name: &str) -> &str {
        value(&self.query, name).trim()
    }

    /// All values of a parameter of the query.
    pub(crate) fn queries<'v>(&'v self, name: &'v str) -> impl Iterator<Item = &'v str> {
        let named = self.query.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// A parameter of the path, decoded.
    pub(crate) fn path(&self, name: &str) -> &str {
        value(&self.path, name)
    }

    /// Reads a resource of `/v1` in the rights of the person's key.
    pub(crate) async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, Refused> {
        api::get(&*self.host, &self.session, target).await
    }

    /// Sends a request to `/v1` in the rights of the person's key.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, Refused> {
        api::send(&*self.host, &self.session, method, target, body).await
    }

    /// The token that this person's forms carry.
    pub(crate) fn csrf(&self) -> String {
        session::csrf(&self.session.token)
    }
}

fn value<'v>(values: &'v [(String, String)], name: &str) -> &'v str {
    let found = values.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value)
}

/// Whether a request is a page's or a form's, and of whom. Anyone who is not signed in is sent to the page that does that.
impl FromRequest<Shared> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request, host: &Shared) -> Result<Self, Response> {
        let client = host.client(&request);
        let (mut parts, _) = request.into_parts();
        let target = parts.uri.path_and_query();
        let target = target
            .map_or("/console", |target| target.as_str())
            .to_owned();
        let path = RawPathParams::from_request_parts(&mut parts, host).await;
        let path = path.map_err(|_| page::not_found(None))?;
        let path = path.iter().map(|(name, value)| (name.into(), value.into()));
        let path = path.collect();
        let token = session::token(&parts.headers).unwrap_or_default();
        let Some(session) = host.session(token).await else {
            return Err(sign_in::needed(&target));
        };
        let query = parts.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        Ok(Self {
            host: Arc::clone(host),
            session,
            client,
            target,
            query: query.collect(),
            path,
        })
    }
}

/// A form that a person who is signed in has sent, with the right token.
pub(crate) struct Posted {
    /// The request.
    pub(crate) visit: Visit,
    fields: Vec<(String, String)>,
}

impl Posted {
    /// The value of a field, as it was sent. Empty if it is absent.
    pub(crate) fn field(&self, name: &str) -> &str {
        value(&self.fields, name)
    }

    /// All values of a field.
    pub(crate) fn fields<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        let named = self.fields.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

impl FromRequest<Shared> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, host: &Shared) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let fields = fields(body).await?;
        let target = parts.uri.path_and_query();
        let target = target
            .map_or("/console", |target| target.as_str())
            .to_owned();
        let token = session::token(&parts.headers)
            .unwrap_or_default()
            .to_owned();
        if host.session(&token).await.is_none() {
            // What was written must not be lost: it is sent on after signing in.
            return Err(sign_in::needed_for_form(&target, &fields));
        }
        if !session::is_csrf(&token, value(&fields, "csrf")) {
            return Err(sign_in::stale_form(
                &target,
                &fields,
                &session::csrf(&token),
            ));
        }
        let request = Request::from_parts(parts, Body::empty());
        let visit = Visit::from_request(request, host).await?;
        Ok(Self { visit, fields })
    }
}

/// The fields of a form's body.
pub(crate) async fn fields(body: Body) -> Result<Vec<(String, String)>, Response> {
    let body = Limited::new(body, FORM_BYTES_MAX).collect().await;
    let body = body.map_err(|_| {
        page::plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The form is too large",
            "A form may have 4 MiB. Send a larger order with the command line.",
        )
    })?;
    let fields = form_urlencoded::parse(&body.to_bytes())
        .into_owned()
        .collect();
    Ok(fields)
}
