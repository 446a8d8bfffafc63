//! Builds an order for a response from the submitted texts.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::additions::Texts;
use super::lines::{product, totals};
use super::money::Money;
use super::shown::{Address, BILLING, DELIVERY, Discounts, Order, Payment, Product, Text, Voucher};
use super::{Centra, dates, decode};
use crate::decide::catalogue::AdmittedLine;
use crate::decide::fulfilment::Fulfilment;
use crate::dialect::{Dialect, StoredOrder};
use crate::json::{Entry, Reader, Value};
use crate::order::outcome::State;
use crate::reading::validate;

/// Builds an order in the vendor's format.
pub(super) fn order(stored: &StoredOrder) -> Order<'_> {
    with_texts(stored, |texts| order_of(stored, texts))
}

/// The customer that an order is attached to.
pub(super) fn customer_of(stored: &StoredOrder) -> Option<u64> {
    match &stored.admission {
        Some(admission) => admission.customer,
        None => with_texts(stored, |texts| integer(texts.submitted?, "customerId")),
    }
}

/// Whether the order carries amounts that belong to no line, such as shipping and discount. Of a split order, only the
/// first part does.
pub(super) fn is_whole_or_first(stored: &StoredOrder) -> bool {
    let admission = stored.admission.as_ref();
    let split = admission.and_then(|admission| admission.split.as_ref());
    split.is_none_or(|split| split.origin == stored.id)
}

/// The catalogue's decision on a line. `None` if the order was not checked against a catalogue.
///
/// The error means that the line belongs to another part of the order.
pub(super) fn decided(stored: &StoredOrder, at: usize) -> Result<Option<&AdmittedLine>, OfAnother> {
    match &stored.admission {
        None => Ok(None),
        Some(admission) => admission.line(at).map(Some).ok_or(OfAnother),
    }
}

/// The line belongs to another part of the order.
pub(super) struct OfAnother;

/// The e-mail address of an order's customer. The delivery address is not considered.
pub(super) fn email_of(stored: &StoredOrder) -> Option<String> {
    with_texts(stored, email_of_texts)
}

pub(super) fn email_of_texts(texts: &Texts<'_, '_>) -> Option<String> {
    let addresses = ["invoiceAddress", "address"].into_iter();
    let mut addresses = addresses.filter_map(|name| text(texts.own(name)?, "email"));
    addresses.next().map(Cow::into_owned)
}

/// Parses the texts. No limits apply, because they were checked before they were stored.
pub(super) fn with_texts<'a, T>(
    stored: &'a StoredOrder,
    read: impl FnOnce(&Texts<'_, 'a>) -> T,
) -> T {
    let mut readers: Vec<Reader<'a>> = Vec::new();
    for text in &stored.texts {
        readers.extend(Reader::of_stored(text, Centra.name_case()));
    }
    let mut entries: Vec<Entry<'_, 'a>> = Vec::new();
    for reader in &mut readers {
        entries.extend(reader.next().ok().flatten());
    }
    let values: Vec<Value<'_, 'a>> = entries.iter().map(|entry| entry.value).collect();
    let (submitted, additions) = match values.split_first() {
        Some((submitted, additions)) => (Some(*submitted), additions),
        None => (None, &[][..]),
    };
    read(&Texts {
        submitted,
        additions,
    })
}

fn order_of<'a>(stored: &'a StoredOrder, texts: &Texts<'_, 'a>) -> Order<'a> {
    let zone = &stored.time_zone;
    let lines = texts.own("products");
    let lines = lines.iter().flat_map(Value::items).enumerate();
    let products: Vec<Product<'a>> = lines
        .filter_map(|(at, line)| Some(product(line, at, decided(stored, at).ok()?)))
        .collect();
    let of_whole = |name| match is_whole_or_first(stored) {
        true => texts.amount(name),
        false => Money::default(),
    };
    let shipping = of_whole("shippingValue");
    let voucher = of_whole("voucherValue");
    let (totals, total_items_discount) = totals(&products);
    let items = totals.total_items_price.value();
    let grand_total = Money::of(&(items + shipping.value() - voucher.value()));
    let tax = Money::of(&-totals.total_items_price_tax.value());
    let currency = texts
        .own_text("orderCurrency")
        .or_else(|| texts.own_text("currency"));
    let currency = currency.unwrap_or_default();
    let delivery = texts
        .own("deliveryAddress")
        .or_else(|| texts.own("address"));
    let billing = texts.own("invoiceAddress").or_else(|| texts.own("address"));
    let date = |name| texts.date(name).map(|date| dates::shown(date, zone));
    let delivery_date = date("deliveryDate").unwrap_or(Cow::Borrowed(dates::NO_DATE));
    let number = |name| texts.submitted.and_then(|order| integer(order, name));
    let text_of = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    Order {
        order_id: &stored.key,
        order_status: status(stored),
        order_date: date("orderDate")
            .unwrap_or_else(|| Cow::Owned(time_of(stored.created_at_ms, zone))),
        cancel_date: date("cancelDate").unwrap_or(Cow::Borrowed(dates::NO_DATE)),
        preferred_delivery_date: delivery_date.clone(),
        estimated_delivery_date: delivery_date,
        order_store: &stored.organisation,
        customer_id: text_of(customer_of(stored)),
        account_id: text_of(number("accountId")),
        delivery: address(&DELIVERY, delivery),
        billing: address(&BILLING, billing),
        po_number: texts.latest("poNumber").unwrap_or_default(),
        shipping_list: texts.own_text("shippingList").unwrap_or_default(),
        internal_order: u8::from(texts.own_flag("internalOrder")),
        discounts: discounts(texts, &voucher, &currency),
        shipping_value: shipping,
        voucher_value: voucher,
        grand_total_value: grand_total,
        grand_total_tax_value: tax,
        internal_comment: texts.comment("internalComment").unwrap_or_default(),
        other_comment: texts.comment("comment").unwrap_or_default(),
        market_id: number("marketId").unwrap_or_default(),
        pricelist_id: number("pricelistId").unwrap_or_default(),
        payment: payment(texts),
        totals,
        products,
        total_items_discount,
        order_currency: currency,
        ..Order::default()
    }
}

