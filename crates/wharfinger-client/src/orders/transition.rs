//! Marks orders as processed or cancelled over HTTP, by id or by order key.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::http::{Client, Refusal, Request};
use crate::pages::Query;

/// Orders of one request, at most. The server takes no more.
const ORDERS_MAX: usize = 10_000;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Which orders are meant.
#[derive(Clone, Copy, Debug)]
pub enum Named<'n> {
    /// Those with these ids.
    Ids(&'n [String]),
    /// Those with these order keys, of an organisation and a dialect.
    Keys {
        /// The code of the organisation.
        organisation: &'n str,
        /// The dialect's id.
        dialect: &'n str,
        /// The order keys.
        keys: &'n [String],
    },
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transitioned {
    /// The id or the order key, as the user named the order.
    pub name: String,
    /// Whether the order was changed.
    pub is_changed: bool,
    /// The new state, or why the order was not changed.
    pub result: String,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<OneResult>,
}

#[derive(Deserialize)]
struct OneResult {
    outcome: String,
    /// Why the order was not changed.
    message: Option<String>,
}

#[derive(Deserialize)]
struct FoundPage {
    data: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    id: String,
}

/// Changes orders. `verb` is the route's last part: `process` or `cancel`. Calls `tell` with what became of each, in order.
///
/// # Errors
/// The server cannot be reached, or refuses the request as a whole.
pub fn transition(
    client: &Client,
    verb: &str,
    named: Named<'_>,
    mut tell: impl FnMut(Transitioned) -> Result<()>,
) -> Result<()> {
    let names = match named {
        Named::Ids(names) | Named::Keys { keys: names, .. } => names,
    };
    for names in names.chunks(ORDERS_MAX) {
        let ids = match named {
            Named::Ids(_) => names.to_vec(),
            Named::Keys {
                organisation,
                dialect,
                ..
            } => ids_of(client, organisation, dialect, names)?,
        };
        for (name, result) in names.iter().zip(change(client, verb, &ids)?) {
            tell(Transitioned {
                name: name.clone(),
                is_changed: result.message.is_none(),
                result: result.message.unwrap_or(result.outcome),
            })?;
        }
    }
    Ok(())
}

/// The ids of orders by their keys. A key that no order has gets an id that no order has, which the server answers as unknown.
fn ids_of(
    client: &Client,
    organisation: &str,
    dialect: &str,
    keys: &[String],
) -> Result<Vec<String>> {
    let find = |key: &String| {
        let query = Query::default()
            .with("organisation", Some(organisation))
            .with("dialect", Some(dialect))
            .with("key", Some(key))
            .with("limit", Some(1));
        let page: FoundPage = client.get(&query.of("/v1/orders"))?;
        let found = page.data.into_iter().next();
        Ok(found.map_or_else(|| "none".to_owned(), |found| found.id))
    };
    keys.iter().map(find).collect()
}

fn change(client: &Client, verb: &str, ids: &[String]) -> Result<Vec<OneResult>> {
    let body = json!({ "ids": ids }).to_string();
    let target = format!("/v1/orders/{verb}");
    let request = Request {
        method: "POST",
        target: &target,
        headers: &[("content-type", "application/json")],
        body: body.as_bytes(),
        timeout: Some(TIMEOUT),
    };
    let response = client.send(&request)?;
    // 422 has results too, if no order was changed. If the request is refused as a whole, it has problem details.
    let is_problem = response.header("content-type") == Some("application/problem+json");
    let is_told = response.status.is_success() || (response.status == 422 && !is_problem);
    if !is_told {
        return Err(Refusal::of(response).into());
    }
    let answer: Answer = response.json()?;
    ensure!(
        answer.results.len() == ids.len(),
        "the server answered for {} of {} orders",
        answer.results.len(),
        ids.len()
    );
    Ok(answer.results)
}
