//! `/console/sign-in` and `/console/sign-out`.
//!
//! A form that is sent when its session has ended is not lost: the page that asks to sign in carries its fields along, and after
//! that the person decides whether it is sent. Nothing is carried along that a page of another site could have made.
//!
//! A page of another site must not sign a person in with a key of its own: orders would go to the wrong place. So the form has a
//! token that is bound to a cookie. Browsers that say who made a request (`Sec-Fetch-Site`) do not need it; they are silent over
//! plain HTTP, except on the same machine.
//!
//! Browsers leave the cookie out when a person follows a link on another site (`SameSite=Strict`), for example in an e-mail that
//! is read in the browser. Such a request gets a page that leads to [`ENTER`] at once: that request is made by a page of this
//! server, so it has the cookie.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};

use crate::host::{NoEntry, NoSession};
use crate::session::Sender;
use crate::texts::visible;
use crate::visit::{self, FORM_BYTES_MAX, Shared};
use crate::{api, digits, page, session};

const PATH: &str = "/console/sign-in";
const SIGN_OUT: &str = "/console/sign-out";
const ENTER: &str = "/console/enter";

/// Before the names of fields that are carried along.
const KEPT: &str = "kept.";
/// Bytes of a form that carries another one along: its fields have longer names.
const KEPT_FORM_BYTES_MAX: usize = FORM_BYTES_MAX + (256 << 10);
/// Characters of a field that are shown before it is sent.
const SHOWN_CHARS_MAX: usize = 2_000;

type Fields = [(String, String)];

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, get(show).post(sign_in))
        .route(SIGN_OUT, post(sign_out))
        .route(ENTER, get(enter))
}

/// Sends a person who is not signed in to the form, and back afterwards.
pub(crate) fn needed(headers: &HeaderMap, target: &str) -> Response {
    if session::is_from_elsewhere(headers) {
        let target = api::target(ENTER, &[("next", target)]);
        return page::forward(&target);
    }
    page::redirect(&api::target(PATH, &[("next", target)]))
}

/// Leads to a page if the browser has a session, and to the form if not.
async fn enter(State(host): State<Shared>, request: Request) -> Response {
    let next = next_of(&request);
    match host
        .session(session::token(request.headers()).unwrap_or_default())
        .await
    {
        Ok(_) => page::redirect(own(&next)),
        Err(NoSession::Ended) => page::redirect(&api::target(PATH, &[("next", &next)])),
        Err(NoSession::Unavailable) => page::unavailable(),
    }
}

/// Asks a person whose session has ended to sign in, and keeps the form that was sent.
pub(crate) fn needed_for_form(door: &Door, target: &str, fields: &Fields) -> Response {
    let about =
        "Your session has ended, and nothing was changed. Sign in again. What you entered is kept.";
    let kept = kept_form(target, fields);
    door.show(StatusCode::UNAUTHORIZED, target, Some(about), &kept)
}

/// Shows a form again whose token is not that of the session.
pub(crate) fn foreign_form(target: &str, fields: &Fields, csrf: &str) -> Response {
    let about = "This form was opened in another session, and nothing was changed yet. Check it, and send it only if it is yours.";
    again(StatusCode::FORBIDDEN, about, target, fields, csrf)
}

/// Shows a form again that cannot be looked at now.
pub(crate) fn delayed_form(target: &str, fields: &Fields, csrf: &str) -> Response {
    let about = "The server cannot read its database now, and nothing was changed. Send the form again in a few seconds.";
    again(StatusCode::SERVICE_UNAVAILABLE, about, target, fields, csrf)
}

/// A form whose fields are shown, to be sent by the person.
fn again(status: StatusCode, about: &str, target: &str, fields: &Fields, csrf: &str) -> Response {
    let written = || fields.iter().filter(|(name, _)| name != "csrf");
    let content = html! {
        p.notice.warm role="alert" { (about) }
        form method="post" action=(own(target)) {
            @for (name, value) in written() { input type="hidden" name=(name) value=(value); }
            input type="hidden" name="csrf" value=(csrf);
            div.actions {
                button.main type="submit" { "Send" }
                a href="/console" { "Cancel" }
            }
        }
        h2 { "Content of the form" }
        dl.facts {
            dt { "To" } dd { code { (own(target)) } }
            @for (name, value) in written() {
                dt { (visible(name)) }
                dd { pre tabindex="0" dir="auto" { (visible(&beginning(value))) } }
            }
        }
    };
    page::bare(status, "Send this form?", &content)
}

