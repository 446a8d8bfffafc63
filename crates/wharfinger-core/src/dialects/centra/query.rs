//! Reads the parameters of `GET …/orders`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::dates;
use super::decode::{NUMBER_MAX, number_in_path};
use super::present::customer_of;
use crate::dialect::{Head, Keep, OrderQuery, Parameter, ParameterKind};
use crate::order::failure::RequestFailure;
use crate::order::organisation::{ListSort, Organisation};
use crate::order::outcome::State;
use crate::reading::validate::{self, date_or_time_from};

/// The default number of orders per page.
const PAGE_ORDERS_DEFAULT: u64 = 20;

/// The maximum number of orders per page.
const PAGE_ORDERS_MAX: u64 = 1000;

/// The parameters, as documented.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter::query(
        "limit",
        ParameterKind::Number(1, PAGE_ORDERS_MAX),
        "Maximum number of orders. Default: 20",
    ),
    Parameter::query(
        "offset",
        ParameterKind::Number(0, NUMBER_MAX),
        "Number of orders to skip",
    ),
    Parameter::query(
        "order",
        ParameterKind::Number(1, NUMBER_MAX),
        "Only the order with this number",
    ),
    Parameter::query(
        "customer_id",
        ParameterKind::Number(0, i64::MAX as u64),
        "Only orders of this customer",
    ),
    Parameter::query(
        "newer_than",
        ParameterKind::DayOrTime,
        "Only orders created at this time or later, YYYY-mm-dd or YYYY-mm-dd HH:MM:SS, in the organisation's time zone",
    ),
    Parameter::query(
        "older_than",
        ParameterKind::DayOrTime,
        "Only orders created at this time or earlier, in the same form",
    ),
    Parameter::query(
        "sort",
        ParameterKind::OneOf(&["desc", "asc"]),
        "Newest first, or in the order of creation. Default: the organisation's `list_sort`",
    ),
    XML,
];

/// The vendor answers in XML if this is set.
pub(super) const XML: Parameter = Parameter::query(
    "xml",
    ParameterKind::OneOf(&["0", "false"]),
    "Responses are always JSON; any other value is refused",
);

/// Refuses a request for an XML response. Otherwise the sender would get a response that it cannot read.
///
/// # Errors
/// [`RequestFailure::BadParameter`].
pub(super) fn refuse_xml(head: &Head<'_>) -> Result<(), RequestFailure> {
    let is_off = |text: &str| validate::boolean_from(text) == Some(false);
    if parameter(head, "xml").is_none_or(is_off) {
        return Ok(());
    }
    Err(RequestFailure::BadParameter(
        "xml is not supported: this server answers in JSON only".into(),
    ))
}

/// Reads the parameters, in the order of the vendor's table.
///
/// # Errors
/// [`RequestFailure::BadParameter`].
pub(super) fn orders(
    head: &Head<'_>,
    organisation: Option<&Organisation>,
) -> Result<OrderQuery, RequestFailure> {
    refuse_xml(head)?;
    let zone = organisation.map_or(TimeZone::UTC, |organisation| organisation.time_zone.clone());
    let default_sort = organisation.map(|organisation| organisation.list_sort);
    let limit = whole_number(head, "limit", 1, PAGE_ORDERS_MAX)?;
    let offset = whole_number(head, "offset", 0, NUMBER_MAX)?;
    let order = parameter(head, "order")
        .map(|text| number_in_path(text).ok_or_else(|| bad("order", "an order number")))
        .transpose()?;
    let customer = whole_number(head, "customer_id", 0, i64::MAX as u64)?;
    let newer_than = time(head, "newer_than")?;
    let older_than = time(head, "older_than")?;
    let sort = sort(head)?.or(default_sort).unwrap_or_default();

    let of_customer = |id: u64| -> Keep { Box::new(move |order| customer_of(order) == Some(id)) };
    Ok(OrderQuery {
        with_lines: true,
        keys: order.map(|number| vec![number.to_string()]),
        email: None,
        states: State::ALL.to_vec(),
        created_from_ms: newer_than.map(|time| dates::first_at(time, &zone)),
        created_to_ms: older_than.map(|time| dates::last_at(time, &zone)),
        keep: customer.map(of_customer),
        newest_first: sort == ListSort::Descending,
        offset: offset.unwrap_or(0),
        limit: limit.unwrap_or(PAGE_ORDERS_DEFAULT),
        count_max: None,
    })
}

/// Returns a parameter that is present and not blank.
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

fn sort(head: &Head<'_>) -> Result<Option<ListSort>, RequestFailure> {
    let Some(text) = parameter(head, "sort") else {
        return Ok(None);
    };
    match ListSort::named(text) {
        Some(sort) => Ok(Some(sort)),
        None => Err(bad("sort", "asc or desc")),
    }
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
        let asked = orders(&head, None).expect("both are times");
        assert_eq!(asked.created_from_ms, Some(1_740_700_800_000));
        assert_eq!(asked.created_to_ms, Some(1_740_700_800_999));
    }
}
