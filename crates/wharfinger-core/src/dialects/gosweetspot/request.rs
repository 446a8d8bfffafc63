//! Reads the parameters of requests without orders.
//!
//! Parameter names are compared without case. A blank parameter counts as absent, because C# clients send blank ones.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use super::moment;
use crate::dialect::{Head, OrderQuery, Parameter, ParameterKind, ParsedRequest};
use crate::order::failure::RequestFailure;
use crate::order::outcome::State;
use crate::reading::validate::boolean_from;

const DELETED_PER_CALL_MAX: usize = 50;
const PAGE_SIZE_DEFAULT: u64 = 100;
const PAGE_SIZE_MAX: u64 = 1_000;
/// Far beyond any page that can exist, and small enough to avoid overflow.
const PAGE_MAX: u64 = 1_000_000_000;
/// `Pages` is exact up to this many orders. The limit is lower if the store has to scan orders to count them.
const COUNT_MAX: u64 = 1_000_000;

const SLIP_NUMBERS: Parameter = Parameter::query(
    "packingslipno",
    ParameterKind::Texts,
    "Packing slip numbers, separated by commas",
);

/// The parameters of the list, as documented.
pub(super) const LIST: &[Parameter] = &[
    SLIP_NUMBERS,
    Parameter::query(
        "createdfrom",
        ParameterKind::DayOrTime,
        "Only orders created at this time or later",
    ),
    Parameter::query(
        "createdto",
        ParameterKind::DayOrTime,
        "Only orders created at this time or earlier",
    ),
    Parameter::query(
        "excludecompleted",
        ParameterKind::Boolean,
        "Omit processed orders",
    ),
    Parameter::query(
        "page",
        ParameterKind::Number(1, PAGE_MAX),
        "Page number, from 1",
    ),
    Parameter::query(
        "pagesize",
        ParameterKind::Number(1, PAGE_SIZE_MAX),
        "Orders per page. Default: 100",
    ),
    Parameter::query(
        "includeProducts",
        ParameterKind::Boolean,
        "Include the products of each order",
    ),
];

/// The parameter that names one order.
pub(super) const SHOW: &[Parameter] = &[Parameter::query(
    "packingslipno",
    ParameterKind::Text,
    "The packing slip number",
)
.required()];

/// The parameters of a cancellation.
pub(super) const WITHDRAW: &[Parameter] = &[SLIP_NUMBERS.required()];

/// `GET /api/customerorders`.
pub(super) fn list(head: &Head<'_>) -> Result<ParsedRequest, RequestFailure> {
    let keys = slip_numbers(head);
    let created_from = moment_of(head, "createdfrom")?;
    let created_to = moment_of(head, "createdto")?;
    let exclude_completed = boolean_of(head, "excludecompleted")?;
    let page = whole_number_of(head, "page", 1, PAGE_MAX)?;
    let page_size = whole_number_of(head, "pagesize", PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)?;
    let with_products = boolean_of(head, "includeProducts")?;
    let states = if exclude_completed {
        vec![State::Held, State::Pending]
    } else {
        vec![State::Held, State::Pending, State::Processed]
    };
    Ok(ParsedRequest::Orders(OrderQuery {
        keys: (!keys.is_empty()).then_some(keys),
        email: None,
        states,
        created_from_ms: created_from.map(|moment| *moment.start()),
        created_to_ms: created_to.map(|moment| *moment.end()),
        keep: None,
        newest_first: false,
        offset: (page - 1) * page_size,
        limit: page_size,
        count_max: Some(COUNT_MAX),
        with_lines: with_products,
    }))
}

/// `GET /v2/pendingorders`: all pending orders. The server reads them in chunks.
pub(super) fn pending() -> ParsedRequest {
    ParsedRequest::Orders(OrderQuery {
        keys: None,
        email: None,
        states: vec![State::Held, State::Pending],
        created_from_ms: None,
        created_to_ms: None,
        keep: None,
        newest_first: false,
        offset: 0,
        limit: u64::MAX,
        count_max: None,
        with_lines: true,
    })
}

/// `GET /v2/order/{packingslipno}`, and `GET /v2/order?packingslipno=`.
pub(super) fn show(head: &Head<'_>) -> Result<ParsedRequest, RequestFailure> {
    let of_path = head.path_parameter("packingslipno");
    match of_path.or_else(|| present(head, "packingslipno")) {
        Some(key) => Ok(ParsedRequest::Order { key: key.into() }),
        None => Err(missing_number()),
    }
}

fn missing_number() -> RequestFailure {
    RequestFailure::BadParameter("packingslipno is required".into())
}

/// `DELETE /api/customerorders`.
pub(super) fn withdraw(head: &Head<'_>) -> Result<ParsedRequest, RequestFailure> {
    let keys = slip_numbers(head);
    if keys.is_empty() {
        return Err(missing_number());
    }
    if keys.len() > DELETED_PER_CALL_MAX {
        let message = format!("Max delete limit is {DELETED_PER_CALL_MAX} packing slip numbers.");
        return Err(RequestFailure::TooMany(message));
    }
    let otherwise = keys.iter().map(|key| decoded_again(key)).collect();
    Ok(ParsedRequest::Withdraw { keys, otherwise })
}

/// Returns the number with one more round of percent-decoding.
///
/// The vendor's own example is encoded twice (`test%25231234` for `test#1234`).
fn decoded_again(number: &str) -> Option<String> {
    let decoded = percent_decode_str(number).decode_utf8().ok()?;
    (decoded != number && !decoded.is_empty()).then(|| decoded.into_owned())
}

/// Reads the slip numbers of `?packingslipno=a,b`: each once, in order, trimmed, without blank ones.
///
/// The parameter may be repeated, because some clients send lists that way.
fn slip_numbers(head: &Head<'_>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut numbers = Vec::new();
    for (name, list) in head.query {
        if !name.eq_ignore_ascii_case("packingslipno") {
            continue;
        }
        for number in list.split(',').map(str::trim) {
            if !number.is_empty() && seen.insert(number) {
                numbers.push(number.to_owned());
            }
        }
    }
    numbers
}

/// Returns a parameter that is present and not blank.
fn present<'h>(head: &Head<'h>, name: &str) -> Option<&'h str> {
    let value = head.query_parameter(name)?.trim();
    (!value.is_empty()).then_some(value)
}

fn moment_of(
    head: &Head<'_>,
    name: &str,
) -> Result<Option<std::ops::RangeInclusive<i64>>, RequestFailure> {
    let Some(text) = present(head, name) else {
        return Ok(None);
    };
    let form = "a time as RFC 3339, as yyyy-mm-dd, or like Monday, 15 February 2016 7:26:15 AM";
    match moment::parse(text) {
        Some(moment) => Ok(Some(moment)),
        None => Err(bad(name, form)),
    }
}

fn boolean_of(head: &Head<'_>, name: &str) -> Result<bool, RequestFailure> {
    match present(head, name) {
        Some(text) => boolean_from(text).ok_or_else(|| bad(name, "true or false")),
        None => Ok(false),
    }
}

fn whole_number_of(
    head: &Head<'_>,
    name: &str,
    default: u64,
    max: u64,
) -> Result<u64, RequestFailure> {
    let Some(text) = present(head, name) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(bad(name, &format!("a whole number from 1 to {max}"))),
    }
}

fn bad(name: &str, form: &str) -> RequestFailure {
    RequestFailure::BadParameter(format!("{name} must be {form}"))
}
