//! The lines of an order in a response, and their totals. Submitted amounts are rounded once. Sums and taxes use the
//! rounded ones.

use bigdecimal::{BigDecimal, ToPrimitive, Zero};

use super::money::Money;
use super::present::{given, integer, text};
use super::shown::{LocalizedSize, Product, Tax, Totals, Warehouse};
use crate::decide::catalogue::AdmittedLine;
use crate::json::{Kind, Value};
use crate::reading::validate;

/// Builds a line. A missing price is the catalogue's, or else 0. A missing original price equals the price.
pub(super) fn product<'a>(
    line: Value<'_, 'a>,
    at: usize,
    decided: Option<&'a AdmittedLine>,
) -> Product<'a> {
    let item_text = given(line, "itemText");
    let described = |name| text(item_text?, name);
    let qty = integer(line, "qty").unwrap_or_default();
    let of_catalogue = || {
        decided?
            .price
            .as_ref()?
            .number()
            .map(|price| Money::sent(&price))
    };
    let price = amount(line, "unitPrice")
        .or_else(of_catalogue)
        .unwrap_or_default();
    let original_price = amount(line, "originalPrice").unwrap_or_else(|| price.clone());
    let total_price = Money::of(&(price.value() * BigDecimal::from(qty)));
    let tax_percent = amount(line, "taxPercent").unwrap_or_default();
    let tax_value = tax_in(&price, &tax_percent);
    let total_tax_value = tax_in(&total_price, &tax_percent);
    let (price_discount, price_discount_as_percent) = discount(&original_price, &price);
    let (size, localized_size) = size(line);
    Product {
        line_id: (at + 1).to_string(),
        sku: text(line, "sku")
            .or_else(|| described("sku"))
            .unwrap_or_default(),
        ean: text(line, "ean").unwrap_or_default(),
        name: described("product").unwrap_or_default(),
        variant: described("variant").unwrap_or_default(),
        brand: described("brand").unwrap_or_default(),
        size: described("size").or(size).unwrap_or_default(),
        localized_size,
        qty,
        comment: text(line, "comment").unwrap_or_default(),
        price_discount,
        price_discount_as_percent,
        total_price_without_tax: less(&total_price, &total_tax_value),
        total_price_with_tax: total_price.clone(),
        price_each_without_tax: less(&price, &tax_value),
        warehouses: decided
            .and_then(|line| line.warehouse.as_deref())
            .map(|name| Warehouse {
                name,
                item_qty: qty,
            })
            .into_iter()
            .collect(),
        original_price,
        price,
        tax_percent,
        tax_value,
        total_tax_value,
        total_price,
        ..Product::default()
    }
}

/// Reads `localizedProdSize`: the size as text, or with the name of its size chart.
fn size<'a>(line: Value<'_, 'a>) -> (Option<super::shown::Text<'a>>, Option<LocalizedSize<'a>>) {
    let Some(size) = given(line, "localizedProdSize") else {
        return (None, None);
    };
    if size.kind() != Kind::Object {
        return (text(line, "localizedProdSize"), None);
    }
    let localized = text(size, "localizedSize");
    let localized_size = LocalizedSize {
        localization_definition_name: text(size, "localizationDefinitionName").unwrap_or_default(),
        localized_size: localized.clone().unwrap_or_default(),
    };
    (localized, Some(localized_size))
}

/// The discount on a price: the amount, and whole percent.
fn discount(original: &Money, price: &Money) -> (Money, u64) {
    if original.value() <= price.value() {
        return (Money::default(), 0);
    }
    let discount = original.value() - price.value();
    let percent = &discount * BigDecimal::from(100) / original.value();
    let percent = percent.round(0).to_u64().unwrap_or_default();
    (Money::of(&discount), percent)
}

/// The tax contained in an amount that includes tax.
fn tax_in(amount: &Money, percent: &Money) -> Money {
    let percent = percent.value();
    if percent.is_zero() || amount.value().is_zero() {
        return Money::default();
    }
    Money::of(&(amount.value() * percent / (BigDecimal::from(100) + percent)))
}

fn less(amount: &Money, part: &Money) -> Money {
    Money::of(&(amount.value() - part.value()))
}

/// The totals of the lines, and the total discount on them.
pub(super) fn totals(products: &[Product<'_>]) -> (Totals, Money) {
    let mut price = BigDecimal::zero();
    let mut tax = BigDecimal::zero();
    let mut discount = BigDecimal::zero();
    let mut by_rate: Vec<(&Money, BigDecimal)> = Vec::new();
    for product in products {
        price += product.total_price.value();
        tax += product.total_tax_value.value();
        discount += product.price_discount.value() * BigDecimal::from(product.qty);
        let rate = &product.tax_percent;
        if rate.value().is_zero() {
            continue;
        }
        match by_rate.iter_mut().find(|(known, _)| *known == rate) {
            Some((_, value)) => *value += product.total_tax_value.value(),
            None => by_rate.push((rate, product.total_tax_value.value().clone())),
        }
    }
    let tax_breakdown = by_rate.into_iter().map(|(rate, value)| Tax {
        description: "VAT",
        tax_percent: rate.clone(),
        value: Money::of(&value),
    });
    let totals = Totals {
        total_items_price_tax: Money::of(&-&tax),
        total_items_price: Money::of(&price),
        total_items_without_tax: Money::of(&(&price - &tax)),
        tax_breakdown: tax_breakdown.collect(),
    };
    (totals, Money::of(&discount))
}

/// Reads an amount, rounded as in responses, if there is one.
pub(super) fn amount(object: Value<'_, '_>, name: &str) -> Option<Money> {
    let amount = validate::amount(given(object, name)?).ok()?;
    Some(Money::sent(&amount))
}
