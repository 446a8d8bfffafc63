//! Judges one customer order. The functions follow the vendor's table of attributes, in its order. Errors are reported
//! in that order.

use std::borrow::Cow;

use super::fields::FIELDS;
use crate::dialect::{Context, Slot, Verdict};
use crate::json::{DIGITS_MAX, Decimal, Entry, Kind, NameCase, Reader, Value};
use crate::limits::KEY_CHARS_MAX;
use crate::order::ids::OrganisationId;
use crate::order::organisation::Organisation;
use crate::order::problem::{Code, Problem};
use crate::order::warning::WarningCode;
use crate::reading::form::{Form, Need, Notes};
use crate::reading::unknown::{self, ReportUnknown};
use crate::reading::validate::{
    Checked, amount, any_text, country, currency, day_month_year, email, language, locale,
    short_text, text,
};

/// The maximum number of decimals after a point, or after thousands separators. With more, a separator would be
/// ambiguous.
const DECIMALS_MAX: usize = 4;

/// Judges one order.
pub(super) fn judge<'a>(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
    let mut notes = Notes::default();
    let mut slot = Slot::unread(context, entry);
    if entry.value.kind() == Kind::Object {
        let mut order = Form::of_order(entry.value, &mut notes);
        slot.organisation = trkref(&mut order, context);
        slot.key = order.mandatory("order_ref", short_text(KEY_CHARS_MAX));
        slot.email = attributes(&mut order);
        let rules = (NameCase::Exact, ReportUnknown::Misspelt);
        unknown::look(order, FIELDS, rules);
    } else {
        notes.problems.push(Problem::with_order(Code::NotObject));
    }
    slot.warnings = notes.warnings;
    if !notes.problems.is_empty() {
        slot.verdict = Verdict::Faulty(notes.problems.into());
    }
    slot
}

/// Reads the order's organisation.
///
/// That is the organisation in the request's path, if there is one. Otherwise it is any organisation that the API key
/// reaches and that accepts customer orders.
fn trkref(order: &mut Form<'_, '_, '_>, context: &Context<'_>) -> Option<OrganisationId> {
    let code = order.mandatory("trkref", text);
    let reached = match context.organisation {
        Some(of_path) => Some(of_path),
        None => code
            .as_deref()
            .and_then(|code| context.caller.organisation(code)),
    };
    let takes_it = |organisation: &Organisation| {
        organisation.customer_orders_enabled && code.as_deref() == Some(&organisation.code)
    };
    if code.is_some() && !reached.is_some_and(takes_it) {
        order.problem("trkref", Code::UnknownOrganisation);
    }
    reached.map(|organisation| organisation.id)
}

/// Reads the attributes after `trkref` and `order_ref`. Returns the customer's e-mail address.
fn attributes<'a>(order: &mut Form<'_, '_, 'a>) -> Option<Cow<'a, str>> {
    // One of the two dates is required. If both are absent, `order_date` is reported.
    let order_date = match order.present("fulfilment_date") {
        Some(_) => Need::Optional,
        None => Need::Mandatory,
    };
    order.read("order_date", order_date, day_month_year);
    order.optional("fulfilment_date", day_month_year);
    order.optional("language", language);
    locale_or_blank(order);
    let email = order.object("customer", Need::Mandatory, customer);
    order.objects("order_items", Need::Mandatory, order_item);
    email.flatten()
}

/// Reads `locale`.
///
/// Vendor quirk: the attribute is optional, but the published example of a 422 complains twice about a blank one: it
/// "cannot be blank", and it is invalid. An absent or null one is accepted.
fn locale_or_blank(order: &mut Form<'_, '_, '_>) {
    let is_blank_text = |value: Value<'_, '_>| value.kind() == Kind::Text && value.is_blank();
    if order.value().get("locale").is_some_and(is_blank_text) {
        order.problem("locale", Code::Required);
        order.problem("locale", Code::NotLocale);
    } else {
        order.optional("locale", locale);
    }
}

fn customer<'a>(customer: &mut Form<'_, '_, 'a>) -> Option<Cow<'a, str>> {
    let address = customer.mandatory("email", email);
    customer.optional("customer_ref", any_text);
    // Vendor quirk: the published examples have this misspelling, and clients copied it.
    customer.optional("cutomer_ref", any_text);
    customer.optional("title", any_text);
    customer.optional("first_name", any_text);
    customer.optional("surname", any_text);
    customer.optional("postcode", any_text);
    customer.optional("country", country);
    address
}

