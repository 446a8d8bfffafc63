//! Parameters that several routes share.

use wharfinger_core::dialect::ParameterKind::{Cursor, Dialect, Number, Organisation};
use wharfinger_core::dialect::{Parameter, ParameterKind};

pub(super) const LIMIT: Parameter = query("limit", Number(1, 1_000), "Page size. Default: 100");
pub(super) const AFTER: Parameter = query(
    "after",
    Cursor,
    "The cursor to continue from: `next` of the previous page",
);
pub(super) const ORGANISATION: Parameter = query(
    "organisation",
    Organisation,
    "Only entries of this organisation",
);
pub(super) const DIALECT: Parameter =
    query("dialect", Dialect, "Only entries submitted in this dialect");

/// Parameters of a list without filters.
pub(super) const PAGE: &[Parameter] = &[LIMIT, AFTER];

/// An optional query parameter.
pub(super) const fn query(
    name: &'static str,
    kind: ParameterKind,
    about: &'static str,
) -> Parameter {
    Parameter::query(name, kind, about)
}
