//! The API description: complete, valid, and consistent with the server's responses.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Map, Value, json};
use wharfinger::http::dialect_routes;
use wharfinger::http::openapi::document;
use wharfinger_core::canonical::schema;

use crate::support::changes::administrator;
use crate::support::client::{Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::Server;
use crate::support::v1::{order, submit};

/// Validates values against schemas of the document.
struct Described {
    document: Value,
}

impl Described {
    fn new() -> Self {
        Self {
            document: document(),
        }
    }

    /// Every operation: method, path and description.
    fn operations(&self) -> Vec<(String, &str, &Value)> {
        let mut found = Vec::new();
        for (path, methods) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                found.push((method.to_uppercase(), path.as_str(), operation));
            }
        }
        found
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path}");
        operation
    }

    /// Validates a value against the schema at a JSON pointer.
    fn check(&self, pointer: &str, value: &Value) -> Result<(), String> {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler
            .add_resource("http://test/openapi.json", self.document.clone())
            .unwrap();
        let mut schemas = Schemas::new();
        let place = format!("http://test/openapi.json#{pointer}");
        let index = compiler
            .compile(&place, &mut schemas)
            .unwrap_or_else(|error| panic!("{pointer}: {error:#}"));
        let result = schemas.validate(value, index);
        result.map_err(|error| format!("{pointer}: {value}\n{error:#}"))
    }

    /// Asserts that a response is described for this operation.
    fn check_answer(&self, method: &str, path: &str, response: &Response) {
        let place = format!("{method} {path}: {} {}", response.status, response.text());
        let responses = &self.operation(method, path)["responses"];
        let status = response.status.to_string();
        let named = if responses[&status].is_object() {
            status
        } else if response.status < 300 && responses["2XX"].is_object() {
            "2XX".to_owned()
        } else {
            assert!(response.status >= 400, "{place}");
            "default".to_owned()
        };
        let media_type = response.header("content-type").expect("a media type");
        let content = &responses[&named]["content"][media_type];
        assert!(content.is_object(), "{place}: {media_type}");
        if content["schema"].is_null() || !media_type.ends_with("json") {
            return;
        }
        let pointer = format!(
            "/paths/{}/{}/responses/{named}/content/{}/schema",
            escaped(path),
            method.to_lowercase(),
            escaped(media_type)
        );
        assert_eq!(self.check(&pointer, &response.json()), Ok(()), "{place}");
    }
}

/// A JSON pointer's segment, escaped for a URL.
fn escaped(part: &str) -> String {
    let part = part.replace('~', "~0").replace('/', "~1");
    part.replace('{', "%7B").replace('}', "%7D")
}

#[test]
fn every_operation_is_described_and_nothing_else() {
    let described = Described::new();
    let told: BTreeSet<_> = described
        .operations()
        .into_iter()
        .map(|(method, path, _)| (method, path.to_owned()))
        .collect();
    let routes = dialect_routes().into_iter();
    let served: BTreeSet<_> = routes
        .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(told, served);
}

#[test]
fn the_document_is_what_openapi_demands() {
    let described = Described::new();
    assert_eq!(described.document["openapi"], "3.1.0");
    let tags = described.document["tags"].as_array().unwrap().iter();
    let tags: BTreeSet<_> = tags.map(|tag| tag["name"].to_string()).collect();
    assert!(
        !tags.contains("\"native\""),
        "a resource has no tag: {tags:?}"
    );
    let mut ids = BTreeSet::new();
    for (method, path, operation) in described.operations() {
        let place = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].to_string()), "{place}");
        assert!(tags.contains(&operation["tags"][0].to_string()), "{place}");
        let in_path: BTreeSet<_> = path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = operation["parameters"].as_array().unwrap();
        let mut told = BTreeSet::new();
        let mut names = BTreeSet::new();
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            assert!(
                names.insert((parameter["in"].clone().to_string(), name)),
                "{place}: {name}"
            );
            if parameter["in"] == "path" {
                assert_eq!(parameter["required"], true, "{place}: {name}");
                told.insert(name);
            }
        }
        assert_eq!(told, in_path, "{place}");
        for response in operation["responses"].as_object().unwrap().values() {
            assert!(response["description"].is_string(), "{place}");
        }
        let schemes = operation["security"][0].as_object().unwrap();
        for scheme in schemes.keys() {
            let known = &described.document["components"]["securitySchemes"][scheme];
            assert!(known.is_object(), "{place}: {scheme}");
        }
    }
    let mut checked = 0;
    compile_all(&described, &described.document, "", &mut checked);
    assert!(checked > 100, "{checked}");
}

