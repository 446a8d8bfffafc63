//! Orders over time, by outcome, and beside an earlier time.

use futures_util::future::join;
use maud::{Markup, html};
use serde::Deserialize;

use super::{MINUTE_MS, Scope, rfc_3339, unreadable};
use crate::api::Refused;
use crate::parts::{Bars, Series, Step, count};
use crate::visit::Visit;

/// The outcomes, as the plot stacks them.
const SERIES: [Series; 5] = [
    Series {
        name: "Accepted",
        tone: "good",
    },
    Series {
        name: "Updated",
        tone: "plain",
    },
    Series {
        name: "Unchanged",
        tone: "quiet",
    },
    Series {
        name: "Withheld",
        tone: "warm",
    },
    Series {
        name: "Rejected",
        tone: "bad",
    },
];

#[derive(Deserialize)]
struct Stats {
    data: Vec<At>,
    totals: Counts,
}

#[derive(Deserialize)]
struct At {
    at: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Counts {
    accepted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withheld: u64,
}

impl Counts {
    /// In the order of [`SERIES`].
    fn values(self) -> Vec<u64> {
        vec![
            self.accepted,
            self.updated,
            self.unchanged,
            self.withheld,
            self.rejected,
        ]
    }
}

pub(super) async fn show(visit: &Visit, scope: &Scope<'_>) -> Markup {
    let span = scope.span;
    let next = |unit: i64| (scope.now_ms / unit + 1) * unit;
    let end = next(span.step_ms);
    let from = end - span.ms;
    let to = next(MINUTE_MS).min(end);
    let now = read(visit, scope, from, to);
    let before = read(visit, scope, from - span.before_ms, to - span.before_ms);
    match join(now, before).await {
        (Ok(now), before) => view(scope, now, before.ok().map(|before| before.totals)),
        (Err(refused), _) => unreadable(&refused),
    }
}

async fn read(visit: &Visit, scope: &Scope<'_>, from: i64, to: i64) -> Result<Stats, Refused> {
    let (from, to) = (rfc_3339(from), rfc_3339(to));
    let query = [
        ("from", from.as_str()),
        ("to", &to),
        ("step", scope.span.step),
    ];
    visit.get(&scope.target("/v1/stats", &query)).await
}

fn view(scope: &Scope<'_>, now: Stats, before: Option<Counts>) -> Markup {
    let Stats { data, totals } = now;
    let steps = data.into_iter().map(|step| Step {
        at: step.at,
        values: step.counts.values(),
    });
    let steps: Vec<_> = steps.collect();
    let bars = Bars {
        id: "orders",
        title: &format!("Orders by outcome, {}", scope.span.text),
        series: &SERIES,
        steps: &steps,
        form: scope.span.form,
    };
    let before = |of: fn(Counts) -> u64| before.map(of);
    html! {
        dl.figures {
            (figure(scope, "Accepted", totals.accepted, before(|counts| counts.accepted)))
            (figure(scope, "Updated", totals.updated, before(|counts| counts.updated)))
            (figure(scope, "Rejected", totals.rejected, before(|counts| counts.rejected)))
        }
        (bars.show())
    }
}

fn figure(scope: &Scope<'_>, name: &str, now: u64, before: Option<u64>) -> Markup {
    html! {
        div {
            dt { (name) }
            dd {
                b { (count(now)) }
                @if let Some(before) = before {
                    span.hint { (count(before)) " " (scope.span.before) }
                }
            }
        }
    }
}
