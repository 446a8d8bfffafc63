//! GoSweetSpot: customer orders by packing slip number, on `api/customerorders` and the older v2 routes.
//!
//! Vendor pages: <https://api-docs.gosweetspot.com/docs/customer-orders/put.html>, and next to it `get.html`,
//! `delete.html`, `v2-order.html` and `v2-pending-orders.html`. docs/dialects/gosweetspot.md describes the behaviour
//! that they do not specify.

mod decode;
mod encode;
mod fields;
mod mapping;
mod moment;
mod request;
mod samples;
mod stored;
mod wire;
mod workload;

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

/// The GoSweetSpot dialect. It has no state.
pub(super) struct GoSweetSpot;

const TAKE_ORDERS: Action = Action::Submit {
    envelope: Envelope::Array,
    wrong_root: WrongRoot::Refuse,
    empty_body: EmptyBody::Malformed,
};

const TAKE_ONE: Action = Action::Submit {
    envelope: Envelope::One,
    wrong_root: WrongRoot::Refuse,
    empty_body: EmptyBody::Malformed,
};

/// The path of the older batch route. Its responses have no `msg`.
const NEW_ORDERS: &str = "/v2/neworders";

/// The path of the older route for one order. Its response is a bare boolean.
const NEW_ORDER: &str = "/v2/neworder";

static OPERATIONS: &[Operation] = &[
    Operation {
        name: "put_orders",
        method: "PUT",
        path: "/api/customerorders",
        scope: Some(Scope::OrdersWrite),
        action: TAKE_ORDERS,
        summary: "Create or update a batch of orders",
        parameters: &[],
    },
    Operation {
        name: "list_orders",
        method: "GET",
        path: "/api/customerorders",
        scope: Some(Scope::OrdersRead),
        action: Action::List,
        summary: "List orders, page by page",
        parameters: request::LIST,
    },
    Operation {
        name: "delete_orders",
        method: "DELETE",
        path: "/api/customerorders",
        scope: Some(Scope::OrdersWrite),
        action: Action::Withdraw,
        summary: "Cancel orders and release their packing slip numbers",
        parameters: request::WITHDRAW,
    },
    Operation {
        name: "new_orders",
        method: "POST",
        path: NEW_ORDERS,
        scope: Some(Scope::OrdersWrite),
        action: TAKE_ORDERS,
        summary: "Create or update a batch of orders (older route)",
        parameters: &[],
    },
    // The vendor's pages say PUT for both older routes.
    Operation {
        name: "put_new_orders",
        method: "PUT",
        path: NEW_ORDERS,
        scope: Some(Scope::OrdersWrite),
        action: TAKE_ORDERS,
        summary: "Create or update a batch of orders (older route)",
        parameters: &[],
    },
    Operation {
        name: "new_order",
        method: "POST",
        path: NEW_ORDER,
        scope: Some(Scope::OrdersWrite),
        action: TAKE_ONE,
        summary: "Create or update an order (older route)",
        parameters: &[],
    },
    Operation {
        name: "put_new_order",
        method: "PUT",
        path: NEW_ORDER,
        scope: Some(Scope::OrdersWrite),
        action: TAKE_ONE,
        summary: "Create or update an order (older route)",
        parameters: &[],
    },
    Operation {
        name: "show_order",
        method: "GET",
        path: "/v2/order/{packingslipno}",
        scope: Some(Scope::OrdersRead),
        action: Action::Show,
        summary: "Show the status of one order",
        parameters: &[],
    },
    Operation {
        name: "show_order_of_query",
        method: "GET",
        path: "/v2/order",
        scope: Some(Scope::OrdersRead),
        action: Action::Show,
        summary: "Show the status of one order",
        parameters: request::SHOW,
    },
    Operation {
        name: "pending_orders",
        method: "GET",
        path: "/v2/pendingorders",
        scope: Some(Scope::OrdersRead),
        action: Action::Stream,
        summary: "List pending orders",
        parameters: &[],
    },
];

impl Dialect for GoSweetSpot {
    fn id(&self) -> &'static str {
        "gosweetspot"
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    /// Vendor quirk: the vendor's own C# client sends `PascalCase` (`PostCode`, `DelvInstructions`) where the pages say
    /// `postcode`.
    fn name_case(&self) -> NameCase {
        NameCase::Ignored
    }

    /// The vendor's server runs on ASP.NET, which ignores case in paths. Clients use any case.
    fn respell(&self, path: &str) -> Option<String> {
        operation::in_any_case(path, OPERATIONS)
    }

    fn credentials(&self, head: &Head<'_>) -> Credentials {
        match underscored(head, "access_key", "access-key") {
            Some(secret) => Credentials::Secret(secret.to_owned()),
            None => Credentials::Missing,
        }
    }

    fn organisation<'c>(
        &self,
        _operation: &Operation,
        head: &Head<'_>,
        caller: Caller<'c>,
    ) -> Result<Option<&'c Organisation>, RequestFailure> {
        let organisation = match underscored(head, "site_id", "site-id") {
            Some(code) => caller
                .organisation(code)
                .ok_or(RequestFailure::OrganisationUnknown)?,
            None => caller
                .only_organisation()
                .ok_or(RequestFailure::OrganisationMissing)?,
        };
        if !organisation.customer_orders_enabled {
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
            Action::List => request::list(head),
            Action::Stream => Ok(request::pending()),
            Action::Show => request::show(head),
            Action::Withdraw => request::withdraw(head),
            // Submissions are judged. The dialect has no other operations.
            Action::Submit { .. } | Action::Resource { .. } => Err(RequestFailure::Internal),
        }
    }

    fn email(&self, order: &StoredOrder) -> Option<String> {
        stored::email(order)
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
        match answer {
            Answer::Submitted(submitted) if operation.path == NEW_ORDER => encode::one(submitted),
            Answer::Submitted(submitted) => encode::saved(submitted, operation.path != NEW_ORDERS),
            Answer::Orders(orders) if operation.action == Action::Stream => encode::chunk(orders),
            Answer::Orders(orders) => encode::page(orders),
            Answer::Order(order) => encode::order(order),
            Answer::Withdrawn(results) => encode::withdrawn(results),
            // No operation of this dialect produces these.
            Answer::Organisations(_) => encode::refusal(&RequestFailure::Internal),
        }
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

/// Returns a header field that is present and not blank.
///
/// The vendor's names have an underscore. Stock nginx drops such fields, so the name with a hyphen is accepted too.
fn underscored<'h>(head: &Head<'h>, name: &str, hyphenated: &str) -> Option<&'h str> {
    let of_vendor = head.header(name).map(str::trim);
    let of_proxy = head.header(hyphenated).map(str::trim);
    let is_said = |value: &&str| !value.is_empty();
    of_vendor.filter(is_said).or(of_proxy.filter(is_said))
}