/// The payment types that the vendor has: card, invoice, third party, free and prepaid.
const PAYMENT_TYPES: [&str; 5] = ["cc", "inv", "3rd", "free", "prepaid"];

/// How an order was paid. The capture takes precedence over the authorisation.
fn payment<'a>(texts: &Texts<'_, 'a>) -> Payment<'a> {
    let said = |name| {
        let mut transactions = ["capture", "auth"].into_iter();
        transactions
            .find_map(|transaction| texts.paid(|payment| text(given(payment, transaction)?, name)))
    };
    let method = said("method").unwrap_or_default();
    let plugin = texts.paid(|payment| integer(payment, "id"));
    Payment {
        payment_plugin: plugin.map(|id| id.to_string()).unwrap_or_default(),
        payment_type: PAYMENT_TYPES
            .into_iter()
            .find(|known| *known == method)
            .unwrap_or_default(),
        payment_reference: said("transaction").unwrap_or_default(),
        payment_method: method,
        ..Payment::default()
    }
}

/// The vouchers that an order names. Only for a single voucher is its discount known.
fn discounts<'a>(texts: &Texts<'_, 'a>, off: &Money, currency: &str) -> Discounts<'a> {
    let codes = texts.own("voucherCodes");
    let codes = codes.iter().flat_map(Value::items);
    let codes: Vec<Text<'a>> = codes.filter_map(|code| validate::text(code).ok()).collect();
    let off = match codes.len() {
        1 => Money::of(&-off.value()),
        _ => Money::default(),
    };
    let in_words = |amount: &Money| {
        let amount = amount.value().with_scale(2);
        format!("{} {currency}", amount.to_plain_string())
            .trim_end()
            .to_owned()
    };
    let voucher = |voucher| Voucher {
        voucher,
        name: "",
        price_off: in_words(&off),
        price_off_as_a_number: off.clone(),
        description: "",
        is_credit: false,
        original_price_off: in_words(&off),
        original_price_off_as_number: off.clone(),
    };
    Discounts {
        discount: in_words(&Money::default()),
        vouchers: codes.into_iter().map(voucher).collect(),
        ..Discounts::default()
    }
}

/// The status of an order. A shipped or delivered order has that status whether or not it is marked as processed.
fn status(stored: &StoredOrder) -> &'static str {
    let report = stored.fulfilment.as_ref().map(|kept| &kept.fulfilment);
    match stored.state {
        State::Draft => "incomplete",
        State::Pending | State::Processed if report.is_some_and(Fulfilment::is_delivered) => {
            "delivered"
        }
        State::Pending | State::Processed if report.is_some_and(Fulfilment::is_shipped) => {
            "shipped"
        }
        State::Held | State::Pending => "pending",
        State::Processed => "processing",
        State::Cancelled => "cancelled",
    }
}

/// The time when an order was created, as local time.
fn time_of(unix_ms: i64, zone: &TimeZone) -> String {
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    dates::local(moment, zone)
}

fn address<'a>(names: &'static [&'static str], from: Option<Value<'_, 'a>>) -> Address<'a> {
    let part = |name| text(from?, name);
    let name = match (part("firstName"), part("lastName")) {
        (Some(first), Some(last)) => Some(Cow::Owned(format!("{first} {last}"))),
        (first, last) => first.or(last),
    };
    Address {
        names,
        parts: [
            name,
            // The vendor's requests have no such attribute.
            None,
            part("email"),
            part("cell"),
            part("tele"),
            part("address"),
            part("coaddress"),
            part("zipcode"),
            part("city"),
            part("state"),
            part("country"),
        ]
        .map(Option::unwrap_or_default),
    }
}

pub(super) fn given<'d, 'a>(object: Value<'d, 'a>, name: &str) -> Option<Value<'d, 'a>> {
    let value = object.get(name)?;
    (!value.is_blank() && !value.is_empty_container()).then_some(value)
}

pub(super) fn text<'a>(object: Value<'_, 'a>, name: &str) -> Option<Text<'a>> {
    validate::text(given(object, name)?).ok()
}

pub(super) fn integer(object: Value<'_, '_>, name: &str) -> Option<u64> {
    decode::id(given(object, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::ids::BatchId;

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
            created_at_ms: 1_740_787_199_999,
            updated_at_ms: 1_740_787_199_999,
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            fulfilment: None,
            admission: None,
        }
    }

    #[test]
    fn without_a_date_of_its_own_an_order_shows_when_it_was_created() {
        let bare = stored(&["{}"]);
        assert_eq!(order(&bare).order_date, "2025-02-28 23:59:59");
        let dated = stored(&["{}", r#"{"orderDate":"2025-03-01"}"#, "{}"]);
        assert_eq!(order(&dated).order_date, "2025-03-01");
    }

    #[test]
    fn the_customer_is_that_of_the_order_itself() {
        let attached = stored(&[r#"{"customerId":"5"}"#, r#"{"customerId":6}"#]);
        assert_eq!(customer_of(&attached), Some(5));
        assert_eq!(customer_of(&stored(&["{}"])), None);
    }
}
