//! Request and response bodies of the routes that accept orders, or read them in a vendor's form.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use serde_json::{Value, json};
use wharfinger_core::canonical::schema;
use wharfinger_core::dialect::{Action, Dialect, EmptyBody, Operation, Sample, SampleKey};
use wharfinger_core::dialects;
use wharfinger_core::json::Envelope;

use super::super::describe::{Bodies, Content, LINES, reference};
use super::super::routes::Endpoint;

/// The key in the examples.
pub(super) const SAMPLE_KEY: SampleKey<'static> = SampleKey {
    organisation: "DEMO",
    id: "key",
    secret: "secret",
};

/// Schema of an order as it is read back.
pub(super) fn order() -> Value {
    part(schema::read_back())
}

/// Schema of an order as it is submitted.
pub(super) fn order_submission() -> Value {
    part(schema::submitted())
}

fn part(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.shift_remove("$schema");
    }
    schema
}

/// The bodies of an endpoint.
pub(super) fn bodies(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Bodies {
    if let Some(resource) = endpoint.resource {
        return resource.bodies(generator);
    }
    let dialect = endpoint.dialect;
    match endpoint.operation.action {
        Action::Submit { .. } if dialect.id() == dialects::OWN.id() => {
            submission(dialect, generator)
        }
        Action::Submit {
            envelope,
            empty_body,
            ..
        } => of_vendor(dialect, &endpoint.operation, envelope, empty_body),
        Action::List
        | Action::Stream
        | Action::Show
        | Action::Withdraw
        | Action::Resource { .. } => Bodies::ok(
            "The response in the vendor's form",
            Content::json(json!({})),
        ),
    }
}

fn submission(dialect: &dyn Dialect, generator: &mut SchemaGenerator) -> Bodies {
    let samples = dialect.samples(&SAMPLE_KEY);
    let order = reference("OrderSubmission");
    let body = json!({
        "description": "An array of orders, or one order. With the parameter `dialect`, they are in that dialect's form.",
        "anyOf": [
            {"type": "array", "minItems": 1, "items": order},
            order,
        ],
    });
    let mut request = vec![Content::json(body).with_example(parsed(&samples.one.body))];
    let about = "One order per line, in the same form as in the JSON body";
    for media_type in LINES {
        let lines = Content::text(media_type, about);
        request.push(lines.with_example(format!("{}\n", samples.one.body).into()));
    }
    let batch = Value::from(dialects::answer_schemas(generator).batch);
    let outcome = || vec![Content::json(batch.clone())];
    let mut none_accepted = outcome();
    none_accepted.push(Content::problem(generator));
    Bodies {
        request,
        is_request_required: true,
        answers: vec![
            (200, "Every order was accepted", outcome()),
            (207, "Some orders were accepted", outcome()),
            (
                422,
                "No order was accepted. With problem details: the Idempotency-Key was already used for another request",
                none_accepted,
            ),
        ],
    }
}

fn of_vendor(
    dialect: &'static dyn Dialect,
    operation: &Operation,
    envelope: Envelope,
    empty_body: EmptyBody,
) -> Bodies {
    let samples = dialect.samples(&SAMPLE_KEY);
    let is_its = |sample: &&Sample| target_fits(&sample.target, operation.path);
    let sample = [&samples.one, &samples.batch].into_iter().find(is_its);
    let mut body = Content::json(match envelope {
        Envelope::One | Envelope::Object => json!({"type": "object"}),
        Envelope::Array => json!({"type": "array"}),
        Envelope::OneOrMany | Envelope::ObjectOrArray => json!({"type": ["object", "array"]}),
    });
    if let Some(sample) = sample {
        body = body.with_example(parsed(&sample.body));
    }
    Bodies {
        request: vec![body],
        is_request_required: empty_body != EmptyBody::EmptyObject,
        answers: vec![(
            200,
            "The response in the vendor's form",
            vec![Content::json(
                json!({"type": ["object", "array", "boolean"]}),
            )],
        )],
    }
}

/// Whether a request target matches a path template.
fn target_fits(target: &str, template: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let is_same = |(part, known): (&str, &str)| known.starts_with('{') || part == known;
    path.split('/').count() == template.split('/').count()
        && path.split('/').zip(template.split('/')).all(is_same)
}

/// Values of a path's parameters, from the dialect's samples.
pub(super) fn sample_path(
    dialect: &'static dyn Dialect,
    template: &'static str,
) -> BTreeMap<&'static str, String> {
    let samples = dialect.samples(&SAMPLE_KEY);
    let mut values = BTreeMap::new();
    for sample in [samples.one, samples.batch] {
        if !target_fits(&sample.target, template) {
            continue;
        }
        for (known, part) in template.split('/').zip(sample.target.split('/')) {
            if let Some(name) = known.strip_prefix('{') {
                values.insert(name.trim_end_matches('}'), part.to_owned());
            }
        }
    }
    values
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("samples are JSON")
}
