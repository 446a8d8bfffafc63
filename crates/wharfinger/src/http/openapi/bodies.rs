//! What goes into a route and comes out of it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use wharfinger_core::dialect::{Action, Dialect, Operation, Resource, SampleKey};
use wharfinger_core::dialects;

use super::super::v1::{Page, imports};

/// The bodies of a route.
pub(super) struct Bodies {
    pub(super) request: Vec<Content>,
    pub(super) is_request_required: bool,
    /// Status, meaning and body of each answer that is no refusal.
    pub(super) answers: Vec<(u16, &'static str, Vec<Content>)>,
}

/// A body of one media type.
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) schema: Option<Value>,
    pub(super) example: Option<Value>,
}

impl Content {
    fn json(schema: impl Into<Value>) -> Self {
        Self {
            media_type: "application/json",
            schema: Some(schema.into()),
            example: None,
        }
    }
}

/// What every example is sent as.
const SAMPLE_KEY: SampleKey<'static> = SampleKey {
    organisation: "DEMO",
    id: "key",
    secret: "secret",
};

impl Bodies {
    /// The bodies of an operation.
    pub(super) fn of(
        dialect: &'static dyn Dialect,
        operation: &Operation,
        generator: &mut SchemaGenerator,
    ) -> Self {
        match operation.action {
            Action::Submit { .. } if dialect.id() == dialects::OWN.id() => submission(generator),
            Action::Submit { .. } => of_vendor(dialect, operation),
            Action::List | Action::Stream | Action::Show | Action::Withdraw => Self {
                request: Vec::new(),
                is_request_required: false,
                answers: vec![(200, "In the vendor's form", vec![Content::json(json!({}))])],
            },
            Action::Resource(resource) => of_resource(resource, generator),
        }
    }
}
