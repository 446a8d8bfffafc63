//! One request of a person who is signed in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::api::{self, Answer, Refused};
use crate::host::{Host, NoSession, Session};
use crate::page;
use crate::pages::sign_in;
use crate::session::{self, Sender};

/// Most bytes of a form. An order may have 1 MiB, and each byte of it may take three in a form.
pub(crate) const FORM_BYTES_MAX: usize = 4 << 20;
/// Most fields of a form.
const FIELDS_MAX: usize = 10_000;
/// Most time that a form may take to arrive.
const FORM_WITHIN: Duration = Duration::from_secs(120);

/// The state of the console's routes.
pub(crate) type Shared = Arc<dyn Host>;

/// One request of a person who is signed in.
pub(crate) struct Visit {
    /// The server.
    pub(crate) host: Shared,
    /// The session.
    pub(crate) session: Session,
    /// The address of the server, as the browser knows it.
    pub(crate) server: String,
    /// The path, with its query.
    pub(crate) target: String,
    query: Vec<(String, String)>,
    path: Vec<(String, String)>,
}

impl Visit {
    /// Requests that are made for a person who looks at a page, and not for one request of the browser.
    pub(crate) fn in_background(host: &Shared, session: Session) -> Self {
        Self {
            host: Arc::clone(host),
            session,
            server: String::new(),
            target: String::new(),
            query: Vec::new(),
            path: Vec::new(),
        }
    }

    /// A parameter of the query, without white space around it. Empty if it is absent.
    pub(crate) fn query(&self, name: &str) -> &str {
        value(&self.query, name).trim()
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
        let target = target_of(&parts);
        let path = RawPathParams::from_request_parts(&mut parts, host).await;
        let path = path.map_err(|_| page::not_found(None))?;
        let path = path.iter().map(|(name, value)| (name.into(), value.into()));
        let path = path.collect();
        let token = session::token(&parts.headers).unwrap_or_default();
        let session = match host.session(token).await {
            Ok(session) => session,
            Err(NoSession::Ended) => return Err(sign_in::needed(&parts.headers, &target)),
            Err(NoSession::Unavailable) => return Err(page::unavailable()),
        };
        let query = parts.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        Ok(Self {
            host: Arc::clone(host),
            session,
            server: server(&parts, client.is_secure),
            target,
            query: query.collect(),
            path,
        })
    }
}

/// A request for a form that only keys with the scope `admin` may send. For others there is no form: they get what the API answers
/// them.
pub(crate) struct AdminVisit(pub(crate) Visit);

impl FromRequest<Shared> for AdminVisit {
    type Rejection = Response;

    async fn from_request(request: Request, host: &Shared) -> Result<Self, Response> {
        let visit = Visit::from_request(request, host).await?;
        if visit.session.may("admin") {
            return Ok(Self(visit));
        }
        match visit.get::<serde_json::Value>("/v1/keys?limit=1").await {
            Ok(_) => Ok(Self(visit)),
            Err(refused) => Err(page::refused(&visit, &refused)),
        }
    }
}

fn target_of(parts: &Parts) -> String {
    let target = parts.uri.path_and_query();
    target
        .map_or("/console", |target| target.as_str())
        .to_owned()
}

/// The address of the server, as the browser knows it.
fn server(parts: &Parts, is_secure: bool) -> String {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    let scheme = if is_secure { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or("SERVER"))
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
        let client = host.client(&request);
        let (parts, body) = request.into_parts();
        let target = target_of(&parts);
        let token = session::token(&parts.headers).unwrap_or_default();
        let sender = session::sender(&parts.headers);
        if let Some(refused) = foreign(sender) {
            return Err(refused);
        }
        if token.is_empty() && sender == Sender::Unknown {
            // Nothing shows that a page of the console made the form.
            return Err(sign_in::needed(&parts.headers, &target));
        }
        let fields = fields(body, FORM_BYTES_MAX).await?;
        let is_ours = session::is_csrf(token, value(&fields, "csrf"));
        match host.session(token).await {
            Ok(_) if is_ours => {}
            Ok(_) => {
                let csrf = session::csrf(token);
                return Err(sign_in::foreign_form(&target, &fields, &csrf));
            }
            // What was written must not be lost: it can be sent on after signing in.
            Err(NoSession::Ended) if is_ours || sender == Sender::Own => {
                let door = sign_in::Door::of(&parts.headers, client.is_secure);
                return Err(sign_in::needed_for_form(&door, &target, &fields));
            }
            Err(NoSession::Ended) => return Err(sign_in::needed(&parts.headers, &target)),
            Err(NoSession::Unavailable) => {
                let csrf = value(&fields, "csrf");
                return Err(sign_in::delayed_form(&target, &fields, csrf));
            }
        }
        let request = Request::from_parts(parts, Body::empty());
        let visit = Visit::from_request(request, host).await?;
        Ok(Self { visit, fields })
    }
}

/// The refusal of a form that a page of another site has sent.
pub(crate) fn foreign(sender: Sender) -> Option<Response> {
    (sender == Sender::Foreign).then(|| {
        page::plain(
            StatusCode::FORBIDDEN,
            "Nothing was changed",
            "This form was sent by a page of another site. Use the forms of the console.",
        )
    })
}

/// The fields of a form's body.
pub(crate) async fn fields(
    body: Body,
    bytes_max: usize,
) -> Result<Vec<(String, String)>, Response> {
    let read = Limited::new(body, bytes_max).collect();
    let body = match tokio::time::timeout(FORM_WITHIN, read).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(page::plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The form is too large",
                "A form can have at most 4 MiB. Send larger orders with the command line.",
            ));
        }
        Ok(Err(_)) | Err(_) => {
            return Err(page::plain(
                StatusCode::REQUEST_TIMEOUT,
                "The form did not arrive",
                "The connection was too slow or has ended. Go back and send the form again.",
            ));
        }
    };
    let mut fields = form_urlencoded::parse(&body).into_owned();
    let taken: Vec<_> = fields.by_ref().take(FIELDS_MAX).collect();
    if fields.next().is_some() {
        return Err(page::plain(
            StatusCode::BAD_REQUEST,
            "The form has too many fields",
            "A form can have at most 10,000 fields.",
        ));
    }
    Ok(taken)
}

#[cfg(test)]
mod tests;
