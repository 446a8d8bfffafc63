//! Random canonical orders.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn text() -> BoxedStrategy<String> {
    "[ !-~é🛒]{0,12}[!-~é][ !-~]{0,12}".boxed()
}

fn name() -> BoxedStrategy<String> {
    prop_oneof!["[A-Z][a-zé]{0,5}( {1,2}[A-Z][a-z]{0,5}){0,3}", text(),].boxed()
}

fn amount() -> impl Strategy<Value = String> {
    "0|[1-9][0-9]{0,5}|[0-9]{1,3}\\.[0-9]{1,4}|[1-9]e[0-2]|[0-9]{1,30}"
}

fn moment() -> impl Strategy<Value = String> {
    prop_oneof![
        "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])",
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(
        "[a-z_A-Z ]{0,6}",
        prop_oneof![
            Just(json!(null)),
            Just(json!({"a": [1.5, "x"]})),
            Just(json!([])),
            Just(json!("é\n\""))
        ],
        1..4,
    )
    .prop_map(|members| json!(members))
}

/// Builds an object from the members that are present. `None` if there are none.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Option<Value> {
    let mut object = Map::new();
    for (name, value) in members {
        if let Some(value) = value {
            object.insert(name.into(), value);
        }
    }
    (!object.is_empty()).then(|| object.into())
}

fn some(text: Option<String>) -> Option<Value> {
    text.map(Value::from)
}

fn customer() -> impl Strategy<Value = Option<Value>> {
    let email = option::of("[a-z]{1,6}@example\\.com");
    let reference = option::of(prop_oneof![
        "[1-9][0-9]{0,4}",
        "0[0-9]{1,3}",
        "C-[0-9]{1,4}"
    ]);
    (
        reference,
        email,
        [
            option::of(text()),
            option::of(name()),
            option::of(name()),
            option::of(text()),
        ],
    )
        .prop_map(
            |(reference, email, [title, first_name, last_name, phone])| {
                object([
                    ("ref", some(reference)),
                    ("email", some(email)),
                    ("title", some(title)),
                    ("first_name", some(first_name)),
                    ("last_name", some(last_name)),
                    ("phone", some(phone)),
                ])
            },
        )
}

fn address() -> impl Strategy<Value = Option<Value>> {
    let country = option::of(prop_oneof!["GB", "NZ", "SE"]);
    let lines = vec(text(), 0..4);
    let parts = [
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(text()),
    ];
    (option::of(name()), lines, parts, country).prop_map(
        |(name, lines, [company, suburb, city, state, postcode], country)| {
            object([
                ("name", some(name)),
                ("company", some(company)),
                ("lines", (!lines.is_empty()).then(|| json!(lines))),
                ("suburb", some(suburb)),
                ("city", some(city)),
                ("state", some(state)),
                ("postcode", some(postcode)),
                ("country", some(country)),
            ])
        },
    )
}

fn line() -> impl Strategy<Value = Value> {
    let quantity = option::of(prop_oneof![
        "[1-9][0-9]{0,2}",
        "[1-9]\\.[0-9]{1,2}",
        "[1-9][0-9]{12}",
        "0\\.5"
    ]);
    let identifiers = prop_oneof![
        text().prop_map(|sku| [Some(sku), None, None]),
        "[0-9]{13}".prop_map(|ean| [None, Some(ean), None]),
        "[0-9]{1,5}|P[0-9]".prop_map(|id| [None, None, Some(id)]),
        (text(), "[0-9]{13}", "[1-9][0-9]{0,4}").prop_map(|(sku, ean, id)| [
            Some(sku),
            Some(ean),
            Some(id)
        ]),
    ];
    let currency = option::of(prop_oneof!["GBP", "NZD", "SEK"]);
    (
        quantity,
        identifiers,
        option::of(text()),
        [option::of(amount()), option::of(amount())],
        currency,
        option::of(metadata()),
    )
        .prop_map(
            |(
                quantity,
                [sku, ean, product_id],
                description,
                [unit_price, weight_kg],
                currency,
                metadata,
            )| {
                object([
                    ("quantity", some(quantity)),
                    ("sku", some(sku)),
                    ("ean", some(ean)),
                    ("product_id", some(product_id)),
                    ("description", some(description)),
                    ("unit_price", some(unit_price)),
                    ("currency", some(currency)),
                    ("weight_kg", some(weight_kg)),
                    ("metadata", metadata),
                ])
                .unwrap_or_default()
            },
        )
}

/// Generates a valid canonical order: its key and its text.
pub(crate) fn order() -> impl Strategy<Value = (String, String)> {
    let dates = prop_oneof![
        moment().prop_map(|placed_at| [Some(placed_at), None]),
        moment().prop_map(|fulfilled_at| [None, Some(fulfilled_at)]),
        (moment(), moment())
            .prop_map(|(placed_at, fulfilled_at)| [Some(placed_at), Some(fulfilled_at)]),
    ];
    let key = prop_oneof!["[1-9][0-9]{0,9}", "[A-Z]-[0-9]{1,4}", text()];
    let languages = (
        option::of(prop_oneof!["en", "sv"]),
        option::of(prop_oneof!["en-GB", "sv-SE"]),
    );
    let addresses = prop_oneof![
        3 => (address(), address()),
        1 => address().prop_map(|address| (address.clone(), address)),
    ];
    let money = (
        option::of(amount()),
        option::of(amount()),
        option::of(prop_oneof!["GBP", "EUR"]),
    );
    let texts = [option::of(text()), option::of(text()), option::of(text())];
    (
        key,
        dates,
        languages,
        customer(),
        addresses,
        vec(line(), 1..4),
        money,
        texts,
        option::of(metadata()),
    )
        .prop_map(
            |(
                key,
                [placed_at, fulfilled_at],
                (language, locale),
                customer,
                (billing, shipping),
                lines,
                (shipping_price, discount, currency),
                [delivery_reference, purchase_order, instructions],
                metadata,
            )| {
                let references = object([
                    ("delivery_reference", some(delivery_reference)),
                    ("purchase_order", some(purchase_order)),
                ]);
                let order = object([
                    ("key", some(Some(key.clone()))),
                    ("placed_at", some(placed_at)),
                    ("fulfilled_at", some(fulfilled_at)),
                    ("language", some(language)),
                    ("locale", some(locale)),
                    ("customer", customer),
                    ("billing_address", billing),
                    ("shipping_address", shipping),
                    ("lines", Some(lines.into())),
                    ("shipping_price", some(shipping_price)),
                    ("discount", some(discount)),
                    ("currency", some(currency)),
                    ("references", references),
                    ("instructions", some(instructions)),
                    ("metadata", metadata),
                ]);
                (key, order.unwrap_or_default().to_string())
            },
        )
}