/// Compiles every schema of the document, which also resolves every reference.
fn compile_all(described: &Described, value: &Value, pointer: &str, checked: &mut usize) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let below = format!("{pointer}/{}", escaped(name));
                let is_schema = name == "schema" || pointer == "/components/schemas";
                if is_schema {
                    // Only a schema that does not compile matters; whether null is valid does not.
                    let _ = described.check(&below, &Value::Null);
                    *checked += 1;
                } else if name != "example" {
                    compile_all(described, member, &below, checked);
                }
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                compile_all(described, element, &format!("{pointer}/{index}"), checked);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The path with its parameters filled in from the examples, for the fixture's organisation.
fn filled(path: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "path" {
            let value = if parameter["example"].is_string() {
                "TRK001"
            } else {
                "1"
            };
            path = path.replace(&format!("{{{name}}}"), value);
        }
    }
    path
}

fn with_every_key(request: Request, path: &str) -> Request {
    let bearer = format!("Bearer {}", secret_of("full"));
    let authorization = if path.starts_with("/v1/") {
        bearer
    } else {
        basic("full")
    };
    request
        .header("authorization", authorization)
        .header("api-authorization", secret_of("full"))
        .header("access_key", secret_of("full"))
        .header("site_id", "TRK001")
}

#[test]
fn every_example_is_answered_as_described() {
    let described = Described::new();
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut sent = 0;
    for (method, path, operation) in described.operations() {
        let Some(content) = operation["requestBody"]["content"].as_object() else {
            continue;
        };
        for (media_type, media) in content {
            let Some(example) = media.get("example") else {
                continue;
            };
            let body = example
                .as_str()
                .map_or_else(|| example.to_string(), str::to_owned);
            let body = body.replace("DEMO", "TRK001");
            let mut target = filled(path, operation);
            if target == "/v1/batches" {
                target.push_str("?organisation=TRK001");
            }
            let request = Request::new(&method, &target).header("content-type", media_type);
            let response = server.send(&with_every_key(request, path).body(body.clone()));
            assert!(
                (200..300).contains(&response.status),
                "{method} {path}: {} {body}",
                response.text()
            );
            described.check_answer(&method, path, &response);
            sent += 1;
        }
    }
    assert!(sent >= 6, "{sent}");
}