fn beginning(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    shown
}

fn kept_form(target: &str, fields: &Fields) -> Markup {
    html! {
        input type="hidden" name="form" value=(target);
        @for (name, value) in fields.iter().filter(|(name, _)| name != "csrf") {
            input type="hidden" name={ (KEPT) (name) } value=(value);
        }
    }
}

/// The form for signing in, in one browser.
pub(crate) struct Door {
    /// The token that the form is bound to.
    token: String,
    /// Whether the browser has the cookie with it already.
    is_known: bool,
    is_secure: bool,
}

impl Door {
    /// The form for the browser that has sent these header fields.
    pub(crate) fn of(headers: &HeaderMap, is_secure: bool) -> Self {
        let known = session::sign_in_token(headers).filter(|token| !token.is_empty());
        // Without random numbers it is empty: then no form is accepted without `Sec-Fetch-Site`.
        let new_token = || digits::random().unwrap_or_default();
        Self {
            token: known.map_or_else(new_token, str::to_owned),
            is_known: known.is_some(),
            is_secure,
        }
    }

    /// Whether a form was opened in this browser.
    fn has_made(&self, sender: Sender, sent: &str) -> bool {
        match sender {
            Sender::Own => true,
            Sender::Foreign => false,
            Sender::Unknown => self.is_known && session::is_csrf(&self.token, sent),
        }
    }

    fn show(&self, status: StatusCode, next: &str, about: Option<&str>, kept: &Markup) -> Response {
        let content = html! {
            @if let Some(about) = about { p.notice.bad role="alert" { (about) } }
            form method="post" action=(PATH) {
                input type="hidden" name="csrf" value=(session::csrf(&self.token));
                input type="hidden" name="next" value=(next);
                (kept)
                label.field { span { "Key ID" } input name="id" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus; }
                label.field { span { "Secret" } input type="password" name="secret" autocomplete="current-password" required; }
                button.main type="submit" { "Sign in" }
            }
            p.hint { "Sign in with an API key. An administrator creates keys on the page Keys, or with " code { "wharfinger key create" } "." }
        };
        let mut response = page::bare(status, "Sign in", &content);
        let cookie = session::sign_in_cookie(&self.token, self.is_secure);
        if let Some(cookie) = HeaderValue::from_str(&cookie)
            .ok()
            .filter(|_| !self.is_known)
        {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

fn next_of(request: &Request) -> String {
    let query = request.uri().query().unwrap_or_default();
    let mut query = form_urlencoded::parse(query.as_bytes());
    let next = query.find(|(name, _)| name == "next");
    next.map(|(_, next)| next.into_owned()).unwrap_or_default()
}

async fn show(State(host): State<Shared>, request: Request) -> Response {
    let next = next_of(&request);
    let token = session::token(request.headers()).unwrap_or_default();
    if host.session(token).await.is_ok() {
        return page::redirect(own(&next));
    }
    let door = Door::of(request.headers(), host.client(&request).is_secure);
    door.show(StatusCode::OK, &next, None, &html! {})
}

async fn sign_in(State(host): State<Shared>, request: Request) -> Response {
    let client = host.client(&request);
    let (parts, body) = request.into_parts();
    if let Some(refused) = visit::foreign(session::sender(&parts.headers)) {
        return refused;
    }
    let fields = match visit::fields(body, KEPT_FORM_BYTES_MAX).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let kept = fields.iter();
    let kept = kept.filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value)));
    let kept: Vec<_> = kept
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    let target = field("form");
    let door = Door::of(&parts.headers, client.is_secure);
    let kept_again = || match target {
        "" => html! {},
        target => kept_form(target, &kept),
    };
    if !door.has_made(session::sender(&parts.headers), field("csrf")) {
        let about = "This form was not opened in this browser, or the browser keeps no cookies. Sign in here.";
        let (status, next) = (StatusCode::FORBIDDEN, field("next"));
        return door.show(status, next, Some(about), &kept_again());
    }
    let entered = host.sign_in(field("id").trim(), field("secret").trim(), client.address);
    let refused = match entered.await {
        Ok(token) => {
            // The browser forgets its earlier session.
            host.sign_out(session::token(&parts.headers).unwrap_or_default())
                .await;
            let response = if target.is_empty() {
                page::redirect(own(field("next")))
            } else {
                let about = "You are signed in. What you entered was not sent yet.";
                again(StatusCode::OK, about, target, &kept, &session::csrf(&token))
            };
            return with_cookie(response, &token, client.is_secure);
        }
        Err(refused) => refused,
    };
    let (status, about) = sentence(&refused);
    door.show(status, field("next"), Some(&about), &kept_again())
}

