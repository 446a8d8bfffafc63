//! What the requests that load a catalogue may contain, and what they are answered with.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use wharfinger_core::decide::catalogue::PIECES_MAX;
use wharfinger_core::decide::catalogue::import::{LIST_TEXTS_MAX, TEXT_CHARS_MAX};

use super::ENTRIES_MAX;
use crate::http::describe::{
    Bodies, Content, EMAIL_PATTERN, LINES, blank_or, boolean, line_text, object,
};

/// The bodies of a route that loads entries of this schema, and answers with a `T`.
pub(super) fn load<T: JsonSchema>(entry: &Value, generator: &mut SchemaGenerator) -> Bodies {
    let mut content = || Content::json_of::<T>(generator);
    let (all, some, none) = (content(), content(), content());
    let body = json!({
        "description": format!("An array of at most {ENTRIES_MAX} entries, or one entry"),
        "anyOf": [
            {"type": "array", "minItems": 1, "items": entry},
            entry,
        ],
    });
    let lines = |media_type| Content {
        schema: Some(json!({
            "type": "string",
            "pattern": r"\S",
            "description": "One entry per line, in the same form as in the JSON body",
        })),
        ..Content::text(media_type, "")
    };
    let answers = vec![
        (200, "Every entry was loaded", vec![all]),
        (207, "Some entries were loaded", vec![some]),
        (
            422,
            "No entry was loaded. With problem details: the Idempotency-Key was already used for another request",
            vec![none, Content::problem(generator)],
        ),
    ];
    LINES.into_iter().map(lines).fold(
        Bodies::answering(answers).takes(Content::json(body)),
        Bodies::takes,
    )
}

/// Schema of a product. Absent attributes stay unchanged.
pub(super) fn product() -> Value {
    let mut price = blank_or(r"^[0-9]{1,20}(\.[0-9]{1,2})?$");
    price["type"] = json!(["number", "string", "null"]);
    price["minimum"] = 0.into();
    price["description"] = "At most two decimals".into();
    let mut currency = blank_or("^[A-Z]{3}$");
    currency["description"] = "ISO 4217".into();
    currency["enum"] = json!(["EUR", "GBP", "SEK", "USD", "", null]);
    entry(
        &json!({
            "id": number(),
            "sku": text(),
            "ean": text(),
            "active": boolean(),
            "warehouse": text(),
            "stock": number(),
            "price": price,
            "currency": currency,
            "name": text(),
            "markets": texts(),
            "pricelists": texts(),
        }),
        &["id", "sku", "ean"],
    )
}

/// Schema of a customer. Absent attributes stay unchanged.
pub(super) fn customer() -> Value {
    let mut email = blank_or(EMAIL_PATTERN);
    email["description"] =
        "An e-mail address. The pattern only excludes texts that cannot be one".into();
    entry(
        &json!({
            "id": number(),
            "email": email,
            "first_name": text(),
            "last_name": text(),
            "wants_new_password": boolean(),
        }),
        &["id", "email"],
    )
}

/// Schema of an entry. It must have at least one of the attributes `names`, which identify it.
fn entry(properties: &Value, names: &[&str]) -> Value {
    let named = names.iter().map(|name| {
        let said = json!({"type": ["string", "number"], "pattern": r"\S"});
        json!({"required": [name], "properties": {*name: said}})
    });
    let mut schema = object(&[], properties);
    schema["anyOf"] = named.collect();
    schema
}

fn number() -> Value {
    let mut number = blank_or("^[0-9]{1,15}$");
    number["type"] = json!(["integer", "string", "null"]);
    number["minimum"] = 0.into();
    number["maximum"] = PIECES_MAX.into();
    number
}

fn text() -> Value {
    line_text(TEXT_CHARS_MAX)
}

fn texts() -> Value {
    let mut items = json!({"type": ["string", "number"], "maxLength": TEXT_CHARS_MAX});
    items["pattern"] =
        r"^[^\x00-\x1f\x7f-\x9f|]*[^\s\x00-\x1f\x7f-\x9f|][^\x00-\x1f\x7f-\x9f|]*$".into();
    // Some senders write an empty array as an empty object.
    json!({
        "type": ["array", "object", "null"],
        "maxItems": LIST_TEXTS_MAX,
        "items": items,
        "maxProperties": 0,
    })
}