/// Vendor quirk: an item has no quantity. Each item is one unit.
fn order_item(item: &mut Form<'_, '_, '_>) {
    item.mandatory("sku", any_text);
    if let Some(price) = item.optional("price", price) {
        if price.is_odd {
            item.warn("price", WarningCode::PriceForm);
        }
        if let Some(decimals) = price.rounded_to {
            item.warn("price", WarningCode::Rounded { decimals });
        }
    }
    item.optional("currency", currency);
    item.object("metadata", Need::Optional, metadata);
}

/// Accepts any values, but only names made of `a-z`, `0-9` and `_`.
fn metadata(metadata: &mut Form<'_, '_, '_>) {
    for (name, _) in metadata.members() {
        if !is_metadata_name(&name) {
            metadata.problem(&name, Code::NotName);
        }
    }
}

pub(super) fn is_metadata_name(name: &str) -> bool {
    let is_allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    !name.is_empty() && name.bytes().all(is_allowed)
}

/// The form in which a price was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Price {
    /// Whether the price is text in an unusual form that can mean only one price.
    ///
    /// The usual form is that of the vendor's page: digits with at most one comma before the decimals.
    is_odd: bool,
    /// The number of decimals that calculations use, if it has more.
    rounded_to: Option<u32>,
}

/// Accepts a number that is not negative, or text that [`plain_price`] can read.
pub(super) fn price(value: Value<'_, '_>) -> Checked<Price> {
    let Some(spelling) = value.text() else {
        let number = amount(value).map_err(|_| Code::NotPrice)?;
        return Ok(Price {
            is_odd: false,
            rounded_to: number.rounded_to(),
        });
    };
    let mut parts = spelling.as_bytes().split(|&byte| byte == b',');
    let is_usual = parts.clone().count() <= 2 && parts.all(is_digits);
    if is_usual && spelling.len() <= DIGITS_MAX as usize {
        return Ok(Price::default());
    }
    let plain = plain_price(&spelling).ok_or(Code::NotPrice)?;
    let number = Decimal::parse(plain.into()).ok_or(Code::TooManyDigits {
        digits_max: DIGITS_MAX,
    })?;
    Ok(Price {
        is_odd: !is_usual,
        rounded_to: number.rounded_to(),
    })
}

/// Converts a price in text form to a number with a decimal point.
///
/// Vendor quirk: a comma precedes the decimals, however many. Clients also write a point there, and thousands
/// separators. The last separator is then the decimal one, with one to four decimals after it. All earlier separators
/// are the other character, with three digits between them.
pub(super) fn plain_price(text: &str) -> Option<String> {
    let is_sign = |letter: char| matches!(letter, ',' | '.');
    let Some((whole, decimals)) = text.rsplit_once(is_sign) else {
        return is_digits(text.as_bytes()).then(|| text.to_owned());
    };
    if !is_digits(decimals.as_bytes()) {
        return None;
    }
    if is_digits(whole.as_bytes()) {
        let is_usual = text.contains(',') || decimals.len() <= DECIMALS_MAX;
        return is_usual.then(|| format!("{whole}.{decimals}"));
    }
    let of_decimals = text.as_bytes()[whole.len()];
    let of_thousands = if of_decimals == b',' { '.' } else { ',' };
    let mut groups = whole.split(of_thousands);
    let first = groups.next()?;
    let is_grouped = (1..=3).contains(&first.len())
        && is_digits(first.as_bytes())
        && groups.all(|group| group.len() == 3 && is_digits(group.as_bytes()));
    let is_plain = is_grouped && decimals.len() <= DECIMALS_MAX;
    is_plain.then(|| format!("{}.{decimals}", whole.replace(of_thousands, "")))
}

/// The e-mail address of a stored order's customer.
pub(super) fn stored_email(text: &str) -> Option<String> {
    let mut reader = Reader::of_stored(text, NameCase::Exact).ok()?;
    let entry = reader.next().ok()??;
    let address = entry.value.get("customer")?.get("email")?;
    Some(email(address).ok()?.into_owned())
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_as_text_means_one_number() {
        for (text, number) in [
            ("25", "25"),
            ("55,99", "55.99"),
            ("55,123456", "55.123456"),
            ("55.99", "55.99"),
            ("55.1234", "55.1234"),
            ("1.234,50", "1234.50"),
            ("1,234.50", "1234.50"),
            ("1.234.567,5", "1234567.5"),
        ] {
            assert_eq!(plain_price(text).as_deref(), Some(number), "{text}");
        }
        for text in [
            "",
            ",",
            ".",
            "5.",
            ".5",
            "55.12345",
            "1,2,3",
            "1.234.567",
            "1,234,567",
            "12.34,5",
            "1.2345,6",
            "1234.567,8",
            "1.234,56789",
            "-5",
            "5 EUR",
            "1e3",
            "1,.5",
        ] {
            assert_eq!(plain_price(text), None, "{text}");
        }
    }
}
