//! Judges orders on this machine, with the core that servers judge with.
//!
//! What only a server knows is left out: which organisations there are, the catalogue, and orders that are stored already.

use anyhow::{Context as _, Result};
use jiff::tz::TimeZone;
use wharfinger_core::dialect::{
    Action, Context, Dialect, Head, Operation, Slot, StoredOrder, Verdict,
};
use wharfinger_core::json::{Envelope, Reader, Rules, Value};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::{Caller, OrgAccess, Organisation, Organisations};
use wharfinger_core::order::problem::{Code, Path, Problem, Step};
use wharfinger_core::order::warning::Warning;

/// Codes of organisations that are kept. An order of another one costs a second look.
const ORGANISATIONS_MAX: usize = 10_000;

/// Judges orders of one dialect.
pub struct Offline {
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    /// The organisation of the request.
    of_request: Option<Organisation>,
    /// The organisations that orders have named.
    known: Organisations,
    zone: TimeZone,
    rules: Rules,
}

/// A judged order.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The order key, if one can be read.
    pub key: Option<String>,
    /// The code of the organisation, if it is known.
    pub organisation: Option<String>,
    /// What is wrong with the order. Nothing if it is valid.
    pub problems: Vec<Problem>,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

impl Offline {
    /// Prepares to judge. `organisation` is the code that a request would name. `zone` is the time zone of dates without
    /// one.
    ///
    /// # Errors
    /// The dialect takes no orders.
    pub fn new(
        dialect: &'static dyn Dialect,
        organisation: Option<&str>,
        zone: TimeZone,
    ) -> Result<Self> {
        let takes_orders = |one: &&Operation| matches!(one.action, Action::Submit { .. });
        let operation = dialect.operations().iter().find(takes_orders);
        let limits = Limits::default();
        Ok(Self {
            dialect,
            operation: operation.context("this dialect takes no orders")?,
            of_request: organisation.map(|code| organisation_of(code, 0, &zone)),
            known: Organisations::new(),
            zone,
            rules: Rules {
                names: dialect.name_case(),
                depth_max: limits.order_depth_max,
                order_bytes_max: limits.order_bytes_max,
            },
        })
    }

    /// The dialect.
    #[must_use]
    pub fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }

    /// Judges the text of an order.
    ///
    /// # Errors
    /// The text is no JSON: where, and why.
    pub fn judge(&mut self, text: &str) -> Result<Judged, String> {
        let (judged, named) = self.judge_once(text)?;
        let Some(code) = named else {
            return Ok(judged);
        };
        // Any organisation may exist.
        if self.known.len() >= ORGANISATIONS_MAX {
            self.known.clear();
        }
        let id = u32::try_from(self.known.len() + 1).unwrap_or(u32::MAX);
        let organisation = organisation_of(&code, id, &self.zone);
        self.known.insert(code, organisation);
        self.judge_once(text).map(|(judged, _)| judged)
    }

    /// Judges a text. Also returns the code of an organisation that the order names and that is not known yet.
    fn judge_once(&self, text: &str) -> Result<(Judged, Option<String>), String> {
        let malformed = |error: wharfinger_core::json::Malformed| error.to_string();
        let mut reader =
            Reader::new(text.as_bytes(), Envelope::One, self.rules).map_err(malformed)?;
        let mut judged = Judged::default();
        let mut named = None;
        {
            let entry = reader.next().map_err(malformed)?;
            let entry = entry.ok_or("the order is empty")?;
            if !entry.faults.is_empty() {
                judged.problems = entry.faults.iter().map(Problem::from).collect();
                return Ok((judged, None));
            }
            let head = Head {
                path: &[],
                query: &[],
                headers: &[],
            };
            let context = Context {
                operation: self.operation,
                head: &head,
                caller: Caller {
                    organisations: &self.known,
                    reach: &OrgAccess::All,
                },
                organisation: self.of_request.as_ref(),
            };
            let slot = self.dialect.judge(&context, &entry);
            judged.organisation = self.code_of(&slot);
            judged.key = slot.key.map(std::borrow::Cow::into_owned);
            judged.warnings = slot.warnings;
            if let Verdict::Faulty(problems) | Verdict::Unreadable(problems) = slot.verdict {
                judged.problems = problems.to_vec();
            }
            let unknown = judged.problems.iter();
            let unknown = unknown.filter(|problem| problem.code == Code::UnknownOrganisation);
            for problem in unknown {
                let code = at(entry.value, &problem.path).and_then(|value| value.text());
                named = named.or(code.map(std::borrow::Cow::into_owned));
            }
        }
        reader.next().map_err(malformed)?;
        let is_new = |code: &String| !self.known.contains_key(code);
        Ok((judged, named.filter(is_new)))
    }

    fn code_of(&self, slot: &Slot<'_>) -> Option<String> {
        let id = slot.organisation?;
        let mut all = self.known.values().chain(&self.of_request);
        let found = all.find(|organisation| organisation.id == id)?;
        Some(found.code.clone())
    }

    /// A judged order as a store would return it.
    #[must_use]
    pub fn stored(&self, judged: &Judged, text: &str) -> StoredOrder {
        StoredOrder {
            organisation: judged.organisation.clone().unwrap_or_default(),
            time_zone: self.zone.clone(),
            key: judged.key.clone().unwrap_or_default(),
            ..StoredOrder::of_text(text)
        }
    }
}

