//! Fulfilment reports: how far an order is fulfilled. A report replaces all earlier ones.

use serde::Serialize;

use crate::json::{DIGITS_MAX, Decimal, NameCase, Reader, Value};
use crate::order::amount::Amount;
use crate::order::problem::Code;
use crate::reading::form::{Form, Need, Notes};
use crate::reading::moment::{Moment, moment};
use crate::reading::validate::{Checked, amount, short_text};

/// A fulfilment report. Absent attributes are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fulfilment {
    /// The status in a word, such as `PICKED` or `DELIVERED`.
    pub status: Option<String>,
    /// The parcel's ticket number.
    pub ticket_number: Option<String>,
    /// The parcel's tracking page, an `http` or `https` URL.
    pub tracking_url: Option<String>,
    /// When the order was picked.
    pub picked_at: Option<Moment>,
    /// When the order was delivered.
    pub delivered_at: Option<Moment>,
    /// When the ticket was printed.
    pub printed_at: Option<Moment>,
    /// Who printed the ticket.
    pub printed_by: Option<String>,
    /// The quantity sent of each line, in the order's line order. Lines beyond the end of this list are unknown.
    pub lines: Vec<Amount>,
}

/// A stored report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The report.
    pub fulfilment: Fulfilment,
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The names of a report's attributes.
pub const ATTRIBUTES: &[&str] = &[
    "status",
    "ticket_number",
    "tracking_url",
    "picked_at",
    "delivered_at",
    "printed_at",
    "printed_by",
    "lines",
];

/// The maximum length of a status, in characters.
pub const STATUS_CHARS_MAX: usize = 64;
/// The maximum length of the other texts, in characters.
pub const TEXT_CHARS_MAX: usize = 255;
/// The maximum length of a URL, in characters.
pub const URL_CHARS_MAX: usize = 2_048;

impl Fulfilment {
    /// Reads a report on an order with `order_lines` lines. An empty report is a problem with `status`.
    pub fn read(form: &mut Form<'_, '_, '_>, order_lines: usize) -> Self {
        let mut text = |name, chars_max| {
            let text = form.optional(name, short_text(chars_max));
            text.map(std::borrow::Cow::into_owned)
        };
        let status = text("status", STATUS_CHARS_MAX);
        let ticket_number = text("ticket_number", TEXT_CHARS_MAX);
        let printed_by = text("printed_by", TEXT_CHARS_MAX);
        let fulfilment = Self {
            status,
            ticket_number,
            tracking_url: form.optional("tracking_url", url),
            picked_at: form.optional("picked_at", moment),
            delivered_at: form.optional("delivered_at", moment),
            printed_at: form.optional("printed_at", moment),
            printed_by,
            lines: lines(form, order_lines),
        };
        let says_something = ATTRIBUTES.iter().any(|name| {
            let value = form.present(name);
            value.is_some_and(|value| !value.is_empty_container())
        });
        if !says_something {
            form.problem("status", Code::Required);
        }
        fulfilment
    }

    /// Whether the order has arrived: the report has `delivered_at`, or the status `DELIVERED`.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.delivered_at.is_some() || self.says("DELIVERED")
    }

    /// Whether the order is on its way or has arrived: the status is `SHIPPED`, or the order is delivered.
    #[must_use]
    pub fn is_shipped(&self) -> bool {
        self.says("SHIPPED") || self.is_delivered()
    }

    /// Whether the order was picked: the report has `picked_at`, or the status `PICKED`, or the order is shipped.
    #[must_use]
    pub fn is_picked(&self) -> bool {
        self.picked_at.is_some() || self.says("PICKED") || self.is_shipped()
    }

    fn says(&self, word: &str) -> bool {
        let status = self.status.as_deref();
        status.is_some_and(|status| status.eq_ignore_ascii_case(word))
    }

    /// Parses what [`Self::to_json`] wrote. Returns `None` for anything else.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        let mut reader = Reader::of_stored(json, NameCase::Exact).ok()?;
        let entry = reader.next().ok()??;
        let mut notes = Notes::default();
        let read = Self::read(&mut Form::of_order(entry.value, &mut notes), usize::MAX);
        notes.problems.is_empty().then_some(read)
    }

    /// The report as JSON, in the form that [`Self::read`] reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        let moment = |moment: &Option<Moment>| moment.as_ref().map(Moment::to_string);
        let line = |amount| Line {
            fulfilled_quantity: Amount::as_str(amount),
        };
        let report = Report {
            status: self.status.as_deref(),
            ticket_number: self.ticket_number.as_deref(),
            tracking_url: self.tracking_url.as_deref(),
            picked_at: moment(&self.picked_at),
            delivered_at: moment(&self.delivered_at),
            printed_at: moment(&self.printed_at),
            printed_by: self.printed_by.as_deref(),
            lines: self.lines.iter().map(line).collect(),
        };
        serde_json::to_string(&report).expect("texts are always JSON")
    }
}

