//! The message: `ExportTraceServiceRequest` of OTLP, in its JSON encoding. Ids are hexadecimal, and 64-bit numbers are texts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::runtime::traces::{Child, Finished, Kind, Value};

/// What sends spans.
pub(super) struct Resource {
    service: String,
    instance: String,
}

impl Resource {
    /// This process, as an instance of a service.
    pub(super) fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            instance: Uuid::now_v7().to_string(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    resource_spans: [ResourceSpans; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    resource: AttributesWire,
    scope_spans: [ScopeSpans; 1],
}

#[derive(Serialize)]
struct AttributesWire {
    attributes: Vec<Attribute>,
}

#[derive(Serialize)]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<SpanWire>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanWire {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<Attribute>,
    status: Status,
}

#[derive(Serialize)]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

#[derive(Serialize)]
struct Attribute {
    key: &'static str,
    value: ValueWire,
}

#[derive(Serialize)]
enum ValueWire {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue")]
    Integer(String),
    #[serde(rename = "doubleValue")]
    Double(f64),
}

/// `SPAN_KIND_INTERNAL`
const INTERNAL: u8 = 1;
/// `SPAN_KIND_SERVER`
const SERVER: u8 = 2;
/// `SPAN_KIND_CLIENT`
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`
const ERROR: u8 = 2;

/// Spans as a message.
///
/// # Errors
/// None is expected.
pub(super) fn message(resource: &Resource, batch: &[Finished]) -> serde_json::Result<Vec<u8>> {
    let mut spans = Vec::new();
    for finished in batch {
        spans.push(span(finished));
        let children = finished.children.iter();
        spans.extend(children.map(|call| child(finished, call)));
    }
    let text = |text: &str| ValueWire::Text(text.to_owned());
    let attributes = [
        ("service.name", text(&resource.service)),
        ("service.version", text(env!("CARGO_PKG_VERSION"))),
        ("service.instance.id", text(&resource.instance)),
    ];
    serde_json::to_vec(&Message {
        resource_spans: [ResourceSpans {
            resource: AttributesWire {
                attributes: attributes
                    .into_iter()
                    .map(|(key, value)| Attribute { key, value })
                    .collect(),
            },
            scope_spans: [ScopeSpans {
                scope: Scope {
                    name: "wharfinger",
                    version: env!("CARGO_PKG_VERSION"),
                },
                spans,
            }],
        }],
    })
}

fn span(finished: &Finished) -> SpanWire {
    let attributes = finished.attributes.iter();
    SpanWire {
        trace_id: format!("{:032x}", finished.context.trace),
        span_id: format!("{:016x}", finished.context.span),
        parent_span_id: finished.parent.map(|parent| format!("{parent:016x}")),
        name: finished.name.clone(),
        kind: match finished.kind {
            Kind::Server => SERVER,
            Kind::Client => CLIENT,
        },
        start_time_unix_nano: finished.began_ns.to_string(),
        end_time_unix_nano: (finished.began_ns + nanoseconds(finished.took)).to_string(),
        attributes: attributes
            .map(|(key, value)| Attribute {
                key,
                value: value_wire(value),
            })
            .collect(),
        status: Status {
            code: finished.is_error.then_some(ERROR),
        },
    }
}

fn child(parent: &Finished, call: &Child) -> SpanWire {
    let began_ns = parent.began_ns + nanoseconds(call.after);
    SpanWire {
        trace_id: format!("{:032x}", parent.context.trace),
        span_id: format!("{:016x}", call.span),
        parent_span_id: Some(format!("{:016x}", parent.context.span)),
        name: call.name.to_owned(),
        kind: INTERNAL,
        start_time_unix_nano: began_ns.to_string(),
        end_time_unix_nano: (began_ns + nanoseconds(call.took)).to_string(),
        attributes: Vec::new(),
        status: Status { code: None },
    }
}

fn value_wire(value: &Value) -> ValueWire {
    match value {
        Value::Text(text) => ValueWire::Text(text.clone()),
        Value::Integer(number) => ValueWire::Integer(number.to_string()),
        Value::Double(number) => ValueWire::Double(*number),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX >> 1)
}

/// Letters of a collector's own words that are logged.
const WORDS_MAX: usize = 200;

/// How many spans a collector has rejected in its answer of success, and why: `ExportTraceServiceResponse`. `None` if it says
/// nothing about that, or in another encoding.
pub(super) fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        partial_success: Option<PartialSuccess>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct PartialSuccess {
        rejected_spans: Number,
        error_message: String,
    }
    /// A 64-bit number, which is a text in JSON; some collectors write a number.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u64),
        Text(String),
    }
    impl Default for Number {
        fn default() -> Self {
            Self::Number(0)
        }
    }
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let PartialSuccess {
        rejected_spans,
        error_message,
    } = answer.partial_success?;
    let rejected = match rejected_spans {
        Number::Number(rejected) => rejected,
        Number::Text(digits) => digits.parse().ok()?,
    };
    let words = error_message.chars().filter(|letter| !letter.is_control());
    Some((rejected, words.take(WORDS_MAX).collect()))
}
