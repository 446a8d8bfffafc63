//! JSON Schemas (2020-12) of the canonical order. Each is self-contained, so that other documents can embed it.

use serde_json::{Map, Value, json};

use super::fields::ORDER;
use crate::order::outcome::State;
use crate::reading::codes::{COUNTRIES, CURRENCIES, LANGUAGES};
use crate::reading::fields::{Field, Holds, Presence, Rule};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A time with a space in place of the `T`, which RFC 3339 allows.
const SPACED_TIME: &str = r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// A decimal number in plain notation, as in responses.
const PLAIN_DECIMAL: &str = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$";

/// Text that counts as absent.
const BLANK: &str = r"^\s*$";

/// Text that is not blank.
const SAYING: &str = r"\S";

/// A non-negative number as text. The exact digit limit is not part of the schema; the problem for the attribute names
/// it.
const AMOUNT: &str = r"^(0|[1-9][0-9]{0,20})(\.[0-9]+)?([eE][+-]?[0-9])?$";

/// A positive number as text.
const POSITIVE: &str = r"^([1-9][0-9]{0,20}(\.[0-9]+)?|0\.0{0,6}[1-9][0-9]*)([eE][+-]?[0-9])?$";

/// The schema of a submitted order.
#[must_use]
pub fn submitted() -> Value {
    let mut order = object(properties(ORDER, &InSubmissions));
    take_blanks(&mut order);
    order["$schema"] = DIALECT.into();
    order["title"] = "Order, as submitted".into();
    order["description"] = "Null, blank text, and an empty array or object count as absent. Attributes that are not listed are stored as sent, with a warning.".into();
    order["required"] = names(ORDER, Presence::Mandatory).collect();
    order["anyOf"] = names(ORDER, Presence::OneOf).map(said).collect();
    order
}

/// The names of the attributes with this presence.
fn names(fields: &'static [Field], presence: Presence) -> impl Iterator<Item = &'static str> {
    let fields = fields.iter();
    let wanted = fields.filter(move |field| field.presence == presence);
    wanted.map(|field| field.name)
}

/// Requires that an attribute is present and not blank.
fn said(name: &str) -> Value {
    json!({"required": [name], "properties": {name: {"type": ["string", "number"], "pattern": SAYING}}})
}

/// Accepts null, blank text, and an empty array or object in place of every optional attribute.
fn take_blanks(object: &mut Value) {
    let Some(attributes) = object["properties"].as_object_mut() else {
        return;
    };
    for (name, schema) in attributes {
        if name == "key" {
            continue;
        }
        if schema["properties"].is_object() {
            take_blanks(schema);
        }
        if schema["items"]["properties"].is_object() {
            take_blanks(&mut schema["items"]);
        }
        if name != "lines" || schema["minItems"].is_null() {
            take_blank(schema);
        }
    }
}

fn take_blank(schema: &mut Value) {
    let several = schema["type"].as_array().cloned();
    let mut kinds = several.unwrap_or_else(|| vec![schema["type"].clone()]);
    let is_container = kinds == ["object"] || kinds == ["array"];
    if is_container {
        let (other, limit) = if kinds == ["object"] {
            ("array", "maxItems")
        } else {
            ("object", "maxProperties")
        };
        kinds.extend([other.into(), "string".into()]);
        schema[limit] = 0.into();
    }
    kinds.push(Value::from("null"));
    schema["type"] = kinds.into();
    if is_container {
        schema["pattern"] = BLANK.into();
    } else if let Some(pattern) = schema["pattern"].as_str() {
        schema["pattern"] = format!("{BLANK}|{pattern}").into();
    } else if let Some(choices) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.push(json!({"pattern": BLANK}));
    } else if let Some(format) = schema
        .as_object_mut()
        .and_then(|it| it.shift_remove("format"))
    {
        schema["anyOf"] = json!([{"format": format}, {"pattern": BLANK}]);
    }
}

