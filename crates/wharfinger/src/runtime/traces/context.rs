//! The place of a span in a trace, and the header that carries it: W3C Trace Context.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header field that names the trace of a request and the span that caused it.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Bytes of the field in version 00: `00-TRACE-SPAN-FLAGS`.
const LENGTH: usize = 55;

/// A span of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The id of the trace.
    pub trace: u128,
    /// The id of the span.
    pub span: u64,
    /// Whether the trace is recorded.
    pub is_sampled: bool,
}

impl Context {
    /// The context in a request's header. `None` if there is none, or more than one, or one that the standard says to ignore.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(TRACEPARENT).iter();
        let field = fields.next()?.to_str().ok()?;
        if fields.next().is_some() {
            return None;
        }
        Self::parse(field)
    }

    fn parse(field: &str) -> Option<Self> {
        let version = hex(field.get(..2)?)?;
        // Later versions may append something.
        let has_end = field.len() == LENGTH
            || (version > 0
                && field
                    .as_bytes()
                    .get(LENGTH)
                    .is_some_and(|next| *next == b'-'));
        if version == 0xff || !has_end {
            return None;
        }
        let mut parts = field.get(3..LENGTH)?.split('-');
        let mut part = |length| {
            let part = parts.next().filter(|part| part.len() == length)?;
            hex(part)
        };
        let (trace, span, flags) = (part(32)?, part(16)?, part(2)?);
        let is_divided = field.as_bytes().get(2) == Some(&b'-');
        (is_divided && trace != 0 && span != 0).then_some(Self {
            trace,
            span: u64::try_from(span).ok()?,
            is_sampled: flags & 1 == 1,
        })
    }

    /// The header of a request that this span causes.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("it consists of hexadecimal digits")
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// A number of lower-case hexadecimal digits.
fn hex(digits: &str) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let are_hex = digits.bytes().all(is_hex);
    are_hex.then(|| u128::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_standard_is_read_and_written() {
        let context = Context::parse(EXAMPLE).unwrap();
        assert_eq!(context.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(context.span, 0x00f0_67aa_0ba9_02b7);
        assert!(context.is_sampled);
        assert_eq!(context.to_string(), EXAMPLE);
        let not_sampled = EXAMPLE.replace("-01", "-02");
        assert!(!Context::parse(&not_sampled).unwrap().is_sampled);
    }

    #[test]
    fn later_versions_may_be_longer_and_what_is_malformed_is_ignored() {
        let later = EXAMPLE.replacen("00", "cc", 1);
        assert!(Context::parse(&later).is_some());
        assert!(Context::parse(&format!("{later}-what-is-new")).is_some());
        let upper = EXAMPLE.to_uppercase();
        let longer = format!("{EXAMPLE}-more");
        let undivided = format!("{later}more");
        let unknown = EXAMPLE.replacen("00", "ff", 1);
        let shifted = EXAMPLE.replacen('-', "_", 1);
        for bad in [
            "",
            "00",
            "é",
            &EXAMPLE[..54],
            &upper,
            &longer,
            &undivided,
            &unknown,
            &shifted,
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        ] {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_headers_are_as_good_as_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(EXAMPLE));
        assert!(Context::of(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(EXAMPLE));
        assert_eq!(Context::of(&headers), None);
    }
}
