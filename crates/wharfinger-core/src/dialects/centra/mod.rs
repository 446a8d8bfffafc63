//! Centra's Order API: create an order or a batch of orders, complete a prepared order, update an order, list orders.
//!
//! The vendor answers 200 whether or not orders were created. Each order has its own status and code.

mod additions;
mod dates;
mod decode;
mod demand;
mod encode;
mod fields;
mod lines;
mod mapping;
mod money;
mod own_form;
mod present;
mod query;
mod samples;
mod shown;
mod wire;
mod workload;

use jiff::tz::TimeZone;

use crate::canonical;
use crate::dialect::workload::Workload;
use crate::dialect::{
    Action, Answer, Context, Credentials, Dialect, EmptyBody, Head, Operation, ParsedRequest,
    Reply, SampleKey, Samples, Slot, StoredOrder, SubmitOptions, WrongRoot,
};
use crate::json::{Entry, Envelope, NameCase};
use crate::order::failure::RequestFailure;
use crate::order::organisation::{Caller, Organisation, Scope};
use crate::reading::fields::Field;

/// The Centra dialect.
pub(super) struct Centra;

/// The operation that updates an order. The order's number is only in the body.
const UPDATE: &str = "update";

const OPERATIONS: [Operation; 5] = [
    Operation {
        name: "create",
        method: "POST",
        path: "/centra/{organisation}/order",
        scope: Some(Scope::OrdersWrite),
        action: Action::Submit {
            envelope: Envelope::One,
            wrong_root: WrongRoot::Refuse,
            empty_body: EmptyBody::Malformed,
        },
        summary: "Create an order",
        parameters: &[query::XML],
    },
    Operation {
        name: "batch",
        method: "POST",
        path: "/centra/{organisation}/orders",
        scope: Some(Scope::OrdersWrite),
        action: Action::Submit {
            envelope: Envelope::ObjectOrArray,
            wrong_root: WrongRoot::Refuse,
            empty_body: EmptyBody::Malformed,
        },
        summary: "Create a batch of orders",
        parameters: &[query::XML],
    },
    Operation {
        name: "complete",
        method: "POST",
        path: "/centra/{organisation}/order/{number}",
        scope: Some(Scope::OrdersWrite),
        action: Action::Submit {
            envelope: Envelope::One,
            // Clients send a comment as a bare text, or `null` for nothing.
            wrong_root: WrongRoot::TakeText,
            // An order may be completed without any additions.
            empty_body: EmptyBody::EmptyObject,
        },
        summary: "Place a draft order",
        parameters: &[query::XML],
    },
    Operation {
        name: UPDATE,
        method: "PUT",
        path: "/centra/{organisation}/orders",
        scope: Some(Scope::OrdersWrite),
        action: Action::Submit {
            envelope: Envelope::One,
            wrong_root: WrongRoot::Refuse,
            empty_body: EmptyBody::Malformed,
        },
        summary: "Update an order's comments and extra attributes",
        parameters: &[query::XML],
    },
    Operation {
        name: "list",
        method: "GET",
        path: "/centra/{organisation}/orders",
        scope: Some(Scope::OrdersRead),
        action: Action::List,
        summary: "List orders",
        parameters: query::PARAMETERS,
    },
];

impl Dialect for Centra {
    fn id(&self) -> &'static str {
        "centra"
    }

    fn operations(&self) -> &'static [Operation] {
        &OPERATIONS
    }

    fn respell(&self, _path: &str) -> Option<String> {
        None
    }

    fn name_case(&self) -> NameCase {
        NameCase::Exact
    }

    /// The vendor's own header is `API-Authorization`. `Authorization: Bearer` is accepted if it is absent.
    fn credentials(&self, head: &Head<'_>) -> Credentials {
        let own = head.header("api-authorization").map(str::trim);
        let bearer = head.header("authorization").and_then(super::bearer_token);
        match own.filter(|secret| !secret.is_empty()).or(bearer) {
            Some(secret) => Credentials::Secret(secret.to_owned()),
            None => Credentials::Missing,
        }
    }

    fn organisation<'c>(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        caller: Caller<'c>,
    ) -> Result<Option<&'c Organisation>, RequestFailure> {
        let code = head
            .path_parameter("organisation")
            .ok_or(RequestFailure::OrganisationMissing)?;
        let organisation = caller
            .organisation(code)
            .ok_or(RequestFailure::OrganisationUnknown)?;
        // Existing orders can still be read after customer orders were disabled.
        let takes_in = operation.scope == Some(Scope::OrdersWrite);
        if takes_in && !organisation.customer_orders_enabled {
            return Err(RequestFailure::OrganisationDisabled);
        }
        Ok(Some(organisation))
    }

    fn submit_options(
        &self,
        _operation: &Operation,
        head: &Head<'_>,
    ) -> Result<SubmitOptions, RequestFailure> {
        query::refuse_xml(head)?;
        Ok(SubmitOptions::default())
    }

    fn judge<'a>(&self, context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
        if context.operation.name == UPDATE {
            return decode::update(context, entry);
        }
        match context.head.path_parameter("number") {
            Some(number) => decode::completion(context, entry, number),
            None => decode::order(context, entry),
        }
    }

    fn parse_request(
        &self,
        _operation: &Operation,
        head: &Head<'_>,
        organisation: Option<&Organisation>,
    ) -> Result<ParsedRequest, RequestFailure> {
        query::orders(head, organisation).map(ParsedRequest::Orders)
    }

    fn email(&self, order: &StoredOrder) -> Option<String> {
        present::email_of(order)
    }

    fn canonical(&self, order: &StoredOrder) -> canonical::Order {
        mapping::canonical(order)
    }

    fn render(&self, order: &canonical::Order, zone: &TimeZone) -> canonical::Rendered {
        mapping::render(order, zone)
    }

    fn own_form(&self, order: &StoredOrder) -> String {
        own_form::own_form(order)
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn encode(&self, operation: &Operation, answer: &Answer<'_>) -> Reply {
        encode::answer(operation, answer)
    }

    fn refuse(
        &self,
        _operation: Option<&Operation>,
        failure: &RequestFailure,
        _path: &str,
    ) -> Reply {
        encode::refusal(failure)
    }

    fn samples(&self, key: &SampleKey<'_>) -> Samples {
        samples::samples(key)
    }

    fn workload(&self) -> &'static Workload {
        &workload::WORKLOAD
    }
}
