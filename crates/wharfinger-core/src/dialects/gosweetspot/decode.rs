//! Judges one customer order. The functions follow the vendor's table, line by line.

use std::borrow::Cow;

use super::fields::FIELDS;
use crate::decide::admit::Intent;
use crate::dialect::{Context, Draft, Number, Slot, Verdict};
use crate::json::{Decimal, Entry, Kind, NameCase, Value};
use crate::limits::KEY_CHARS_MAX;
use crate::order::problem::Code;
use crate::order::warning::WarningCode;
use crate::reading::form::{Form, Need, Notes};
use crate::reading::unknown::{self, ReportUnknown};
use crate::reading::validate::{self, Checked};

const PRODUCT_CODE_CHARS_MAX: usize = 20;
const IMAGE_URL_CHARS_MAX: usize = 500;
/// The vendor's type is C#'s `int`. A negative number of packages makes no sense.
const QUANTITY_MAX: u64 = 2_147_483_647;

/// Judges one order.
pub(super) fn judge<'a>(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
    let mut notes = Notes::default();
    let mut form = Form::of_order(entry.value, &mut notes);
    let (key, email) = if entry.value.kind() == Kind::Object {
        order(&mut form)
    } else {
        form.problem_here(Code::NotObject);
        (None, None)
    };
    let rules = (NameCase::Ignored, ReportUnknown::Misspelt);
    unknown::look(form, FIELDS, rules);
    let verdict = if notes.problems.is_empty() {
        Verdict::Good(Draft {
            hash: entry.hash,
            intent: Intent::Upsert,
            number: Number::None,
            demand: None,
        })
    } else {
        Verdict::Faulty(notes.problems.into())
    };
    Slot {
        raw: entry.raw,
        line: None,
        name: None,
        key,
        organisation: context.organisation.map(|organisation| organisation.id),
        email,
        warnings: notes.warnings,
        verdict,
    }
}

/// A text of an order, if it has a usable one.
type Read<'a> = Option<Cow<'a, str>>;

/// Reads an order. Returns its key and its e-mail address.
fn order<'a>(form: &mut Form<'_, '_, 'a>) -> (Read<'a>, Read<'a>) {
    let key = form.mandatory("packingslipno", validate::short_text(KEY_CHARS_MAX));
    form.mandatory("consignee", validate::any_text);
    form.optional("address1", validate::any_text);
    form.optional("address2", validate::any_text);
    form.optional("suburb", validate::any_text);
    form.optional("city", validate::any_text);
    form.optional("postcode", validate::any_text);
    code(form, "country", country);
    form.optional("delvref", validate::any_text);
    form.optional("delvinstructions", validate::any_text);
    form.optional("contactname", validate::any_text);
    form.optional("contactphone", validate::any_text);
    let email = form.optional("email", email).map(|(address, is_one)| {
        if !is_one {
            form.warn("email", WarningCode::SeveralAddresses);
        }
        address
    });
    form.optional("rawaddress", validate::any_text);
    form.optional("costcentre", validate::any_text);
    form.optional("iconUrl", validate::any_text);
    form.objects("products", Need::Optional, product);
    form.objects("packages", Need::Optional, package);
    (key, email)
}

fn product(form: &mut Form<'_, '_, '_>) {
    let is_long = |code: Value<'_, '_>| {
        let code = validate::text(code)?;
        Ok(code.len() > PRODUCT_CODE_CHARS_MAX && code.chars().count() > PRODUCT_CODE_CHARS_MAX)
    };
    // The vendor's page says string:20. Shops have longer codes, and nothing here requires a short one.
    if form.optional("productcode", is_long) == Some(true) {
        let chars_max = PRODUCT_CODE_CHARS_MAX;
        form.warn("productcode", WarningCode::TooLong { chars_max });
    }
    form.optional("description", validate::any_text);
    let units = form.number("units", Need::Optional, validate::decimal);
    form.number("unitvalue", Need::Optional, validate::decimal);
    code(form, "countryofmanufacture", made_in);
    form.number("unitkg", Need::Optional, validate::decimal);
    form.optional("imageurl", validate::short_text(IMAGE_URL_CHARS_MAX));
    code(form, "currency", currency);
    let already_sent = form.number("alreadySent", Need::Optional, validate::decimal);
    if let (Some(units), Some(already_sent)) = (units, already_sent)
        && exceeds(&already_sent, &units)
    {
        form.warn("alreadySent", WarningCode::Exceeds { other: "units" });
    }
}

fn package(form: &mut Form<'_, '_, '_>) {
    form.optional("PackageStockName", validate::any_text);
    let quantity = form.value().get("Quantity");
    // The vendor's own client writes null for a quantity that was not set.
    if quantity.is_some_and(|quantity| quantity.kind() == Kind::Null) {
        form.warn("Quantity", WarningCode::NullValue);
    } else {
        form.mandatory("Quantity", validate::integer(0, QUANTITY_MAX));
    }
    form.number("WeightKg", Need::Optional, validate::decimal);
    form.number("LengthCm", Need::Optional, validate::decimal);
    form.number("WidthCm", Need::Optional, validate::decimal);
    form.number("HeightCm", Need::Optional, validate::decimal);
}

/// A code in upper case, and whether it was sent in lower case.
pub(super) type InCapitals<'a> = (Cow<'a, str>, bool);

/// Reads a code that may be sent in lower case.
fn code<'a>(
    form: &mut Form<'_, '_, 'a>,
    name: &str,
    rule: fn(Value<'_, 'a>) -> Checked<InCapitals<'a>>,
) {
    if let Some((_, true)) = form.optional(name, rule) {
        form.warn(name, WarningCode::LowerCase);
    }
}

/// A country code. The vendor's page lists `UK` beside real ISO codes. It means `GB`, and is returned as `UK`.
pub(super) fn country<'a>(value: Value<'_, 'a>) -> Checked<InCapitals<'a>> {
    let is_known = |code: &str| code == "UK" || validate::is_country(code);
    validate::in_capitals(value, is_known, Code::NotCountry)
}

/// The country of manufacture.
pub(super) fn made_in<'a>(value: Value<'_, 'a>) -> Checked<InCapitals<'a>> {
    validate::in_capitals(value, validate::is_country, Code::NotCountry)
}

/// A currency code.
pub(super) fn currency<'a>(value: Value<'_, 'a>) -> Checked<InCapitals<'a>> {
    validate::in_capitals(value, validate::is_currency, Code::NotCurrency)
}

/// Returns the first e-mail address, and whether it is the only one. Clients send several addresses separated by `;` or
/// `,`.
pub(super) fn email<'a>(value: Value<'_, 'a>) -> Checked<(Cow<'a, str>, bool)> {
    if let Ok(address) = validate::email(value) {
        return Ok((address, true));
    }
    let text = value.text().ok_or(Code::NotEmail)?;
    let mut addresses = text.split([';', ',']).map(str::trim);
    if !addresses
        .clone()
        .all(|address| address.is_empty() || validate::is_email(address))
    {
        return Err(Code::NotEmail);
    }
    let first = addresses.find(|address| !address.is_empty());
    let first = first.ok_or(Code::NotEmail)?.to_owned();
    Ok((Cow::Owned(first), false))
}

/// Whether `left` is more than `right`.
fn exceeds(left: &Decimal<'_>, right: &Decimal<'_>) -> bool {
    // Fast path: most numbers are small integers, which need no big-number comparison.
    match (left.integer(), right.integer()) {
        (Some(left), Some(right)) => left > right,
        _ => left.value() > right.value(),
    }
}
