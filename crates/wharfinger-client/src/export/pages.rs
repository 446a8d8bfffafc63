//! The list of orders of a server, page by page.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Export, Writer};
use crate::http::{Client, Patient, Request, Wait};
use crate::terminal::complain;

/// Orders of a page.
const PAGE_ORDERS: &str = "500";

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// An order in the form that was asked for.
#[derive(Deserialize)]
struct InForm {
    key: String,
    #[serde(default)]
    missing: Vec<String>,
    order: Box<RawValue>,
}

/// Writes every order of the list.
///
/// # Errors
/// The server cannot be reached or refuses, or the orders cannot be written.
pub(super) fn each(client: &Client, export: &Export, writer: &mut Writer<'_>) -> Result<()> {
    let on_wait = |wait: &Wait| {
        let pause = wait.pause.as_secs_f32().ceil();
        complain(format_args!("{}; trying again in {pause} s", wait.why));
    };
    let patient = Patient::new(client, export.patience, &on_wait);
    let mut after = None;
    loop {
        let target = target(export, after.as_deref());
        let answered = patient.send(&Request::get(&target))?;
        if !answered.status.is_success() {
            return Err(answered.refusal().into());
        }
        let page: Page = serde_json::from_slice(&answered.body)
            .context("the response is not the expected JSON; is this a Wharfinger server?")?;
        for order in &page.data {
            match export.form {
                None => writer.order(order)?,
                Some(_) => {
                    let order: InForm = serde_json::from_str(order.get())?;
                    writer.in_form(&order.key, &order.missing, order.order.get())?;
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The request of a page.
fn target(export: &Export, after: Option<&str>) -> String {
    let filters = &export.filters;
    let text = |text: &Option<String>| text.clone();
    let parameters = [
        ("organisation", text(&filters.org)),
        ("state", text(&filters.state)),
        ("dialect", text(&filters.dialect)),
        ("key", text(&filters.key)),
        ("number", filters.number.map(|number| number.to_string())),
        ("email", text(&filters.email)),
        ("batch", filters.batch.map(|batch| batch.to_string())),
        (
            "created_after",
            filters.created_after.map(|time| time.to_string()),
        ),
        (
            "created_before",
            filters.created_before.map(|time| time.to_string()),
        ),
        (
            "updated_after",
            filters.updated_after.map(|time| time.to_string()),
        ),
        ("as", text(&export.form)),
        ("limit", Some(PAGE_ORDERS.to_owned())),
        ("after", after.map(str::to_owned)),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    format!("/v1/orders?{}", query.finish())
}
