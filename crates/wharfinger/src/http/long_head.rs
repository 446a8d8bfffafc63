//! The answer to a request whose head is too long. hyper would send an empty 431, so the head is refused before hyper sees its
//! end.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;

use serde_json::json;

use super::connections::plain_answer;
use super::framing::HEAD_BYTES_MAX;

/// A head that is too long.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongHead {
    /// Whether a person asked for a page.
    is_page: bool,
}

impl LongHead {
    /// Looks at the beginning of a head.
    pub(super) fn of(head: &[u8]) -> Self {
        let mut words = head.splitn(3, |byte| *byte == b' ');
        let path = words.nth(1).unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let is_page = path == b"/" || path == b"/console" || path.starts_with(b"/console/");
        Self { is_page }
    }

    /// The cause of an error of hyper, if it is this one.
    pub(super) fn cause_of(error: &hyper::Error) -> Option<Self> {
        let cause = Error::source(error)?.downcast_ref::<io::Error>()?;
        cause.get_ref()?.downcast_ref::<Self>().copied()
    }

    /// The response: a page for people, and problem details for programs.
    pub(super) fn answer(self) -> String {
        const STATUS: &str = "431 Request Header Fields Too Large";
        let kib = HEAD_BYTES_MAX >> 10;
        let sentence = format!(
            "The address and the header fields of a request can have at most {kib} KiB together."
        );
        let (fields, body) = if self.is_page {
            let body = format!(
                "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
                 <meta name=\"color-scheme\" content=\"light dark\"><title>The address is too long · Wharfinger</title>\
                 <h1>The address is too long</h1><p>{sentence} Use fewer filters.</p><p><a href=\"/console\">Go to the first page</a></p></html>"
            );
            let fields = "content-type: text/html; charset=utf-8\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";
            (fields, body)
        } else {
            let problem = json!({
                "type": "about:blank",
                "title": "Request Header Fields Too Large",
                "status": 431,
                "detail": format!("{sentence} Send fewer or shorter parameters and fields"),
            });
            (
                "content-type: application/problem+json\r\n",
                problem.to_string(),
            )
        };
        let fields =
            format!("{fields}cache-control: no-store\r\nx-content-type-options: nosniff\r\n");
        plain_answer(STATUS, &fields, &body)
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
