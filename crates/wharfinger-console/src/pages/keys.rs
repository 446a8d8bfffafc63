//! `/console/keys`: API keys are listed, created, rotated and revoked.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::{self, Refused, segment};
use crate::page::{self, Page};
use crate::parts::{
    Confirm, Listed, Who, empty, form, is_first, label, once_field, pager, secret, stack,
    text_field, time, visible,
};
use crate::visit::{AdminVisit, Posted, Shared, Visit};

const PATH: &str = "/console/keys";
const SCOPES: [(&str, &str); 3] = [
    ("orders:write", "Send orders and change their state"),
    ("orders:read", "Read orders, batches and events"),
    (
        "admin",
        "Administer organisations, keys, catalogues and destinations",
    ),
];

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, get(list).post(create))
        .route("/console/keys/new", get(new))
        .route("/console/keys/{id}/rotate", get(ask_rotate).post(rotate))
        .route("/console/keys/{id}/revoke", get(ask_revoke).post(revoke))
}

/// A key, as `/v1/keys` shows it.
#[derive(Debug, Deserialize)]
struct Key {
    id: String,
    #[serde(default)]
    secret: Option<String>,
    organisations: Option<Vec<String>>,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    requests_per_second: Option<u32>,
    orders_per_second: Option<u32>,
    test: bool,
}

