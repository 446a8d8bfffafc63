//! One customer order: the vendor's table, line by line.

use std::borrow::Cow;

use super::shape::SHAPE;
use crate::admit::Intent;
use crate::dialect::{Context, Draft, Number, Slot, Verdict};
use crate::form::{Form, Need, Notes};
use crate::json::{Decimal, Entry, Kind, NameCase, Value};
use crate::limits::KEY_CHARS_MAX;
use crate::problem::Code;
use crate::unknown::{self, Tell};
use crate::validate::{self, Checked};

pub(super) const PRODUCT_CODE_CHARS_MAX: usize = 20;
const IMAGE_URL_CHARS_MAX: usize = 500;
/// The vendor's type is C#'s `int`; a negative number of packages means nothing.
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
    let rules = (NameCase::Ignored, Tell::Misspelt);
    unknown::look(entry.value, SHAPE, rules, &mut notes.warnings);
    let verdict = if notes.problems.is_empty() {
        Verdict::Good(Draft {
            hash: entry.hash,
            intent: Intent::Upsert,
            number: Number::None,
            demand: None,
        })
    } else {
        Verdict::Faulty(notes.problems)
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

/// Reads an order; its key and its e-mail address.
fn order<'a>(form: &mut Form<'_, '_, 'a>) -> (Read<'a>, Read<'a>) {
    let key = form.mandatory("packingslipno", validate::short_text(KEY_CHARS_MAX));
    form.mandatory("consignee", validate::any_text);
    form.optional("address1", validate::any_text);
    form.optional("address2", validate::any_text);
    form.optional("suburb", validate::any_text);
    form.optional("city", validate::any_text);
    form.optional("postcode", validate::any_text);
    form.optional("country", country);
    form.optional("delvref", validate::any_text);
    form.optional("delvinstructions", validate::any_text);
    form.optional("contactname", validate::any_text);
    form.optional("contactphone", validate::any_text);
    let email = form.optional("email", validate::email);
    form.optional("rawaddress", validate::any_text);
    form.optional("costcentre", validate::any_text);
    form.optional("iconUrl", validate::any_text);
    form.objects("products", Need::Optional, product);
    form.objects("packages", Need::Optional, package);
    (key, email)
}

fn product(form: &mut Form<'_, '_, '_>) {
    form.optional("productcode", validate::short_text(PRODUCT_CODE_CHARS_MAX));
    form.optional("description", validate::any_text);
    let units = form.optional("units", validate::decimal);
    form.optional("unitvalue", validate::decimal);
    form.optional("countryofmanufacture", validate::country);
    form.optional("unitkg", validate::decimal);
    form.optional("imageurl", validate::short_text(IMAGE_URL_CHARS_MAX));
    form.optional("currency", validate::currency);
    let already_sent = form.optional("alreadySent", validate::decimal);
    if let (Some(units), Some(already_sent)) = (units, already_sent)
        && exceeds(&already_sent, &units)
    {
        form.problem("alreadySent", Code::Exceeds { other: "units" });
    }
}

fn package(form: &mut Form<'_, '_, '_>) {
    form.optional("PackageStockName", validate::any_text);
    form.mandatory("Quantity", validate::integer(0, QUANTITY_MAX));
    form.optional("WeightKg", validate::decimal);
    form.optional("LengthCm", validate::decimal);
    form.optional("WidthCm", validate::decimal);
    form.optional("HeightCm", validate::decimal);
}

/// A country code. The vendor's page lists `UK` beside real ISO codes; it is taken for `GB`, and given back as `UK`.
pub(super) fn country<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    match value.text() {
        Some(code) if code == "UK" => Ok(code),
        _ => validate::country(value),
    }
}

/// Whether `left` is more than `right`.
fn exceeds(left: &Decimal<'_>, right: &Decimal<'_>) -> bool {
    // Most are small whole numbers, which need no big ones to compare.
    match (left.integer(), right.integer()) {
        (Some(left), Some(right)) => left > right,
        _ => left.value() > right.value(),
    }
}
