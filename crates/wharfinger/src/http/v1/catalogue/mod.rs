//! Products and customers of an organisation: loading and listing.

mod schema;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::decide::catalogue::PIECES_MAX;
use wharfinger_core::decide::catalogue::import::{LineProblem, LoadLine, read_array, read_lines};
use wharfinger_core::dialect::Parameter;
use wharfinger_core::dialect::ParameterKind::{Number, OneOf, Text};
use wharfinger_core::dialect::query::Query;
use wharfinger_core::dialect::{Reply, Results};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::outcome::BatchStatus;
use wharfinger_core::reading::email;

use super::answer::{Page, ok};
use super::cursor;
use super::input::Listing;
use super::organisations::find;
use super::parameters::{AFTER, LIMIT, query};
use super::route::{Kind, Route};
use crate::catalogue::{CustomerView, ProductView};
use crate::http::answer::respond_with;
use crate::http::body::{self, Accepts};
use crate::http::describe::Bodies;
use crate::intake::app::App;
use crate::intake::idempotency::SaveAs;
use crate::intake::request_context::{self, Call};
use crate::intake::without_blocking_others;
use crate::store::{
    LineOutcome, Load, LoadCounts, Loaded, LoadedLines, ReadCustomers, ReadProducts, StoreError,
};

/// Routes of products and customers.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_products",
        method: "GET",
        path: "/v1/organisations/{code}/products",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List products with their stock",
        parameters: &[
            query("id", Number(0, PIECES_MAX), "Only the product with this id"),
            query("sku", Text, "Only the product with this SKU"),
            query(
                "ean",
                Text,
                "Only the product with this EAN (bar code number)",
            ),
            LIMIT,
            AFTER,
        ],
        bodies: Bodies::page::<ProductView>,
        handler: |r| Box::pin(products(r.app, r.call)),
    },
    Route {
        name: "load_products",
        method: "POST",
        path: "/v1/organisations/{code}/products",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Load products and their stock",
        parameters: LOAD,
        bodies: |generator| schema::load::<LoadView>(&schema::product(), generator),
        handler: |r| {
            Box::pin(async move {
                let store = async |load| r.app.store.load_products(load).await;
                load(r.app, r.call, r.headers, r.body, store).await
            })
        },
    },
    Route {
        name: "list_customers",
        method: "GET",
        path: "/v1/organisations/{code}/customers",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List customers",
        parameters: &[
            query(
                "id",
                Number(0, PIECES_MAX),
                "Only the customer with this id",
            ),
            query("email", Text, "Only the customer with this e-mail address"),
            LIMIT,
            AFTER,
        ],
        bodies: Bodies::page::<CustomerView>,
        handler: |r| Box::pin(customers(r.app, r.call)),
    },
    Route {
        name: "load_customers",
        method: "POST",
        path: "/v1/organisations/{code}/customers",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Load customers",
        parameters: LOAD,
        bodies: |generator| schema::load::<LoadView>(&schema::customer(), generator),
        handler: |r| {
            Box::pin(async move {
                let store = async |load| r.app.store.load_customers(load).await;
                load(r.app, r.call, r.headers, r.body, store).await
            })
        },
    },
];

/// Parameters of loading products or customers.
const LOAD: &[Parameter] = &[
    query(
        "policy",
        OneOf(&["partial", "all_or_nothing"]),
        "Whether valid entries are loaded when others are rejected. Default: `partial`",
    ),
    query(
        "results",
        OneOf(&["all", "rejected", "none"]),
        "Which results the response contains. Default: `all`",
    ),
];

/// Most entries that one request may load.
const ENTRIES_MAX: usize = 10_000;

/// The outcome of a load.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "LoadOutcome")]
struct LoadView {
    #[schemars(extend("enum" = BatchStatus::ALL.map(BatchStatus::name)))]
    status: &'static str,
    received: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withheld: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<EntryOutcomeView>>,
}

/// The outcome of one entry.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "EntryOutcome")]
struct EntryOutcomeView {
    index: usize,
    /// The line of the entry, from 1, in an NDJSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[schemars(extend("enum" = ["created", "updated", "unchanged", "rejected", "withheld"]))]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<EntryErrorView>,
}

/// One error of an entry.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "EntryError")]
struct EntryErrorView {
    /// The attribute, as a JSON pointer (RFC 6901) relative to the entry.
    pointer: String,
    code: &'static str,
    message: String,
}

impl EntryErrorView {
    fn of(problem: &LineProblem) -> Self {
        Self {
            pointer: problem.path.pointer(),
            code: problem.code,
            message: problem.message.clone(),
        }
    }
}

/// Loads the entries of the body in one transaction. Each is judged separately. Responds with 200 if all were accepted, 207 if
/// some were, and 422 if none was.
async fn load<L: LoadLine>(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
    store: impl AsyncFnOnce(Load<L>) -> Result<Loaded, StoreError>,
) -> Result<Response, RequestFailure> {
    let query = Query::new(&call.head, call.operation)?;
    let (policy, results) = (query.policy()?, query.results()?);
    let organisation = find(call)?.id;
    let read = body::read(app, call, headers, body, Accepts::JsonOrLines).await?;
    let (entries, lines) = without_blocking_others(app, read.body.bytes.len(), || {
        Entries::read::<L>(app, &read.body)
    })
    .await??;
    let entries = Arc::new(entries);
    let unreadable = entries.unreadable();
    let encode = move |loaded: &LoadedLines| entries.reply(&loaded.outcomes, results);
    let reply_of = encode.clone();
    let change = async |save_reply| {
        let loaded = store(Load {
            organisation,
            lines,
            unreadable,
            policy,
            who: call.authenticated.key_id().to_owned(),
            entry: None,
            save_reply,
        })
        .await?;
        // If nothing was loaded, the store had no response to save.
        let reply = loaded.reply.unwrap_or_else(|| reply_of(&loaded.lines));
        Ok((loaded.lines, Some(reply)))
    };
    let idempotency = &app.idempotency;
    let answered = idempotency.change(call, &read.body, SaveAs::Plain, encode, change);
    Ok(respond_with(answered.await?))
}

