//! The native API: the canonical order, detailed outcomes, and the route that submits orders. The server adds the other
//! routes under `/v1`.

mod decode;
mod encode;
mod mapping;
mod query;
mod routes;
mod samples;
mod wire;
mod workload;

use schemars::SchemaGenerator;

use super::AnswerSchemas;
use jiff::tz::TimeZone;

use crate::canonical;
use crate::dialect::workload::Workload;
use crate::dialect::{
    Action, Answer, Context, Credentials, Dialect, Head, Operation, ParsedRequest, Reply,
    SampleKey, Samples, Slot, StoredOrder, SubmitOptions,
};
use crate::json::{Entry, NameCase};
use crate::order::failure::RequestFailure;
use crate::order::organisation::{Caller, Organisation};
use crate::reading::fields::Field;

/// Describes the responses.
pub(super) fn answer_schemas(generator: &mut SchemaGenerator) -> AnswerSchemas {
    AnswerSchemas {
        batch: generator.subschema_for::<wire::Batch<'_>>(),
        problem: generator.subschema_for::<wire::Refusal<'_>>(),
    }
}

/// The native dialect. It has no state.
pub(super) struct Native;

impl Dialect for Native {
    fn id(&self) -> &'static str {
        "native"
    }

    fn operations(&self) -> &'static [Operation] {
        routes::OPERATIONS
    }

    fn respell(&self, _path: &str) -> Option<String> {
        None
    }

    fn name_case(&self) -> NameCase {
        NameCase::Exact
    }

    fn credentials(&self, head: &Head<'_>) -> Credentials {
        match head.header("authorization").and_then(super::bearer_token) {
            Some(secret) => Credentials::Secret(secret.to_owned()),
            None => Credentials::Missing,
        }
    }

    /// A batch may name the organisation of orders that name none. Other routes read the parameter themselves.
    fn organisation<'c>(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        caller: Caller<'c>,
    ) -> Result<Option<&'c Organisation>, RequestFailure> {
        let code = match operation.action {
            Action::Submit { .. } | Action::Resource { takes_orders: true } => {
                head.query_parameter("organisation")
            }
            Action::Resource {
                takes_orders: false,
            }
            | Action::List
            | Action::Stream
            | Action::Show
            | Action::Withdraw => None,
        };
        let Some(code) = code else {
            return Ok(None);
        };
        let organisation = caller
            .organisation(code)
            .ok_or(RequestFailure::OrganisationUnknown)?;
        if !organisation.customer_orders_enabled {
            return Err(RequestFailure::OrganisationDisabled);
        }
        Ok(Some(organisation))
    }

    fn submit_options(
        &self,
        operation: &Operation,
        head: &Head<'_>,
    ) -> Result<SubmitOptions, RequestFailure> {
        query::submit_options(operation, head)
    }

    fn judge<'a>(&self, context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
        decode::judge(context, entry)
    }

    /// No route reads orders this way. Orders are resources here.
    fn parse_request(
        &self,
        _operation: &Operation,
        _head: &Head<'_>,
        _organisation: Option<&Organisation>,
    ) -> Result<ParsedRequest, RequestFailure> {
        Err(RequestFailure::Internal)
    }

    fn email(&self, order: &StoredOrder) -> Option<String> {
        mapping::email(order)
    }

    fn canonical(&self, order: &StoredOrder) -> canonical::Order {
        mapping::canonical(order)
    }

    fn render(&self, order: &canonical::Order, _zone: &TimeZone) -> canonical::Rendered {
        mapping::render(order)
    }

    fn own_form(&self, order: &StoredOrder) -> String {
        order.texts.first().cloned().unwrap_or_default()
    }

    fn fields(&self) -> &'static [Field] {
        canonical::fields::ORDER
    }

    fn encode(&self, _operation: &Operation, answer: &Answer<'_>) -> Reply {
        match answer {
            Answer::Submitted(submitted) => encode::batch(submitted),
            // No operation of this dialect produces these.
            Answer::Orders(_)
            | Answer::Order(_)
            | Answer::Withdrawn(_)
            | Answer::Organisations(_) => encode::problem(&RequestFailure::Internal, ""),
        }
    }

    fn refuse(
        &self,
        _operation: Option<&Operation>,
        failure: &RequestFailure,
        path: &str,
    ) -> Reply {
        encode::problem(failure, path)
    }

    fn samples(&self, key: &SampleKey<'_>) -> Samples {
        samples::samples(key)
    }

    fn workload(&self) -> &'static Workload {
        &workload::WORKLOAD
    }
}
