//! Stored orders in the vendor's response format, derived from the submitted text.

use std::borrow::Cow;

use bigdecimal::Zero;
use serde_json::value::RawValue;

use super::decode::{self, InCapitals};
use super::wire::{Amount, Listed, NotKnown, Package, Pending, Product, Shown, Status};
use crate::decide::fulfilment::Fulfilment;
use crate::dialect::StoredOrder;
use crate::json::{Decimal, Kind, NameCase, Reader, Value};
use crate::order::outcome::State;
use crate::reading::moment::Moment;
use crate::reading::validate::{self, Checked};

/// An order of a page.
pub(super) fn listed(order: &StoredOrder, with_products: bool) -> Listed<'_> {
    reread(order, |content| {
        let products = with_products.then(|| products(order, &content));
        listed_from(order, &content, products)
    })
}

/// An order of the stream of pending orders.
pub(super) fn pending(order: &StoredOrder) -> Pending<'_> {
    reread(order, |content| Pending {
        listed: listed_from(order, &content, Some(products(order, &content))),
        raw_address: content.text("rawaddress"),
        icon_url: content.text("iconUrl"),
        packages: content.each("packages", package),
    })
}

/// The customer's e-mail address.
pub(super) fn email(order: &StoredOrder) -> Option<String> {
    reread(order, |content| {
        let address = content.0?.get("email")?;
        Some(decode::email(address).ok()?.0.into_owned())
    })
}

/// The status of one order.
pub(super) fn shown(order: &StoredOrder) -> Shown<'_> {
    let report = report(order);
    let of_report = |said: fn(&Fulfilment) -> bool| report.is_some_and(said);
    // On this route, a processed order without a report counts as picked.
    let status = match order.state {
        _ if of_report(Fulfilment::is_delivered) => "DELIVERED",
        State::Draft | State::Held | State::Pending if !of_report(Fulfilment::is_picked) => {
            "PENDING"
        }
        State::Draft | State::Held | State::Pending | State::Processed | State::Cancelled => {
            "PICKED"
        }
    };
    Shown {
        packingslipno: &order.key,
        consignee: reread(order, |content| content.text("consignee")),
        status,
        ticketnumber: report.and_then(|report| report.ticket_number.as_deref()),
        trackingurl: report.and_then(|report| report.tracking_url.as_deref()),
        picked: report.and_then(|report| told(report.picked_at)),
        delivered: report.and_then(|report| told(report.delivered_at)),
        ticketprinteddate: report.and_then(|report| told(report.printed_at)),
        ticketprintedby: report.and_then(|report| report.printed_by.as_deref()),
        ticketdeleteddate: NotKnown,
        ticketdeletedby: NotKnown,
    }
}

fn listed_from<'s>(
    order: &'s StoredOrder,
    content: &Content<'_, 's>,
    products: Option<Vec<Product<'s>>>,
) -> Listed<'s> {
    Listed {
        packingslipno: &order.key,
        consignee: content.text("consignee"),
        address1: content.text("address1"),
        address2: content.text("address2"),
        suburb: content.text("suburb"),
        city: content.text("city"),
        postcode: content.text("postcode"),
        country: content.code("country", decode::country),
        delvref: content.text("delvref"),
        delvinstructions: content.text("delvinstructions"),
        contactname: content.text("contactname"),
        contactphone: content.text("contactphone"),
        email: content.text("email"),
        isrural: NotKnown,
        notrural: NotKnown,
        costcentre: content.text("costcentre"),
        custom_field1_value: content.text("customField1Value"),
        custom_field2_value: content.text("customField2Value"),
        shipping_description: content.text("shippingDescription"),
        dangerousgoods: content.list("dangerousgoods"),
        is_signature_required: content.flag("isSignatureRequired"),
        status: status(order),
        products,
    }
}

/// The order's latest fulfilment report.
fn report(order: &StoredOrder) -> Option<&Fulfilment> {
    order.fulfilment.as_ref().map(|kept| &kept.fulfilment)
}

