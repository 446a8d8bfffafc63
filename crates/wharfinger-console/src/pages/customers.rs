//! `/console/customers`: the customers of an organisation.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::{self, segment};
use crate::page::{self, Page};
use crate::parts::{
    Listed, Loaded, NotLoaded, empty, label, load, pager, paste_form, table, text_field,
};
use crate::visit::{Posted, Shared, Visit};

const PATH: &str = "/console/customers";
const EXAMPLE: &str = "id,email,first_name,last_name\n1001,ann@example.com,Ann,Archer";

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, get(list).post(load_customers))
}

/// A customer, as `/v1` shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Customer {
    id: u64,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    wants_new_password: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Organisation {
    code: String,
}

/// The organisation of the page: the one that is named, or the first.
async fn organisation(visit: &Visit, named: &str) -> Result<Option<Organisation>, Response> {
    let told = |refused| page::refused(visit, &refused);
    if !named.is_empty() {
        let target = format!("/v1/organisations/{}", segment(named));
        let found = visit.get(&target);
        return found.await.map(Some).map_err(told);
    }
    let found: Listed<Organisation> = visit.get("/v1/organisations?limit=1").await.map_err(told)?;
    Ok(found.data.into_iter().next())
}

async fn list(visit: Visit) -> Response {
    show(&visit, visit.query("organisation"), None, "").await
}

async fn load_customers(posted: Posted) -> Response {
    let code = posted.field("organisation");
    let loaded = load(&posted, code, "customers").await;
    let pasted = match &loaded {
        Ok(loaded) if loaded.is_whole() => "",
        Ok(_) | Err(_) => posted.field("entries"),
    };
    show(&posted.visit, code, Some(loaded), pasted).await
}

async fn show(
    visit: &Visit,
    named: &str,
    loaded: Option<Result<Loaded, NotLoaded>>,
    pasted: &str,
) -> Response {
    let organisation = match organisation(visit, named).await {
        Ok(Some(organisation)) => organisation,
        Ok(None) => {
            let next = html! { a href="/console/organisations/new" { "Make the first one" } };
            return Page::new(visit, "Customers")
                .show(&empty("There are no organisations.", &next));
        }
        Err(told) => return told,
    };
    let code = organisation.code.as_str();
    let filters = [("id", visit.query("id")), ("email", visit.query("email"))];
    let mut query = filters.to_vec();
    query.extend([("limit", "50"), ("after", visit.query("after"))]);
    let target = format!("/v1/organisations/{}/customers", segment(code));
    let customers: Listed<Customer> = match visit.get(&api::target(&target, &query)).await {
        Ok(customers) => customers,
        Err(refused) => return page::refused(visit, &refused),
    };
    let mut kept = vec![("organisation", code)];
    kept.extend(filters);
    let status = match &loaded {
        Some(Err(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let content = html! {
        @match &loaded {
            Some(Ok(loaded)) => (loaded.show()),
            Some(Err(why)) => p.notice.bad role="alert" { (why.sentence()) },
            None => {}
        }
        form.filters method="get" action=(PATH) {
            (text_field("organisation", "Organisation", code))
            (text_field("email", "E-mail address", visit.query("email")))
            (text_field("id", "Number", visit.query("id")))
            button type="submit" { "Search" }
        }
        @if customers.data.is_empty() { (empty("There are no such customers.", &html! {})) }
        @else { (table("Customers", &rows(&customers.data))) }
        (pager(visit, PATH, &kept, customers.next.as_deref()))
        h2 { "Add or change customers" }
        (paste_form(visit, PATH, code, EXAMPLE, pasted))
    };
    Page::new(visit, "Customers").status(status).show(&content)
}

fn rows(customers: &[Customer]) -> Markup {
    html! {
        thead { tr { th.number scope="col" { "Number" } th scope="col" { "Name" } th scope="col" { "E-mail address" } th scope="col" { "State" } } }
        tbody {
            @for one in customers {
                tr {
                    td.number { (one.id) }
                    td { bdi { (one.first_name.as_deref().unwrap_or_default()) " " (one.last_name.as_deref().unwrap_or_default()) } }
                    td { bdi { (one.email.as_deref().unwrap_or_default()) } }
                    td { @if one.wants_new_password { (label("asked for a new password", "plain")) } }
                }
            }
        }
    }
}