/// Requests to the native API, one per line: method, route, suffix of the filled-in path, body.
const STEPS: &str = r#"
POST /v1/batches ?organisation=TRK001 []
POST /v1/batches ?organisation=TRK001&results=none&dry_run=true LINE
POST /v1/batches - {
GET /v1/batches ?limit=1 -
GET /v1/batches ?limits=1 -
GET /v1/batches/{batch} - -
GET /v1/batches/{none} - -
GET /v1/batches/{batch}/results - -
GET /v1/batches/{batch}/rejected - -
GET /v1/batches/{batch}/rejected ?form=resend -
GET /v1/batches/{batch}/rejected ?index=1 -
PUT /v1/imports/{import} ?organisation=TRK001 LINE
PUT /v1/imports/{import} ?organisation=TRK001 LINE
GET /v1/imports/{import} - -
DELETE /v1/imports/{import} - -
GET /v1/orders ?limit=1 -
GET /v1/orders ?key=A-1 -
GET /v1/orders/{order} - -
PUT /v1/orders/{order}/fulfilment - {"status":"picked"}
PUT /v1/orders/{order}/fulfilment - {"status":7,"lines":{}}
POST /v1/orders/{order}/process - -
POST /v1/orders/{order}/cancel - -
POST /v1/orders/cancel - {"ids":["{order}","{other}","none"]}
POST /v1/orders/cancel - {"ids":["none"]}
POST /v1/orders/process - {}
GET /v1/orders/{order}/history - -
GET /v1/events - -
GET /v1/events ?limit=1&type=order.accepted -
GET /v1/events ?after=none -
GET /v1/organisations - -
GET /v1/keys - -
GET /v1/audit ?limit=5 -
GET /v1/limits - -
GET /v1/limits ?limit=1 -
POST /v1/organisations - {"code":"NEW"}
POST /v1/organisations - {"code":"not a code"}
POST /v1/organisations/{code}/products - [{"sku":"S-1","stock":3},{"sku":""}]
POST /v1/organisations/{code}/products - {"sku":"S-1","stock":4}
POST /v1/organisations/{code}/products ?results=none {}
GET /v1/organisations/{code}/products ?sku=S-1 -
POST /v1/organisations/{code}/customers - [{"email":"a@example.com"}]
POST /v1/organisations/{code}/customers - []
GET /v1/organisations/{code}/customers ?limit=1 -
POST /v1/keys - {"scopes":["orders:read"],"organisations":["TRK001"]}
"#;

#[test]
fn what_the_native_api_answers_is_as_described() {
    let described = Described::new();
    let data = fixture::data_directory();
    let administrator = format!("Bearer {}", administrator(data.path()));
    let server = Server::start(data.path());
    let orders = [order("A-1"), json!({"key": "A-2"}), order("A-3")];
    let (submitted, ids) = submit(&server, "TRK001", &orders);
    assert_eq!(submitted.status, 207);
    described.check_answer("POST", "/v1/batches", &submitted);
    let batch = submitted.json()["id"].as_str().unwrap().to_owned();
    let line = order("I-1").to_string();
    let filled_in = [
        ("{batch}", batch.as_str()),
        ("{order}", &ids[0]),
        ("{other}", &ids[2]),
        ("{import}", "0199aaaa-0000-7000-8000-000000000001"),
        ("{none}", "none"),
        ("{code}", "TRK001"),
        ("LINE", &line),
    ];
    for step in STEPS.lines().filter(|step| !step.is_empty()) {
        let fill = |text: &str| {
            let text = if text == "-" { "" } else { text };
            let mut text = text.to_owned();
            for (place, filling) in filled_in {
                text = text.replace(place, filling);
            }
            text
        };
        let words: Vec<_> = step.splitn(4, ' ').collect();
        let [method, path, query, body] = words[..] else {
            panic!("{step} is no step");
        };
        let mut template = path.to_owned();
        for (place, _) in filled_in.iter().filter(|(place, _)| *place != "{code}") {
            template = template.replace(place, "{id}");
        }
        let mut sent = Request::new(method, &(fill(path) + &fill(query)))
            .header("authorization", administrator.as_str());
        if method == "PUT" && path.starts_with("/v1/imports") {
            sent = sent.header("content-type", "application/x-ndjson");
        }
        let response = server.send(&sent.body(fill(body)));
        assert!(response.status < 500, "{step}: {}", response.text());
        described.check_answer(method, &template, &response);
    }
}

#[test]
fn an_order_fits_what_is_described_of_it() {
    let described = Described::new();
    let faulty = json!({"id": "7"});
    assert!(
        described
            .check("/components/schemas/Order", &faulty)
            .is_err()
    );
    let told = described.document["components"]["schemas"]["Order"].clone();
    let mut known = schema::read_back();
    known.as_object_mut().unwrap().remove("$schema");
    assert_eq!(told["required"], known["required"]);
}

#[test]
fn texts_of_a_closed_list_are_told_as_such() {
    let described = Described::new();
    let schemas = described.document["components"]["schemas"]
        .as_object()
        .unwrap();
    let properties =
        |name: &str| -> &Map<String, Value> { schemas[name]["properties"].as_object().unwrap() };
    for (schema, property) in [
        ("BatchOutcome", "status"),
        ("OrderOutcome", "outcome"),
        ("Receipt", "status"),
        ("RecordedOutcome", "outcome"),
        ("Import", "state"),
        ("OrderMove", "outcome"),
        ("Order", "state"),
    ] {
        let told = &properties(schema)[property]["enum"];
        assert!(told.is_array(), "{schema}.{property}");
    }
    for (schema, property, format) in [
        ("BatchOutcome", "id", "uuid"),
        ("Receipt", "received_at", "date-time"),
        ("Import", "started_at", "date-time"),
        ("Key", "created_at", "date-time"),
    ] {
        assert_eq!(
            properties(schema)[property]["format"],
            format,
            "{schema}.{property}"
        );
    }
}
