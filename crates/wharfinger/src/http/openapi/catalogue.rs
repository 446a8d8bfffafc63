//! Request and response bodies of the routes that load a catalogue.

use schemars::SchemaGenerator;
use serde_json::{Value, json};
use wharfinger_core::decide::catalogue::PIECES_MAX;
use wharfinger_core::decide::catalogue::import::{LIST_TEXTS_MAX, TEXT_CHARS_MAX};

use super::super::v1::catalogue::{ENTRIES_MAX, LoadView};
use super::bodies::{Bodies, Content, problem};
use super::resources::{BLANK, LINES, blank_or, boolean};

/// The bodies of a route that loads entries of this schema.
pub(super) fn load(entry: &Value, generator: &mut SchemaGenerator) -> Bodies {
    let told = Value::from(generator.subschema_for::<LoadView>());
    let content = || Content::json(told.clone());
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
    let none_taken = vec![content(), problem(generator)];
    Bodies {
        request: vec![
            Content::json(body),
            lines(LINES),
            lines("application/jsonl"),
        ],
        is_request_required: true,
        answers: vec![
            (200, "Every entry was loaded", vec![content()]),
            (207, "Some entries were loaded", vec![content()]),
            (
                422,
                "No entry was loaded. As problem details: the Idempotency-Key was used for another request",
                none_taken,
            ),
        ],
    }
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
    let mut email = blank_or(super::EMAIL_PATTERN);
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
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "anyOf": named.collect::<Vec<_>>(),
    })
}

fn number() -> Value {
    let mut number = blank_or("^[0-9]{1,15}$");
    number["type"] = json!(["integer", "string", "null"]);
    number["minimum"] = 0.into();
    number["maximum"] = PIECES_MAX.into();
    number
}

/// Text that is blank or matches this pattern.
fn plain(pattern: &str) -> Value {
    json!({
        "type": ["string", "number", "null"],
        "maxLength": TEXT_CHARS_MAX,
        "pattern": format!("{BLANK}|{pattern}"),
    })
}

/// Text without control characters, as long as a name may be.
pub(super) fn text() -> Value {
    plain(r"^[^\x00-\x1f\x7f-\x9f]*$")
}

fn texts() -> Value {
    let mut items = plain("");
    items["type"] = json!(["string", "number"]);
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
