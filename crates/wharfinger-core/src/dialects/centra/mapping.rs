//! Converts between the vendor's order and the canonical order.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::value::RawValue;

use super::money::{DECIMALS, Money};
use super::present::{customer_of, decided, is_whole_or_first, with_texts};
use super::wire::{Form, FormAddress, FormItemText, FormProduct};
use super::{dates, decode};
use crate::canonical::{
    Address, Customer, Json, Line, Missing, Order, References, Rendered, Stored, joined_name,
    split_name,
};
use crate::decide::catalogue::AdmittedLine;
use crate::dialect::StoredOrder;
use crate::order::amount::Amount;

/// Converts a stored order, including its additions, to the canonical form.
pub(super) fn canonical(stored: &StoredOrder) -> Order {
    let zone = &stored.time_zone;
    with_texts(stored, |texts| {
        let order = Stored(texts.submitted);
        let object = |name| given(order.object(name));
        let shared = object("address");
        let billing = object("invoiceAddress").or(shared).unwrap_or(Stored(None));
        let delivery = object("deliveryAddress").or(shared).unwrap_or(Stored(None));
        let of_whole = |name| is_whole_or_first(stored).then(|| order.amount(name))?;
        Order {
            organisation: stored.organisation.clone(),
            key: stored.key.clone(),
            placed_at: texts
                .date("orderDate")
                .and_then(|text| dates::moment(&text, zone)),
            customer: Customer {
                reference: customer_of(stored).map(|id| id.to_string()),
                email: super::present::email_of_texts(texts),
                title: None,
                first_name: billing.text("firstName"),
                last_name: billing.text("lastName"),
                phone: billing.text("tele").or_else(|| billing.text("cell")),
            },
            billing_address: address(&billing),
            shipping_address: address(&delivery),
            lines: order
                .items("products")
                .enumerate()
                .filter_map(|(at, product)| Some(line(&product, decided(stored, at).ok()?)))
                .collect(),
            shipping_price: of_whole("shippingValue"),
            discount: of_whole("voucherValue"),
            references: References {
                delivery_reference: None,
                purchase_order: texts.latest("poNumber").map(Cow::into_owned),
            },
            instructions: texts.comment("comment").map(Cow::into_owned),
            metadata: texts
                .extra_attributes()
                .map(|attributes| Json::of(&attributes)),
            ..Order::default()
        }
    })
}

/// Returns an address that is present. `{}` counts as absent.
fn given<'d, 'a>(address: Stored<'d, 'a>) -> Option<Stored<'d, 'a>> {
    let value = address.0.filter(|value| !value.is_empty_container());
    value.map(|value| Stored(Some(value)))
}

fn address(from: &Stored<'_, '_>) -> Address {
    let [first, last] = ["firstName", "lastName"].map(|name| from.text(name));
    Address {
        name: joined_name(first.as_deref(), last.as_deref()),
        company: None,
        lines: ["address", "coaddress"]
            .into_iter()
            .filter_map(|name| from.text(name))
            .collect(),
        suburb: None,
        city: from.text("city"),
        state: from.text("state"),
        postcode: from.text("zipcode"),
        country: from.text("country"),
    }
}

fn line(product: &Stored<'_, '_>, decided: Option<&AdmittedLine>) -> Line {
    let described = product.object("itemText");
    Line {
        quantity: Amount::from(product.checked("qty", decode::quantity).unwrap_or(1)),
        sku: product.text("sku").or_else(|| described.text("sku")),
        ean: product.text("ean"),
        product_id: plain_id(product, "id"),
        description: described.text("product"),
        unit_price: product
            .amount("unitPrice")
            .or_else(|| decided?.price.clone()),
        currency: None,
        weight_kg: None,
        metadata: None,
    }
}

/// An id as text, in plain spelling.
fn plain_id(object: &Stored<'_, '_>, name: &str) -> Option<String> {
    let id = object.checked(name, decode::id)?;
    Some(id.to_string())
}

/// Renders an order in the vendor's form.
pub(super) fn render(order: &Order, zone: &TimeZone) -> Rendered {
    let mut missing = Missing::default();
    let parties = parties(order);
    let [address, invoice_address, delivery_address] = addresses(order, &parties, &mut missing);
    if order.lines.is_empty() {
        missing.note("products");
    }
    let products = order
        .lines
        .iter()
        .map(|line| product(line, &mut missing))
        .collect();
    let reference = order.customer.reference.as_deref();
    let form = Form {
        order_number: decode::number_in_path(&order.key)
            .filter(|number| number.to_string() == order.key),
        address,
        invoice_address,
        delivery_address,
        products,
        customer_id: reference.and_then(id),
        shipping_value: amount(
            order.shipping_price.as_ref(),
            "shippingValue (rounded)",
            &mut missing,
        ),
        voucher_value: amount(
            order.discount.as_ref(),
            "voucherValue (rounded)",
            &mut missing,
        ),
        order_date: order
            .placed_at
            .as_ref()
            .map(|moment| dates::of_moment(moment, zone)),
        po_number: order.references.purchase_order.as_deref(),
        comment: order.instructions.as_deref(),
        extra_attributes: order.metadata.as_ref().and_then(Json::to_raw),
    };
    Rendered::of(&form, missing)
}

