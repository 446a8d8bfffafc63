//! Turns events into rows: of each order what its last event says, and its lines and customer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use serde_json::value::RawValue;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::columns::{CUSTOMERS, Column, LINES, ORDERS};
use super::order::{Address, Fulfilment, Line, Maybe, Order, Text};
use crate::onward::sinks::Outgoing;
use crate::store::{Event, EventKind};

/// A value of a row, as text.
type Cell<'j> = Option<Cow<'j, str>>;

/// An order as a batch of events leaves it.
pub(super) struct Changed<'j> {
    pub(super) order: Order<'j>,
    /// The position of its last event in the batch.
    pub(super) position: u64,
    /// Whether one of the events may have changed the lines.
    pub(super) changes_lines: bool,
}

/// An order of which only the state is known.
pub(super) struct Moved {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) at_ms: i64,
    pub(super) position: u64,
}

/// What a batch of events changes. Each order occurs once.
#[derive(Default)]
pub(super) struct Changes<'j> {
    pub(super) orders: Vec<Changed<'j>>,
    pub(super) moved: Vec<Moved>,
}

impl<'j> Changes<'j> {
    /// Reads events.
    ///
    /// # Errors
    /// The order of an event is not as expected. The sentence names the event.
    pub(super) fn read(events: &'j [Outgoing<'_>]) -> Result<Self, String> {
        let mut changes = Self::default();
        let mut places = HashMap::with_capacity(events.len());
        for given in events {
            let event = &given.delivery.event;
            let Some(id) = event.order else {
                continue;
            };
            let Some(json) = &given.delivery.order else {
                changes.moved.extend(moved(event));
                continue;
            };
            let mut order: Order<'j> = serde_json::from_str(json).map_err(|error| {
                format!("the order of event {} is unreadable: {error}", given.id)
            })?;
            if let Some(state) = state_after(event.kind) {
                order.state = Text(Cow::Borrowed(state));
            }
            let changed = Changed {
                order,
                position: event.position,
                changes_lines: changes_lines(event.kind),
            };
            match places.get(&id) {
                Some(&place) => replace(&mut changes.orders[place], changed),
                None => {
                    places.insert(id, changes.orders.len());
                    changes.orders.push(changed);
                }
            }
        }
        Ok(changes)
    }
}

fn replace<'j>(earlier: &mut Changed<'j>, mut later: Changed<'j>) {
    later.changes_lines |= earlier.changes_lines;
    *earlier = later;
}

/// The state that an event leaves an order in, if it says so.
fn state_after(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::OrderProcessed => Some("processed"),
        EventKind::OrderCancelled | EventKind::OrderRefused => Some("cancelled"),
        EventKind::OrderHeld => Some("held"),
        EventKind::OrderReleased => Some("pending"),
        EventKind::OrderAccepted
        | EventKind::OrderUpdated
        | EventKind::OrderFulfilment
        | EventKind::BatchReceived => None,
    }
}

fn changes_lines(kind: EventKind) -> bool {
    match kind {
        EventKind::OrderAccepted
        | EventKind::OrderUpdated
        | EventKind::OrderHeld
        | EventKind::OrderReleased
        | EventKind::OrderFulfilment => true,
        EventKind::OrderProcessed
        | EventKind::OrderCancelled
        | EventKind::OrderRefused
        | EventKind::BatchReceived => false,
    }
}

fn moved(event: &Event) -> Option<Moved> {
    Some(Moved {
        id: event.order?.to_string(),
        state: state_after(event.kind)?,
        at_ms: event.at_ms,
        position: event.position,
    })
}

/// Rows of a table, by column.
pub(super) struct Rows<'j> {
    columns: Vec<Vec<Cell<'j>>>,
}

impl<'j> Rows<'j> {
    fn of(columns: &[Column]) -> Self {
        Self {
            columns: columns.iter().map(|_| Vec::new()).collect(),
        }
    }

    fn push<const N: usize>(&mut self, row: [Cell<'j>; N]) {
        debug_assert_eq!(N, self.columns.len());
        for (column, cell) in self.columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.first().is_none_or(Vec::is_empty)
    }

    /// The parameters of the statement that writes them.
    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let columns = self.columns.iter();
        columns
            .map(|column| column as &(dyn ToSql + Sync))
            .collect()
    }
}

