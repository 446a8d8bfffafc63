//! What `GET …/orders` asks for.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::decode::{NUMBER_MAX, number_in_path};
use super::present::customer_of;
use crate::dialect::{Head, Keep, OrderQuery, Parameter, ParameterKind};
use crate::failure::RequestFailure;
use crate::outcome::State;
use crate::validate::date_or_time_from;

/// Orders on a page that asks for no number of them.
const PAGE_ORDERS_DEFAULT: u64 = 20;

/// The most orders on a page.
const PAGE_ORDERS_MAX: u64 = 1000;

/// The parameters, for the description of the routes.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter::query(
        "limit",
        ParameterKind::Number(1, PAGE_ORDERS_MAX),
        "How many orders at most; 20 unless told otherwise",
    ),
    Parameter::query(
        "offset",
        ParameterKind::Number(0, NUMBER_MAX),
        "How many orders to pass over",
    ),
    Parameter::query(
        "order",
        ParameterKind::Number(1, NUMBER_MAX),
        "Only the order of this number",
    ),
    Parameter::query(
        "customer_id",
        ParameterKind::Number(0, i64::MAX as u64),
        "Only orders of this customer",
    ),
    Parameter::query(
        "newer_than",
        ParameterKind::DayOrTime,
        "Only orders created at this time or later, YYYY-mm-dd or YYYY-mm-dd HH:MM:SS",
    ),
    Parameter::query(
        "older_than",
        ParameterKind::DayOrTime,
        "Only orders created at this time or earlier, in the same form",
    ),
];

/// Reads the parameters, one a line of the vendor's table.
///
/// # Errors
/// [`RequestFailure::BadParameter`].
pub(super) fn orders(head: &Head<'_>) -> Result<OrderQuery, RequestFailure> {
    let limit = whole_number(head, "limit", 1, PAGE_ORDERS_MAX)?;
    let offset = whole_number(head, "offset", 0, NUMBER_MAX)?;
    let order = parameter(head, "order")
        .map(|text| number_in_path(text).ok_or_else(|| bad("order", "an order number")))
        .transpose()?;
    let customer = whole_number(head, "customer_id", 0, i64::MAX as u64)?;
    let newer_than = time(head, "newer_than")?;
    let older_than = time(head, "older_than")?;

    let of_customer = |id: u64| -> Keep { Box::new(move |order| customer_of(order) == Some(id)) };
    Ok(OrderQuery {
        with_lines: true,
        keys: order.map(|number| vec![number.to_string()]),
        email: None,
        states: State::ALL.to_vec(),
        created_from_ms: newer_than.map(first_millisecond),
        created_to_ms: older_than.map(last_millisecond),
        keep: customer.map(of_customer),
        newest_first: true,
        offset: offset.unwrap_or(0),
        limit: limit.unwrap_or(PAGE_ORDERS_DEFAULT),
        count_max: None,
    })
}

/// A parameter that is there and not blank.
fn parameter<'h>(head: &Head<'h>, name: &str) -> Option<&'h str> {
    let text = head.query_parameter(name)?.trim();
    (!text.is_empty()).then_some(text)
}

fn whole_number(
    head: &Head<'_>,
    name: &str,
    min: u64,
    max: u64,
) -> Result<Option<u64>, RequestFailure> {
    let Some(text) = parameter(head, name) else {
        return Ok(None);
    };
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_digits && (min..=max).contains(&number) => Ok(Some(number)),
        _ => Err(bad(name, &format!("a whole number from {min} to {max}"))),
    }
}

fn time(head: &Head<'_>, name: &str) -> Result<Option<DateTime>, RequestFailure> {
    let Some(text) = parameter(head, name) else {
        return Ok(None);
    };
    match date_or_time_from(text) {
        Some(time) => Ok(Some(time)),
        None => Err(bad(
            name,
            "a date of the form YYYY-mm-dd or YYYY-mm-dd HH:MM:SS",
        )),
    }
}

fn bad(name: &str, wanted: &str) -> RequestFailure {
    RequestFailure::BadParameter(format!("{name} must be {wanted}"))
}

/// Times without a zone are UTC. The last day of the year 9999 is past all that can be told.
fn first_millisecond(time: DateTime) -> i64 {
    let moment = Offset::UTC.to_timestamp(time);
    moment.map_or(i64::MAX, Timestamp::as_millisecond)
}

/// The end of the second that is named, so that a time bounds the orders that are shown with it.
fn last_millisecond(time: DateTime) -> i64 {
    first_millisecond(time).saturating_add(999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_bounds_the_whole_second_that_it_names() {
        let pairs = [
            ("newer_than", "2025-02-28"),
            ("older_than", "2025-02-28 00:00:00"),
        ];
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let head = Head {
            path: &[],
            query: &query,
            headers: &[],
        };
        let asked = orders(&head).expect("both are times");
        assert_eq!(asked.created_from_ms, Some(1_740_700_800_000));
        assert_eq!(asked.created_to_ms, Some(1_740_700_800_999));
    }
}
