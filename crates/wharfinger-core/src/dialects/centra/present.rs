//! An order read back, made from the texts that were submitted.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, Zero};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::wire::{Address, BILLING, DELIVERY, Money, Order, Product, Text};
use super::{Centra, decode};
use crate::catalogue::AdmittedLine;
use crate::dialect::{Dialect, StoredOrder};
use crate::fulfilment::Fulfilment;
use crate::json::{Entry, Reader, Value};
use crate::outcome::State;
use crate::validate;

/// Shows an order in the vendor's words.
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

/// Whether an order has what is not of one line: costs of shipping, a discount. Of parts that is the first alone.
pub(super) fn is_whole_or_first(stored: &StoredOrder) -> bool {
    let admission = stored.admission.as_ref();
    let split = admission.and_then(|admission| admission.split.as_ref());
    split.is_none_or(|split| split.origin == stored.id)
}

/// What was decided on a line; none of that where nothing was decided on the order. False for a line of another part.
pub(super) fn decided(stored: &StoredOrder, at: usize) -> Result<Option<&AdmittedLine>, OfAnother> {
    match &stored.admission {
        None => Ok(None),
        Some(admission) => admission.line(at).map(Some).ok_or(OfAnother),
    }
}

/// A line is of another part of the order.
pub(super) struct OfAnother;

/// The e-mail address of an order's customer: not that of a delivery.
pub(super) fn email_of(stored: &StoredOrder) -> Option<String> {
    with_texts(stored, email_of_texts)
}

pub(super) fn email_of_texts(texts: &Texts<'_, '_>) -> Option<String> {
    let addresses = ["invoiceAddress", "address"].into_iter();
    let mut addresses = addresses.filter_map(|name| text(texts.own(name)?, "email"));
    addresses.next().map(Cow::into_owned)
}

/// The texts of one order.
pub(super) struct Texts<'d, 'a> {
    /// What was submitted when the order was created.
    pub(super) submitted: Option<Value<'d, 'a>>,
    /// What completions added, oldest first.
    pub(super) completions: &'d [Value<'d, 'a>],
}

impl<'d, 'a> Texts<'d, 'a> {
    /// What no completion replaces.
    pub(super) fn own(&self, name: &str) -> Option<Value<'d, 'a>> {
        given(self.submitted?, name)
    }

    /// Text that a completion may replace: the latest that was said.
    pub(super) fn latest(&self, name: &str) -> Text<'a> {
        let later = self.completions.iter().rev();
        let mut all = later.chain(&self.submitted);
        all.find_map(|saying| text(*saying, name))
    }

    /// An amount; zero where none was sent.
    fn amount(&self, name: &str) -> BigDecimal {
        let amount = self.submitted.and_then(|order| amount(order, name));
        amount.unwrap_or_default()
    }
}

/// Reads the texts again. They were checked before they were stored, so that no limit applies here.
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
    let (submitted, completions) = match values.split_first() {
        Some((submitted, completions)) => (Some(*submitted), completions),
        None => (None, &[][..]),
    };
    read(&Texts {
        submitted,
        completions,
    })
}

fn order_of<'a>(stored: &'a StoredOrder, texts: &Texts<'_, 'a>) -> Order<'a> {
    let lines = texts.own("products");
    let lines = lines.iter().flat_map(Value::elements).enumerate();
    let products: Vec<Product<'a>> = lines
        .filter_map(|(at, line)| Some(product(line, at, decided(stored, at).ok()?)))
        .collect();
    let of_whole = |name| match is_whole_or_first(stored) {
        true => texts.amount(name),
        false => BigDecimal::zero(),
    };
    let shipping = of_whole("shippingValue");
    let voucher = of_whole("voucherValue");
    let mut grand_total = &shipping - &voucher;
    for product in &products {
        grand_total += &product.total_price.0;
    }
    let delivery = texts
        .own("deliveryAddress")
        .or_else(|| texts.own("address"));
    let billing = texts.own("invoiceAddress").or_else(|| texts.own("address"));
    Order {
        order_id: stored.key.clone(),
        order_status: status(stored),
        order_date: texts
            .latest("orderDate")
            .unwrap_or_else(|| Cow::Owned(time_of(stored.created_at_ms))),
        customer_id: customer_of(stored),
        delivery: address(&DELIVERY, delivery),
        billing: address(&BILLING, billing),
        po_number: texts.latest("poNumber"),
        shipping_value: Money(shipping),
        voucher_value: Money(voucher),
        grand_total_value: Money(grand_total),
        internal_comment: texts.latest("internalComment"),
        other_comment: texts.latest("comment"),
        products,
    }
}

