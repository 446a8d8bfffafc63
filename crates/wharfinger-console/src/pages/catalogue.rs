//! `/console/catalogue`: the products of an organisation, and their stock.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::{self, segment};
use crate::page::{self, Page};
use crate::parts::{
    Listed, Loaded, NotLoaded, count, empty, label, load, pager, paste_form, table, text_field,
};
use crate::visit::{Posted, Shared, Visit};

const PATH: &str = "/console/catalogue";
const EXAMPLE: &str = "sku,name,stock,price,currency,active\nTEA-7,Green tea,120,55.10,GBP,true";

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, get(list).post(load_products))
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Organisation {
    code: String,
    catalogue: String,
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

async fn load_products(posted: Posted) -> Response {
    let code = posted.field("organisation");
    let loaded = load(&posted, code, "products").await;
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
            return Page::new(visit, "Catalogue")
                .show(&empty("There are no organisations.", &next));
        }
        Err(told) => return told,
    };
    let code = organisation.code.as_str();
    let filters = [
        ("id", visit.query("id")),
        ("sku", visit.query("sku")),
        ("ean", visit.query("ean")),
    ];
    let mut query = filters.to_vec();
    query.extend([("limit", "50"), ("after", visit.query("after"))]);
    let target = format!("/v1/organisations/{}/products", segment(code));
    let products: Listed<Product> = match visit.get(&api::target(&target, &query)).await {
        Ok(products) => products,
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
        p.subtitle { (mode(&organisation)) }
        form.filters method="get" action=(PATH) {
            (text_field("organisation", "Organisation", code))
            (text_field("sku", "SKU", visit.query("sku")))
            (text_field("ean", "EAN", visit.query("ean")))
            (text_field("id", "Number", visit.query("id")))
            button type="submit" { "Search" }
        }
        @if products.data.is_empty() { (empty("There are no such products.", &html! {})) }
        @else { (table("Products", &rows(&products.data))) }
        (pager(visit, PATH, &kept, products.next.as_deref()))
        h2 { "Add or change products" }
        (paste_form(visit, PATH, code, EXAMPLE, pasted))
    };
    Page::new(visit, "Catalogue").status(status).show(&content)
}

fn mode(organisation: &Organisation) -> Markup {
    let settings = format!("/console/organisations/{}", segment(&organisation.code));
    html! {
        @if organisation.catalogue == "enforced" {
            (label("enforced", "good")) " Unknown products are rejected, and orders take stock. "
        } @else {
            (label("open", "quiet")) " Orders are not compared with the catalogue. "
        }
        a href=(settings) { "Change it" }
    }
}

fn rows(products: &[Product]) -> Markup {
    html! {
        thead { tr { th scope="col" { "SKU" } th scope="col" { "Name" } th.number scope="col" { "Stock" } th.number scope="col" { "Price" } th scope="col" { "EAN" } th.number scope="col" { "Number" } th scope="col" { "State" } } }
        tbody {
            @for one in products {
                tr {
                    td { bdi { (one.sku.as_deref().unwrap_or("–")) } }
                    td { bdi { (one.name.as_deref().unwrap_or_default()) } @if let Some(warehouse) = &one.warehouse { p.hint { bdi { (warehouse) } } } }
                    td.number { (count(one.stock)) }
                    td.number { (one.price.as_deref().unwrap_or_default()) " " (one.currency.as_deref().unwrap_or_default()) }
                    td { (one.ean.as_deref().unwrap_or_default()) }
                    td.number { @if let Some(id) = one.id { (id) } }
                    td { @if one.active { (label("sold", "good")) } @else { (label("not sold", "quiet")) } }
                }
            }
        }
    }
}
