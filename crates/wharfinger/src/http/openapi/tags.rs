//! Groups of routes. The page and other tools show each group under its own heading.

use serde_json::{Value, json};
use wharfinger_core::dialects;

use super::super::routes::{ENDPOINTS, Endpoint};

/// Groups of the native API: name, description, and what a path of the group contains. The first that fits is taken.
const RESOURCES: [(&str, &str, &str); 15] = [
    (
        "Products",
        "Products of an organisation's catalogue and their stock.",
        "/products",
    ),
    (
        "Customers",
        "Customers of an organisation, and the erasure of a person.",
        "/customers",
    ),
    (
        "Batches",
        "Submit orders in batches, and read the receipt of each batch.",
        "/v1/batches",
    ),
    (
        "Rejections",
        "Rejected orders of all batches: read them, send them again, or dismiss them.",
        "/v1/rejections",
    ),
    (
        "Imports",
        "Send a file of any size, in one request or in parts that can be resumed.",
        "/v1/imports",
    ),
    (
        "Orders",
        "Read stored orders, mark them as processed, cancel them, and report their fulfilment.",
        "/v1/orders",
    ),
    (
        "Events",
        "The feed of everything that happens to orders.",
        "/v1/events",
    ),
    (
        "Destinations",
        "Webhooks and other places that events are delivered to.",
        "/v1/destinations",
    ),
    (
        "Statistics",
        "Outcomes of orders over time, and why orders were rejected.",
        "/v1/stats",
    ),
    (
        "Statistics",
        "Outcomes of orders over time, and why orders were rejected.",
        "/v1/errors",
    ),
    (
        "Organisations",
        "The organisations that orders belong to.",
        "/v1/organisations",
    ),
    (
        "Keys",
        "API keys, their scopes and their organisations.",
        "/v1/keys",
    ),
    (
        "Keys",
        "API keys, their scopes and their organisations.",
        "/v1/whoami",
    ),
    ("Limits", "The limits that apply to a key.", "/v1/limits"),
    (
        "Audit",
        "The log of administrative changes and of changes of orders.",
        "/v1/audit",
    ),
];

/// The group of a route. Routes of a vendor's dialect form one group, named after the dialect.
pub(super) fn tag(endpoint: &Endpoint) -> String {
    let dialect = endpoint.dialect.id();
    if dialect != dialects::OWN.id() {
        return format!("Dialect {dialect}");
    }
    let path = endpoint.operation.path;
    let mut resources = RESOURCES.iter();
    let resource = resources.find(|(_, _, part)| path.contains(part));
    resource.map_or(dialect, |(name, _, _)| *name).to_owned()
}

/// The groups: those of the native API, in the order of its routes, then the dialects of vendors.
pub(super) fn tags() -> Vec<Value> {
    let is_own = |endpoint: &&Endpoint| endpoint.dialect.id() == dialects::OWN.id();
    let own = ENDPOINTS.iter().filter(is_own);
    let vendors = ENDPOINTS.iter().filter(|endpoint| !is_own(endpoint));
    let mut names = Vec::new();
    for name in own.chain(vendors).map(tag) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().map(|name| described(name)).collect()
}

fn described(name: &str) -> Value {
    let known = RESOURCES.iter().find(|(known, _, _)| *known == name);
    let about = known.map_or(
        "Routes, requests and responses as this vendor's clients expect them.",
        |(_, about, _)| *about,
    );
    json!({"name": name, "description": about})
}
