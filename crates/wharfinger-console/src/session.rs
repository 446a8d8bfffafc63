//! The cookie of a session, and the token that forms carry against cross-site requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The name of the cookie.
pub(crate) const COOKIE_NAME: &str = "wharfinger_session";

/// How long a browser keeps the cookie, in seconds: longer than a session lasts. A form that is sent after the end of its session
/// then still proves that a page of the console made it.
const COOKIE_S: u64 = 7 * 24 * 60 * 60;

/// The name of the cookie that proves that the form for signing in was opened in this browser.
const SIGN_IN_COOKIE_NAME: &str = "wharfinger_sign_in";

/// The session's token in a request, if it has one.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, COOKIE_NAME)
}

/// The token of the form for signing in that this browser has, if it has one.
pub(crate) fn sign_in_token(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, SIGN_IN_COOKIE_NAME)
}

/// The value of `Set-Cookie` for the token of the form for signing in. It ends with the browser.
pub(crate) fn sign_in_cookie(token: &str, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{SIGN_IN_COOKIE_NAME}={token}; Path=/console; HttpOnly; SameSite=Strict{secure}")
}

fn cookie_named<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let fields = headers.get_all(COOKIE).iter();
    let cookies = fields.filter_map(|field| field.to_str().ok());
    let mut cookies = cookies.flat_map(|field| field.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// The value of `Set-Cookie` that keeps a token, or that ends it if the token is empty.
pub(crate) fn cookie(token: &str, is_secure: bool) -> String {
    let age = if token.is_empty() { 0 } else { COOKIE_S };
    let secure = if is_secure { "; Secure" } else { "" };
    format!(
        "{COOKIE_NAME}={token}; Path=/console; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    )
}

/// The token of a session's forms.
pub(crate) fn csrf(token: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(b"console form");
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Whether a form's token is that of the session.
pub(crate) fn is_csrf(token: &str, sent: &str) -> bool {
    !token.is_empty() && bool::from(csrf(token).as_bytes().ct_eq(sent.as_bytes()))
}

/// Who made a browser send a request, as it says itself (`Sec-Fetch-Site`). Pages cannot set that field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A page of this server, or the person.
    Own,
    /// A page of another site.
    Foreign,
    /// Nobody says: browsers are silent where a server has no TLS.
    Unknown,
}

/// Who made a browser send a request.
pub(crate) fn sender(headers: &HeaderMap) -> Sender {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None => Sender::Unknown,
        Some(b"same-origin" | b"none") => Sender::Own,
        Some(_) => Sender::Foreign,
    }
}

/// Whether a browser navigates to a page because of a link on another site. It then leaves out the cookie, also if the person is
/// signed in.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let mode = headers.get("sec-fetch-mode");
    let navigates = mode.is_some_and(|mode| mode == "navigate");
    navigates && sender(headers) == Sender::Foreign && token(headers).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let fields = [
            ("cookie", "a=1; wharfinger_session=abc; b=2"),
            ("cookie", "c=3"),
        ];
        assert_eq!(token(&headers(&fields)), Some("abc"));
        assert_eq!(
            token(&headers(&[("cookie", "my_wharfinger_session=abc")])),
            None
        );
    }

    #[test]
    fn the_cookie_is_only_for_requests_of_the_console_itself() {
        let expected =
            "wharfinger_session=abc; Path=/console; Max-Age=604800; HttpOnly; SameSite=Strict";
        assert_eq!(cookie("abc", false), expected);
        assert_eq!(cookie("abc", true), format!("{expected}; Secure"));
        assert!(cookie("", false).contains("Max-Age=0;"));
    }

    #[test]
    fn a_forms_token_is_that_of_one_session() {
        assert!(is_csrf("abc", &csrf("abc")));
        assert!(!is_csrf("abc", &csrf("abd")));
        assert!(!is_csrf("abc", ""));
        assert!(!is_csrf("", &csrf("")));
    }

    #[test]
    fn a_browser_says_who_made_it_send_a_request() {
        for (site, expected) in [
            ("same-origin", Sender::Own),
            ("none", Sender::Own),
            ("same-site", Sender::Foreign),
            ("cross-site", Sender::Foreign),
            ("rubbish", Sender::Foreign),
        ] {
            assert_eq!(
                sender(&headers(&[("sec-fetch-site", site)])),
                expected,
                "{site}"
            );
        }
        assert_eq!(sender(&headers(&[])), Sender::Unknown);
    }
}
