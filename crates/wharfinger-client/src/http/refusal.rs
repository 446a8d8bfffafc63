//! What a server answered instead of doing what it was asked to.

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::Url;

use super::Response;
use crate::terminal::shown;

/// Characters of a response that is not ours, shown in an error.
const SHOWN_CHARS_MAX: usize = 200;

/// A refused request. Its text is a sentence for the user.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The stable code of the problem, if the server gave one.
    pub code: Option<String>,
    /// What the server says, in a sentence.
    pub detail: String,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// If the feed cannot be read from a cursor: the cursor from which it can.
    pub first: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    detail: Option<String>,
    title: Option<String>,
    first: Option<String>,
    #[serde(default)]
    errors: Vec<ProblemError>,
}

#[derive(Deserialize)]
struct ProblemError {
    message: String,
}

impl Refusal {
    /// Reads the body of a response that is no success. A body that cannot be read is left out.
    pub(crate) fn of(response: Response) -> Self {
        let (status, headers) = (response.status, response.headers.clone());
        Self::read(status, &headers, &response.bytes().unwrap_or_default())
    }

    /// Reads a response that is no success.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let retry_after = headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        let retry_after = retry_after
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        if let Some(detail) = redirection(status, headers) {
            return Self {
                status,
                code: None,
                detail,
                retry_after,
                first: None,
            };
        }
        let (code, detail, first) = match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => {
                let mut detail = problem.detail.or(problem.title).unwrap_or_default();
                for error in &problem.errors {
                    detail = format!("{detail}; {}", error.message);
                }
                (problem.code, detail, problem.first)
            }
            Err(_) => {
                let text = String::from_utf8_lossy(body).trim().to_owned();
                (None, text, None)
            }
        };
        Self {
            status,
            code,
            detail: detail.chars().take(SHOWN_CHARS_MAX * 5).collect(),
            retry_after,
            first,
        }
    }
}

/// What a redirect says. It is not followed, because the key would go to another address.
fn redirection(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get("location")?.to_str().ok()?;
    let Some(mut url) = Url::parse(location).ok().filter(Url::has_host) else {
        let location: String = location.chars().take(SHOWN_CHARS_MAX).collect();
        return Some(format!("it points to {location}; check --url"));
    };
    url.set_query(None);
    url.set_fragment(None);
    // The password of somebody else's URL is not shown either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let path = url.path().to_owned();
    // Without the path of the request, it is the address of the server.
    let Some(at) = path.rfind("/v1/") else {
        return Some(format!("it points to {url}; check --url"));
    };
    url.set_path(&path[..at]);
    let address = url.as_str().trim_end_matches('/');
    Some(format!("it points to {address}; use this address as --url"))
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the server answered {}", self.status.as_u16())?;
        if !self.detail.is_empty() {
            write!(out, ": {}", shown(&self.detail))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_says_where_it_points() {
        for (location, said) in [
            (
                "https://orders.example/v1/orders?limit=1",
                "it points to https://orders.example; use this address as --url",
            ),
            (
                "https://a:b@orders.example:8443/base/v1/batches",
                "it points to https://orders.example:8443/base; use this address as --url",
            ),
            (
                "https://sso.example/login?from=x",
                "it points to https://sso.example/login; check --url",
            ),
            ("/login", "it points to /login; check --url"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("location", location.parse().unwrap());
            let refusal = Refusal::read(StatusCode::PERMANENT_REDIRECT, &headers, b"<html>");
            assert_eq!(
                refusal.to_string(),
                format!("the server answered 308: {said}")
            );
        }
        let none = Refusal::read(StatusCode::FOUND, &HeaderMap::new(), b"gone");
        assert_eq!(none.to_string(), "the server answered 302: gone");
    }
}
