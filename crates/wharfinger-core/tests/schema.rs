//! Compares the schemas of the canonical order with what the server accepts and returns.

#[expect(dead_code, reason = "each test uses what it needs of what they share")]
mod support;

#[path = "support/good.rs"]
mod good;

#[expect(dead_code, reason = "as above")]
#[path = "support/one.rs"]
mod one;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use wharfinger_core::canonical::fields::{ADDRESS, CUSTOMER, LINE, ORDER, REFERENCES};
use wharfinger_core::canonical::schema;
use wharfinger_core::convert::ReadBack;
use wharfinger_core::reading::fields::Field;

/// A compiled schema.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn of(schema: Value) -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler
            .add_resource("order.json", schema)
            .expect("a schema");
        let mut schemas = Schemas::new();
        let index = compiler
            .compile("order.json", &mut schemas)
            .expect("a sound schema");
        Self { schemas, index }
    }

    fn check(&self, order: &Value) -> Result<(), String> {
        let result = self.schemas.validate(order, self.index);
        result.map_err(|error| format!("{order}\n{error:#}"))
    }
}

#[test]
fn what_is_taken_fits_the_schema() {
    let validator = Validator::of(schema::submitted());
    let mut checked = 0;
    for (dialect, text) in good::orders() {
        if dialect.id() != "native" {
            continue;
        }
        let order: Value = serde_json::from_str(&text).expect("JSON");
        let result = validator.check(&order);
        assert_eq!(result, Ok(()));
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn what_is_told_fits_the_schema() {
    let validator = Validator::of(schema::read_back());
    for (dialect, text) in good::orders() {
        let stored = one::stored("7", &text);
        let told = serde_json::to_value(ReadBack::of(&stored, dialect)).expect("JSON");
        assert_eq!(validator.check(&told), Ok(()), "{}", dialect.id());
    }
}

#[test]
fn what_is_wrong_does_not_fit() {
    let validator = Validator::of(schema::submitted());
    let good = json!({"key": "A-1", "placed_at": "2026-11-18", "lines": [{"sku": "TEA-7"}]});
    assert_eq!(validator.check(&good), Ok(()));
    for (name, wrong) in [
        ("key", json!(true)),
        ("key", json!("x".repeat(256))),
        ("placed_at", json!("2026-11-31")),
        ("placed_at", json!("2026-11-18T09:30:00")),
        ("language", json!("eng")),
        ("locale", json!("en_GB")),
        ("customer", json!("Ann")),
        ("customer", json!({"email": "ann(at)example.com"})),
        ("shipping_address", json!({"lines": "7 Wharf Road"})),
        ("shipping_address", json!({"country": "gb"})),
        ("lines", json!([])),
        ("lines", json!([{}])),
        ("lines", json!([{"sku": "T", "quantity": 0}])),
        ("lines", json!([{"sku": "T", "quantity": "two"}])),
        ("lines", json!([{"sku": "T", "unit_price": -1}])),
        ("lines", json!([{"sku": "T", "unit_price": "55,10"}])),
        ("lines", json!([{"sku": "T", "metadata": "x"}])),
        ("currency", json!("pounds")),
        ("currency", json!("AAA")),
        ("locale", json!("en-XX")),
        ("key", json!(" ")),
        ("metadata", json!(["x"])),
    ] {
        let mut order = good.clone();
        order[name] = wrong;
        assert!(validator.check(&order).is_err(), "{order}");
        let problems = one::problems(native(), &order.to_string());
        assert!(!problems.is_empty(), "{order}");
    }
    for name in ["key", "placed_at", "lines"] {
        let mut order = good.clone();
        order.as_object_mut().expect("an object").remove(name);
        assert!(validator.check(&order).is_err(), "{order}");
    }
}

fn native() -> &'static dyn wharfinger_core::dialect::Dialect {
    wharfinger_core::dialects::find("native").expect("the house's own")
}

/// Further attributes of a stored order in a response.
const READ_BACK: [&str; 10] = [
    "id",
    "number",
    "state",
    "revision",
    "dialect",
    "batch_id",
    "created_at",
    "updated_at",
    "held",
    "admission",
];

fn names(fields: &[Field]) -> Vec<&'static str> {
    fields.iter().map(|field| field.name).collect()
}

#[test]
fn the_schema_has_the_attributes_that_are_read() {
    let submitted = names(ORDER);
    let read_back = [&submitted[..], &READ_BACK].concat();
    for (schema, order) in [
        (schema::submitted(), &submitted),
        (schema::read_back(), &read_back),
    ] {
        for (pointer, attributes) in [
            ("", order.clone()),
            ("/properties/customer", names(CUSTOMER)),
            ("/properties/billing_address", names(ADDRESS)),
            ("/properties/shipping_address", names(ADDRESS)),
            ("/properties/lines/items", names(LINE)),
            ("/properties/references", names(REFERENCES)),
        ] {
            let object = schema.pointer(pointer).expect(pointer);
            let properties = object["properties"].as_object().expect(pointer);
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(names, attributes, "{pointer}");
        }
    }
}
