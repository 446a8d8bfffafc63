//! The routes of `/v1`.

use crate::caller::Scope;
use crate::dialect::{Action, EmptyBody, Operation, Resource, WrongRoot};
use crate::json::Envelope;

const TAKE_ORDERS: Action = Action::Submit {
    envelope: Envelope::OneOrMany,
    wrong_root: WrongRoot::Refuse,
    empty_body: EmptyBody::Malformed,
};

const fn resource(
    name: &'static str,
    (method, path): (&'static str, &'static str),
    scope: Scope,
    resource: Resource,
) -> Operation {
    Operation {
        name,
        method,
        path,
        scope,
        action: Action::Resource(resource),
    }
}

/// Every route, those of one path together.
pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "submit",
        method: "POST",
        path: "/v1/batches",
        scope: Scope::OrdersWrite,
        action: TAKE_ORDERS,
    },
    resource(
        "list_batches",
        ("GET", "/v1/batches"),
        Scope::OrdersRead,
        Resource::ListBatches,
    ),
    resource(
        "show_batch",
        ("GET", "/v1/batches/{id}"),
        Scope::OrdersRead,
        Resource::ShowBatch,
    ),
    resource(
        "list_results",
        ("GET", "/v1/batches/{id}/results"),
        Scope::OrdersRead,
        Resource::ListResults,
    ),
    resource(
        "list_rejected",
        ("GET", "/v1/batches/{id}/rejected"),
        Scope::OrdersRead,
        Resource::ListRejected,
    ),
    resource(
        "receive_import",
        ("PUT", "/v1/imports/{id}"),
        Scope::OrdersWrite,
        Resource::ReceiveImport,
    ),
    resource(
        "show_import",
        ("GET", "/v1/imports/{id}"),
        Scope::OrdersRead,
        Resource::ShowImport,
    ),
    resource(
        "cancel_import",
        ("DELETE", "/v1/imports/{id}"),
        Scope::OrdersWrite,
        Resource::CancelImport,
    ),
    resource(
        "list_orders",
        ("GET", "/v1/orders"),
        Scope::OrdersRead,
        Resource::ListOrders,
    ),
    resource(
        "process_orders",
        ("POST", "/v1/orders/process"),
        Scope::OrdersWrite,
        Resource::ProcessOrders,
    ),
    resource(
        "cancel_orders",
        ("POST", "/v1/orders/cancel"),
        Scope::OrdersWrite,
        Resource::CancelOrders,
    ),
    resource(
        "show_order",
        ("GET", "/v1/orders/{id}"),
        Scope::OrdersRead,
        Resource::ShowOrder,
    ),
    resource(
        "show_history",
        ("GET", "/v1/orders/{id}/history"),
        Scope::OrdersRead,
        Resource::ShowHistory,
    ),
    resource(
        "process_order",
        ("POST", "/v1/orders/{id}/process"),
        Scope::OrdersWrite,
        Resource::ProcessOrder,
    ),
    resource(
        "cancel_order",
        ("POST", "/v1/orders/{id}/cancel"),
        Scope::OrdersWrite,
        Resource::CancelOrder,
    ),
    resource(
        "fulfil_order",
        ("PUT", "/v1/orders/{id}/fulfilment"),
        Scope::OrdersWrite,
        Resource::FulfilOrder,
    ),
    resource(
        "list_events",
        ("GET", "/v1/events"),
        Scope::OrdersRead,
        Resource::ListEvents,
    ),
    resource(
        "list_organisations",
        ("GET", "/v1/organisations"),
        Scope::Admin,
        Resource::ListOrganisations,
    ),
    resource(
        "create_organisation",
        ("POST", "/v1/organisations"),
        Scope::Admin,
        Resource::CreateOrganisation,
    ),
    resource(
        "show_organisation",
        ("GET", "/v1/organisations/{code}"),
        Scope::Admin,
        Resource::ShowOrganisation,
    ),
    resource(
        "change_organisation",
        ("PATCH", "/v1/organisations/{code}"),
        Scope::Admin,
        Resource::ChangeOrganisation,
    ),
    resource(
        "list_keys",
        ("GET", "/v1/keys"),
        Scope::Admin,
        Resource::ListKeys,
    ),
    resource(
        "create_key",
        ("POST", "/v1/keys"),
        Scope::Admin,
        Resource::CreateKey,
    ),
    resource(
        "rotate_key",
        ("POST", "/v1/keys/{id}/rotate"),
        Scope::Admin,
        Resource::RotateKey,
    ),
    resource(
        "revoke_key",
        ("DELETE", "/v1/keys/{id}"),
        Scope::Admin,
        Resource::RevokeKey,
    ),
    resource(
        "list_audit",
        ("GET", "/v1/audit"),
        Scope::Admin,
        Resource::ListAudit,
    ),
];