/// The schema of a stored order in a response, for orders of every dialect.
#[must_use]
pub fn read_back() -> Value {
    let mut properties = properties(ORDER, &InResponses);
    for (name, schema) in [
        (
            "id",
            uuid("The order's id, the same for all its revisions."),
        ),
        (
            "number",
            json!({"type": "integer", "minimum": 1, "description": "The order number, if its dialect numbers orders."}),
        ),
        ("state", json!({"type": "string", "enum": State::NAMES})),
        (
            "revision",
            json!({"type": "integer", "minimum": 1, "description": "1 when first accepted, plus one for each change."}),
        ),
        (
            "dialect",
            json!({"type": "string", "description": "The dialect that the order was submitted in."}),
        ),
        (
            "batch_id",
            uuid("The batch that the order was first accepted in."),
        ),
        (
            "created_at",
            json!({"type": "string", "format": "date-time"}),
        ),
        (
            "updated_at",
            json!({"type": "string", "format": "date-time"}),
        ),
        ("held", held()),
        ("admission", admission()),
    ] {
        properties.insert(name.into(), schema);
    }
    let mut order = object(properties);
    order["$schema"] = DIALECT.into();
    order["title"] = "Order, as stored".into();
    order["required"] = json!([
        "organisation",
        "key",
        "id",
        "state",
        "revision",
        "dialect",
        "batch_id",
        "created_at",
        "updated_at"
    ]);
    order
}

/// The schema of why an order is held.
fn held() -> Value {
    json!({
        "type": "object",
        "description": "Why the order is held for a person. Only on orders in the state `held`.",
        "required": ["rule", "sentence", "at"],
        "properties": {
            "rule": {"type": "string", "description": "The name of the rule."},
            "sentence": {"type": "string", "description": "The sentence of the rule."},
            "at": {"type": "string", "format": "date-time"},
            "error": {"type": "string", "description": "Why the rule could not be evaluated on the order."},
        },
    })
}

/// The schema of the catalogue's decision on an order.
fn admission() -> Value {
    let line = json!({
        "type": "object",
        "required": ["line", "taken", "back_ordered"],
        "properties": {
            "line": {"type": "integer", "minimum": 0, "description": "The position of the line in the submitted order, from 0."},
            "warehouse": {"type": "string", "description": "The warehouse that it is sent from."},
            "unit_price": {"type": "string", "description": "The catalogue's price, if the order gave none."},
            "taken": {"type": "integer", "minimum": 0, "description": "Pieces taken from stock."},
            "back_ordered": {"type": "boolean"},
        },
    });
    json!({
        "type": "object",
        "description": "The decisions on an order that was checked against its organisation's catalogue.",
        "required": ["lines"],
        "properties": {
            "customer_id": {"type": "integer", "minimum": 0, "description": "The customer that the order is attached to."},
            "origin": uuid("The id of the first part, if the order was split by warehouse."),
            "orders": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1},
                "description": "On the first part: the order numbers of all parts, its own first.",
            },
            "lines": {"type": "array", "items": line},
        },
    })
}

/// The schemas of the kinds of values.
trait Spelling {
    fn text(&self) -> Value;
    fn text_of_array(&self) -> Value;
    /// A quantity.
    fn quantity(&self) -> Value;
    fn weight(&self) -> Value;
    fn money(&self) -> Value;
    /// Adds the rules that a required array of objects has at least one element, and each its required attributes.
    fn at_least_one(&self, array: Value, members: &'static [Field]) -> Value;
}

/// Values in submissions. Scalars of related types are accepted too.
struct InSubmissions;

/// Values in responses.
struct InResponses;

impl Spelling for InSubmissions {
    fn text(&self) -> Value {
        json!({"type": ["string", "number"]})
    }

    fn text_of_array(&self) -> Value {
        json!({"type": ["string", "number", "null"]})
    }

    fn quantity(&self) -> Value {
        json!({"type": ["string", "number"], "pattern": POSITIVE, "exclusiveMinimum": 0, "default": 1})
    }

    fn weight(&self) -> Value {
        json!({"type": ["string", "number"], "pattern": AMOUNT, "minimum": 0})
    }

    fn money(&self) -> Value {
        self.weight()
    }

