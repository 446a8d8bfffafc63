//! The OpenAPI 3.1 document. It is generated from the lists of routes and from the response types.

mod bodies;
mod docs;

use std::sync::OnceLock;

use axum::response::Response;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use wharfinger_core::dialect::{
    Action, Dialect, Operation, Parameter, ParameterKind, ParameterPlace, Reply,
};
use wharfinger_core::dialects;

use self::bodies::{SAMPLE_KEY, sample_path};
pub(super) use self::docs::{page, script, style};
use super::answer::respond;
use super::describe::{Bodies, CODE_PATTERN, Content};
use super::routes::{ENDPOINTS, Endpoint};
use super::simulate::Simulation;
use crate::access::rules::CODE_CHARS_MAX;

/// Pattern of date and time values in the years that a vendor's clients use.
const SPACED_TIME: &str = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$";
/// Longest idempotency key, in characters.
const IDEMPOTENCY_KEY_CHARS_MAX: u64 = 255;

/// `GET /openapi.json`.
pub(super) async fn show() -> Response {
    static BODY: OnceLock<Vec<u8>> = OnceLock::new();
    let body = BODY.get_or_init(|| {
        serde_json::to_vec_pretty(&document()).expect("a document of texts and numbers is JSON")
    });
    respond(Reply {
        status: 200,
        headers: vec![
            ("access-control-allow-origin", "*".to_owned()),
            ("cache-control", docs::CACHED.to_owned()),
        ],
        content_type: "application/json",
        body: body.clone(),
    })
}

/// The whole document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.for_serialize().into_generator();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS.iter() {
        let operation = &endpoint.operation;
        let described = describe(endpoint, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Order".to_owned(), bodies::order());
    schemas.insert("OrderSubmission".to_owned(), bodies::order_submission());
    let tags: Vec<_> = dialects::ALL.iter().map(|dialect| tag(*dialect)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wharfinger",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Order intake server. It accepts customer orders in batches, judges each order separately, stores the valid ones durably, and keeps a receipt of every batch.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": security_schemes(),
        },
    })
}

fn tag(dialect: &dyn Dialect) -> Value {
    json!({"name": dialect.id()})
}

fn describe(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let (dialect, operation) = (endpoint.dialect, &endpoint.operation);
    let is_own = dialect.id() == dialects::OWN.id();
    let bodies = bodies::bodies(endpoint, generator);
    let mut described = json!({
        "operationId": format!("{}_{}", dialect.id(), operation.name),
        "summary": operation.summary,
        "description": scope(operation),
        "tags": [dialect.id()],
        "security": security(dialect),
        "parameters": parameters(dialect, operation),
        "responses": responses(&bodies, is_own, generator),
    });
    if !bodies.request.is_empty() {
        described["requestBody"] = json!({
            "required": bodies.is_request_required,
            "content": contents(&bodies.request),
        });
    }
    described
}

/// What the operation's key needs.
fn scope(operation: &Operation) -> String {
    match operation.scope {
        Some(scope) => format!("Required scope: `{}`.", scope.name()),
        None => "Any valid key may call this.".to_owned(),
    }
}

fn contents(contents: &[Content]) -> Value {
    let mut media_types = Map::new();
    for content in contents {
        let mut media = json!({});
        if let Some(schema) = &content.schema {
            media["schema"] = schema.clone();
        }
        if let Some(example) = &content.example {
            media["example"] = example.clone();
        }
        media_types.insert(content.media_type.to_owned(), media);
    }
    Value::Object(media_types)
}

fn responses(bodies: &Bodies, is_own: bool, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for (status, about, answers) in &bodies.answers {
        let mut response = json!({"description": about, "headers": headers()});
        if !answers.is_empty() {
            response["content"] = contents(answers);
        }
        // The vendor's own documentation says which status each of its routes returns.
        let of_vendor = || "2XX".to_owned();
        let status = if is_own {
            status.to_string()
        } else {
            of_vendor()
        };
        responses.insert(status, response);
    }
    let mut refusal = json!({"description": "The request was refused, and nothing was stored"});
    refusal["content"] = if is_own {
        let problem = dialects::answer_schemas(generator).problem;
        json!({"application/problem+json": {"schema": problem}})
    } else {
        json!({"application/json": {"schema": {"type": "object"}}})
    };
    responses.insert("default".to_owned(), refusal);
    Value::Object(responses)
}

fn headers() -> Value {
    json!({"X-Request-Id": {"schema": {"type": "string"}, "description": "The id of the request in the server's log"}})
}

