//! Of which steps a time consists.

use crate::store::api::Step;

/// The steps that a time consists of, up to a length: those where possible, then shorter ones at both ends. Each length with the
/// times at which its steps begin.
pub(super) fn covering([from_ms, to_ms]: [i64; 2], longest: Step) -> Vec<(Step, Vec<i64>)> {
    let mut steps = Vec::new();
    // Outer parts that are covered already, and what lies between them.
    let mut inner = [from_ms, to_ms];
    for (step, next) in [
        (Step::Minute, Some(Step::Hour)),
        (Step::Hour, Some(Step::Day)),
        (Step::Day, None),
    ] {
        let next = next.filter(|next| *next <= longest);
        let of_next = next.map(|next| [next.ceiling(inner[0]), next.floor(inner[1])]);
        let of_next = of_next.filter(|[from, to]| from < to);
        let parts = match of_next {
            Some([from, to]) => [[inner[0], from], [to, inner[1]]],
            None => [inner, [inner[1]; 2]],
        };
        let begins = |[from, to]: [i64; 2]| {
            let all = std::iter::successors(Some(from), move |at| at.checked_add(step.length_ms()));
            all.take_while(move |at| *at < to)
        };
        steps.push((step, parts.into_iter().flat_map(begins).collect()));
        match of_next {
            Some(of_next) => inner = of_next,
            None => break,
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_covered_by_steps_once() {
        let [minute, hour, day] = Step::ALL.map(Step::length_ms);
        let times = [
            (0, 0),
            (minute, 3 * minute),
            (59 * minute, hour + minute),
            (59 * minute, 3 * hour + minute),
            (day - hour, day + hour),
            (day - minute, 3 * day + 2 * hour + 5 * minute),
            (day, 2 * day),
        ];
        for (from, to) in times {
            for longest in Step::ALL {
                let mut covered = Vec::new();
                for (step, begins) in covering([from, to], longest) {
                    assert!(step <= longest);
                    for begin in begins {
                        assert_eq!(step.floor(begin), begin);
                        covered.push((begin, begin + step.length_ms()));
                    }
                }
                covered.sort_unstable();
                let mut at = from;
                for (begin, end) in covered {
                    assert_eq!(begin, at, "{from} to {to}");
                    at = end;
                }
                assert_eq!(at, to, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_long_time_needs_few_steps() {
        let [minute, _, day] = Step::ALL.map(Step::length_ms);
        let steps = covering([day - minute, 31 * day + minute], Step::Day);
        let counts = Vec::from_iter(steps.iter().map(|(_, begins)| begins.len()));
        assert_eq!(counts, [2, 0, 30]);
    }
}