/// The rows of orders and of their customers.
pub(super) fn rows<'j>(orders: &[&'j Changed<'j>], destination: Uuid) -> (Rows<'j>, Rows<'j>) {
    let mut rows = Rows::of(ORDERS);
    let mut customers = HashMap::new();
    for (place, changed) in orders.iter().enumerate() {
        rows.push(order_row(changed, destination));
        if let Some(key) = customer_key(&changed.order) {
            let organisation: &str = &changed.order.organisation.0;
            customers.insert((organisation, key), place);
        }
    }
    let mut found = Vec::from_iter(customers);
    // Two destinations that write the same customers lock them in the same order.
    found.sort_unstable();
    let mut of_customers = Rows::of(CUSTOMERS);
    for ((_, key), place) in found {
        of_customers.push(customer_row(orders[place], key, destination));
    }
    (rows, of_customers)
}

/// The rows of the lines of orders.
pub(super) fn line_rows<'j>(orders: &[&'j Changed<'j>]) -> Result<Rows<'j>, String> {
    let mut rows = Rows::of(LINES);
    for changed in orders {
        let order = &changed.order;
        let reported = match order.fulfilment {
            Some(report) => fulfilment(report)?.lines,
            None => Vec::new(),
        };
        let mut reported = reported.into_iter();
        for (at, line) in order.lines.iter().enumerate() {
            let sent = reported.next().and_then(|line| line.fulfilled_quantity);
            rows.push(line_row(order, at, line, sent.map(|text| text.0)));
        }
    }
    Ok(rows)
}

fn fulfilment(report: &RawValue) -> Result<Fulfilment<'_>, String> {
    serde_json::from_str(report.get())
        .map_err(|error| format!("a fulfilment report is unreadable: {error}"))
}

fn text<'j>(text: &'j Maybe<'_>) -> Cell<'j> {
    text.as_ref().map(|text| Cow::Borrowed(&*text.0))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "most values are numbers, and some calls pass the function itself"
)]
fn told<'j>(value: impl ToString) -> Cell<'j> {
    Some(Cow::Owned(value.to_string()))
}

fn raw<'j>(json: Option<&'j RawValue>) -> Cell<'j> {
    json.map(|json| Cow::Borrowed(json.get()))
}

/// A time for the database. A date means its first moment in UTC. PostgreSQL has no year 0.
fn time<'j>(moment: &'j Maybe<'_>) -> Cell<'j> {
    let moment: &str = &moment.as_ref()?.0;
    if moment.starts_with("0000") {
        return None;
    }
    Some(match moment.len() {
        10 => format!("{moment}T00:00:00Z").into(),
        _ => moment.into(),
    })
}

/// Lines of an address as one text.
fn street<'j>(address: &'j Address<'_>) -> Cell<'j> {
    match address.lines.as_slice() {
        [] => None,
        [only] => Some(Cow::Borrowed(&only.0)),
        lines => {
            let lines = lines.iter().map(|line| &*line.0);
            Some(Vec::from_iter(lines).join("\n").into())
        }
    }
}

/// What tells the customers of an organisation apart: the sender's reference, or else the e-mail address.
fn customer_key<'j>(order: &'j Order<'_>) -> Option<Cow<'j, str>> {
    let customer = &order.customer;
    if let Some(reference) = &customer.reference {
        return Some(format!("ref:{}", reference.0).into());
    }
    let email = customer.email.as_ref()?;
    Some(format!("email:{}", email.0.to_lowercase()).into())
}

/// The sum of quantity times price of the lines that have a price, in the order's currency. `None` if no line has one, or if one
/// has another currency.
fn lines_total(order: &Order<'_>) -> Option<BigDecimal> {
    let mut total = None;
    for (at, line) in order.lines.iter().enumerate() {
        let Some(price) = unit_price(order, at, line) else {
            continue;
        };
        let currency = line.currency.as_ref().map(|code| &*code.0);
        if currency.is_some() && currency != order.currency.as_ref().map(|code| &*code.0) {
            return None;
        }
        let quantity = BigDecimal::from_str(line.quantity?.get()).ok()?;
        let amount = BigDecimal::from_str(&price).ok()? * quantity;
        total = Some(total.unwrap_or_default() + amount);
    }
    total
}

fn amount(text: &Maybe<'_>) -> Option<BigDecimal> {
    BigDecimal::from_str(&text.as_ref()?.0).ok()
}

/// The decision on a line: the order's lines are those of the decision, in the same order.
fn admitted<'o, 'j>(order: &'o Order<'j>, at: usize) -> Option<&'o super::order::AdmittedLine<'j>> {
    let admission = order.admission.as_ref()?;
    let is_same = admission.lines.len() == order.lines.len();
    admission.lines.get(at).filter(|_| is_same)
}