    fn at_least_one(&self, mut array: Value, members: &'static [Field]) -> Value {
        array["minItems"] = 1.into();
        array["items"]["anyOf"] = names(members, Presence::OneOf).map(said).collect();
        array
    }
}

impl Spelling for InResponses {
    fn text(&self) -> Value {
        json!({"type": "string"})
    }

    fn text_of_array(&self) -> Value {
        self.text()
    }

    fn quantity(&self) -> Value {
        json!({"type": "number"})
    }

    fn weight(&self) -> Value {
        json!({"type": "number"})
    }

    fn money(&self) -> Value {
        json!({"type": "string", "pattern": PLAIN_DECIMAL})
    }

    fn at_least_one(&self, array: Value, _: &'static [Field]) -> Value {
        array
    }
}

fn properties(fields: &'static [Field], spelling: &impl Spelling) -> Map<String, Value> {
    let fields = fields.iter();
    fields
        .map(|field| (field.name.to_owned(), schema(field, spelling)))
        .collect()
}

fn schema(field: &Field, spelling: &impl Spelling) -> Value {
    match field.holds {
        Holds::Removed | Holds::Retained => scalar(field.rule.unwrap_or(Rule::Text), spelling),
        Holds::Object(members) => object(properties(members, spelling)),
        Holds::Each(members) | Holds::Items(members) => {
            let element = object(properties(members, spelling));
            let array = json!({"type": "array", "items": element});
            match field.presence {
                Presence::Mandatory => spelling.at_least_one(array, members),
                Presence::Optional | Presence::OneOf => array,
            }
        }
    }
}

fn scalar(rule: Rule, spelling: &impl Spelling) -> Value {
    match rule {
        Rule::Organisation => described(
            spelling.text(),
            "The organisation's code. Required here or as a parameter of the request.",
        ),
        Rule::Key => key(spelling.text()),
        Rule::Text => spelling.text(),
        Rule::Texts => json!({"type": "array", "items": spelling.text_of_array()}),
        Rule::Moment => moment(),
        Rule::Language => {
            json!({"type": "string", "pattern": format!("^({})$", LANGUAGES.alternatives()), "description": "ISO 639-1"})
        }
        Rule::Locale => {
            json!({"type": "string", "pattern": format!("^({})-({})$", LANGUAGES.alternatives(), COUNTRIES.alternatives()), "examples": ["en-GB"]})
        }
        Rule::Email => json!({"type": "string", "format": "email"}),
        Rule::Country => country(),
        Rule::Currency => currency(),
        Rule::OrderCurrency => described(
            currency(),
            "ISO 4217: the currency of shipping_price and discount, and of each line that has none.",
        ),
        Rule::Money => spelling.money(),
        Rule::Quantity => spelling.quantity(),
        Rule::Weight => spelling.weight(),
        Rule::Json => metadata(),
    }
}

fn object(properties: Map<String, Value>) -> Value {
    let mut schema = json!({"type": "object"});
    schema["properties"] = properties.into();
    schema
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn key(mut text: Value) -> Value {
    text["minLength"] = 1.into();
    text["maxLength"] = crate::limits::KEY_CHARS_MAX.into();
    text["pattern"] = SAYING.into();
    described(text, "The order key, unique within its organisation.")
}

fn moment() -> Value {
    json!({
        "type": "string",
        "anyOf": [{"format": "date"}, {"format": "date-time"}, {"pattern": SPACED_TIME}],
        "examples": ["2026-11-21", "2026-11-21T09:30:00Z"]
    })
}

fn country() -> Value {
    json!({"type": "string", "pattern": format!("^({})$", COUNTRIES.alternatives()), "description": "ISO 3166-1 alpha-2"})
}

fn currency() -> Value {
    json!({"type": "string", "pattern": format!("^({})$", CURRENCIES.alternatives()), "description": "ISO 4217"})
}

fn metadata() -> Value {
    json!({"type": "object", "description": "Any members, with any values."})
}

fn uuid(description: &str) -> Value {
    json!({"type": "string", "format": "uuid", "description": description})
}
