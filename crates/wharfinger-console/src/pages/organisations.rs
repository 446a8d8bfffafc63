//! `/console/organisations`: organisations are listed, created and set up.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use crate::api::{self, Refused, segment};
use crate::page::{self, Page};
use crate::parts::{Listed, empty, form, label, pager, select, stack, text_field, visible};
use crate::visit::{AdminVisit, Posted, Shared, Visit};

const PATH: &str = "/console/organisations";

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, get(list).post(create))
        .route("/console/organisations/new", get(new))
        .route("/console/organisations/{code}", get(show).post(change))
}

/// An organisation, as `/v1/organisations` shows it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Organisation {
    code: String,
    name: String,
    customer_orders_enabled: bool,
    catalogue: String,
    time_zone: String,
    list_sort: String,
}

async fn list(visit: Visit) -> Response {
    let query = [("limit", "100"), ("after", visit.query("after"))];
    let target = api::target("/v1/organisations", &query);
    let found: Listed<Organisation> = match visit.get(&target).await {
        Ok(found) => found,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let may_create = visit.session.may_see_server();
    let content = html! {
        div.head {
            p.hint { "Each order belongs to an organisation, such as a shop or a brand." }
            // Others are always refused.
            @if may_create { a.button.main href="/console/organisations/new" { "New organisation" } }
        }
        @if found.data.is_empty() { (empty("There are no organisations yet.", &html! { @if may_create { p { a href="/console/organisations/new" { "Create the first organisation" } } } })) }
        @else { (stack("Organisations", &rows(&found.data))) }
        (pager(&visit, PATH, &[], found.next.as_deref()))
    };
    Page::new(&visit, "Organisations").show(&content)
}

fn rows(organisations: &[Organisation]) -> Markup {
    html! {
        thead { tr { th scope="col" { "Code" } th scope="col" { "Name" } th scope="col" { "Orders" } th scope="col" { "Catalogue" } th scope="col" { "Time zone" } } }
        tbody {
            @for one in organisations {
                tr {
                    td.wide { a href=(format!("{PATH}/{}", segment(&one.code))) { bdi { (visible(&one.code)) } } }
                    td data-label="Name" { bdi { (visible(&one.name)) } }
                    td data-label="Orders" { @if one.customer_orders_enabled { (label("accepted", "good")) } @else { (label("refused", "warm")) } }
                    td data-label="Catalogue" { (one.catalogue) }
                    td data-label="Time zone" { (one.time_zone) }
                }
            }
        }
    }
}

async fn new(AdminVisit(visit): AdminVisit) -> Response {
    let organisation = Organisation {
        customer_orders_enabled: true,
        ..Organisation::default()
    };
    new_page(&visit, &organisation, None)
}

fn new_page(visit: &Visit, organisation: &Organisation, refused: Option<&Refused>) -> Response {
    let content = html! {
        (text_field("code", "Code (letters, digits, -, _ and .). Cannot be changed later", &organisation.code))
        (settings(organisation))
        div.actions { button.main type="submit" { "Create organisation" } a href=(PATH) { "Cancel" } }
    };
    let page = Page::new(visit, "New organisation");
    page.status(status(refused)).show(&html! {
        (complaint(refused))
        div.narrow { (form(visit, PATH, &content)) }
    })
}

fn status(refused: Option<&Refused>) -> StatusCode {
    refused.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY)
}

/// What the fields of the form are called, beside their names in the API.
const LABELS: [(&str, &str); 5] = [
    ("code", "Code"),
    ("name", "Name"),
    ("catalogue", "Catalogue"),
    ("time_zone", "Time zone"),
    ("list_sort", "Sort order"),
];

fn complaint(refused: Option<&Refused>) -> Markup {
    html! { @if let Some(refused) = refused { p.notice.bad role="alert" { (visible(&refused.in_words(&LABELS))) } } }
}

