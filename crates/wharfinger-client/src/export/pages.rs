//! The list of orders of a server, page by page.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Export, Writer};
use crate::http::{Client, Patient, Request, Wait};
use crate::pages::Page;
use crate::terminal::complain;

/// Orders of a page.
const PAGE_ORDERS: &str = "500";

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
    let mut after: Option<String> = None;
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
        after = page.next(after.as_deref())?;
        if after.is_none() || export.is_unread() {
            return Ok(());
        }
    }
}

/// The request of a page.
fn target(export: &Export, after: Option<&str>) -> String {
    export
        .filters
        .query()
        .with("as", export.form.as_ref())
        .with("limit", Some(PAGE_ORDERS))
        .with("after", after)
        .of("/v1/orders")
}
