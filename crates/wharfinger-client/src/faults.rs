//! The faults of orders that are judged on this machine, with values, rules and hints.

use wharfinger_core::hint::{self, Asked, Hint};
use wharfinger_core::json::NameCase;

use crate::offline::Judged;
use crate::report::{Error, Fault, Place};
use crate::source::Record;

/// The code of a text that is no JSON.
const NOT_JSON: &str = "not_json";

/// Why the rows of a file make no order.
pub(crate) fn of_source(record: &Record, place: &Place) -> Vec<Fault> {
    let faults = record.faults.iter();
    faults.map(|fault| fault.fault(place.clone())).collect()
}

/// What is wrong with an order.
pub(crate) fn errors(
    record: &Record,
    place: &Place,
    judged: &Judged,
    names: NameCase,
) -> Vec<Fault> {
    let hints = hint::of_problems(&record.text, names, &judged.problems, &judged.warnings);
    let errors = judged.problems.iter().zip(hints).map(|(problem, hint)| {
        let sentence = problem.to_string();
        error(problem.path.pointer(), problem.code.id(), sentence, hint)
    });
    let faults = errors.map(|error| record.fault(place.clone(), false, error));
    faults.collect()
}

/// What is odd about an order.
pub(crate) fn warnings(record: &Record, place: &Place, judged: &Judged) -> Vec<Fault> {
    let warnings = judged.warnings.iter().map(|warning| {
        let hint = Hint {
            hint: hint::of_warning(warning),
            ..Hint::default()
        };
        let sentence = warning.to_string();
        error(warning.path.pointer(), warning.code.id(), sentence, hint)
    });
    let faults = warnings.map(|error| record.fault(place.clone(), true, error));
    faults.collect()
}

fn error(pointer: String, code: &str, message: String, hint: Hint) -> Error {
    Error {
        pointer,
        code: code.to_owned(),
        message,
        value: hint.value,
        rule: hint.rule,
        hint: hint.hint,
    }
}

/// A text that is no JSON. `reason` begins with `line L column C: ` within the text.
pub(crate) fn not_json(record: &Record, place: &Place, reason: &str) -> Fault {
    let mut place = place.clone();
    let mut line = record.text.as_str();
    let mut said = reason.to_owned();
    let split = reason.split_once(" column ");
    let number = split.and_then(|(before, _)| before.strip_prefix("line ")?.parse::<u64>().ok());
    if let (Some((_, behind)), Some(number)) = (split, number) {
        // The place names the line of the fault, and the hint is about that line alone.
        let lines_before = number.saturating_sub(1);
        place.line += lines_before;
        let nth = usize::try_from(lines_before).unwrap_or(usize::MAX);
        line = record.text.split('\n').nth(nth).unwrap_or_default();
        said = format!("line {} column {behind}", place.line);
    }
    let message = format!("the order cannot be read: {said}");
    let (asked, _) = Asked::of_stored("", NOT_JSON, &message);
    let names = NameCase::Exact;
    let hint = hint::hints(Some(line), names, &[asked]).pop();
    let mut hint = hint.unwrap_or_default();
    hint.rule = None;
    let error = error(String::new(), NOT_JSON, message, hint);
    record.fault(place, false, error)
}
