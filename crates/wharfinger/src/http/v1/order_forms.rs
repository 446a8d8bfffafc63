//! Orders of a list in the form of any dialect.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use wharfinger_core::convert::{self, RenderAs};
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::reading::moment::rfc3339_of_unix_ms;

use super::answer::{OrderPage, ok};
use crate::intake::app::App;
use crate::intake::without_blocking_others;
use crate::store::{FoundOrder, ListPage};

/// Bytes of rendered orders at which a page is full. An order in another form can be much longer than its text.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// An order in the form that the parameter `as` names.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OrderInForm")]
pub(super) struct InForm {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    organisation: String,
    key: String,
    /// The dialect that the order was submitted in.
    dialect: String,
    state: &'static str,
    revision: u32,
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
    /// What the form requires and the order lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<&'static str>,
    /// The order in that form.
    #[schemars(with = "serde_json::Value")]
    order: Box<RawValue>,
}

impl InForm {
    fn of(found: &FoundOrder, form: RenderAs) -> Result<Self, RequestFailure> {
        let stored = &found.order;
        let from = dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?;
        let rendered = convert::render(stored, from, form);
        let text = String::from_utf8(rendered.body).map_err(|_| RequestFailure::Internal)?;
        Ok(Self {
            id: stored.id.to_string(),
            organisation: stored.organisation.clone(),
            key: stored.key.clone(),
            dialect: found.dialect.clone(),
            state: stored.state.name(),
            revision: stored.revision,
            updated_at: rfc3339_of_unix_ms(stored.updated_at_ms),
            missing: rendered.missing,
            order: RawValue::from_string(text).map_err(|_| RequestFailure::Internal)?,
        })
    }
}

/// A page of a list, if it was not too long.
pub(super) enum Rendered {
    /// The response.
    Page(Response),
    /// The page is full after so many orders. It must be read again with this limit, to get the cursor after them.
    FullAfter(usize),
}

/// Brings the orders of a page into a form. `next` is the cursor after the page.
///
/// # Errors
/// The server is stopping, or a stored order cannot be read.
pub(super) async fn render_page(
    app: &App,
    page: &ListPage,
    next: Option<String>,
    form: RenderAs,
) -> Result<Rendered, RequestFailure> {
    let texts = page.orders.iter().flat_map(|found| &found.order.texts);
    let text_bytes = texts.map(String::len).sum();
    let render = || -> Result<Rendered, RequestFailure> {
        let mut data = Vec::with_capacity(page.orders.len());
        let mut bytes = 0;
        for found in &page.orders {
            let order = InForm::of(found, form)?;
            bytes += order.order.get().len();
            if bytes > PAGE_BYTES_MAX && !data.is_empty() {
                return Ok(Rendered::FullAfter(data.len()));
            }
            data.push(order);
        }
        let total = page.total;
        Ok(Rendered::Page(ok(&OrderPage { data, next, total })))
    };
    without_blocking_others(app, text_bytes, render).await?
}
