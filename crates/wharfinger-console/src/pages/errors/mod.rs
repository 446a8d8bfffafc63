//! `/console/errors`: why orders were rejected, grouped by cause; mending all orders of a cause.

mod cause;
mod change;
mod list;
mod preview;
mod send;

use axum::Router;
use axum::routing::{get, post};

use crate::parts::OTHER;
use crate::visit::Shared;

/// Orders of a cause on a page.
const PAGE_ORDERS: &str = "100";
/// Most orders that are mended or dismissed at once.
const AT_ONCE_MAX: usize = 1_000;
/// Requests to the store that are under way at once.
const AT_WORK_MAX: usize = 4;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console/errors", get(list::show))
        .route("/console/errors/cause", get(cause::show))
        .route("/console/errors/cause/preview", post(preview::show))
        .route("/console/errors/cause/send", post(send::send))
        .route("/console/errors/cause/dismiss", post(send::dismiss))
}

/// Why orders were rejected: a code at an attribute of a dialect.
struct Cause<'v> {
    dialect: &'v str,
    code: &'v str,
    /// Positions in arrays are `*`.
    pointer: &'v str,
    /// Only orders of this organisation; empty for all.
    organisation: &'v str,
}

impl Cause<'_> {
    /// Whether it is the group of all causes that the API does not tell apart. It has the rejected orders of its dialect.
    fn is_other(&self) -> bool {
        self.code == OTHER && self.pointer.is_empty()
    }

    /// The parameters of `/v1/rejections` for its orders, and others.
    fn asked<'q>(&'q self, others: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        let mut asked = self.with(others);
        if self.is_other() {
            asked.retain(|(name, _)| *name != "code");
        }
        asked
    }

    /// The cause's parameters, and others.
    fn with<'q>(&'q self, others: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        let own = [
            ("dialect", self.dialect),
            ("code", self.code),
            ("pointer", self.pointer),
            ("organisation", self.organisation),
        ];
        [&own[..], others].concat()
    }

    /// The address of its page.
    fn address(&self, others: &[(&str, &str)]) -> String {
        crate::api::target("/console/errors/cause", &self.with(others))
    }

    /// Whether a fault has this cause.
    fn is_of(&self, fault: &crate::parts::Fault) -> bool {
        self.is_other() || fault.code == self.code && is_at(&fault.pointer, self.pointer)
    }
}

/// Whether a pointer is that of a cause, in which `*` stands for a position or a name. At its end, also for all that is below.
fn is_at(pointer: &str, cause: &str) -> bool {
    let (steps, wanted): (Vec<_>, Vec<_>) =
        (pointer.split('/').collect(), cause.split('/').collect());
    let has_end = steps.len() == wanted.len() || wanted.last() == Some(&"*");
    let mut pairs = wanted.iter().zip(&steps);
    let is_same =
        |(wanted, step): (&&str, &&str)| *wanted == "*" || wanted.eq_ignore_ascii_case(step);
    has_end && steps.len() >= wanted.len() && pairs.all(is_same)
}
