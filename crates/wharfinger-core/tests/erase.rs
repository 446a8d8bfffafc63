//! What is retained of an order after its person is erased, in every dialect.
//!
//! The orders are those of the mapping tests, which have every attribute.

use std::path::Path;

use serde_json::Value;
use wharfinger_core::canonical::{Address, Customer, Order, References};
use wharfinger_core::dialect::{Dialect, StoredOrder};
use wharfinger_core::dialects;
use wharfinger_core::order::outcome::State;
use wharfinger_core::reading::erase::erased;

/// Wraps a text as an order from the store.
fn stored(text: &str) -> StoredOrder {
    StoredOrder {
        organisation: "TRK001".into(),
        key: "7".into(),
        state: State::Cancelled,
        held: None,
        ..StoredOrder::of_text(text)
    }
}

fn orders(dialect: &dyn Dialect) -> Vec<Value> {
    let path = format!("tests/mappings/{}.json", dialect.id());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let orders = std::fs::read_to_string(path).expect("every dialect has such orders");
    serde_json::from_str(&orders).expect("an array of orders")
}

/// Returns the retained part of a canonical order, except for the countries of addresses, which some forms require.
fn retained(mut order: Order) -> Order {
    for line in &mut order.lines {
        (line.description, line.metadata) = (None, None);
    }
    Order {
        language: None,
        locale: None,
        customer: Customer::default(),
        references: References::default(),
        instructions: None,
        metadata: None,
        billing_address: Address::default(),
        shipping_address: Address::default(),
        ..order
    }
}

#[test]
fn retained_attributes_stay_and_nothing_else() {
    for dialect in dialects::ALL {
        let orders = orders(*dialect);
        assert!(!orders.is_empty(), "{}", dialect.id());
        for order in orders {
            let text = order.to_string();
            let left = erased(dialect.name_case(), dialect.fields(), &text);
            let [before, after] = [&text, &left].map(|text| stored(text));
            assert_eq!(dialect.email(&after), None, "{left}");
            let mut found = dialect.canonical(&after);
            found.billing_address.country = None;
            found.shipping_address.country = None;
            assert_eq!(found, retained(dialect.canonical(&before)), "{left}");
            let own: Value = serde_json::from_str(&dialect.own_form(&after)).expect("JSON");
            assert!(own.is_object());
            assert_eq!(erased(dialect.name_case(), dialect.fields(), &left), left);
        }
    }
}

/// Adds an attribute that no dialect knows to every object.
fn mark(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (_, member) in members.iter_mut() {
                mark(member);
            }
            members.insert("x_note".into(), "Ann Marker".into());
        }
        Value::Array(elements) => {
            for element in elements {
                mark(element);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_nobody_foresaw_goes_at_every_depth() {
    for dialect in dialects::ALL {
        for mut order in orders(*dialect) {
            mark(&mut order);
            let left = erased(dialect.name_case(), dialect.fields(), &order.to_string());
            assert!(!left.contains("Marker"), "{}: {left}", dialect.id());
            assert!(!left.contains("example.com"), "{}: {left}", dialect.id());
        }
    }
}

#[test]
fn what_is_no_order_leaves_nothing() {
    for dialect in dialects::ALL {
        for text in [
            "",
            "{\"key\":",
            "[\"Ann\"]",
            "\"Ann\"",
            "null",
            "{\"a\":1,\"a\":2}",
        ] {
            assert_eq!(
                erased(dialect.name_case(), dialect.fields(), text),
                "{}",
                "{}: {text}",
                dialect.id()
            );
        }
    }
}
