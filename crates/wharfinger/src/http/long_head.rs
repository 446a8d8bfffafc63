//! The answer to a request whose head is too long. hyper and h2 would send an empty 431, so the head is refused before hyper sees
//! its end, and h2 lets longer ones through.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, StatusCode};
use serde_json::json;

use super::connections::plain_answer;
use super::framing::{FIELDS_MAX, HEAD_BYTES_MAX};
use crate::access::secret;

/// What is too much in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// Its length.
    Bytes,
    /// The number of header fields.
    Fields,
}

/// A head that is too long.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongHead {
    /// Whether a person asked for a page.
    is_page: bool,
    too_much: TooMuch,
}

impl LongHead {
    /// Looks at the beginning of a head.
    pub(super) fn of(head: &[u8], too_much: TooMuch) -> Self {
        let mut words = head.splitn(3, |byte| *byte == b' ');
        let path = words.nth(1).unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        Self::at(path, too_much)
    }

    /// That of a request for a path.
    pub(super) fn at(path: &[u8], too_much: TooMuch) -> Self {
        let is_page = path == b"/" || path == b"/console" || path.starts_with(b"/console/");
        Self { is_page, too_much }
    }

    /// The cause of an error of hyper, if it is this one.
    pub(super) fn cause_of(error: &hyper::Error) -> Option<Self> {
        let cause = Error::source(error)?.downcast_ref::<io::Error>()?;
        cause.get_ref()?.downcast_ref::<Self>().copied()
    }

    /// The response in HTTP/1.1: a page for people, and problem details for programs.
    pub(super) fn answer(self) -> String {
        const STATUS: &str = "431 Request Header Fields Too Large";
        let (fields, body) = self.parts();
        let lines = fields.iter();
        let lines = lines.map(|(name, value)| format!("{name}: {value}\r\n"));
        plain_answer(STATUS, &lines.collect::<String>(), &body)
    }

    /// The same in HTTP/2.
    pub(super) fn response(self) -> Response {
        let (fields, body) = self.parts();
        let mut response = Response::builder()
            .status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            .header("x-request-id", secret::request_id());
        for (name, value) in fields {
            response = response.header(name, *value);
        }
        response.body(Body::from(body)).unwrap_or_default()
    }

    /// The header fields and the body.
    fn parts(self) -> (&'static [(HeaderName, &'static str)], String) {
        const PAGE: &[(HeaderName, &str)] = &[
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'",
            ),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        const PROBLEM: &[(HeaderName, &str)] = &[
            (CONTENT_TYPE, "application/problem+json"),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let (title, sentence, remedies) = match self.too_much {
            TooMuch::Bytes => (
                "The address is too long",
                format!(
                    "The address and the header fields of a request can have at most {} KiB together.",
                    HEAD_BYTES_MAX >> 10
                ),
                [
                    "Use fewer filters.",
                    "Send fewer or shorter parameters and fields",
                ],
            ),
            TooMuch::Fields => (
                "The request has too many header fields",
                format!("A request can have at most {FIELDS_MAX} header fields."),
                ["Delete the cookies of this site.", "Send fewer fields"],
            ),
        };
        if self.is_page {
            let page = format!(
                "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
                 <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Wharfinger</title>\
                 <h1>{title}</h1><p>{sentence} {}</p><p><a href=\"/console\">Go to the first page</a></p></html>",
                remedies[0]
            );
            return (PAGE, page);
        }
        let problem = json!({
            "type": "about:blank",
            "title": "Request Header Fields Too Large",
            "status": 431,
            "detail": format!("{sentence} {}", remedies[1]),
        });
        (PROBLEM, problem.to_string())
    }
}

impl Display for LongHead {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("the head of a request is too long")
    }
}

impl Error for LongHead {}

impl From<LongHead> for io::Error {
    fn from(head: LongHead) -> Self {
        Self::new(io::ErrorKind::InvalidData, head)
    }
}
