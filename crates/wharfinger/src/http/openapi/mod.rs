//! The OpenAPI 3.1 document. It is generated from the lists of routes and from the response types.

mod bodies;
mod docs;
mod parameters;
mod tags;

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use wharfinger_core::dialect::{Dialect, Operation, Reply};
use wharfinger_core::dialects;

use self::bodies::SAMPLE_KEY;
use self::parameters::parameters;
use super::answer::respond;
use super::describe::{Bodies, Content};
use super::routes::{ENDPOINTS, Endpoint};

/// Adds `GET /openapi.json` and the page `/docs`.
pub(super) fn add_to<S>(router: Router<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    docs::add_to(router.route("/openapi.json", get(show)))
}

/// `GET /openapi.json`.
async fn show() -> Response {
    static BODY: OnceLock<Bytes> = OnceLock::new();
    let body = BODY.get_or_init(|| {
        let document = serde_json::to_vec_pretty(&document());
        document
            .expect("a document of texts and numbers is JSON")
            .into()
    });
    let head = Reply {
        status: 200,
        headers: vec![
            ("access-control-allow-origin", "*".to_owned()),
            ("cache-control", docs::CACHED.to_owned()),
        ],
        content_type: "application/json",
        body: Vec::new(),
    };
    // All responses share the bytes.
    respond(head).map(|_| Body::from(body.clone()))
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
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wharfinger",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Order intake server. It accepts customer orders in batches, judges each order separately, stores the valid ones durably, and keeps a receipt of every batch.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags::tags(),
        // The page writes the organisation of the key in place of this one.
        "x-example-organisation": SAMPLE_KEY.organisation,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": security_schemes(),
        },
    })
}

fn describe(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let (dialect, operation) = (endpoint.dialect, &endpoint.operation);
    let is_own = dialect.id() == dialects::OWN.id();
    let bodies = bodies::bodies(endpoint, generator);
    let mut described = json!({
        "operationId": format!("{}_{}", dialect.id(), operation.name),
        "summary": operation.summary,
        "description": scope(operation),
        "tags": [tags::tag(endpoint)],
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
    let mut refusal = json!({"description": "The request was refused and had no effect"});
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
