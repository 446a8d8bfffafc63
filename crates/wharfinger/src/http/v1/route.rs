//! One route of a resource: everything that the router, the checks before the handler and the description need.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use schemars::SchemaGenerator;
use wharfinger_core::dialect::{Action, Operation, Parameter};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;

use crate::http::describe::Bodies;
use crate::intake::app::App;
use crate::intake::request_context::Call;

/// A route of the native API.
pub(in crate::http) struct Route {
    /// The name, unique in the native API. Used in logs, metrics and the description.
    pub(super) name: &'static str,
    /// The HTTP method.
    pub(super) method: &'static str,
    /// The path, with `{name}` for a parameter.
    pub(super) path: &'static str,
    /// The scope that the API key needs. `None` if every valid key may call it.
    pub(super) scope: Option<Scope>,
    /// What the request may take time for.
    pub(super) kind: Kind,
    /// A summary in a few words.
    pub(super) summary: &'static str,
    /// The parameters besides those of the path. A request with any other query parameter is refused.
    pub(super) parameters: &'static [Parameter],
    /// Describes the bodies of the request and of the successful responses.
    pub(super) bodies: fn(&mut SchemaGenerator) -> Bodies,
    /// Serves a request that has passed all checks of its head.
    pub(super) handler: Handler,
}

/// How long a request may take, and whether it has orders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Kind {
    /// It must be answered within the time limit of requests.
    Plain,
    /// It waits for events, for as long as it asked for.
    Waits,
    /// It receives orders for as long as the client sends them. It may name an organisation and be a dry run, like a batch.
    TakesOrders,
    /// It receives one order, within the time limit of requests. It may name an organisation and be a dry run, like a batch.
    TakesOneOrder,
}

/// An authenticated request.
pub(in crate::http) struct Request<'r> {
    pub(in crate::http) app: &'r Arc<App>,
    pub(in crate::http) call: &'r Call<'r>,
    pub(in crate::http) headers: &'r HeaderMap,
    pub(in crate::http) body: &'r mut Body,
}

type Handler = for<'r> fn(Request<'r>) -> BoxFuture<'r, Result<Response, RequestFailure>>;

impl Route {
    /// The route as an operation of the native dialect.
    pub(in crate::http) const fn operation(&self) -> Operation {
        Operation {
            name: self.name,
            method: self.method,
            path: self.path,
            scope: self.scope,
            action: Action::Resource {
                takes_orders: matches!(self.kind, Kind::TakesOrders | Kind::TakesOneOrder),
            },
            summary: self.summary,
            parameters: self.parameters,
        }
    }

    /// Whether the time limit of requests applies.
    pub(in crate::http) fn has_time_limit(&self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::TakesOneOrder)
    }

    /// Describes the bodies of the request and of the successful responses.
    pub(in crate::http) fn bodies(&self, generator: &mut SchemaGenerator) -> Bodies {
        (self.bodies)(generator)
    }

    /// Serves a request.
    pub(in crate::http) async fn serve(
        &self,
        request: Request<'_>,
    ) -> Result<Response, RequestFailure> {
        (self.handler)(request).await
    }
}
