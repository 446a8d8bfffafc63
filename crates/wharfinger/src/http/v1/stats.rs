//! Statistics: the outcomes of orders over time, and why orders were rejected.

use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharfinger_core::dialect::Parameter;
use wharfinger_core::dialect::ParameterKind::{Boolean, DateOrTime, OneOf};
use wharfinger_core::dialects;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::Scope;
use wharfinger_core::order::outcome::Counts;

use super::answer::{ok, time};
use super::cursor;
use super::input::Listing;
use super::parameters::{AFTER, LIMIT, query};
use super::route::{Kind, Route};
use crate::clock;
use crate::http::describe::Bodies;
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::store::{ErrorCause, ErrorPlace, ErrorSum, ReadErrors, ReadOutcomes, Step};

const FROM: Parameter = query(
    "from",
    DateOrTime,
    "The first time. Rounded down to a minute, to an hour if it is more than 7 days ago, to a day if more than 400. Default: 24 hours before `to`",
);
const TO: Parameter = query(
    "to",
    DateOrTime,
    "The end, which is not included. Rounded up likewise. Default: now",
);
const ORGANISATION: Parameter = query(
    "organisation",
    wharfinger_core::dialect::ParameterKind::Organisation,
    "Only orders of this organisation",
);
const DIALECT: Parameter = query(
    "dialect",
    wharfinger_core::dialect::ParameterKind::Dialect,
    "Only orders submitted in this dialect",
);

/// Routes of statistics.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "show_stats",
        method: "GET",
        path: "/v1/stats",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "Count orders by outcome, over time",
        parameters: &[
            FROM,
            TO,
            query(
                "step",
                OneOf(&["1m", "1h", "1d"]),
                "The length of a step: a minute, an hour or a day of UTC. Default: 1h",
            ),
            ORGANISATION,
            DIALECT,
        ],
        bodies: Bodies::one::<Stats>,
        handler: |r| Box::pin(stats(r.app, r.call)),
    },
    Route {
        name: "list_errors",
        method: "GET",
        path: "/v1/errors",
        scope: Some(Scope::OrdersRead),
        kind: Kind::Plain,
        summary: "List why orders were rejected, grouped by cause, the most open ones first",
        parameters: &[
            FROM,
            TO,
            ORGANISATION,
            DIALECT,
            query(
                "open",
                Boolean,
                "Whether to list only causes with orders that were neither mended nor dismissed",
            ),
            LIMIT,
            AFTER,
        ],
        bodies: Bodies::one::<Errors>,
        handler: |r| Box::pin(errors(r.app, r.call)),
    },
];

/// Steps of an answer, at most.
const STEPS_MAX: i64 = 1_500;
/// The latest end: 9999-12-30, in UTC. A later one cannot be rounded and written. Nothing is counted after it.
const LATEST_MS: i64 = 253_402_128_000_000;
/// The time that an answer covers unless `from` says otherwise.
const SPAN_MS: i64 = 24 * 3_600_000;

/// The outcomes of orders over time. Orders count at the time when their batch was received.
#[derive(JsonSchema, Serialize)]
struct Stats {
    /// The first time that is counted.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The end, which is not counted.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    #[schemars(extend("enum" = ["1m", "1h", "1d"]))]
    step: &'static str,
    /// Every step, also those without orders. The first and the last may extend beyond `from` and `to`; they count only what lies
    /// between.
    #[schemars(length(max = 1500))]
    data: Vec<StatsStep>,
    totals: OutcomeCounts,
}

/// The outcomes of orders in a step.
#[derive(JsonSchema, Serialize)]
struct StatsStep {
    /// When the step begins.
    #[schemars(extend("format" = "date-time"))]
    at: String,
    #[serde(flatten)]
    counts: OutcomeCounts,
}

/// How many orders had each outcome.
#[derive(JsonSchema, Serialize)]
struct OutcomeCounts {
    accepted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withheld: u64,
}

impl OutcomeCounts {
    fn of(counts: Counts) -> Self {
        let Counts {
            accepted,
            updated,
            unchanged,
            rejected,
            withheld,
        } = counts;
        Self {
            accepted,
            updated,
            unchanged,
            rejected,
            withheld,
        }
    }
}

/// Why orders were rejected.
#[derive(JsonSchema, Serialize)]
struct Errors {
    /// The first time that is counted.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The end, which is not counted.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    data: Vec<ErrorGroup>,
    /// The cursor of the next page; null at the end.
    next: Option<String>,
}

/// How often orders were rejected for a cause. An order with several errors of one cause counts once.
#[derive(JsonSchema, Serialize)]
struct ErrorGroup {
    dialect: String,
    /// The code. `other`, with an empty pointer: the sum of all causes of the dialect beyond the 20,000 largest ones.
    code: String,
    /// The attribute, as a JSON pointer (RFC 6901) relative to the order, with `*` for each place in an array, and for a name that the
    /// sender chose, where it ends. The end of a very long one is cut off.
    pointer: String,
    /// How many orders were rejected for it.
    count: u64,
    /// How many of them were neither mended nor dismissed.
    open: u64,
    /// How many API keys sent them. Each counts once.
    senders: u64,
    /// When the last of them was received.
    #[schemars(extend("format" = "date-time"))]
    last_seen: String,
    /// The last of them. Absent if its receipt was purged.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<ErrorExample>,
}

/// A rejected order.
#[derive(JsonSchema, Serialize)]
struct ErrorExample {
    #[schemars(extend("format" = "uuid"))]
    rejection_id: String,
    #[schemars(extend("format" = "uuid"))]
    batch_id: String,
    /// The order's position in the batch, from 0.
    index: u32,
    message: String,
}