/// The entries of a body: the line of each, and the problems of those that cannot be read.
struct Entries(Vec<(Option<usize>, Option<Vec<LineProblem>>)>);

impl Entries {
    /// Reads the entries. Returns the valid ones as lines to load.
    fn read<L: LoadLine>(
        app: &App,
        body: &request_context::Body,
    ) -> Result<(Self, Vec<L>), RequestFailure> {
        let (mut entries, mut lines) = (Vec::new(), Vec::new());
        let mut count = 0;
        let mut take = |line, read| {
            count += 1;
            if count > ENTRIES_MAX {
                return;
            }
            let problems = match read {
                Ok(read) => {
                    lines.push(read);
                    None
                }
                Err(problems) => Some(problems),
            };
            entries.push((line, problems));
        };
        if body.is_lines {
            read_lines(&body.bytes, 0, &app.limits, |line, read| {
                take(Some(line), read);
            });
        } else {
            let read = read_array(&body.bytes, &app.limits, |read| take(None, read));
            read.map_err(RequestFailure::Malformed)?;
        }
        if count > ENTRIES_MAX {
            return Err(RequestFailure::TooManyOrders {
                orders_max: ENTRIES_MAX,
            });
        }
        if count == 0 {
            return Err(RequestFailure::WrongEnvelope {
                expected: "at least one JSON object",
            });
        }
        Ok((Self(entries), lines))
    }

    fn unreadable(&self) -> usize {
        let entries = self.0.iter();
        entries.filter(|(_, problems)| problems.is_some()).count()
    }

    /// Reports the outcome of every entry, given the outcomes of the valid ones.
    fn reply(&self, outcomes: &[LineOutcome], wanted: Results) -> Reply {
        let mut counts = LoadCounts {
            rejected: self.unreadable() as u64,
            ..LoadCounts::default()
        };
        counts.add(outcomes);
        let mut outcomes = outcomes.iter();
        let mut results = Vec::new();
        for (index, (line, problems)) in self.0.iter().enumerate() {
            let (outcome, problems) = match (problems, outcomes.as_slice().first()) {
                (Some(problems), _) => ("rejected", problems.as_slice()),
                (None, outcome) => {
                    outcomes.next();
                    match outcome {
                        Some(LineOutcome::Refused(problem)) => {
                            ("rejected", std::slice::from_ref(problem))
                        }
                        Some(outcome) => (outcome.name(), &[][..]),
                        None => continue,
                    }
                }
            };
            let is_taken = !matches!(outcome, "rejected" | "withheld");
            if wanted == Results::All || (wanted == Results::Rejected && !is_taken) {
                results.push(EntryOutcomeView {
                    index,
                    line: *line,
                    outcome,
                    errors: problems.iter().map(EntryErrorView::of).collect(),
                });
            }
        }
        let status = counts.status();
        let view = LoadView {
            status: status.name(),
            received: self.0.len() as u64,
            created: counts.created,
            updated: counts.updated,
            unchanged: counts.unchanged,
            rejected: counts.rejected,
            withheld: counts.withheld,
            results: (wanted != Results::None).then_some(results),
        };
        let status = match status {
            BatchStatus::Complete => 200,
            BatchStatus::Partial => 207,
            BatchStatus::Rejected => 422,
        };
        Reply::json(status, &view)
    }
}

/// The `id` filter of a list.
fn id(query: &Query<'_>) -> Result<Option<u64>, RequestFailure> {
    query.read("id", "a number from 0 to 9007199254740991", |value| {
        value.parse().ok().filter(|id| *id <= PIECES_MAX)
    })
}

/// Lists products.
async fn products(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let request = ReadProducts {
        organisation: find(call)?.id,
        id: id(&listing.query)?,
        sku: listing.query.get("sku").map(Into::into),
        ean: listing.query.get("ean").map(Into::into),
        after: match listing.after {
            Some(after) => Some(cursor::read("products", after)?),
            None => None,
        },
        limit: listing.limit,
    };
    let page = app.store.products(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    Ok(ok(&Page {
        data: page.products.into_iter().map(ProductView::of).collect(),
        next: page.next.map(|next| cursor::write("products", &next)),
    }))
}

/// Lists customers.
async fn customers(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let address = listing.query.get("email");
    let request = ReadCustomers {
        organisation: find(call)?.id,
        id: id(&listing.query)?,
        email: address.map(|address| email::normal(address).into_owned()),
        after: match listing.after {
            Some(after) => Some(cursor::read("customers", after)?),
            None => None,
        },
        limit: listing.limit,
    };
    let page = app.store.customers(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    Ok(ok(&Page {
        data: page.customers.into_iter().map(CustomerView::of).collect(),
        next: page.next.map(|next| cursor::write("customers", &next)),
    }))
}
