//! `/console/customers`: the customers of an organisation.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use crate::parts::{Entries, label, visible};
use crate::visit::{Posted, Shared, Visit};

const CUSTOMERS: Entries<Customer> = Entries {
    path: "/console/customers",
    title: "Customers",
    what: "customers",
    label: "Customers",
    searches: &[("email", "E-mail address"), ("id", "Number")],
    example: "id,email,first_name,last_name\n1001,ann@example.com,Ann,Archer",
    about: |_| html! {},
    rows,
};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(CUSTOMERS.path, get(list).post(load))
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

async fn list(visit: Visit) -> Response {
    CUSTOMERS.list(&visit).await
}

async fn load(posted: Posted) -> Response {
    CUSTOMERS.load(&posted).await
}

fn rows(customers: &[Customer]) -> Markup {
    html! {
        thead { tr { th.number scope="col" { "Number" } th scope="col" { "Name" } th scope="col" { "E-mail address" } th scope="col" { "State" } } }
        tbody {
            @for one in customers {
                tr {
                    td.number data-label="Number" { (one.id) }
                    td.wide { bdi { (visible(one.first_name.as_deref().unwrap_or_default())) " " (visible(one.last_name.as_deref().unwrap_or_default())) } }
                    td data-label="E-mail address" { bdi { (visible(one.email.as_deref().unwrap_or_default())) } }
                    td data-label="State" { @if one.wants_new_password { (label("asked for a new password", "plain")) } }
                }
            }
        }
    }
}
