//! Converts stored orders to the form of any dialect, and to the response that shows the canonical order.
//!
//! The only file that knows the dialect trait, the canonical order and the list of dialects together.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::canonical::{Order, Rendered, Written, written};
use crate::decide::catalogue;
use crate::decide::fulfilment::Reported;
use crate::dialect::{Dialect, Held, StoredOrder};
use crate::dialects;
use crate::order::amount::Amount;
use crate::order::failure::RequestFailure;
use crate::reading::moment::rfc3339_of_unix_ms;

/// Returns the dialect that a request names for its orders, or else the request's own dialect.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: no dialect has this id.
pub fn dialect_named(
    name: Option<&str>,
    own: &'static dyn Dialect,
) -> Result<&'static dyn Dialect, RequestFailure> {
    let Some(name) = name else {
        return Ok(own);
    };
    dialects::find(name).ok_or_else(|| {
        RequestFailure::BadParameter(format!("Parameter dialect must be {}", dialects::ids()))
    })
}

/// A form in which an order can be returned.
#[derive(Clone, Copy)]
pub enum RenderAs {
    /// The exact bytes of the latest full text.
    Submitted,
    /// A dialect's form.
    Dialect(&'static dyn Dialect),
}

impl RenderAs {
    /// Returns the form with this name: `submitted`, or a dialect's id.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == "submitted" {
            return Some(Self::Submitted);
        }
        dialects::find(name).map(Self::Dialect)
    }
}

/// Renders an order of the dialect `from` in a form.
///
/// In its own dialect's form, the order is as it was submitted, with later additions.
#[must_use]
pub fn render(order: &StoredOrder, from: &dyn Dialect, form: RenderAs) -> Rendered {
    let whole = |text: String| Rendered {
        body: text.into_bytes(),
        missing: Vec::new(),
    };
    match form {
        RenderAs::Submitted => whole(order.texts.first().cloned().unwrap_or_default()),
        RenderAs::Dialect(to) if to.id() == from.id() => whole(from.own_form(order)),
        RenderAs::Dialect(to) => to.render(&from.canonical(order), &order.time_zone),
    }
}

/// A stored order in a response: the canonical order, and what the server adds to it.
#[derive(Clone, Debug)]
pub struct ReadBack<'s> {
    order: Order,
    stored: &'s StoredOrder,
    dialect: &'static str,
}

impl<'s> ReadBack<'s> {
    /// Creates the response for an order of this dialect.
    #[must_use]
    pub fn of(stored: &'s StoredOrder, dialect: &dyn Dialect) -> Self {
        Self {
            order: dialect.canonical(stored),
            stored,
            dialect: dialect.id(),
        }
    }
}

impl Serialize for ReadBack<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = self.stored;
        let known = Known {
            order: written(&self.order),
            id: stored.id.to_string(),
            number: stored.number,
            state: stored.state.name(),
            held: stored.held.as_ref().map(held),
            revision: stored.revision,
            dialect: self.dialect,
            batch_id: stored.id.batch().to_string(),
            created_at: rfc3339_of_unix_ms(stored.created_at_ms),
            updated_at: rfc3339_of_unix_ms(stored.updated_at_ms),
            admission: stored.admission.as_ref().map(admission),
            fulfilment: stored.fulfilment.as_ref().map(Report::of),
        };
        known.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Known<'s> {
    #[serde(flatten)]
    order: Written<'s>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldView<'s>>,
    revision: u32,
    dialect: &'static str,
    batch_id: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    admission: Option<Admission<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fulfilment: Option<Report>,
}

/// Why an order is held, in a response.
#[derive(Serialize)]
struct HeldView<'s> {
    rule: &'s str,
    sentence: &'s str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'s str>,
}

fn held(held: &Held) -> HeldView<'_> {
    HeldView {
        rule: &held.hold.rule,
        sentence: &held.hold.sentence,
        at: rfc3339_of_unix_ms(held.at_ms),
        error: held.hold.error.as_deref(),
    }
}

/// How far the order is fulfilled, in a response.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    said: Map<String, Value>,
    updated_at: String,
}

impl Report {
    /// Creates the response for a report.
    #[must_use]
    pub fn of(report: &Reported) -> Self {
        let said = serde_json::from_str(&report.fulfilment.to_json());
        Self {
            said: said.expect("a report is written as a JSON object"),
            updated_at: rfc3339_of_unix_ms(report.at_ms),
        }
    }
}

/// The catalogue's decision on an order.
#[derive(Serialize)]
struct Admission<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<u64>,
    /// The id of the first part of a split order.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// The numbers of all parts. Present only on the first part.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    orders: &'s [u64],
    lines: Vec<AdmittedLine<'s>>,
}

#[derive(Serialize)]
struct AdmittedLine<'s> {
    /// The position of the line in the submitted order, from 0.
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse: Option<&'s str>,
    /// The catalogue's price, if the order gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<&'s str>,
    /// Pieces taken from stock.
    taken: u64,
    back_ordered: bool,
}

fn admission(admission: &catalogue::Admission) -> Admission<'_> {
    Admission {
        customer_id: admission.customer,
        origin: admission
            .split
            .as_ref()
            .map(|split| split.origin.to_string()),
        orders: admission.numbers(),
        lines: admission.lines.iter().map(admitted_line).collect(),
    }
}

fn admitted_line(line: &catalogue::AdmittedLine) -> AdmittedLine<'_> {
    AdmittedLine {
        line: line.at,
        warehouse: line.warehouse.as_deref(),
        unit_price: line.price.as_ref().map(Amount::as_str),
        taken: line.taken,
        back_ordered: line.is_back_ordered,
    }
}