/// Where an order stands. An order that is on its way is told as that, be it noted as taken on or not.
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
        State::Pending => "pending",
        State::Processed => "processing",
        State::Cancelled => "cancelled",
    }
}

/// `YYYY-mm-dd HH:MM:SS` in UTC.
fn time_of(unix_ms: i64) -> String {
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    let time = Offset::UTC.to_datetime(moment);
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn address<'a>(names: &'static [&'static str; 10], from: Option<Value<'_, 'a>>) -> Address<'a> {
    let part = |name| text(from?, name);
    let name = match (part("firstName"), part("lastName")) {
        (Some(first), Some(last)) => Some(Cow::Owned(format!("{first} {last}"))),
        (first, last) => first.or(last),
    };
    Address {
        names,
        parts: [
            name,
            part("email"),
            part("tele"),
            part("cell"),
            part("address"),
            part("coaddress"),
            part("zipcode"),
            part("city"),
            part("state"),
            part("country"),
        ],
    }
}

/// A line. Without a price it has that of the catalogue, or costs nothing here; without an original price, that is its price.
fn product<'a>(line: Value<'_, 'a>, at: usize, decided: Option<&'a AdmittedLine>) -> Product<'a> {
    let item_text = given(line, "itemText");
    let described = |name| text(item_text?, name);
    let qty = integer(line, "qty").unwrap_or_default();
    let of_catalogue = || decided?.price.as_ref()?.number().map(|price| price.value());
    let price = amount(line, "unitPrice")
        .or_else(of_catalogue)
        .unwrap_or_default();
    let original_price = amount(line, "originalPrice").unwrap_or_else(|| price.clone());
    let total_price = &price * BigDecimal::from(qty);
    Product {
        line_id: at + 1,
        sku: text(line, "sku").or_else(|| described("sku")),
        ean: text(line, "ean"),
        name: described("product"),
        variant: described("variant"),
        brand: described("brand"),
        size: described("size").or_else(|| text(line, "localizedProdSize")),
        qty,
        original_price: Money(original_price),
        price: Money(price),
        comment: text(line, "comment"),
        total_price: Money(total_price),
        warehouses: decided
            .and_then(|line| line.warehouse.as_deref())
            .into_iter()
            .collect(),
    }
}

pub(super) fn given<'d, 'a>(object: Value<'d, 'a>, name: &str) -> Option<Value<'d, 'a>> {
    let value = object.get(name)?;
    (!value.is_blank() && !value.is_empty_container()).then_some(value)
}

pub(super) fn text<'a>(object: Value<'_, 'a>, name: &str) -> Text<'a> {
    validate::text(given(object, name)?).ok()
}

pub(super) fn integer(object: Value<'_, '_>, name: &str) -> Option<u64> {
    decode::id(given(object, name)?).ok()
}

fn amount(object: Value<'_, '_>, name: &str) -> Option<BigDecimal> {
    let amount = validate::amount(given(object, name)?).ok()?.value();
    // `0e999999` is a zero of a million places, which nothing is to write out.
    Some(if amount.is_zero() {
        BigDecimal::zero()
    } else {
        amount
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BatchId;

    fn stored(texts: &[&str]) -> StoredOrder {
        StoredOrder {
            id: BatchId::new(0, 0).order(0),
            organisation: "DEMO".into(),
            key: "7".into(),
            number: Some(7),
            state: State::Pending,
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
