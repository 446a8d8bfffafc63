//! The cookie of a session, and the token that forms carry against cross-site requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::COOKIE;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The name of the cookie.
pub(crate) const COOKIE_NAME: &str = "wharfinger_session";

/// How long a session lasts, in seconds.
pub const SESSION_S: u64 = 12 * 60 * 60;

/// The session's token in a request, if it has one.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let fields = headers.get_all(COOKIE).iter();
    let cookies = fields.filter_map(|field| field.to_str().ok());
    let mut cookies = cookies.flat_map(|field| field.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}

/// The value of `Set-Cookie` that keeps a token, or that ends it if the token is empty.
pub(crate) fn cookie(token: &str, is_secure: bool) -> String {
    let age = if token.is_empty() { 0 } else { SESSION_S };
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
    bool::from(csrf(token).as_bytes().ct_eq(sent.as_bytes()))
}