/// The parameters that both routes have.
struct Asked {
    from_ms: i64,
    to_ms: i64,
    organisation: Option<OrganisationId>,
    dialect: Option<String>,
}

impl Asked {
    fn read(listing: &Listing<'_>, call: &Call<'_>, now_ms: i64) -> Result<Self, RequestFailure> {
        let query = &listing.query;
        let organisation = match query.get("organisation") {
            Some(code) => {
                let organisation = call.authenticated.caller().organisation(code);
                Some(organisation.ok_or(RequestFailure::OrganisationUnknown)?.id)
            }
            None => None,
        };
        let dialect = query.read("dialect", "the name of a dialect", dialects::find)?;
        let to_ms = listing.time("to")?.unwrap_or(now_ms).min(LATEST_MS);
        let from_ms = listing
            .time("from")?
            .unwrap_or(to_ms.saturating_sub(SPAN_MS));
        if from_ms >= to_ms {
            return Err(bad("Parameter from must be earlier than to"));
        }
        Ok(Self {
            from_ms: Step::around(from_ms, now_ms).floor(from_ms),
            to_ms: Step::around(to_ms, now_ms).ceiling(to_ms),
            organisation,
            dialect: dialect.map(|dialect| dialect.id().to_owned()),
        })
    }
}

fn bad(why: &str) -> RequestFailure {
    RequestFailure::BadParameter(why.to_owned())
}

/// A length as requests name it.
fn name(step: Step) -> &'static str {
    match step {
        Step::Minute => "1m",
        Step::Hour => "1h",
        Step::Day => "1d",
    }
}

/// Counts orders by outcome for each step of a time.
async fn stats(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let now_ms = clock::now_ms();
    let asked = Asked::read(&listing, call, now_ms)?;
    let step = listing.query.read("step", "1m, 1h or 1d", |text| {
        Step::ALL.into_iter().find(|step| name(*step) == text)
    })?;
    let step = step.unwrap_or(Step::Hour);
    let first_ms = step.floor(asked.from_ms);
    let end_ms = step.ceiling(asked.to_ms);
    if Step::around(asked.from_ms, now_ms) > step {
        let (what, days) = match step {
            Step::Minute => ("Minutes", 7),
            Step::Hour | Step::Day => ("Hours", 400),
        };
        return Err(bad(&format!(
            "{what} are kept for {days} days; use a later from, or a step longer than {}",
            name(step)
        )));
    }
    if end_ms.saturating_sub(first_ms) / step.length_ms() > STEPS_MAX {
        let way_out = match step {
            Step::Minute | Step::Hour => "use a longer step or a shorter time",
            Step::Day => "use a shorter time",
        };
        return Err(bad(&format!(
            "The time from {} to {} has more than {STEPS_MAX} steps of {}; {way_out}",
            time(asked.from_ms),
            time(asked.to_ms),
            name(step)
        )));
    }
    let request = ReadOutcomes {
        visible: call.visible(),
        organisation: asked.organisation,
        dialect: asked.dialect,
        step,
        from_ms: asked.from_ms,
        to_ms: asked.to_ms,
    };
    let sums = app.store.outcomes(request).await;
    let sums = sums.map_err(|error| call.failure(error))?;
    let begins = std::iter::successors(Some(first_ms), |at| at.checked_add(step.length_ms()));
    let steps = begins.zip(sums.steps).map(|(at_ms, counts)| StatsStep {
        at: time(at_ms),
        counts: OutcomeCounts::of(counts),
    });
    Ok(ok(&Stats {
        from: time(asked.from_ms),
        to: time(asked.to_ms),
        step: name(step),
        data: steps.collect(),
        totals: OutcomeCounts::of(sums.totals),
    }))
}

/// The position of a page: open orders, orders, and the cause.
#[derive(Deserialize, Serialize)]
struct Place(u64, u64, String, String, String);

/// Lists why orders were rejected.
async fn errors(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let asked = Asked::read(&listing, call, clock::now_ms())?;
    let only_open = listing
        .query
        .read("open", "true or false", |text| text.parse().ok())?;
    let after = listing.after.map(|after| cursor::read("errors", after));
    let after = after.transpose()?;
    let after = after.map(|Place(open, count, dialect, code, pointer)| ErrorPlace {
        open,
        count,
        cause: ErrorCause {
            dialect,
            code,
            pointer,
        },
    });
    let request = ReadErrors {
        visible: call.visible(),
        organisation: asked.organisation,
        dialect: asked.dialect,
        from_ms: asked.from_ms,
        to_ms: asked.to_ms,
        only_open: only_open.unwrap_or(false),
        after,
        limit: listing.limit,
    };
    let page = app.store.errors(request).await;
    let page = page.map_err(|error| call.failure(error))?;
    let next = page.next.map(|place| {
        let ErrorCause {
            dialect,
            code,
            pointer,
        } = place.cause;
        let place = Place(place.open, place.count, dialect, code, pointer);
        cursor::write("errors", &place)
    });
    Ok(ok(&Errors {
        from: time(asked.from_ms),
        to: time(asked.to_ms),
        data: page.errors.into_iter().map(group).collect(),
        next,
    }))
}

fn group(sum: ErrorSum) -> ErrorGroup {
    ErrorGroup {
        dialect: sum.cause.dialect,
        code: sum.cause.code,
        pointer: sum.cause.pointer,
        count: sum.count,
        open: sum.open,
        senders: sum.senders,
        last_seen: time(sum.last_seen_ms),
        example: sum.example.map(|example| ErrorExample {
            rejection_id: example.batch.order(example.index).to_string(),
            batch_id: example.batch.to_string(),
            index: example.index,
            message: example.message,
        }),
    }
}
