//! Orders judged on this machine.

use super::repeats::Identity;
use crate::faults;
use crate::offline::Offline;
use crate::report::{Fault, Place};
use crate::source::Record;

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
            return Verdict {
                faults: faults::of_source(record, place),
                identity: None,
                is_json: false,
            };
        }
        let judged = match self.offline.judge(&record.text) {
            Ok(judged) => judged,
            Err(reason) => {
                return Verdict {
                    faults: vec![faults::not_json(record, place, &reason)],
                    identity: None,
                    is_json: false,
                };
            }
        };
        if let Some(key) = &judged.key {
            place.key = Some(key.clone());
        }
        let names = self.offline.dialect().name_case();
        let mut faults = faults::errors(record, place, &judged, names);
        faults.extend(faults::warnings(record, place, &judged));
        let organisation = judged.organisation;
        Verdict {
            faults,
            identity: judged.key.map(|key| Identity { organisation, key }),
            is_json: true,
        }
    }
}
