//! What to do first, where nothing has come in yet.

use axum::response::Response;
use maud::{Markup, html};

use super::Scope;
use crate::page::Page;
use crate::parts::Who;
use crate::visit::Visit;

/// An order that every new organisation accepts.
const EXAMPLE: &str =
    r#"{"key":"FIRST-1","placed_at":"2026-11-30","lines":[{"sku":"TEA-7","quantity":2}]}"#;

/// The first page of a key that does not read orders: what it can do.
pub(super) async fn without_orders(visit: &Visit) -> Response {
    let who = visit.get::<Who>("/v1/whoami").await.unwrap_or_default();
    let content = html! {
        p.lead { "Your key does not read orders, so there are no figures for it here." }
        @if visit.session.may("orders:write") {
            p { a.button.main href="/console/upload" { "Upload a file of orders" } }
            section.start {
                h2 { "Send orders from a program" }
                (request(visit, &who, ""))
            }
        }
        @if visit.session.may("admin") {
            @if visit.session.may_see_server() {
                p { "You can administer this server. " a href="/console/server" { "View the state of the server" } ", or choose a page in the navigation." }
            } @else {
                p { "You can administer the organisations of your key. Choose a page in the navigation." }
            }
        }
        p.hint { "To see orders, batches and errors, sign in with a key that has the scope " code { "orders:read" } "." }
    };
    Page::new(visit, "Start").show(&content)
}

/// A request that sends one order, for a terminal.
fn request(visit: &Visit, who: &Who, chosen: &str) -> Markup {
    let first = who.organisations.first().map(String::as_str);
    let organisation = match chosen {
        "" => first.unwrap_or("ORGANISATION"),
        chosen => chosen,
    };
    let server = &visit.server;
    html! {
        p { "This request sends one order. Replace " code { "SECRET" } " with the secret of your key." }
        pre tabindex="0" {
            "curl '" (server) "/v1/batches?organisation=" (organisation) "' \\\n"
            "  -H 'Authorization: Bearer SECRET' \\\n"
            "  -H 'Content-Type: application/x-ndjson' \\\n"
            "  -d '" (EXAMPLE) "'"
        }
        p.hint { "All requests and formats are in the " a href="/docs" { "API documentation" } "." }
    }
}

pub(super) fn show(visit: &Visit, scope: &Scope<'_>, who: &Who) -> Markup {
    html! {
        section.start {
            h2 { "Send a first order" }
            @if who.organisations_total == 0 {
                p { "Your key has no organisation yet. "
                    @if visit.session.may_see_server() { a href="/console/organisations/new" { "Create an organisation" } " first." }
                    @else { "Ask an administrator for a key of an organisation." }
                }
            } @else if visit.session.may("orders:write") {
                p { "No batch was received yet. " a href="/console/upload" { "Upload a file of orders" } ", or send one from a terminal. It appears here at once." }
                (request(visit, who, scope.organisation))
            } @else {
                p { "No batch was received yet. To send orders, use a key with the scope " code { "orders:write" } "." }
            }
        }
    }
}