/// The price of one piece: the order's, or else the catalogue's.
fn unit_price<'o>(order: &'o Order<'_>, at: usize, line: &'o Line<'_>) -> Cell<'o> {
    text(&line.unit_price).or_else(|| text(&admitted(order, at)?.unit_price))
}

fn order_row<'j>(changed: &'j Changed<'j>, destination: Uuid) -> [Cell<'j>; 54] {
    let order = &changed.order;
    let customer = &order.customer;
    let (billing, shipping) = (&order.billing_address, &order.shipping_address);
    let admission = order.admission.as_ref();
    let lines_total = lines_total(order);
    let total = lines_total.as_ref().map(|lines| {
        let shipping = amount(&order.shipping_price).unwrap_or_default();
        lines + shipping - amount(&order.discount).unwrap_or_default()
    });
    let report = order.fulfilment.and_then(|report| fulfilment(report).ok());
    let report = report.unwrap_or_default();
    let borrowed = |text: &'j Text<'j>| Some(Cow::Borrowed(&*text.0));
    [
        borrowed(&order.id),
        borrowed(&order.organisation),
        borrowed(&order.dialect),
        borrowed(&order.key),
        order.number.and_then(told),
        borrowed(&order.state),
        told(order.revision),
        borrowed(&order.batch_id),
        borrowed(&order.created_at),
        borrowed(&order.updated_at),
        time(&order.placed_at),
        time(&order.fulfilled_at),
        text(&order.language),
        text(&order.locale),
        text(&order.currency),
        told(order.lines.len()),
        lines_total.and_then(|total| told(total.to_plain_string())),
        text(&order.shipping_price),
        text(&order.discount),
        total.and_then(|total| told(total.to_plain_string())),
        customer_key(order),
        admission.and_then(|admission| told(admission.customer_id?)),
        text(&customer.reference),
        text(&customer.email),
        text(&customer.title),
        text(&customer.first_name),
        text(&customer.last_name),
        text(&customer.phone),
        text(&billing.name),
        text(&billing.company),
        street(billing),
        text(&billing.suburb),
        text(&billing.city),
        text(&billing.state),
        text(&billing.postcode),
        text(&billing.country),
        text(&shipping.name),
        text(&shipping.company),
        street(shipping),
        text(&shipping.suburb),
        text(&shipping.city),
        text(&shipping.state),
        text(&shipping.postcode),
        text(&shipping.country),
        text(&order.references.delivery_reference),
        text(&order.references.purchase_order),
        text(&order.instructions),
        raw(order.metadata),
        admission.and_then(|admission| text(&admission.origin)),
        report.status.map(|text| text.0),
        report.tracking_url.map(|text| text.0),
        raw(order.fulfilment),
        told(changed.position),
        told(destination),
    ]
}

fn line_row<'j>(
    order: &'j Order<'j>,
    at: usize,
    line: &'j Line<'j>,
    sent: Cell<'j>,
) -> [Cell<'j>; 14] {
    let admitted = admitted(order, at);
    let currency = text(&line.currency).or_else(|| text(&order.currency));
    [
        Some(Cow::Borrowed(&*order.id.0)),
        match admitted {
            Some(admitted) => told(admitted.line),
            None => told(at),
        },
        raw(line.quantity),
        text(&line.sku),
        text(&line.ean),
        text(&line.product_id),
        text(&line.description),
        unit_price(order, at, line),
        currency,
        raw(line.weight_kg),
        admitted.and_then(|admitted| text(&admitted.warehouse)),
        admitted.and_then(|admitted| told(admitted.back_ordered)),
        sent,
        raw(line.metadata),
    ]
}

fn customer_row<'j>(
    changed: &'j Changed<'j>,
    key: Cow<'j, str>,
    destination: Uuid,
) -> [Cell<'j>; 13] {
    let order = &changed.order;
    let customer = &order.customer;
    let admission = order.admission.as_ref();
    let created_at = || Some(Cow::Borrowed(&*order.created_at.0));
    [
        Some(Cow::Borrowed(&*order.organisation.0)),
        Some(key),
        admission.and_then(|admission| told(admission.customer_id?)),
        text(&customer.reference),
        text(&customer.email),
        text(&customer.title),
        text(&customer.first_name),
        text(&customer.last_name),
        text(&customer.phone),
        created_at(),
        created_at(),
        told(changed.position),
        told(destination),
    ]
}