fn told(moment: Option<Moment>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

/// The status object. It shows the report's status, if there is one, or else the order's state.
///
/// A cancelled order always shows `CANCELLED`.
fn status(order: &StoredOrder) -> Status<'_> {
    let report = report(order);
    let reported = report.and_then(|report| report.status.as_deref());
    Status {
        status: match order.state {
            State::Draft | State::Held | State::Pending => reported.unwrap_or("PENDING"),
            State::Processed => reported.unwrap_or("PROCESSED"),
            State::Cancelled => "CANCELLED",
        },
        ticketnumber: report.and_then(|report| report.ticket_number.as_deref()),
        trackingurl: report.and_then(|report| report.tracking_url.as_deref()),
        picked: report.and_then(|report| told(report.picked_at)),
        delivered: report.and_then(|report| told(report.delivered_at)),
        manualticket: false,
    }
}

/// The products, each with the quantity sent.
fn products<'s>(order: &StoredOrder, content: &Content<'_, 's>) -> Vec<Product<'s>> {
    let mut products = content.each("products", product);
    let sent = report(order).map_or(&[][..], |report| &report.lines);
    for (product, sent) in products.iter_mut().zip(sent) {
        product.fulfilled_qty = spelled(sent.number().as_ref());
    }
    products
}

fn product<'s>(content: &Content<'_, 's>) -> Product<'s> {
    let units = content.number("units");
    let unit_value = content.number("unitvalue");
    Product {
        productcode: content.text("productcode"),
        description: content.text("description"),
        units: or_zero(spelled(units.as_ref())),
        unitvalue: spelled(unit_value.as_ref()),
        country_of_manufacture: content.code("countryofmanufacture", decode::made_in),
        unitkg: or_zero(content.amount("unitkg")),
        imageurl: content.text("imageurl"),
        currency: content.code("currency", decode::currency),
        already_sent: or_zero(content.amount("alreadySent")),
        fulfilled_qty: or_zero(None),
        linetotal: match (&units, &unit_value) {
            (None, Some(_)) => or_zero(None),
            _ => line_total(units.as_ref(), unit_value.as_ref()),
        },
        bin: content.text("bin"),
    }
}

fn package<'s>(content: &Content<'_, 's>) -> Package<'s> {
    Package {
        package_stock_name: content.text("PackageStockName"),
        quantity: or_zero(content.amount("Quantity")),
        weight_kg: content.amount("WeightKg"),
        length_cm: content.amount("LengthCm"),
        width_cm: content.amount("WidthCm"),
        height_cm: content.amount("HeightCm"),
    }
}

/// A submitted object. If there is none, which cannot happen, every attribute is null.
struct Content<'d, 's>(Option<Value<'d, 's>>);

/// Parses the submitted text and calls `tell` with its content.
fn reread<'s, T>(order: &'s StoredOrder, tell: impl FnOnce(Content<'_, 's>) -> T) -> T {
    let text = order.texts.first().map_or("", String::as_str);
    let Ok(mut reader) = Reader::of_stored(text, NameCase::Ignored) else {
        return tell(Content(None));
    };
    match reader.next() {
        Ok(Some(entry)) => tell(Content(Some(entry.value))),
        Ok(None) | Err(_) => tell(Content(None)),
    }
}