fn lines(form: &mut Form<'_, '_, '_>, order_lines: usize) -> Vec<Amount> {
    let mut lines = Vec::new();
    let count = form.objects("lines", Need::Optional, |line| {
        let quantity = line.mandatory("fulfilled_quantity", exact_amount);
        lines.extend(quantity.as_ref().map(Amount::of));
    });
    if count > order_lines {
        let other = "the number of order lines";
        form.problem("lines", Code::Exceeds { other });
    }
    lines
}

/// A non-negative number that needs no rounding. A fulfilment report has no warnings, so rounding could not be reported.
fn exact_amount<'a>(value: Value<'_, 'a>) -> Checked<Decimal<'a>> {
    let amount = amount(value)?;
    match amount.rounded_to() {
        Some(_) => Err(Code::TooManyDigits {
            digits_max: DIGITS_MAX,
        }),
        None => Ok(amount),
    }
}

/// A URL that is safe to open in a browser.
fn url(value: Value<'_, '_>) -> Checked<String> {
    let text = short_text(URL_CHARS_MAX)(value)?;
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    match rest {
        Some(rest) if !rest.is_empty() && rest.bytes().all(is_plain) => Ok(text.into_owned()),
        Some(_) | None => Err(Code::NotOfForm {
            form: "a URL that begins with https:// or http://",
        }),
    }
}

#[derive(Serialize)]
struct Report<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_number: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_url: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    printed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    printed_by: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Line<'r>>,
}

#[derive(Serialize)]
struct Line<'r> {
    fulfilled_quantity: &'r str,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a report on an order of two lines as JSON, or its problems.
    fn read(json: &str) -> Result<String, String> {
        let mut reader = Reader::of_stored(json, NameCase::Exact).unwrap();
        let entry = reader.next().unwrap().unwrap();
        let mut notes = Notes::default();
        let report = Fulfilment::read(&mut Form::of_order(entry.value, &mut notes), 2);
        if notes.problems.is_empty() {
            return Ok(report.to_json());
        }
        let told: Vec<_> = notes.problems.iter().map(ToString::to_string).collect();
        Err(told.join("; "))
    }

    #[test]
    fn a_report_comes_back_with_its_times_in_utc() {
        let json = r#"{"status":"PICKED","ticket_number":4711,"tracking_url":"https://x.example/t?n=1",
            "picked_at":"2026-11-21T10:00:00+01:00","delivered_at":null,"printed_by":"Ann",
            "lines":[{"fulfilled_quantity":1.50},{"fulfilled_quantity":"0"}]}"#;
        let told = concat!(
            r#"{"status":"PICKED","ticket_number":"4711","tracking_url":"https://x.example/t?n=1","#,
            r#""picked_at":"2026-11-21T09:00:00Z","printed_by":"Ann","#,
            r#""lines":[{"fulfilled_quantity":"1.50"},{"fulfilled_quantity":"0"}]}"#
        );
        assert_eq!(read(json).as_deref(), Ok(told));
        assert_eq!(read(told).as_deref(), Ok(told));
    }

    #[test]
    fn a_report_is_read_as_it_was_written_and_says_how_far_it_is() {
        for (json, [picked, shipped, delivered]) in [
            (
                r#"{"status":"Picked","lines":[{"fulfilled_quantity":"1.50"}]}"#,
                [true, false, false],
            ),
            (r#"{"status":"shipped"}"#, [true, true, false]),
            (
                r#"{"delivered_at":"2026-11-21T09:00:00.5Z"}"#,
                [true, true, true],
            ),
            (r#"{"picked_at":"2026-11-21"}"#, [true, false, false]),
            (r#"{"status":"PACKING"}"#, [false, false, false]),
        ] {
            let report = Fulfilment::from_json(json).expect("a report");
            assert_eq!(report.to_json(), json);
            let reached = [
                report.is_picked(),
                report.is_shipped(),
                report.is_delivered(),
            ];
            assert_eq!(reached, [picked, shipped, delivered], "{json}");
        }
        assert_eq!(Fulfilment::from_json("{}"), None);
        assert_eq!(Fulfilment::from_json("[]"), None);
    }

    #[test]
    fn faults_of_a_report_are_told() {
        for (json, wrong) in [
            ("{}", "status is required"),
            (r#"{"status":" ","lines":[]}"#, "status is required"),
            (
                r#"{"tracking_url":"javascript:alert(1)"}"#,
                "tracking_url must be a URL that begins with https:// or http://",
            ),
            (
                r#"{"tracking_url":"https://a b"}"#,
                "tracking_url must be a URL that begins with https:// or http://",
            ),
            (
                r#"{"picked_at":"yesterday"}"#,
                "picked_at must be a date of the form yyyy-mm-dd or RFC 3339",
            ),
            (
                r#"{"lines":[{"fulfilled_quantity":-1},{}]}"#,
                "lines[0].fulfilled_quantity must not be less than 0; lines[1].fulfilled_quantity is required",
            ),
            (
                r#"{"lines":[{"fulfilled_quantity":1},{"fulfilled_quantity":1},{"fulfilled_quantity":1}]}"#,
                "lines must not be more than the number of order lines",
            ),
        ] {
            assert_eq!(read(json), Err(wrong.to_owned()), "{json}");
        }
    }
}