fn sentence(refused: &NoEntry) -> (StatusCode, String) {
    match refused {
        NoEntry::WrongKey => (
            StatusCode::UNAUTHORIZED,
            "The key ID or the secret is wrong, or the key is no longer valid.".to_owned(),
        ),
        NoEntry::TooManyAttempts { retry_after_s } => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many attempts. Try again in {retry_after_s} seconds."),
        ),
        NoEntry::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The server cannot sign you in now. Try again in a few seconds.".to_owned(),
        ),
    }
}

fn with_cookie(mut response: Response, token: &str, is_secure: bool) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(&session::cookie(token, is_secure)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// An address of the console, so that a link cannot lead elsewhere after signing in.
fn own(target: &str) -> &str {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let below = path.strip_prefix("/console");
    let is_below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_plain = target.bytes().all(|byte| byte.is_ascii_graphic());
    let climbs =
        path.contains(['\\']) || path.to_ascii_lowercase().replace("%2e", ".").contains("..");
    let is_page = ![PATH, SIGN_OUT, ENTER].contains(&path);
    if is_below && is_plain && !climbs && is_page {
        target
    } else {
        "/console"
    }
}

/// Ends the session, also if it has ended already.
async fn sign_out(State(host): State<Shared>, request: Request) -> Response {
    let client = host.client(&request);
    let (parts, body) = request.into_parts();
    let fields = match visit::fields(body, FORM_BYTES_MAX).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let token = session::token(&parts.headers).unwrap_or_default();
    let mut sent = fields.iter().filter(|(name, _)| name == "csrf");
    let is_ours = sent.any(|(_, sent)| session::is_csrf(token, sent));
    if !is_ours || session::sender(&parts.headers) == Sender::Foreign {
        return page::redirect("/console");
    }
    host.sign_out(token).await;
    with_cookie(page::redirect(PATH), "", client.is_secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_pages_of_the_console_only() {
        let kept = [
            "/console",
            "/console/",
            "/console?span=1h",
            "/console/orders?key=%2Fa..b",
            "/console/errors/cause?pointer=/lines/*/sku",
        ];
        for target in kept {
            assert_eq!(own(target), target);
        }
        let refused = [
            "",
            "//evil.example",
            "https://evil.example",
            "/consoles",
            "/console.evil.example",
            "/console/../v1/orders",
            "/console/%2E%2e/v1/orders",
            "/console\\..\\evil",
            "/console/\\evil",
            "/v1/orders",
            "javascript:alert(1)",
            "/console/sign-in",
            "/console/sign-in?next=/console",
            "/console/sign-out",
            "/console/enter?next=/console",
            "/console/a\r\nset-cookie: a=b",
            "/console/ü",
        ];
        for target in refused {
            assert_eq!(own(target), "/console", "{target}");
        }
    }

    #[test]
    fn a_field_is_shown_in_part_if_it_is_long() {
        assert_eq!(beginning("ü"), "ü");
        let long = "ü".repeat(SHOWN_CHARS_MAX + 1);
        let shown = beginning(&long);
        assert_eq!(shown.chars().count(), SHOWN_CHARS_MAX + 1);
        assert!(shown.ends_with('…'));
    }
}
