//! Converts between the vendor's order and the canonical order.

use super::decode::{is_metadata_name, plain_price, price};
use super::wire::{Form, Item, Person};
use crate::canonical::{
    Address, Customer, Json, Line, Members, Missing, Order, Rendered, Stored, read,
};
use crate::dialect::StoredOrder;
use crate::json::{Decimal, NameCase, Value};
use crate::order::amount::Amount;
use crate::order::problem::Code;
use crate::reading::moment::Moment;
use crate::reading::validate::{Checked, day_month_year};

/// The approximate size limit of a form's items, in bytes. An item is one unit, and a line may have any number of
/// units.
const ITEMS_BYTES_MAX: usize = 512 << 10;

/// The approximate size of an item without its texts, in bytes.
const ITEM_BYTES: usize = 64;

/// Converts a stored order to the canonical form.
pub(super) fn canonical(stored: &StoredOrder) -> Order {
    let text = stored.texts.first().map_or("", String::as_str);
    read(text, NameCase::Exact, |order| {
        let customer = order.object("customer");
        Order {
            organisation: stored.organisation.clone(),
            key: stored.key.clone(),
            placed_at: order.checked("order_date", day_month_year).map(Moment::Day),
            fulfilled_at: order
                .checked("fulfilment_date", day_month_year)
                .map(Moment::Day),
            language: order.text("language"),
            locale: order.text("locale"),
            customer: Customer {
                reference: customer
                    .text("customer_ref")
                    .or_else(|| customer.text("cutomer_ref")),
                email: customer.text("email"),
                title: customer.text("title"),
                first_name: customer.text("first_name"),
                last_name: customer.text("surname"),
                phone: None,
            },
            billing_address: Address {
                postcode: customer.text("postcode"),
                country: customer.text("country"),
                ..Address::default()
            },
            lines: order.each("order_items").map(|item| line(&item)).collect(),
            ..Order::default()
        }
    })
}

fn line(item: &Stored<'_, '_>) -> Line {
    Line {
        quantity: Amount::from(1),
        sku: item.text("sku"),
        ean: None,
        product_id: None,
        description: None,
        unit_price: item.checked("price", unit_price),
        currency: item.text("currency"),
        weight_kg: None,
        metadata: item.json("metadata"),
    }
}

/// Reads a price as a decimal number.
fn unit_price(value: Value<'_, '_>) -> Checked<Amount> {
    price(value)?;
    let spelling = match value.text() {
        Some(text) => plain_price(&text).ok_or(Code::NotPrice)?.into(),
        None => value.raw().into(),
    };
    let number = Decimal::parse(spelling).ok_or(Code::NotPrice)?;
    Ok(Amount::of(&number))
}

/// Renders an order in the vendor's form.
pub(super) fn render(order: &Order) -> Rendered {
    let mut missing = Missing::default();
    let dates = [order.placed_at, order.fulfilled_at];
    if dates == [None, None] {
        missing.note("order_date");
    }
    let [order_date, fulfilment_date] = dates.map(|date| date.as_ref().map(day));
    let customer = person(order, &mut missing);
    let order_items = items(order, &mut missing);
    if order_items.is_empty() {
        missing.note("order_items");
    }
    let form = Form {
        trkref: &order.organisation,
        order_ref: &order.key,
        order_date,
        fulfilment_date,
        language: order.language.as_deref(),
        locale: order.locale.as_deref(),
        customer,
        order_items,
    };
    Rendered::of(&form, missing)
}

/// Formats a date as `dd-mm-yyyy`. The time of day is dropped.
fn day(moment: &Moment) -> String {
    let day = moment.day();
    format!("{:02}-{:02}-{:04}", day.day(), day.month(), day.year())
}

fn person<'s>(order: &'s Order, missing: &mut Missing) -> Option<Person<'s>> {
    let customer = &order.customer;
    let address = order.payer();
    let person = Person {
        email: missing.demand("customer.email", customer.email.as_deref()),
        customer_ref: customer.reference.as_deref(),
        title: customer.title.as_deref(),
        first_name: customer.first_name.as_deref(),
        surname: customer.last_name.as_deref(),
        postcode: address.postcode.as_deref(),
        country: address.country.as_deref(),
    };
    (person != Person::default()).then_some(person)
}

/// Returns one item per unit of each line.
///
/// A line with a fractional or too large quantity gives one item. A line without units gives none.
fn items<'s>(order: &'s Order, missing: &mut Missing) -> Vec<Item<'s>> {
    let mut items = Vec::new();
    let mut room = ITEMS_BYTES_MAX;
    for line in &order.lines {
        if !line.quantity.is_positive() {
            continue;
        }
        let sku = line.sku.as_ref().map_or(0, String::len);
        let metadata = line.metadata.as_ref().map_or(0, |json| json.as_str().len());
        let units = line.quantity.whole().unwrap_or(1);
        let bytes = usize::try_from(units)
            .ok()
            .and_then(|units| units.checked_mul(ITEM_BYTES + sku + metadata));
        let count = bytes.filter(|bytes| *bytes <= room).map_or(1, |bytes| {
            room -= bytes;
            units
        });
        let item = item(order, line, missing);
        items.extend((0..count).map(|_| item.clone()));
    }
    items
}

fn item<'s>(order: &'s Order, line: &'s Line, missing: &mut Missing) -> Item<'s> {
    let price = line.unit_price.as_ref();
    let price = price.filter(|price| !price.is_negative());
    let of_order = price.and(order.currency.as_deref());
    Item {
        sku: missing.demand("order_items[].sku", line.sku.as_deref()),
        price: price.map(|price| price.as_str().replace('.', ",")),
        currency: line.currency.as_deref().or(of_order),
        metadata: line.metadata.as_ref().and_then(metadata),
    }
}

/// Keeps the members whose names the vendor allows.
fn metadata(json: &Json) -> Option<Members<'_>> {
    let mut members = json.members();
    members.retain(is_metadata_name);
    (!members.is_empty()).then_some(members)
}
