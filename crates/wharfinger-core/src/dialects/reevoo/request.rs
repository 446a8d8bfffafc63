//! Reads the parameters of requests without orders.

use crate::dialect::{Head, Parameter, ParameterKind, ParsedRequest};
use crate::order::failure::RequestFailure;

/// From the vendor's example.
const PER_PAGE: u64 = 30;
const PER_PAGE_MAX: u64 = 100;
/// Far beyond any page that can exist.
const PAGE_MAX: u64 = 1_000_000_000;

/// The parameters of a list. The vendor's page names none. These follow from the attributes of its response.
pub(super) const PAGE: &[Parameter] = &[
    Parameter::query(
        "page",
        ParameterKind::Number(1, PAGE_MAX),
        "Page number, from 1",
    ),
    Parameter::query(
        "per_page",
        ParameterKind::Number(1, PER_PAGE_MAX),
        "Organisations per page. Default: 30",
    ),
];

/// For `GET /v4/organisations`, and for a single organisation.
pub(super) fn organisations(head: &Head<'_>) -> Result<ParsedRequest, RequestFailure> {
    let page = number(head, "page", 1, PAGE_MAX)?;
    let limit = number(head, "per_page", PER_PAGE, PER_PAGE_MAX)?;
    let offset = (page - 1) * limit;
    Ok(ParsedRequest::Organisations { offset, limit })
}

fn number(head: &Head<'_>, name: &str, default: u64, max: u64) -> Result<u64, RequestFailure> {
    let text = head.query_parameter(name).map_or("", str::trim);
    if text.is_empty() {
        return Ok(default);
    }
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| {
        RequestFailure::BadParameter(format!("{name} must be a whole number from 1 to {max}"))
    })
}
