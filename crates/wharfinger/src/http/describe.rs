//! Parts of the OpenAPI description that routes describe themselves with: bodies, and schemas of what requests may contain.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use wharfinger_core::dialects;

use super::v1::Page;
use crate::access::rules::CODE_CHARS_MAX;

/// Media types of JSON Lines.
pub(super) const LINES: [&str; 2] = ["application/x-ndjson", "application/jsonl"];
/// Media type of server-sent events.
pub(super) const EVENTS: &str = "text/event-stream";

/// Pattern of organisation codes.
pub(super) const CODE_PATTERN: &str = r"^\.{0,63}[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$";
/// Pattern of e-mail addresses that every server accepts.
pub(super) const EMAIL_PATTERN: &str = r"^[a-zA-Z0-9]{1,60}@[a-z0-9]{1,60}\.[a-z]{2,6}$";

/// The bodies of a route.
pub(super) struct Bodies {
    pub(super) request: Vec<Content>,
    pub(super) is_request_required: bool,
    /// Status, description and body of each successful response.
    pub(super) answers: Vec<(u16, &'static str, Vec<Content>)>,
}

/// A body of one media type.
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) schema: Option<Value>,
    pub(super) example: Option<Value>,
}

impl Content {
    /// JSON with this schema.
    pub(super) fn json(schema: impl Into<Value>) -> Self {
        Self {
            media_type: "application/json",
            schema: Some(schema.into()),
            example: None,
        }
    }

    /// JSON with the schema of a type.
    pub(super) fn json_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Self {
        Self::json(generator.subschema_for::<T>())
    }

    /// Text such as lines or events, whose parts have no schema of their own.
    pub(super) fn text(media_type: &'static str, description: &str) -> Self {
        Self {
            media_type,
            schema: Some(json!({"type": "string", "description": description})),
            example: None,
        }
    }

    /// A refusal in problem details (RFC 9457).
    pub(super) fn problem(generator: &mut SchemaGenerator) -> Self {
        Self {
            media_type: "application/problem+json",
            schema: Some(dialects::answer_schemas(generator).problem.into()),
            example: None,
        }
    }

    /// Adds an example that can be sent as it is.
    pub(super) fn with_example(mut self, example: Value) -> Self {
        self.example = Some(example);
        self
    }
}

impl Bodies {
    /// No request body, and these responses.
    pub(super) fn answering(answers: Vec<(u16, &'static str, Vec<Content>)>) -> Self {
        Self {
            request: Vec::new(),
            is_request_required: false,
            answers,
        }
    }

    /// One response of status 200.
    pub(super) fn ok(about: &'static str, content: Content) -> Self {
        Self::answering(vec![(200, about, vec![content])])
    }

    /// A resource.
    pub(super) fn one<T: JsonSchema>(generator: &mut SchemaGenerator) -> Self {
        Self::ok(
            "The resource as it is now",
            Content::json_of::<T>(generator),
        )
    }

    /// A resource that was created.
    pub(super) fn created<T: JsonSchema>(generator: &mut SchemaGenerator) -> Self {
        Self::answering(vec![(
            201,
            "Created",
            vec![Content::json_of::<T>(generator)],
        )])
    }

    /// A page of a list.
    pub(super) fn page<T: JsonSchema>(generator: &mut SchemaGenerator) -> Self {
        Self::ok("A page of the list", Content::json_of::<Page<T>>(generator))
    }

    /// A page of a list whose entries have no Rust type.
    pub(super) fn page_of(entry: &Value) -> Self {
        Self::page_with(entry, &json!({}))
    }

    /// As [`Self::page_of`], with further attributes that may be absent.
    pub(super) fn page_with(entry: &Value, further: &Value) -> Self {
        let mut page = json!({
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": {"type": "array", "items": entry},
                "next": {"type": ["string", "null"], "description": "The cursor of the next page; null at the end"},
            },
        });
        for (name, schema) in further.as_object().into_iter().flatten() {
            page["properties"][name] = schema.clone();
        }
        Self::ok("A page of the list", Content::json(page))
    }

    /// Adds another media type to the first response.
    pub(super) fn or(mut self, content: Content) -> Self {
        if let Some((_, _, contents)) = self.answers.first_mut() {
            contents.push(content);
        }
        self
    }

    /// Adds a request body that may be absent.
    pub(super) fn may_have(mut self, content: Content) -> Self {
        self.request.push(content);
        self
    }

    /// Adds a request body, or another media type of it.
    pub(super) fn takes(mut self, content: Content) -> Self {
        self.request.push(content);
        self.is_request_required = true;
        self
    }
}

/// A reference to a named schema.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Schema of an object that has no other attributes than these.
pub(super) fn object(required: &[&str], properties: &Value) -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["properties"] = properties.clone();
    schema
}

/// Schema of the code of an organisation.
pub(super) fn code() -> Value {
    json!({"type": ["string", "number"], "pattern": CODE_PATTERN, "maxLength": CODE_CHARS_MAX})
}

/// Schema of text that may be sent as text or a number. Null counts as absent.
pub(super) fn text(chars_max: usize) -> Value {
    json!({"type": ["string", "number", "null"], "maxLength": chars_max})
}

/// Schema of text without control characters. Null counts as absent.
pub(super) fn line_text(chars_max: usize) -> Value {
    let mut schema = text(chars_max);
    schema["pattern"] = format!(r"{BLANK}|^[^\x00-\x1f\x7f-\x9f]*$").into();
    schema
}

/// Pattern of blank text.
pub(super) const BLANK: &str = r"^\s*$";

/// Schema of text with this pattern. Blank text and null count as absent.
pub(super) fn blank_or(pattern: &str) -> Value {
    json!({"type": ["string", "null"], "pattern": format!("{BLANK}|{pattern}")})
}

/// Schema of one of these texts. Blank text and null count as absent.
pub(super) fn one_of<const COUNT: usize>(names: [&str; COUNT]) -> Value {
    let mut choices: Vec<_> = names.into_iter().map(Value::from).collect();
    choices.extend(["".into(), Value::Null]);
    json!({ "enum": choices })
}

/// Schema of a date or a time. Blank text and null count as absent.
pub(super) fn time() -> Value {
    json!({
        "type": ["string", "null"],
        "anyOf": [{"format": "date-time"}, {"format": "date"}, {"pattern": BLANK}],
    })
}

pub(super) fn boolean() -> Value {
    json!({"enum": [true, false, 0, 1, "true", "false", "True", "False", "0", "1", "", null]})
}
