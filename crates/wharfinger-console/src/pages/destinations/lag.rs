//! How far a destination was behind lately.

use maud::{Markup, html};
use serde::Deserialize;

use super::target_of;
use crate::parts::{Bars, Series, Step, time};
use crate::visit::Visit;

const MINUTE_MS: i64 = 60_000;
/// Minutes that are drawn.
const MINUTES: i64 = 180;

const SERIES: [Series; 1] = [Series {
    name: "Events behind",
    tone: "warm",
}];

#[derive(Debug, Default, Deserialize)]
struct History {
    data: Vec<Minute>,
}

#[derive(Debug, Deserialize)]
struct Minute {
    at: String,
    events: u64,
}

/// The plot, and what it covers.
pub(super) async fn show(visit: &Visit, id: &str) -> Markup {
    let history = visit.get::<History>(&target_of(id, "/lag")).await;
    let history = history.unwrap_or_default();
    let steps = steps(&history, visit.host.now_ms());
    let bars = Bars {
        id: "lag",
        title: "Events that the destination had not got yet, by minute",
        series: &SERIES,
        steps: &steps,
        form: "minute",
    };
    html! {
        h2 { "Lag in the last three hours" }
        @match history.data.first() {
            None => p.hint { "Not measured yet. The server that delivers measures it every ten seconds, and keeps it in memory. Another server has its own." },
            Some(first) => {
                (bars.show_levels())
                p.hint {
                    "The highest lag of each minute, since " (time(&first.at))
                    ". It is measured every ten seconds while this server delivers, and kept in memory. Nothing was measured where a bar and its row in the table are missing."
                }
            }
        }
    }
}

/// A step for each of the last minutes. Those without a value were not measured.
fn steps(history: &History, now_ms: i64) -> Vec<Step> {
    let at = |text: &str| {
        let at = text.parse::<jiff::Timestamp>().ok()?;
        Some(at.as_millisecond().div_euclid(MINUTE_MS))
    };
    let mut measured = history
        .data
        .iter()
        .filter_map(|one| Some((at(&one.at)?, one.events)));
    let mut next = measured.next();
    let last = now_ms.div_euclid(MINUTE_MS);
    if next.is_none() {
        return Vec::new();
    }
    let minutes = last - MINUTES + 1..=last;
    let step = |minute: i64| {
        while next.is_some_and(|(at, _)| at < minute) {
            next = measured.next();
        }
        let value = next.filter(|(at, _)| *at == minute);
        let at = jiff::Timestamp::from_millisecond(minute * MINUTE_MS);
        Step {
            at: at.map_or_else(|_| String::new(), |at| format!("{at:.3}")),
            values: value.map(|(_, events)| events).into_iter().collect(),
        }
    };
    minutes.map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_that_was_not_measured_has_no_value() {
        let minute = |at: &str, events| Minute {
            at: at.to_owned(),
            events,
        };
        let history = History {
            data: vec![
                minute("2026-11-30T08:00:00.000Z", 7),
                minute("2026-11-30T08:02:00.000Z", 0),
            ],
        };
        let now = "2026-11-30T08:03:30Z".parse::<jiff::Timestamp>().unwrap();
        let steps = steps(&history, now.as_millisecond());
        assert_eq!(steps.len(), 180);
        let values = steps[175..].iter().map(|step| step.values.clone());
        let expected = [vec![], vec![7], vec![], vec![0], vec![]];
        assert_eq!(values.collect::<Vec<_>>(), expected);
        assert_eq!(steps[179].at, "2026-11-30T08:03:00.000Z");
        assert!(super::steps(&History::default(), 0).is_empty());
    }
}