fn organisation_of(code: &str, id: u32, zone: &TimeZone) -> Organisation {
    Organisation {
        id: OrganisationId(id),
        time_zone: zone.clone(),
        ..Organisation::new(code, code)
    }
}

/// The value at a path.
fn at<'d, 'a>(root: Value<'d, 'a>, path: &Path) -> Option<Value<'d, 'a>> {
    path.0.iter().try_fold(root, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Index(index) => value.elements().nth(*index),
    })
}

#[cfg(test)]
mod tests {
    use wharfinger_core::dialects;

    use super::*;

    /// An order with nearly every attribute.
    fn sample(dialect: &str) -> String {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../wharfinger-core/tests/mappings"
        );
        let orders = std::fs::read_to_string(format!("{folder}/{dialect}.json")).unwrap();
        let orders: Vec<serde_json::Value> = serde_json::from_str(&orders).unwrap();
        orders[0].to_string()
    }

    #[test]
    fn every_dialects_sample_is_valid_and_names_its_organisation_if_it_can() {
        for dialect in dialects::ALL {
            let text = sample(dialect.id());
            let mut offline = Offline::new(*dialect, Some("TRK001"), TimeZone::UTC).unwrap();
            let judged = offline.judge(&text).unwrap();
            assert_eq!(judged.problems, [], "{}", dialect.id());
            assert_eq!(judged.organisation.as_deref(), Some("TRK001"));
            let mut offline = Offline::new(*dialect, None, TimeZone::UTC).unwrap();
            assert_eq!(
                offline.judge(&text).unwrap().problems,
                [],
                "{}",
                dialect.id()
            );
        }
    }

    #[test]
    fn text_that_is_no_json_is_named_by_line_and_column() {
        let mut offline = Offline::new(dialects::OWN, None, TimeZone::UTC).unwrap();
        assert!(offline.judge("").is_err());
        let error = offline.judge("{\n\"key\":}").unwrap_err();
        assert_eq!(error, "line 2 column 7: expected a value");
        assert!(offline.judge("{} x").is_err());
    }

    #[test]
    fn orders_of_any_organisation_are_judged_in_bounded_memory() {
        let mut offline = Offline::new(dialects::OWN, None, TimeZone::UTC).unwrap();
        for number in 0..2 * ORGANISATIONS_MAX {
            let code = format!("ORG{number}");
            let judged = offline.judge(&format!("{{\"organisation\":\"{code}\"}}"));
            assert_eq!(judged.unwrap().organisation, Some(code));
        }
        assert!(offline.known.len() <= ORGANISATIONS_MAX);
    }
}