/// Returns the shared address, or the billing and the delivery address.
fn addresses<'s>(
    order: &'s Order,
    parties: &'s Parties,
    missing: &mut Missing,
) -> [Option<FormAddress<'s>>; 3] {
    let (billing, shipping) = (&parties.billing, &parties.shipping);
    let names = &parties.names;
    let addresses = if parties.is_one {
        let paths = ["address.email", "address.country"];
        let shared = with_email(order, billing, names, paths, missing);
        [Some(shared), None, None]
    } else {
        let paths = ["invoiceAddress.email", "invoiceAddress.country"];
        let invoice = with_email(order, billing, names, paths, missing);
        let receiver = shipping.name.as_deref().map(split_name).unwrap_or_default();
        let path = "deliveryAddress.country";
        let delivery = form_address(shipping, &receiver, path, missing);
        [None, Some(invoice), Some(delivery)]
    };
    addresses.map(|address| address.filter(|address| *address != FormAddress::default()))
}

/// First and last name.
type Names = (Option<String>, Option<String>);

/// The payer and the recipient, as far as the form can represent them.
struct Parties {
    billing: Address,
    shipping: Address,
    /// The names in the billing address.
    names: Names,
    /// Whether one address serves as both: they are equal, or there is only one.
    is_one: bool,
}

fn parties(order: &Order) -> Parties {
    let [mut billing, mut shipping] = [&order.billing_address, &order.shipping_address].map(held);
    if billing.is_empty() {
        billing.clone_from(&shipping);
    } else if shipping.is_empty() {
        shipping.clone_from(&billing);
    }
    let names = names_of(&billing, &order.customer);
    let as_told = Address {
        name: joined_name(names.0.as_deref(), names.1.as_deref()),
        ..billing.clone()
    };
    Parties {
        is_one: shipping == billing || shipping == as_told,
        billing,
        shipping,
        names,
    }
}

/// The part of an address that the form can represent.
fn held(address: &Address) -> Address {
    Address {
        company: None,
        suburb: None,
        lines: address.two_lines().into_iter().flatten().collect(),
        ..address.clone()
    }
}

/// Returns the customer's names if the address has the same name or none. Otherwise splits the address's name.
fn names_of(address: &Address, customer: &Customer) -> Names {
    match &address.name {
        Some(name) if customer.name().as_ref() != Some(name) => split_name(name),
        _ => (customer.first_name.clone(), customer.last_name.clone()),
    }
}

/// The address that carries the customer's e-mail address and telephone number.
fn with_email<'s>(
    order: &'s Order,
    address: &'s Address,
    names: &Names,
    [email, country]: [&'static str; 2],
    missing: &mut Missing,
) -> FormAddress<'s> {
    let customer = &order.customer;
    FormAddress {
        email: missing.demand(email, customer.email.as_deref()),
        tele: customer.phone.as_deref(),
        ..form_address(address, names, country, missing)
    }
}

fn form_address<'s>(
    address: &'s Address,
    (first_name, last_name): &Names,
    country: &'static str,
    missing: &mut Missing,
) -> FormAddress<'s> {
    let [first, others] = address.two_lines();
    FormAddress {
        email: None,
        first_name: first_name.clone(),
        last_name: last_name.clone(),
        tele: None,
        address: first,
        coaddress: others,
        city: address.city.as_deref(),
        zipcode: address.postcode.as_deref(),
        state: address.state.as_deref(),
        country: missing.demand(country, address.country.as_deref()),
    }
}

fn product<'s>(line: &'s Line, missing: &mut Missing) -> FormProduct<'s> {
    let id = line.product_id.as_deref().and_then(id);
    if id.is_none() && line.ean.is_none() && line.sku.is_none() {
        missing.note("products[].id");
    }
    let units = line.quantity.whole().filter(|units| *units >= 1);
    let price = line
        .unit_price
        .as_ref()
        .filter(|price| !price.is_negative());
    FormProduct {
        id,
        ean: line.ean.as_deref(),
        sku: line.sku.as_deref(),
        qty: missing.demand("products[].qty", units),
        unit_price: amount(price, "products[].unitPrice (rounded)", missing),
        item_text: line
            .description
            .as_deref()
            .map(|product| FormItemText { product }),
    }
}

/// An amount as a number. An amount with more decimals than the form allows is rounded, which is noted.
fn amount(
    amount: Option<&Amount>,
    rounded: &'static str,
    missing: &mut Missing,
) -> Option<Box<RawValue>> {
    let amount = amount?;
    let number = amount.number()?;
    if number.decimals() <= DECIMALS {
        return amount.to_json_number();
    }
    missing.note(rounded);
    Money::sent(&number).to_raw()
}

/// Parses an id in the vendor's spelling.
fn id(text: &str) -> Option<u64> {
    let id: u64 = text.parse().ok()?;
    (id <= decode::ID_MAX && id.to_string() == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::ids::BatchId;
    use crate::order::outcome::State;

    fn stored(texts: &[&str]) -> StoredOrder {
        StoredOrder {
            id: BatchId::new(0, 0).order(0),
            organisation: "DEMO".into(),
            time_zone: TimeZone::UTC,
            key: "7".into(),
            number: Some(7),
            state: State::Pending,
            held: None,
            revision: 1,
            created_at_ms: 0,
            updated_at_ms: 0,
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            fulfilment: None,
            admission: None,
        }
    }

    #[test]
    fn completions_change_what_the_canonical_order_says() {
        let completed = stored(&[
            r#"{"comment":"first","poNumber":"PO 1","orderDate":"2026-11-18"}"#,
            r#"{"comment":"second","poNumber":"","orderDate":"2026-11-19 10:00:00"}"#,
            r#"{"comment":null,"products":[{"sku":"passed over"}]}"#,
        ]);
        let order = canonical(&completed);
        assert_eq!(order.instructions.as_deref(), Some("second"));
        assert_eq!(order.references.purchase_order.as_deref(), Some("PO 1"));
        let placed_at = order.placed_at.map(|moment| moment.to_string());
        assert_eq!(placed_at.as_deref(), Some("2026-11-19T10:00:00Z"));
        assert!(order.lines.is_empty());
    }
}