async fn list(visit: Visit) -> Response {
    let query = [("limit", "50"), ("after", visit.query("after"))];
    let keys: Listed<Key> = match visit.get(&api::target("/v1/keys", &query)).await {
        Ok(keys) => keys,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let content = html! {
        div.head {
            p.hint { "Use one key for each program and each person. The secret is shown once, when the key is created." }
            a.button.main href="/console/keys/new" { "New key" }
        }
        @if visit.query("did") == "revoked" { p.notice.good role="status" { "The key was revoked. Requests with it are refused from now on." } }
        @if keys.data.is_empty() { (empty("There are no keys yet.", &html! { p { a href="/console/keys/new" { "Create the first key" } } })) }
        @else { (stack("API keys", &rows(&visit, &keys.data))) }
        (pager(&visit, PATH, &[], keys.next.as_deref()))
    };
    Page::new(&visit, "Keys").show(&content)
}

fn rows(visit: &Visit, keys: &[Key]) -> Markup {
    html! {
        thead { tr { th scope="col" { "Key" } th scope="col" { "Scopes" } th scope="col" { "Organisations" } th scope="col" { "Last used" } th scope="col" { "Created" } th scope="col" { "Actions" } } }
        tbody {
            @for key in keys {
                tr {
                    td.wide {
                        code.id { (key.id) } " "
                        @if key.test { (label("test", "plain")) " " }
                        @if key.revoked_at.is_some() { (label("revoked", "quiet")) }
                        @if key.id == visit.session.key_id { (label("yours", "good")) }
                    }
                    td data-label="Scopes" { span { (key.scopes.join(", ")) } (rates(key)) }
                    td data-label="Organisations" { @match &key.organisations { Some(codes) => bdi { (visible(&some_of(codes))) }, None => "all" } }
                    td data-label="Last used" { @if let Some(at) = &key.last_used_at { (time(at)) } @else { "never" } }
                    td data-label="Created" {
                        (time(&key.created_at))
                        @if let Some(at) = &key.expires_at { p.hint { "expires " (time(at)) } }
                        @if let Some(at) = &key.revoked_at { p.hint { "revoked " (time(at)) } }
                    }
                    td.todo {
                        @if key.revoked_at.is_none() {
                            a href=(format!("{PATH}/{}/rotate", segment(&key.id))) aria-label=(format!("Rotate {}", key.id)) { "Rotate" }
                            " · "
                            a href=(format!("{PATH}/{}/revoke", segment(&key.id))) aria-label=(format!("Revoke {}", key.id)) { "Revoke" }
                        }
                    }
                }
            }
        }
    }
}

fn rates(key: &Key) -> Markup {
    html! {
        @if let Some(rate) = key.requests_per_second { p.hint { (rate) " requests/s" } }
        @if let Some(rate) = key.orders_per_second { p.hint { (rate) " orders/s" } }
    }
}

/// The first codes of a list.
fn some_of(codes: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = codes.iter().take(SHOWN).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match codes.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

async fn new(AdminVisit(visit): AdminVisit) -> Response {
    form_page(
        &visit,
        &|_| String::new(),
        &["orders:write".into(), "orders:read".into()],
        None,
    )
}

/// What the fields of the form are called, beside their names in the API.
const LABELS: [(&str, &str); 5] = [
    ("scopes", "Scopes"),
    ("organisations", "Organisations"),
    ("expires_in", "Expires after"),
    ("orders_per_second", "Maximum orders per second"),
    ("requests_per_second", "Maximum requests per second"),
];

fn form_page(
    visit: &Visit,
    value: &dyn Fn(&str) -> String,
    scopes: &[String],
    refused: Option<&Refused>,
) -> Response {
    let codes = if visit.session.reaches_all {
        "Organisations (codes separated by commas, empty for all)"
    } else {
        "Organisations (codes separated by commas, empty for those of your key)"
    };
    let content = html! {
        (once_field())
        fieldset {
            legend { "Scopes" }
            @for (scope, about) in SCOPES.iter().filter(|(scope, _)| visit.session.may(scope)) {
                label.option { input type="checkbox" name="scope" value=(scope) checked[scopes.iter().any(|one| one == scope)]; span { code { (scope) } " " (about) } }
            }
        }
        (text_field("organisations", codes, &value("organisations")))
        (text_field("expires_in", "Expires after (such as 90d or 12h, empty for never)", &value("expires_in")))
        div.row {
            (text_field("orders_per_second", "Maximum orders per second", &value("orders_per_second")))
            (text_field("requests_per_second", "Maximum requests per second", &value("requests_per_second")))
        }
        label.option { input type="checkbox" name="test" value="true" checked[!value("test").is_empty()]; span { "Test key: requests can ask for simulated failures" } }
        div.actions { button.main type="submit" { "Create key" } a href=(PATH) { "Cancel" } }
    };
    let status = refused.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    Page::new(visit, "New key").status(status).show(&html! {
        @if let Some(refused) = refused { p.notice.bad role="alert" { (visible(&refused.in_words(&LABELS))) } }
        div.narrow { (form(visit, PATH, &content)) }
    })
}

async fn create(posted: Posted) -> Response {
    let visit = &posted.visit;
    if !is_first(posted.field("once")) {
        return page::redirect(PATH);
    }
    let scopes: Vec<String> = posted.fields("scope").map(str::to_owned).collect();
    let codes = posted.field("organisations").split(',').map(str::trim);
    let codes: Vec<&str> = codes.filter(|code| !code.is_empty()).collect();
    let mut body = Map::new();
    body.insert("scopes".into(), json!(scopes));
    if !codes.is_empty() {
        body.insert("organisations".into(), json!(codes));
    } else if visit.session.reaches_all {
        body.insert("all_organisations".into(), true.into());
    } else {
        match own_organisations(visit).await {
            Ok(own) => body.insert("organisations".into(), json!(own)),
            Err(refused) => return again(&posted, &scopes, &refused),
        };
    }
    for name in [
        "expires_in",
        "orders_per_second",
        "requests_per_second",
        "test",
    ] {
        let value = posted.field(name).trim();
        if !value.is_empty() {
            body.insert(name.into(), value.into());
        }
    }
    let body = Value::from(body).to_string();
    let made = visit
        .send(Method::POST, "/v1/keys", Some(body.into()))
        .await;
    let key: Result<Key, _> = made.and_then(|made| made.json());
    match key {
        Ok(key) => shown_once(visit, "New key created", &key),
        Err(refused) => again(&posted, &scopes, &refused),
    }
}

fn again(posted: &Posted, scopes: &[String], refused: &Refused) -> Response {
    let value = |name: &str| posted.field(name).to_owned();
    form_page(&posted.visit, &value, scopes, Some(refused))
}

/// The codes of the organisations that the person's own key reaches.
async fn own_organisations(visit: &Visit) -> Result<Vec<String>, Refused> {
    let who: Who = visit.get("/v1/whoami").await?;
    if who.organisations_total > who.organisations.len() as u64 {
        let detail = "Your key has too many organisations to leave the field empty. Name the organisations of the new key.";
        return Err(Refused {
            detail: detail.to_owned(),
            ..Refused::default()
        });
    }
    Ok(who.organisations)
}

fn shown_once(visit: &Visit, title: &str, key: &Key) -> Response {
    let value = key.secret.as_deref().unwrap_or_default();
    let next = html! { p { a href=(PATH) { "Back to the keys" } } };
    secret(
        visit,
        title,
        &[("Key ID", &key.id), ("Secret", value)],
        &next,
    )
}

/// Looks whether the key of a question exists and can be used. The page to show instead, if not.
async fn missing(visit: &Visit) -> Option<Response> {
    let target = format!("/v1/keys/{}", segment(visit.path("id")));
    match visit.get::<Key>(&target).await {
        Ok(key) if key.revoked_at.is_some() => Some(
            Page::new(visit, "This key is revoked")
                .status(StatusCode::CONFLICT)
                .show(&html! {
                    p { "It cannot be used, rotated or revoked any more." }
                    p { a href=(PATH) { "Back to the keys" } }
                }),
        ),
        Ok(_) => None,
        Err(refused) => Some(page::refused(visit, &refused)),
    }
}

async fn ask_rotate(AdminVisit(visit): AdminVisit) -> Response {
    if let Some(missing) = missing(&visit).await {
        return missing;
    }
    let id = visit.path("id").to_owned();
    Confirm {
        title: "Rotate this key?",
        about: html! { p { "The key " code { (id) } " gets a new secret. The old secret stops working at once." } (once_field()) },
        action: &format!("{PATH}/{}/rotate", segment(&id)),
        button: "Rotate the key",
        back: PATH,
    }
    .show(&visit)
}

async fn rotate(posted: Posted) -> Response {
    let visit = &posted.visit;
    if !is_first(posted.field("once")) {
        return page::redirect(PATH);
    }
    let target = format!("/v1/keys/{}/rotate", segment(visit.path("id")));
    let made = visit.send(Method::POST, &target, Some("{}".into())).await;
    let key: Result<Key, _> = made.and_then(|made| made.json());
    match key {
        Ok(key) => shown_once(visit, "New secret of the key", &key),
        Err(refused) => page::refused(visit, &refused),
    }
}

async fn ask_revoke(AdminVisit(visit): AdminVisit) -> Response {
    if let Some(missing) = missing(&visit).await {
        return missing;
    }
    let id = visit.path("id").to_owned();
    let is_own = id == visit.session.key_id;
    Confirm {
        title: "Revoke this key?",
        about: html! {
            p { "The key " code { (id) } " stops working at once. This cannot be undone. Console sessions of this key end." }
            @if is_own { p.notice.warm { "You are signed in with this key. Revoking it signs you out." } }
        },
        action: &format!("{PATH}/{}/revoke", segment(&id)),
        button: "Revoke the key",
        back: PATH,
    }
    .show(&visit)
}

async fn revoke(posted: Posted) -> Response {
    let visit = &posted.visit;
    let target = format!("/v1/keys/{}", segment(visit.path("id")));
    match visit.send(Method::DELETE, &target, None).await {
        Ok(_) => page::redirect("/console/keys?did=revoked"),
        Err(refused) => page::refused(visit, &refused),
    }
}
