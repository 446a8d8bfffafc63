//! A single order: its problems, and the order as the store would return it.

use jiff::tz::TimeZone;
use wharfinger_core::dialect::{Action, Context, Dialect, Head, StoredOrder, Verdict};
use wharfinger_core::json::{Envelope, Reader, Rules};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::organisation::{Caller, OrgAccess, Organisation, Organisations};
use wharfinger_core::order::outcome::State;
use wharfinger_core::order::problem::Problem;
use wharfinger_core::order::warning::Warning;

/// The organisation of all orders here.
pub(crate) const ORGANISATION: &str = "TRK001";

/// Returns the problems that a dialect finds in an order.
pub(crate) fn problems(dialect: &dyn Dialect, text: &str) -> Vec<Problem> {
    judged(dialect, text).0
}

/// Returns the problems and warnings that a dialect finds in an order.
pub(crate) fn judged(dialect: &dyn Dialect, text: &str) -> (Vec<Problem>, Vec<Warning>) {
    let organisation = Organisation {
        id: OrganisationId(1),
        ..Organisation::new(ORGANISATION, ORGANISATION)
    };
    let organisations = Organisations::from([(ORGANISATION.to_owned(), organisation)]);
    let mut operations = dialect.operations().iter();
    let submits = operations.find(|operation| matches!(operation.action, Action::Submit { .. }));
    let head = Head {
        path: &[],
        query: &[],
        headers: &[],
    };
    let context = Context {
        operation: submits.expect("every dialect takes orders"),
        head: &head,
        caller: Caller {
            organisations: &organisations,
            reach: &OrgAccess::All,
        },
        organisation: organisations.get(ORGANISATION),
    };
    let limits = Limits::default();
    let rules = Rules {
        names: dialect.name_case(),
        depth_max: limits.order_depth_max,
        order_bytes_max: limits.order_bytes_max,
    };
    let mut reader = Reader::new(text.as_bytes(), Envelope::One, rules).expect("UTF-8");
    let entry = reader.next().expect("JSON").expect("an order");
    if !entry.faults.is_empty() {
        return (entry.faults.iter().map(Problem::from).collect(), Vec::new());
    }
    let slot = dialect.judge(&context, &entry);
    let problems = match slot.verdict {
        Verdict::Good(_) => Vec::new(),
        Verdict::Faulty(problems) | Verdict::Unreadable(problems) => problems.to_vec(),
    };
    (problems, slot.warnings)
}

/// Wraps a text as an order from the store.
pub(crate) fn stored(key: &str, text: &str) -> StoredOrder {
    StoredOrder {
        id: BatchId::new(1_767_225_600_000, 7).order(0),
        organisation: ORGANISATION.into(),
        time_zone: TimeZone::UTC,
        key: key.into(),
        number: None,
        state: State::Pending,
        held: None,
        revision: 1,
        created_at_ms: 1_767_225_600_000,
        updated_at_ms: 1_767_225_600_120,
        texts: vec![text.to_owned()],
        fulfilment: None,
        admission: None,
    }
}

/// Replaces every index of a path with `[]`, as in `lines[].sku`.
pub(crate) fn of_any_element(path: &str) -> String {
    let mut plain = String::new();
    let mut is_index = false;
    for character in path.chars() {
        is_index = (is_index || character == '[') && character != ']';
        if !is_index || character == '[' {
            plain.push(character);
        }
    }
    plain
}

/// Whether `path` is `outer` or an attribute within it.
pub(crate) fn covers(outer: &str, path: &str) -> bool {
    match path.strip_prefix(outer) {
        Some(rest) => rest.is_empty() || rest.starts_with(['.', '[']) || outer.ends_with("[]"),
        None => false,
    }
}
