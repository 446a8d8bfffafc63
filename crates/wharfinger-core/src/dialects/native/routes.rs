//! The routes under `/v1`.

use crate::dialect::{Action, EmptyBody, Operation, Parameter, Resource, WrongRoot};
use crate::json::Envelope;
use crate::order::organisation::Scope;

use super::parameters::{
    LIST_BATCHES, LIST_CUSTOMERS, LIST_EVENTS, LIST_ORDERS, LIST_PRODUCTS, LIST_REJECTED,
    LIST_RESULTS, LOAD, PAGE, RECEIVE_IMPORT, SHOW_ORDER, SUBMIT,
};

const fn resource(
    name: &'static str,
    (method, path): (&'static str, &'static str),
    (scope, resource): (Scope, Resource),
    summary: &'static str,
    parameters: &'static [Parameter],
) -> Operation {
    Operation {
        name,
        method,
        path,
        scope,
        action: Action::Resource(resource),
        summary,
        parameters,
    }
}

const TAKE_ORDERS: Action = Action::Submit {
    envelope: Envelope::OneOrMany,
    wrong_root: WrongRoot::Refuse,
    empty_body: EmptyBody::Malformed,
};

/// All routes.
pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "submit",
        method: "POST",
        path: "/v1/batches",
        scope: Scope::OrdersWrite,
        action: TAKE_ORDERS,
        summary: "Submit orders: an array, one object, or one object per line",
        parameters: SUBMIT,
    },
    resource(
        "list_batches",
        ("GET", "/v1/batches"),
        (Scope::OrdersRead, Resource::ListBatches),
        "List receipts, newest first",
        LIST_BATCHES,
    ),
    resource(
        "show_batch",
        ("GET", "/v1/batches/{id}"),
        (Scope::OrdersRead, Resource::ShowBatch),
        "Show a receipt",
        &[],
    ),
    resource(
        "list_results",
        ("GET", "/v1/batches/{id}/results"),
        (Scope::OrdersRead, Resource::ListResults),
        "List the outcome of each order of a batch",
        LIST_RESULTS,
    ),
    resource(
        "list_rejected",
        ("GET", "/v1/batches/{id}/rejected"),
        (Scope::OrdersRead, Resource::ListRejected),
        "List the rejected orders of a batch, with their errors or ready to be sent again",
        LIST_REJECTED,
    ),
    resource(
        "receive_import",
        ("PUT", "/v1/imports/{id}"),
        (Scope::OrdersWrite, Resource::ReceiveImport),
        "Import a file of any length, one order per line, or a part of it",
        RECEIVE_IMPORT,
    ),
    resource(
        "show_import",
        ("GET", "/v1/imports/{id}"),
        (Scope::OrdersRead, Resource::ShowImport),
        "Show the progress of an import",
        &[],
    ),
    resource(
        "cancel_import",
        ("DELETE", "/v1/imports/{id}"),
        (Scope::OrdersWrite, Resource::CancelImport),
        "Cancel an import; committed lines stay stored",
        &[],
    ),
    resource(
        "list_orders",
        ("GET", "/v1/orders"),
        (Scope::OrdersRead, Resource::ListOrders),
        "List orders, in every dialect",
        LIST_ORDERS,
    ),
    resource(
        "process_orders",
        ("POST", "/v1/orders/process"),
        (Scope::OrdersWrite, Resource::ProcessOrders),
        "Mark several orders as processed",
        &[],
    ),
    resource(
        "cancel_orders",
        ("POST", "/v1/orders/cancel"),
        (Scope::OrdersWrite, Resource::CancelOrders),
        "Cancel several orders",
        &[],
    ),
    resource(
        "show_order",
        ("GET", "/v1/orders/{id}"),
        (Scope::OrdersRead, Resource::ShowOrder),
        "Show an order, in the form of any dialect",
        SHOW_ORDER,
    ),
    resource(
        "show_history",
        ("GET", "/v1/orders/{id}/history"),
        (Scope::OrdersRead, Resource::ShowHistory),
        "List the history of an order, newest first: its revisions, verbatim, and its state changes",
        PAGE,
    ),
    resource(
        "process_order",
        ("POST", "/v1/orders/{id}/process"),
        (Scope::OrdersWrite, Resource::ProcessOrder),
        "Mark an order as processed",
        &[],
    ),
    resource(
        "cancel_order",
        ("POST", "/v1/orders/{id}/cancel"),
        (Scope::OrdersWrite, Resource::CancelOrder),
        "Cancel an order",
        &[],
    ),
    resource(
        "fulfil_order",
        ("PUT", "/v1/orders/{id}/fulfilment"),
        (Scope::OrdersWrite, Resource::FulfilOrder),
        "Report the fulfilment of an order",
        &[],
    ),
    resource(
        "list_events",
        ("GET", "/v1/events"),
        (Scope::OrdersRead, Resource::ListEvents),
        "Read the event feed, or wait for new events",
        LIST_EVENTS,
    ),
    resource(
        "list_organisations",
        ("GET", "/v1/organisations"),
        (Scope::Admin, Resource::ListOrganisations),
        "List organisations",
        PAGE,
    ),
    resource(
        "create_organisation",
        ("POST", "/v1/organisations"),
        (Scope::Admin, Resource::CreateOrganisation),
        "Create an organisation",
        &[],
    ),
    resource(
        "show_organisation",
        ("GET", "/v1/organisations/{code}"),
        (Scope::Admin, Resource::ShowOrganisation),
        "Show an organisation",
        &[],
    ),
    resource(
        "change_organisation",
        ("PATCH", "/v1/organisations/{code}"),
        (Scope::Admin, Resource::ChangeOrganisation),
        "Change an organisation",
        &[],
    ),
    resource(
        "list_products",
        ("GET", "/v1/organisations/{code}/products"),
        (Scope::Admin, Resource::ListProducts),
        "List products with their stock, in the order in which they were first loaded",
        LIST_PRODUCTS,
    ),
    resource(
        "load_products",
        ("POST", "/v1/organisations/{code}/products"),
        (Scope::Admin, Resource::LoadProducts),
        "Load products and their stock: an array, one object, or one object per line",
        LOAD,
    ),
    resource(
        "list_customers",
        ("GET", "/v1/organisations/{code}/customers"),
        (Scope::Admin, Resource::ListCustomers),
        "List customers, ordered by id",
        LIST_CUSTOMERS,
    ),
    resource(
        "load_customers",
        ("POST", "/v1/organisations/{code}/customers"),
        (Scope::Admin, Resource::LoadCustomers),
        "Load customers: an array, one object, or one object per line",
        LOAD,
    ),
    resource(
        "list_keys",
        ("GET", "/v1/keys"),
        (Scope::Admin, Resource::ListKeys),
        "List API keys, without their secrets",
        PAGE,
    ),
    resource(
        "create_key",
        ("POST", "/v1/keys"),
        (Scope::Admin, Resource::CreateKey),
        "Create an API key; its secret is shown only once",
        &[],
    ),
    resource(
        "rotate_key",
        ("POST", "/v1/keys/{id}/rotate"),
        (Scope::Admin, Resource::RotateKey),
        "Rotate an API key: give it a new secret, shown only once",
        &[],
    ),
    resource(
        "revoke_key",
        ("DELETE", "/v1/keys/{id}"),
        (Scope::Admin, Resource::RevokeKey),
        "Revoke an API key, permanently",
        &[],
    ),
    resource(
        "erase_customer",
        ("POST", "/v1/customers/erase"),
        (Scope::Admin, Resource::EraseCustomer),
        "Erase a person from an organisation's orders, receipts and saved responses",
        &[],
    ),
    resource(
        "list_audit",
        ("GET", "/v1/audit"),
        (Scope::Admin, Resource::ListAudit),
        "List administrative changes, newest first",
        PAGE,
    ),
];
