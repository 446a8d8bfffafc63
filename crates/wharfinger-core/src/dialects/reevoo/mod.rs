//! Reevoo's Platform API v4: customer orders, singly and in batches.
//!
//! Sources, read on 21 November 2026: <https://developer.reevoo.com/reference/single-submission>,
//! <https://developer.reevoo.com/reference/batch-submission>, and the older
//! <http://reevoo.github.io/docs/reevooapi/customer-order/customer-order-single-submission/>.

mod decode;
mod encode;
mod fields;
mod mapping;
mod organisations;
mod request;
mod samples;
mod wire;
mod workload;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;

use jiff::tz::TimeZone;

use crate::canonical;
use crate::dialect::operation;
use crate::dialect::workload::Workload;
use crate::dialect::{
    Action, Answer, Context, Credentials, Dialect, EmptyBody, Head, Operation, ParsedRequest,
    Reply, SampleKey, Samples, Slot, StoredOrder, SubmitOptions, WrongRoot,
};
use crate::json::{Entry, Envelope, NameCase};
use crate::order::failure::RequestFailure;
use crate::order::organisation::{Caller, Organisation, Scope};
use crate::reading::fields::Field;

/// The dialect of Platform API v4.
pub(super) struct Reevoo;

/// Submits one order, for the organisation in the path.
const ONE: Operation = Operation {
    name: "customer_order",
    method: "POST",
    path: "/v4/organisations/{trkref}/customer_order",
    scope: Some(Scope::OrdersWrite),
    action: Action::Submit {
        envelope: Envelope::One,
        wrong_root: WrongRoot::Judge,
        empty_body: EmptyBody::Refuse,
    },
    summary: "Submit one customer order",
    parameters: &[],
};

/// Submits a batch. Each order names its organisation.
const BATCH: Operation = Operation {
    name: "customer_orders",
    method: "POST",
    path: "/v4/customer_orders",
    scope: Some(Scope::OrdersWrite),
    action: Action::Submit {
        envelope: Envelope::Array,
        wrong_root: WrongRoot::Judge,
        empty_body: EmptyBody::Malformed,
    },
    summary: "Submit a batch of customer orders",
    parameters: &[],
};

/// Lists the organisations that the API key reaches. Clients use it to check a key. Source: "Platform API v4 /
/// Organisations" of the vendor's older pages.
const ORGANISATIONS: Operation = Operation {
    name: "organisations",
    method: "GET",
    path: "/v4/organisations",
    scope: Some(Scope::OrdersWrite),
    action: Action::Show,
    summary: "List the organisations of this key",
    parameters: request::PAGE,
};

/// Shows one organisation.
const ORGANISATION: Operation = Operation {
    name: "organisation",
    method: "GET",
    path: "/v4/organisations/{trkref}",
    scope: Some(Scope::OrdersWrite),
    action: Action::Show,
    summary: "Show an organisation of this key",
    parameters: &[],
};

impl Dialect for Reevoo {
    fn id(&self) -> &'static str {
        "reevoo"
    }

    fn operations(&self) -> &'static [Operation] {
        &[ONE, BATCH, ORGANISATIONS, ORGANISATION]
    }

    /// The vendor's server accepts a format at the end of a path, and clients use it. The vendor's older page names an
    /// organisation as `/v4/organisations;trkref=DEMO`.
    fn respell(&self, path: &str) -> Option<String> {
        if let Some(parameters) = path.strip_prefix("/v4/organisations;trkref=") {
            // `;branch_code=` may follow. Branches are unknown here.
            let (trkref, _) = parameters.split_once(';').unwrap_or((parameters, ""));
            let is_code = !trkref.is_empty() && !parameters.contains('/');
            return is_code.then(|| format!("{}/{trkref}", ORGANISATIONS.path));
        }
        let path = path.strip_suffix(".json")?;
        operation::in_any_case(path, self.operations()).filter(|known| known == path)
    }

    fn name_case(&self) -> NameCase {
        NameCase::Exact
    }

    fn credentials(&self, head: &Head<'_>) -> Credentials {
        let pair = head.header("authorization").and_then(basic);
        pair.unwrap_or(Credentials::Missing)
    }

    fn organisation<'c>(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        caller: Caller<'c>,
    ) -> Result<Option<&'c Organisation>, RequestFailure> {
        if *operation == BATCH || *operation == ORGANISATIONS {
            return Ok(None);
        }
        let code = head.path_parameter("trkref");
        // On this route, the format at the end of the path is matched as part of the code.
        let without_format = code.and_then(|code| code.strip_suffix(".json"));
        let without_format = without_format.filter(|_| *operation == ORGANISATION);
        let organisation = code
            .and_then(|code| caller.organisation(code))
            .or_else(|| caller.organisation(without_format?))
            .ok_or(RequestFailure::OrganisationUnknown)?;
        if *operation == ONE && !organisation.customer_orders_enabled {
            return Err(RequestFailure::OrganisationDisabled);
        }
        Ok(Some(organisation))
    }

    fn submit_options(
        &self,
        _operation: &Operation,
        _head: &Head<'_>,
    ) -> Result<SubmitOptions, RequestFailure> {
        Ok(SubmitOptions::default())
    }

    fn judge<'a>(&self, context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
        decode::judge(context, entry)
    }

    fn parse_request(
        &self,
        operation: &Operation,
        head: &Head<'_>,
        _organisation: Option<&Organisation>,
    ) -> Result<ParsedRequest, RequestFailure> {
        match operation.action {
            Action::Show => request::organisations(head),
            // Submissions are judged. The dialect has no other operations.
            Action::Submit { .. }
            | Action::List
            | Action::Stream
            | Action::Withdraw
            | Action::Resource { .. } => Err(RequestFailure::Internal),
        }
    }

    fn email(&self, order: &StoredOrder) -> Option<String> {
        decode::stored_email(order.texts.first()?)
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
        fields::FIELDS
    }

    fn encode(&self, operation: &Operation, answer: &Answer<'_>) -> Reply {
        encode::encode(operation, answer)
    }

    fn refuse(
        &self,
        operation: Option<&Operation>,
        failure: &RequestFailure,
        _path: &str,
    ) -> Reply {
        encode::refuse(operation, failure)
    }

    fn samples(&self, key: &SampleKey<'_>) -> Samples {
        samples::samples(key)
    }

    fn workload(&self) -> &'static Workload {
        &workload::WORKLOAD
    }
}

/// Parses HTTP Basic: the user name is the key's id, the password its secret. A secret may contain colons.
fn basic(field: &str) -> Option<Credentials> {
    let (scheme, token) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD_PAD_INDIFFERENT.decode(token.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some(Credentials::Pair {
        id: id.to_owned(),
        secret: secret.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(field: &str) -> Credentials {
        Reevoo.credentials(&Head {
            path: &[],
            query: &[],
            headers: &[("authorization", field)],
        })
    }

    #[test]
    fn basic_gives_a_pair_and_all_else_nothing() {
        let pair = Credentials::Pair {
            id: "key".into(),
            secret: "a:b".into(),
        };
        for field in [
            "Basic a2V5OmE6Yg==",
            "basic  a2V5OmE6Yg",
            "BASIC a2V5OmE6Yg== ",
        ] {
            assert!(credentials(field) == pair, "{field}");
        }
        for field in [
            "",
            "Basic",
            "Basic !",
            "Basic a2V5",
            "Bearer a2V5OmE6Yg==",
            "Basic /w==",
        ] {
            assert!(credentials(field) == Credentials::Missing, "{field}");
        }
    }
}