fn settings(organisation: &Organisation) -> Markup {
    html! {
        (text_field("name", "Name", &organisation.name))
        label.option { input type="checkbox" name="customer_orders_enabled" value="true" checked[organisation.customer_orders_enabled]; span { "Accept orders" } }
        (select("catalogue", "Catalogue", &organisation.catalogue, &[
            ("open", "Open: orders are not checked against it"),
            ("enforced", "Enforced: unknown products are rejected, and orders take stock"),
        ]))
        (text_field("time_zone", "Time zone of dates that name none, such as Europe/Stockholm", &organisation.time_zone))
        (select("list_sort", "Sort order of orders in lists", &organisation.list_sort, &[
            ("desc", "Newest first"),
            ("asc", "Oldest first"),
        ]))
    }
}

fn of(posted: &Posted, code: &str) -> Organisation {
    let text = |name: &str| posted.field(name).trim().to_owned();
    Organisation {
        code: code.to_owned(),
        name: text("name"),
        customer_orders_enabled: !text("customer_orders_enabled").is_empty(),
        catalogue: text("catalogue"),
        time_zone: text("time_zone"),
        list_sort: text("list_sort"),
    }
}

/// The body of a request that makes an organisation, or changes it.
fn body(organisation: &Organisation, is_new: bool) -> String {
    let mut body = json!({
        "name": organisation.name,
        "customer_orders_enabled": organisation.customer_orders_enabled,
        "catalogue": organisation.catalogue,
        "time_zone": organisation.time_zone,
        "list_sort": organisation.list_sort,
    });
    if is_new {
        body["code"] = organisation.code.as_str().into();
    }
    body.to_string()
}

async fn create(posted: Posted) -> Response {
    let visit = &posted.visit;
    let organisation = of(&posted, posted.field("code").trim());
    let body = body(&organisation, true);
    match visit
        .send(Method::POST, "/v1/organisations", Some(body.into()))
        .await
    {
        Ok(_) => page::redirect(&format!(
            "{PATH}/{}?done=saved",
            segment(&organisation.code)
        )),
        Err(refused) => new_page(visit, &organisation, Some(&refused)),
    }
}

fn target(code: &str) -> String {
    format!("/v1/organisations/{}", segment(code))
}

async fn show(visit: Visit) -> Response {
    match visit.get(&target(visit.path("code"))).await {
        Ok(organisation) => settings_page(&visit, &organisation, None),
        Err(refused) => page::refused(&visit, &refused),
    }
}

fn settings_page(
    visit: &Visit,
    organisation: &Organisation,
    refused: Option<&Refused>,
) -> Response {
    let code = segment(&organisation.code);
    let content = html! {
        (settings(organisation))
        div.actions { button.main type="submit" { "Save" } }
    };
    let page = Page::new(visit, &*organisation.code)
        .done(&["saved"])
        .status(status(refused));
    page.show(&html! {
        (complaint(refused))
        p.subtitle {
            a href=(format!("/console/catalogue?organisation={code}")) { "Catalogue" } " · "
            a href=(format!("/console/customers?organisation={code}")) { "Customers" } " · "
            a href=(format!("{PATH}/{code}/rules")) { "Rules" } " · "
            a href=(format!("/console/audit?organisation={code}")) { "Audit log" }
        }
        div.narrow { (form(visit, &format!("{PATH}/{code}"), &content)) }
    })
}

async fn change(posted: Posted) -> Response {
    let visit = &posted.visit;
    let organisation = of(&posted, visit.path("code"));
    let body = body(&organisation, false);
    match visit
        .send(
            Method::PATCH,
            &target(&organisation.code),
            Some(body.into()),
        )
        .await
    {
        Ok(_) => page::redirect(&format!(
            "{PATH}/{}?done=saved",
            segment(&organisation.code)
        )),
        Err(refused) if refused.is_not_found() => page::not_found(Some(visit)),
        Err(refused) => settings_page(visit, &organisation, Some(&refused)),
    }
}
