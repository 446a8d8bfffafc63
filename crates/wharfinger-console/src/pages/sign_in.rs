//! `/console/sign-in` and `/console/sign-out`.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use crate::host::NoEntry;
use crate::visit::{self, Posted, Shared};
use crate::{api, page, session};

const PATH: &str = "/console/sign-in";

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, get(show).post(sign_in))
        .route("/console/sign-out", post(sign_out))
}

/// Sends a person who is not signed in to the form, and back afterwards.
pub(crate) fn needed(target: &str) -> Response {
    page::redirect(&api::target(PATH, &[("next", target)]))
}

/// Asks a person whose session has ended to sign in, and keeps the form that was sent.
pub(crate) fn needed_for_form(target: &str, fields: &[(String, String)]) -> Response {
    let about = "Your session has ended. Sign in, and what you wrote is sent on.";
    let kept = kept_form(target, fields);
    page::bare(
        StatusCode::UNAUTHORIZED,
        "Sign in",
        &form(target, Some(about), &kept),
    )
}

/// Shows a form again whose token is not that of the session.
pub(crate) fn stale_form(target: &str, fields: &[(String, String)], csrf: &str) -> Response {
    let content = html! {
        p { "This form was opened in another session. Check that you want to send it." }
        form method="post" action=(target) {
            @for (name, value) in fields.iter().filter(|(name, _)| name != "csrf") {
                input type="hidden" name=(name) value=(value);
            }
            input type="hidden" name="csrf" value=(csrf);
            button.main type="submit" { "Send it" }
            " " a href="/console" { "Leave it" }
        }
    };
    page::bare(StatusCode::FORBIDDEN, "Send this form?", &content)
}

fn kept_form(target: &str, fields: &[(String, String)]) -> Markup {
    html! {
        input type="hidden" name="form" value=(target);
        @for (name, value) in fields.iter().filter(|(name, _)| name != "csrf") {
            input type="hidden" name=(format!("kept.{name}")) value=(value);
        }
    }
}

fn form(next: &str, about: Option<&str>, kept: &Markup) -> Markup {
    html! {
        @if let Some(about) = about { p.notice.bad role="alert" { (about) } }
        form method="post" action=(PATH) {
            input type="hidden" name="next" value=(next);
            (kept)
            label.field { span { "Key id" } input name="id" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus; }
            label.field { span { "Secret" } input type="password" name="secret" autocomplete="current-password" required; }
            button.main type="submit" { "Sign in" }
        }
        p.hint { "You sign in with an API key. An administrator makes one with " code { "wharfinger key create" } "." }
    }
}

async fn show(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    let next = next.map(|(_, next)| next.into_owned()).unwrap_or_default();
    page::bare(StatusCode::OK, "Sign in", &form(&next, None, &html! {}))
}

async fn sign_in(State(host): State<Shared>, request: Request) -> Response {
    let client = host.client(&request);
    let fields = match visit::fields(request.into_body()).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let kept: Vec<_> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("kept.")?.to_owned(), value.clone())))
        .collect();
    let entered = host.sign_in(field("id").trim(), field("secret").trim(), client.address);
    let (about, status) = match entered.await {
        Ok(token) => {
            let form = field("form");
            let mut response = if form.is_empty() {
                page::redirect(own(field("next")))
            } else {
                stale_form(own(form), &kept, &session::csrf(&token))
            };
            let cookie = session::cookie(&token, client.is_secure);
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            return response;
        }
        Err(NoEntry::WrongKey) => (
            "The key id or the secret is wrong, or the key is no longer valid.".to_owned(),
            StatusCode::UNAUTHORIZED,
        ),
        Err(NoEntry::TooManyAttempts { retry_after_s }) => (
            format!("Too many attempts. Try again in {retry_after_s} seconds."),
            StatusCode::TOO_MANY_REQUESTS,
        ),
        Err(NoEntry::Unavailable) => (
            "The server cannot sign you in now. Try again in a few seconds.".to_owned(),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    };
    let kept = if field("form").is_empty() {
        html! {}
    } else {
        kept_form(field("form"), &kept)
    };
    page::bare(status, "Sign in", &form(field("next"), Some(&about), &kept))
}

/// An address of the console, so that a link cannot lead elsewhere after signing in.
fn own(target: &str) -> &str {
    let below = target.strip_prefix("/console");
    let is_own = below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    if is_own && !target.starts_with(PATH) {
        target
    } else {
        "/console"
    }
}

async fn sign_out(posted: Posted) -> Response {
    let visit = posted.visit;
    visit.host.sign_out(&visit.session.token).await;
    let mut response = page::redirect(PATH);
    if let Ok(cookie) = HeaderValue::from_str(&session::cookie("", visit.client.is_secure)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
