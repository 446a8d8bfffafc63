//! Orders as many shops send them: p10 to p14.

use anyhow::Result;
use clap::ValueEnum;

use super::compare::{Case, Compared, Requests, Store};
use crate::identities::{Keys, Spread};
use crate::measurements::Measurements;
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::served::Served;
use crate::verdict::Verdict;
use crate::{LARGE_BATCH, SMALL_BATCH, first_dialect};

/// Organisations of spread orders.
const ORGANISATIONS: u32 = 900;
/// Orders in the smallest batches.
const TINY_BATCH: usize = 10;
/// Connections that send the smallest batches, and single orders.
const CONNECTIONS: usize = 64;

/// Bars and aims for CPU per order.
#[derive(Clone, Copy)]
struct Bounds {
    work: &'static str,
    bar: f64,
    aim: f64,
}

/// Measures p10 and p13 together, on files.
pub(crate) fn organisations(
    schedule: &Schedule,
    with_cpu: bool,
    with_writes: bool,
) -> Result<Vec<Finding>> {
    let bounds = Bounds {
        work: "p10",
        bar: 1.3,
        aim: 0.7,
    };
    let mut findings = Vec::new();
    for case in over_organisations(Store::Embedded) {
        let compared = case.compare(schedule)?;
        let cpu = bounds.verdict(&compared).filter(|_| with_cpu);
        let written = compared.ours.written_bytes_per_order.map(|bytes| {
            let figure = (bytes, "bytes");
            Verdict::at_most("p13", "written per order", figure, 4_000.0, Some(1_000.0))
        });
        let verdicts: Vec<_> = cpu
            .into_iter()
            .chain(written.filter(|_| with_writes))
            .collect();
        let work = if with_cpu { "p10" } else { "p13" };
        findings.push(compared.finding(work).verdicts(verdicts));
    }
    Ok(findings)
}

/// Measures p11: keys in no order, on files.
pub(crate) fn scattered(schedule: &Schedule, filled: u64) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for case in scattered_keys(Store::Embedded, filled) {
        let is_large = matches!(case.requests, Requests::Batches(LARGE_BATCH));
        let bounds = Bounds {
            work: "p11",
            bar: if is_large { 1.0 } else { 1.3 },
            aim: 0.5,
        };
        findings.push(bounds.judge(case.compare(schedule)?));
    }
    Ok(findings)
}

/// Measures p12: p10, p11 and single orders, on PostgreSQL.
pub(crate) fn on_database(
    schedule: &Schedule,
    database_server: Option<&str>,
    filled: u64,
) -> Result<Vec<Finding>> {
    let store = Store::Postgres(database_server);
    let bounds = Bounds {
        work: "p12",
        bar: 1.3,
        aim: 0.8,
    };
    let singles = [Keys::Ordered, Keys::Scattered].map(|keys| Case {
        requests: Requests::Singles,
        connections: CONNECTIONS,
        ..spread(keys, store, 1)
    });
    let cases = over_organisations(store)
        .chain(singles)
        .chain(scattered_keys(store, filled));
    let mut findings = Vec::new();
    for case in cases {
        findings.push(bounds.judge(case.compare(schedule)?));
    }
    Ok(findings)
}

/// Measures p14: single orders over many organisations, beside those of one.
pub(crate) fn singles(schedule: &Schedule) -> Result<Finding> {
    let of_one = Case {
        requests: Requests::Singles,
        connections: CONNECTIONS,
        ..Case::batches(first_dialect(), 1)
    };
    let of_many = Case {
        spread: over_all(Keys::Ordered),
        ..of_one
    };
    let mut many = Served::start_spread(of_many.spread)?;
    let mut one = Served::start()?;
    let mut to_many = of_many.sender(&many.target);
    let mut to_one = of_one.sender(&one.target);
    let what = of_many.in_words();
    let [many_rounds, one_rounds] = schedule.take_turns(&what, |length| {
        Ok([
            many.measure(|| to_many.send_for(length))?,
            one.measure(|| to_one.send_for(length))?,
        ])
    })?;
    let many = Measurements::of(&many_rounds, Some(many.end()?));
    let one = Measurements::of(&one_rounds, Some(one.end()?));
    let verdict = Verdict::rate("p14", many.orders_per_s, one.orders_per_s, 0.7, 0.95);
    let organisations = report::grouped(ORGANISATIONS.into());
    Ok(Finding::new("p14", what)
        .side(format!("{organisations} organisations"), many)
        .side("one", one)
        .verdicts([verdict]))
}

/// Large and tiny batches over many organisations, with keys in order and in no order.
fn over_organisations(store: Store<'_>) -> impl Iterator<Item = Case<'_>> {
    let kinds = Keys::value_variants().iter();
    kinds.flat_map(move |&keys| {
        let tiny = Case {
            requests: Requests::Batches(TINY_BATCH),
            connections: CONNECTIONS,
            // The server commits together what waits, so the bare program commits the batches of all connections together.
            ..spread(keys, store, CONNECTIONS)
        };
        [spread(keys, store, 1), tiny]
    })
}

/// Large and small batches of one organisation with keys in no order, into empty and into filled stores.
fn scattered_keys(store: Store<'_>, filled: u64) -> impl Iterator<Item = Case<'_>> {
    let sizes = [LARGE_BATCH, SMALL_BATCH].into_iter();
    sizes.flat_map(move |batch| {
        [0, filled].map(|filled| Case {
            spread: Spread {
                keys: Keys::Scattered,
                ..Spread::default()
            },
            store,
            filled,
            ..Case::batches(first_dialect(), batch)
        })
    })
}

/// Large batches over many organisations.
fn spread(keys: Keys, store: Store<'_>, batches_per_commit: usize) -> Case<'_> {
    Case {
        spread: over_all(keys),
        store,
        batches_per_commit,
        ..Case::batches(first_dialect(), LARGE_BATCH)
    }
}

/// Spreads orders over many organisations.
pub(crate) fn over_all(keys: Keys) -> Spread {
    Spread {
        organisations: ORGANISATIONS,
        keys,
    }
}

impl Bounds {
    fn verdict(self, compared: &Compared) -> Option<Verdict> {
        Verdict::cpu(
            self.work,
            &compared.ours,
            &compared.bare,
            self.bar,
            self.aim,
        )
    }

    fn judge(self, compared: Compared) -> Finding {
        let verdict = self.verdict(&compared);
        compared.finding(self.work).verdicts(verdict)
    }
}
