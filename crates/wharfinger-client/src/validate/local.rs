//! Orders judged on this machine.

use wharfinger_core::hint::{self, Asked, Hint};

use super::repeats::Identity;
use crate::offline::Offline;
use crate::report::{Error, Fault, Place};
use crate::source::Record;

/// The code of a text that is no JSON.
const NOT_JSON: &str = "not_json";

/// Judges orders on this machine.
pub(super) struct Local {
    offline: Offline,
}

/// What was found out about an order.
pub(super) struct Verdict {
    /// All errors, then all warnings.
    pub(super) faults: Vec<Fault>,
    /// What makes the order unique, if that can be read.
    pub(super) identity: Option<Identity>,
    /// Whether the text can be sent to a server.
    pub(super) is_json: bool,
}

impl Local {
    pub(super) fn new(offline: Offline) -> Self {
        Self { offline }
    }

    /// Judges an order, and puts its key into `place`.
    pub(super) fn judge(&mut self, record: &Record, place: &mut Place) -> Verdict {
        if !record.faults.is_empty() {
            let faults = record.faults.iter();
            return Verdict {
                faults: faults.map(|fault| fault.fault(place.clone())).collect(),
                identity: None,
                is_json: false,
            };
        }
        let judged = match self.offline.judge(&record.text) {
            Ok(judged) => judged,
            Err(reason) => {
                return Verdict {
                    faults: vec![not_json(record, place, &reason)],
                    identity: None,
                    is_json: false,
                };
            }
        };
        if let Some(key) = &judged.key {
            place.key = Some(key.clone());
        }
        let names = self.offline.dialect().name_case();
        let hints = hint::of_problems(&record.text, names, &judged.problems, &judged.warnings);
        let errors = judged.problems.iter().zip(hints).map(|(problem, hint)| {
            let sentence = problem.to_string();
            error(problem.path.pointer(), problem.code.id(), sentence, hint)
        });
        let warnings = judged.warnings.iter().map(|warning| {
            let hint = Hint {
                hint: hint::of_warning(warning),
                ..Hint::default()
            };
            let sentence = warning.to_string();
            error(warning.path.pointer(), warning.code.id(), sentence, hint)
        });
        let errors = errors.map(|error| record.fault(place.clone(), false, error));
        let mut faults: Vec<Fault> = errors.collect();
        faults.extend(warnings.map(|error| record.fault(place.clone(), true, error)));
        let organisation = judged.organisation;
        Verdict {
            faults,
            identity: judged.key.map(|key| Identity { organisation, key }),
            is_json: true,
        }
    }
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
fn not_json(record: &Record, place: &Place, reason: &str) -> Fault {
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
    let names = wharfinger_core::json::NameCase::Exact;
    let hint = hint::hints(Some(line), names, &[asked]).pop();
    let mut hint = hint.unwrap_or_default();
    hint.rule = None;
    let error = error(String::new(), NOT_JSON, message, hint);
    record.fault(place, false, error)
}