fn parameters(dialect: &'static dyn Dialect, operation: &Operation) -> Vec<Value> {
    let mut parameters = Vec::new();
    let samples = sample_path(dialect, operation.path);
    for segment in operation.path.split('/') {
        if let Some(name) = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let is_id = name == "id" && !operation.path.starts_with("/v1/keys");
            let schema = if is_id {
                json!({"type": "string", "format": "uuid"})
            } else {
                json!({"type": "string", "minLength": 1})
            };
            let mut parameter =
                json!({"name": name, "in": "path", "required": true, "schema": schema});
            if let Some(sample) = samples.get(name) {
                parameter["example"] = sample.as_str().into();
            }
            parameters.push(parameter);
        }
    }
    parameters.extend(operation.parameters.iter().map(parameter));
    parameters.extend(further_fields(dialect));
    let takes_orders = matches!(operation.action, Action::Submit { .. });
    let has_dry_run = operation
        .parameters
        .iter()
        .any(|parameter| parameter.name == "dry_run");
    if takes_orders && !has_dry_run {
        let about = "Judge all orders and store nothing";
        let dry_run = Parameter::query("dry_run", ParameterKind::Boolean, about);
        parameters.push(parameter(&dry_run));
    }
    if operation.method != "GET" && !operation.path.starts_with("/v1/imports") {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes retries safe: a request repeated with the same key runs once and gets the first response again",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": IDEMPOTENCY_KEY_CHARS_MAX,
                "pattern": "^[!#-~]([ -~]*[!#-~])?$",
            },
        }));
    }
    if operation.method != "GET" {
        parameters.push(json!({
            "name": "Wharfinger-Simulate",
            "in": "header",
            "description": "Only for keys that were created for tests: fails as named, to show how a client takes it",
            "schema": {"type": "string", "enum": Simulation::NAMES},
        }));
    }
    parameters
}

/// Header fields of a dialect's requests besides the key, from its samples.
fn further_fields(dialect: &dyn Dialect) -> Vec<Value> {
    let fields = dialect.samples(&SAMPLE_KEY).one.headers.into_iter();
    let further = fields.filter(|(name, _)| *name != "content-type").skip(1);
    let fields = further.map(|(name, value)| {
        json!({
            "name": name,
            "in": "header",
            "required": true,
            "schema": {"type": "string", "minLength": 1},
            "example": value,
        })
    });
    fields.collect()
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        ParameterKind::Text => json!({"type": "string"}),
        ParameterKind::Texts => json!({"type": "string", "pattern": r"[^,\s]"}),
        ParameterKind::Organisation => {
            json!({"type": "string", "pattern": CODE_PATTERN, "maxLength": CODE_CHARS_MAX})
        }
        ParameterKind::Cursor => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
        ParameterKind::Number(min, max) => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        ParameterKind::Boolean => json!({"type": "boolean"}),
        ParameterKind::OneOf(choices) => json!({"type": "string", "enum": choices}),
        ParameterKind::SomeOf(choices) => {
            let one = choices.join("|").replace('.', r"\.");
            let several = format!("^({one})(,({one}))*$");
            json!({"type": "string", "anyOf": [{"enum": choices}, {"pattern": several}]})
        }
        ParameterKind::Dialect => json!({"type": "string", "enum": dialect_ids()}),
        ParameterKind::Form => {
            let mut forms = dialect_ids();
            forms.push("submitted");
            json!({"type": "string", "enum": forms})
        }
        ParameterKind::DayOrTime => {
            json!({"type": "string", "anyOf": [{"format": "date"}, {"pattern": SPACED_TIME}]})
        }
        ParameterKind::Time => json!({"type": "string", "format": "date-time"}),
        ParameterKind::TimeOrSpan => {
            json!({"type": "string", "anyOf": [{"format": "date-time"}, {"pattern": "^[1-9][0-9]{0,4}[mhd]$"}]})
        }
        ParameterKind::Uuid => json!({"type": "string", "format": "uuid"}),
        ParameterKind::Seconds(_) => json!({"type": "string", "pattern": "^[0-9]{1,2}s$"}),
    };
    let place = match parameter.place {
        ParameterPlace::Query => "query",
        ParameterPlace::Header => "header",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.is_required,
        "description": parameter.about,
        "schema": schema,
    })
}

/// Authentication of a dialect's requests, from the header fields of its samples.
fn security(dialect: &dyn Dialect) -> Value {
    json!([{scheme_name(dialect): []}])
}

fn scheme_name(dialect: &dyn Dialect) -> String {
    format!("{}_key", dialect.id())
}

fn security_schemes() -> Value {
    let mut schemes = Map::new();
    for dialect in dialects::ALL {
        let sample = dialect.samples(&SAMPLE_KEY).one;
        let mut fields = sample.headers.iter();
        let scheme = match fields.find(|(name, _)| *name != "content-type") {
            Some(("authorization", value)) if value.starts_with("Basic") => {
                json!({"type": "http", "scheme": "basic", "description": "The key's id and its secret"})
            }
            Some(("authorization", _)) => json!({"type": "http", "scheme": "bearer"}),
            Some((name, _)) => json!({"type": "apiKey", "in": "header", "name": name}),
            None => continue,
        };
        schemes.insert(scheme_name(*dialect), scheme);
    }
    Value::Object(schemes)
}

fn dialect_ids() -> Vec<&'static str> {
    dialects::ALL.iter().map(|dialect| dialect.id()).collect()
}
