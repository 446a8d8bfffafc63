//! `/console/catalogue`: the products of an organisation, and their stock.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::segment;
use crate::parts::{Entries, Organisation, count, label, visible};
use crate::visit::{Posted, Shared, Visit};

const PRODUCTS: Entries<Product> = Entries {
    path: "/console/catalogue",
    title: "Catalogue",
    what: "products",
    label: "Products",
    searches: &[("sku", "SKU"), ("ean", "EAN"), ("id", "Number")],
    example: "sku,name,stock,price,currency,active\nTEA-7,Green tea,120,55.10,GBP,true",
    about: mode,
    rows,
};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PRODUCTS.path, get(list).post(load))
}

/// A product, as `/v1` shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Product {
    id: Option<u64>,
    sku: Option<String>,
    ean: Option<String>,
    active: bool,
    warehouse: Option<String>,
    stock: u64,
    price: Option<String>,
    currency: Option<String>,
    name: Option<String>,
}

async fn list(visit: Visit) -> Response {
    PRODUCTS.list(&visit).await
}

async fn load(posted: Posted) -> Response {
    PRODUCTS.load(&posted).await
}

fn mode(organisation: &Organisation) -> Markup {
    let settings = format!("/console/organisations/{}", segment(&organisation.code));
    html! {
        p.subtitle {
        @if organisation.catalogue == "enforced" {
            (label("enforced", "good")) " Unknown products are rejected, and orders take stock. "
        } @else {
            (label("open", "quiet")) " Orders are not checked against the catalogue. "
        }
        a href=(settings) { "Change this setting" }
        }
    }
}

fn rows(products: &[Product]) -> Markup {
    html! {
        thead { tr { th scope="col" { "SKU" } th scope="col" { "Name" } th.number scope="col" { "Stock" } th.number scope="col" { "Price" } th scope="col" { "EAN" } th.number scope="col" { "Number" } th scope="col" { "State" } } }
        tbody {
            @for one in products {
                tr {
                    td.wide { bdi { (visible(one.sku.as_deref().unwrap_or("–"))) } }
                    td data-label="Name" { bdi { (visible(one.name.as_deref().unwrap_or_default())) } @if let Some(warehouse) = &one.warehouse { p.hint { bdi { (visible(warehouse)) } } } }
                    td.number data-label="Stock" { (count(one.stock)) }
                    td.number data-label="Price" { (one.price.as_deref().unwrap_or_default()) " " (one.currency.as_deref().unwrap_or_default()) }
                    td data-label="EAN" { (visible(one.ean.as_deref().unwrap_or_default())) }
                    td.number data-label="Number" { @if let Some(id) = one.id { (id) } }
                    td data-label="State" { @if one.active { (label("active", "good")) } @else { (label("not active", "quiet")) } }
                }
            }
        }
    }
}
