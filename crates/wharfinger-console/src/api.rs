//! Requests to `/v1`, and their answers.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::{Host, Session};

/// A refusal of `/v1`: problem details.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Refused {
    /// The status.
    #[serde(default)]
    pub(crate) status: u16,
    /// Its stable name, such as `bad_parameter`.
    #[serde(default)]
    pub(crate) code: String,
    /// What kind of refusal it is.
    #[serde(default)]
    pub(crate) title: String,
    /// What was wrong here.
    #[serde(default)]
    pub(crate) detail: String,
    /// What is wrong with which attribute.
    #[serde(default)]
    pub(crate) errors: Vec<Value>,
}

impl Refused {
    /// The refusal as one sentence for a person.
    pub(crate) fn sentence(&self) -> &str {
        if self.detail.is_empty() {
            &self.title
        } else {
            &self.detail
        }
    }

    /// The same, with the labels of a form in place of the API's names of its fields: `labels` has both.
    pub(crate) fn in_words(&self, labels: &[(&str, &str)]) -> String {
        let told = self
            .errors
            .iter()
            .filter_map(|error| error["message"].as_str());
        let told: Vec<_> = told.map(|message| with_label(message, labels)).collect();
        if told.is_empty() {
            with_label(self.sentence(), labels)
        } else {
            told.join(". ")
        }
    }

    /// Whether what was asked for does not exist, or is another tenant's.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND.as_u16() || self.is_unknown_organisation()
    }

    /// Whether the request names an organisation that does not exist, or is another tenant's.
    pub(crate) fn is_unknown_organisation(&self) -> bool {
        self.code == "organisation_unknown"
    }
}

/// A message of the API, such as `scopes is required`, with the label of the field that it begins with.
fn with_label(message: &str, labels: &[(&str, &str)]) -> String {
    let end = message.find([' ', '[', ':']).unwrap_or(message.len());
    let (name, rest) = message.split_at(end);
    let Some((_, label)) = labels.iter().find(|(known, _)| *known == name) else {
        return message.to_owned();
    };
    // `organisations[1] is unknown` counts from 0.
    let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest,
        None => rest,
    };
    format!("“{label}”{rest}")
}

/// An answer of `/v1` that is not a refusal.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_json::from_slice(&self.body).map_err(|error| {
            tracing::error!(%error, "The console could not read an answer of the API.");
            broken("The page could not read the server's answer")
        })
    }
}

/// Reads a resource. `target` is a path with its query, as [`target`] makes it.
pub(crate) async fn get<T: DeserializeOwned>(
    host: &dyn Host,
    session: &Session,
    target: &str,
) -> Result<T, Refused> {
    let answer = send(host, session, Method::GET, target, None).await?;
    serde_json::from_slice(&answer.body).map_err(|error| {
        tracing::error!(%error, target, "The console could not read an answer of the API.");
        broken("The page could not read the server's answer")
    })
}

/// Sends a request with a JSON body, or without a body. A batch in which orders were rejected (207, 422 with results) is an
/// answer, not a refusal.
pub(crate) async fn send(
    host: &dyn Host,
    session: &Session,
    method: Method,
    target: &str,
    body: Option<Bytes>,
) -> Result<Answer, Refused> {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json");
    let request = request
        .body(body.map_or_else(Body::empty, Body::from))
        .map_err(|_| broken("The page made an address that does not exist"))?;
    let response = host.call(session, request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await;
    let body = body.map_err(|_| broken("The server broke off its answer"))?;
    let body = body.to_bytes();
    let is_problem = parts.headers.get(CONTENT_TYPE);
    let is_problem = is_problem.is_some_and(|kind| kind == "application/problem+json");
    if is_problem || !(parts.status.is_success() || has_results(&body)) {
        let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
        let status = parts.status.as_u16();
        return Err(Refused { status, ..refused });
    }
    Ok(Answer {
        headers: parts.headers,
        body,
    })
}

fn has_results(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body.get("results").is_some())
}

/// A fault of the console itself.
fn broken(why: &str) -> Refused {
    Refused {
        status: 500,
        code: String::new(),
        title: "Internal error".to_owned(),
        detail: why.to_owned(),
        errors: Vec::new(),
    }
}

/// A path with a query. Parameters without a value are left out.
pub(crate) fn target(path: &str, query: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    form.extend_pairs(given);
    let query = form.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// What is escaped in a segment of a path. Ids with hyphens look as the API shows them.
const SEGMENT: percent_encoding::AsciiSet =
    percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// One segment of a path, with everything escaped that has a meaning there.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, &SEGMENT).to_string()
}
