//! The canonical order in responses: absent attributes are left out, and money and times are text.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::catalogue;
use crate::dialect::{Dialect, StoredOrder};
use crate::moment::rfc3339_of_unix_ms;

/// A stored order in a response: the canonical order, and what the server adds to it.
#[derive(Clone, Debug)]
pub struct ReadBack<'s> {
    order: super::Order,
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
            order: order(&self.order),
            id: stored.id.to_string(),
            number: stored.number,
            state: stored.state.name(),
            revision: stored.revision,
            dialect: self.dialect,
            batch_id: stored.id.batch().to_string(),
            created_at: rfc3339_of_unix_ms(stored.created_at_ms),
            updated_at: rfc3339_of_unix_ms(stored.updated_at_ms),
            admission: stored.admission.as_ref().map(admission),
        };
        known.serialize(serializer)
    }
}

/// The order as it would be submitted. Numbers of other dialects' orders that a submission cannot have are left out.
pub(crate) fn write(from: &super::Order) -> impl Serialize {
    let is_taken = |amount: &Option<super::Amount>| {
        let amount = amount.as_ref();
        amount.is_some_and(|amount| !amount.is_negative())
    };
    let mut written = order(from);
    for (line, from) in written.lines.iter_mut().zip(&from.lines) {
        line.quantity = line.quantity.take().filter(|_| from.quantity.is_positive());
        line.unit_price = line.unit_price.filter(|_| is_taken(&from.unit_price));
        line.weight_kg = line.weight_kg.take().filter(|_| is_taken(&from.weight_kg));
    }
    written
}

#[derive(Serialize)]
struct Known<'s> {
    #[serde(flatten)]
    order: Order<'s>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    state: &'static str,
    revision: u32,
    dialect: &'static str,
    batch_id: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    admission: Option<Admission<'s>>,
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
    warehouse: Text<'s>,
    /// The catalogue's price, if the order gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Text<'s>,
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
        unit_price: line.price.as_ref().map(super::Amount::as_str),
        taken: line.taken,
        back_ordered: line.is_back_ordered,
    }
}

/// Optional text.
type Text<'s> = Option<&'s str>;

#[derive(Serialize)]
struct Order<'s> {
    organisation: &'s str,
    key: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fulfilled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_address: Option<Address<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_address: Option<Address<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Line<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_price: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discount: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<References<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Customer<'s> {
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Text<'s>,
}

#[derive(Serialize)]
struct Address<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Text<'s>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    lines: &'s [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    suburb: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postcode: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Text<'s>,
}

#[derive(Serialize)]
struct Line<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ean: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_kg: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct References<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_reference: Text<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_order: Text<'s>,
}

fn order(order: &super::Order) -> Order<'_> {
    Order {
        organisation: &order.organisation,
        key: &order.key,
        placed_at: order.placed_at.as_ref().map(told),
        fulfilled_at: order.fulfilled_at.as_ref().map(told),
        language: order.language.as_deref(),
        locale: order.locale.as_deref(),
        customer: customer(&order.customer),
        billing_address: address(&order.billing_address),
        shipping_address: address(&order.shipping_address),
        lines: order.lines.iter().map(line).collect(),
        shipping_price: order.shipping_price.as_ref().map(super::Amount::as_str),
        discount: order.discount.as_ref().map(super::Amount::as_str),
        currency: order.currency.as_deref(),
        references: references(&order.references),
        instructions: order.instructions.as_deref(),
        metadata: order.metadata.as_ref().and_then(super::Json::to_raw),
    }
}

fn told(value: &impl Display) -> String {
    value.to_string()
}

fn customer(customer: &super::Customer) -> Option<Customer<'_>> {
    (*customer != super::Customer::default()).then_some(Customer {
        reference: customer.reference.as_deref(),
        email: customer.email.as_deref(),
        title: customer.title.as_deref(),
        first_name: customer.first_name.as_deref(),
        last_name: customer.last_name.as_deref(),
        phone: customer.phone.as_deref(),
    })
}

fn address(address: &super::Address) -> Option<Address<'_>> {
    (!address.is_empty()).then(|| Address {
        name: address.name.as_deref(),
        company: address.company.as_deref(),
        lines: &address.lines,
        suburb: address.suburb.as_deref(),
        city: address.city.as_deref(),
        state: address.state.as_deref(),
        postcode: address.postcode.as_deref(),
        country: address.country.as_deref(),
    })
}

fn line(line: &super::Line) -> Line<'_> {
    Line {
        quantity: line.quantity.to_json_number(),
        sku: line.sku.as_deref(),
        ean: line.ean.as_deref(),
        product_id: line.product_id.as_deref(),
        description: line.description.as_deref(),
        unit_price: line.unit_price.as_ref().map(super::Amount::as_str),
        currency: line.currency.as_deref(),
        weight_kg: line
            .weight_kg
            .as_ref()
            .and_then(super::Amount::to_json_number),
        metadata: line.metadata.as_ref().and_then(super::Json::to_raw),
    }
}

fn references(references: &super::References) -> Option<References<'_>> {
    (*references != super::References::default()).then_some(References {
        delivery_reference: references.delivery_reference.as_deref(),
        purchase_order: references.purchase_order.as_deref(),
    })
}