impl<'s> Content<'_, 's> {
    /// Text as it was sent, even if blank.
    fn text(&self, name: &str) -> Option<Cow<'s, str>> {
        let value = self.0?.get(name)?;
        validate::text(value).ok()
    }

    /// A code in upper case. An invalid code is returned as it was sent.
    fn code(
        &self,
        name: &str,
        rule: impl FnOnce(Value<'_, 's>) -> Checked<InCapitals<'s>>,
    ) -> Option<Cow<'s, str>> {
        match rule(self.0?.get(name)?) {
            Ok((code, _)) => Some(code),
            Err(_) => self.text(name),
        }
    }

    /// A list as it was sent. `None` if the attribute is not a list.
    fn list(&self, name: &str) -> Option<Box<RawValue>> {
        let value = self.0?.get(name)?;
        let is_list = value.kind() == Kind::Array;
        RawValue::from_string(value.raw().to_owned())
            .ok()
            .filter(|_| is_list)
    }

    /// A boolean. False if it was not sent.
    fn flag(&self, name: &str) -> bool {
        let value = self.0.and_then(|content| content.get(name));
        value.and_then(|value| validate::boolean(value).ok()) == Some(true)
    }

    fn number(&self, name: &str) -> Option<Decimal<'s>> {
        let value = self.0?.get(name)?;
        validate::decimal(value).ok()
    }

    fn amount(&self, name: &str) -> Amount {
        spelled(self.number(name).as_ref())
    }

    fn each<T>(&self, name: &str, tell: impl Fn(&Content<'_, 's>) -> T) -> Vec<T> {
        let mut told = Vec::new();
        let array = self.0.and_then(|object| object.get(name));
        for element in array.iter().flat_map(Value::elements) {
            told.push(tell(&Content(Some(element))));
        }
        told
    }
}

/// A number, or 0 if there is none. The vendor's own client has non-nullable numbers here.
fn or_zero(amount: Amount) -> Amount {
    amount.or_else(|| RawValue::from_string("0".to_owned()).ok())
}

/// A number as a JSON number with its own spelling.
///
/// A number that was sent as text may have leading zeros, which JSON does not allow.
fn spelled(number: Option<&Decimal<'_>>) -> Amount {
    let spelling = number?.spelling();
    let (sign, digits) = match spelling.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", spelling),
    };
    let trimmed = digits.trim_start_matches('0');
    let zero = if trimmed.starts_with(|first: char| first.is_ascii_digit()) {
        ""
    } else {
        "0"
    };
    RawValue::from_string(format!("{sign}{zero}{trimmed}")).ok()
}

/// Units times unit value, exact and in plain notation.
fn line_total(units: Option<&Decimal<'_>>, unit_value: Option<&Decimal<'_>>) -> Amount {
    let total = units?.value() * unit_value?.value();
    // Zero times `0e999999999` must not be written with a billion zeros.
    let plain = if total.is_zero() {
        "0".to_owned()
    } else {
        total.to_plain_string()
    };
    RawValue::from_string(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(spelling: &str) -> Decimal<'_> {
        Decimal::parse(spelling.into()).unwrap()
    }

    #[test]
    fn numbers_sent_as_text_become_json_numbers() {
        for (sent, given) in [
            ("007", "7"),
            ("-007.50", "-7.50"),
            ("000", "0"),
            ("00.5", "0.5"),
            ("0", "0"),
            ("00e5", "0e5"),
            ("1.50", "1.50"),
            ("12e3", "12e3"),
        ] {
            let number = decimal(sent);
            assert_eq!(spelled(Some(&number)).unwrap().get(), given, "{sent}");
        }
    }

    #[test]
    fn line_totals_are_exact() {
        for (units, unit_value, total) in [
            ("3", "0.1", "0.3"),
            ("2", "55.10", "110.20"),
            ("1.5", "19.99", "29.985"),
            ("1e3", "2.5", "2500"),
            ("-1", "5", "-5"),
            ("0e999999999", "12.50", "0"),
            (
                "99999999999999999999999999999999999999",
                "99999999999999999999999999999999999999",
                "9999999999999999999999999999999999999800000000000000000000000000000000000001",
            ),
        ] {
            let told = line_total(Some(&decimal(units)), Some(&decimal(unit_value)));
            assert_eq!(told.unwrap().get(), total, "{units} x {unit_value}");
        }
        assert!(line_total(None, Some(&decimal("1"))).is_none());
    }
}
