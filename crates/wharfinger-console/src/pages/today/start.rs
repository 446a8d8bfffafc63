//! What to do first, where nothing has come in yet.

use maud::{Markup, html};

use super::Scope;
use crate::parts::Who;
use crate::visit::Visit;

/// An order that every new organisation accepts.
const EXAMPLE: &str =
    r#"{"key":"FIRST-1","placed_at":"2026-11-30","lines":[{"sku":"TEA-7","quantity":2}]}"#;

pub(super) fn show(visit: &Visit, scope: &Scope<'_>, who: &Who) -> Markup {
    let first = who.organisations.first().map(String::as_str);
    let organisation = match scope.organisation {
        "" => first.unwrap_or("ORGANISATION"),
        chosen => chosen,
    };
    let server = &visit.server;
    html! {
        section.start {
            h2 { "Send a first order" }
            @if who.organisations_total == 0 {
                p { "Your key reaches no organisation yet. "
                    @if visit.session.may("admin") { a href="/console/organisations" { "Create one" } " first." }
                    @else { "Ask an administrator for a key of an organisation." }
                }
            } @else if visit.session.may("orders:write") {
                p { "No batch has come in yet. " a href="/console/upload" { "Upload a file" } ", or send one order from a terminal. "
                    "Put the secret of your key in the place of " code { "SECRET" } "." }
                pre tabindex="0" {
                    "curl '" (server) "/v1/batches?organisation=" (organisation) "' \\\n"
                    "  -H 'Authorization: Bearer SECRET' \\\n"
                    "  -H 'Content-Type: application/x-ndjson' \\\n"
                    "  -d '" (EXAMPLE) "'"
                }
                p.hint { "It appears here at once. All requests and formats: " a href="/docs" { "the description of the API" } "." }
            } @else {
                p { "No batch has come in yet. Your key only reads; a key with the scope " code { "orders:write" } " sends orders." }
            }
        }
    }
}
