//! Requests as they are sent, and responses as they are received.

use std::io::Write as _;

/// A request, with everything filled in.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// Path and query, encoded.
    pub target: String,
    /// The header fields.
    pub headers: Vec<(String, String)>,
    /// The body. Empty if there is none.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields, in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header. Several fields of one name count as a list.
    #[must_use]
    pub(crate) fn header_list(&self, name: &str) -> Option<String> {
        let fields = self.headers.iter();
        let fields = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Whether the status is 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends requests to the server under test.
pub trait Transport {
    /// Sends a request, without adding credentials. Any status is a response.
    ///
    /// # Errors
    /// The server cannot be reached, or the connection breaks.
    fn send(&self, request: &Sent) -> anyhow::Result<Answer>;
}

/// Compresses a body.
///
/// # Errors
/// The coding is not known.
pub fn encoded(body: &[u8], coding: Option<&str>) -> std::io::Result<Vec<u8>> {
    match coding {
        None => Ok(body.to_vec()),
        Some("gzip") => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(body)?;
            encoder.finish()
        }
        Some("zstd") => zstd::encode_all(body, 1),
        Some(other) => Err(std::io::Error::other(format!("{other} is no coding"))),
    }
}
