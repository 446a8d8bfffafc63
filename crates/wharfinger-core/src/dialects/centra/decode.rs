//! Judges orders, completions and updates in the format of the vendor's clients.

use std::borrow::Cow;
use std::sync::Arc;

use super::fields::{FIELDS, UPDATE_FIELDS};
use super::money::DECIMALS;
use super::{dates, demand};
use crate::decide::admit::Intent;
use crate::decide::catalogue::Demand;
use crate::dialect::{Context, Draft, Number, Slot, Verdict};
use crate::json::{Entry, Kind, NameCase, Value};
use crate::order::organisation::CatalogueMode;
use crate::order::problem::{Code, Problem};
use crate::order::warning::WarningCode;
use crate::reading::form::{Form, Need, Notes};
use crate::reading::unknown::{self, ReportUnknown};
use crate::reading::validate::{self, Checked};

/// The highest order number: the largest integer that every JSON parser represents exactly, 2^53-1.
pub(super) use crate::limits::NUMBER_MAX;

/// The highest id. The vendor says only "int".
pub(super) const ID_MAX: u64 = i64::MAX as u64;

/// Which unknown attributes are reported.
const TOLD: (NameCase, ReportUnknown) = (NameCase::Exact, ReportUnknown::Misspelt);

/// Judges an order to be created.
pub(super) fn order<'a>(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
    let mut notes = Notes::default();
    let mut number = None;
    let mut email = None;
    let mut draft = false;
    if entry.value.kind() == Kind::Object {
        let mut form = Form::of_order(entry.value, &mut notes);
        email = addresses(&mut form);
        form.keyed_objects("products", Need::Mandatory, product);
        keyed(&mut form, "products");
        number = form.optional("orderNumber", order_number);
        draft = form.optional("createOnly", validate::boolean) == Some(true);
        other_attributes(&mut form);
        payment(&mut form);
        unknown::look(form, FIELDS, TOLD);
    } else {
        notes.problems.push(Problem::with_order(Code::NotObject));
    }
    let (key, number) = match number {
        Some((key, number)) => (Some(key), Number::Given(number)),
        None => (None, Number::Next),
    };
    let good = Draft {
        hash: entry.hash,
        intent: Intent::Create { draft },
        number,
        demand: demanded(context, entry, email.as_deref(), &notes.problems),
    };
    Slot {
        email,
        ..slot(context, entry, key, good, notes)
    }
}

/// Judges a completion of the order whose number is in the path.
pub(super) fn completion<'a>(
    context: &Context<'_>,
    entry: &Entry<'_, 'a>,
    number: &str,
) -> Slot<'a> {
    let mut notes = Notes::default();
    let number = number_in_path(number);
    if number.is_none() {
        // No order can have such a number.
        notes.problems.push(Problem::with_order(Code::UnknownOrder));
    }
    let mut form = Form::of_order(entry.value, &mut notes);
    payment(&mut form);
    texts(
        &mut form,
        &["buyerName", "internalComment", "comment", "poNumber"],
    );
    dates(&mut form);
    form.optional("warehouseGroup", validate::any_text);
    unknown::look(form, FIELDS, TOLD);
    let good = Draft {
        hash: entry.hash,
        intent: Intent::Complete,
        number: number.map_or(Number::None, Number::Given),
        demand: None,
    };
    let key = number.map(|number| Cow::Owned(number.to_string()));
    slot(context, entry, key, good, notes)
}

/// Judges an update of the order that it names.
pub(super) fn update<'a>(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
    let mut notes = Notes::default();
    let mut form = Form::of_order(entry.value, &mut notes);
    let number = form.mandatory("order", order_number);
    form.optional("internalComment", validate::any_text);
    form.optional("replaceInternalComment", validate::boolean);
    form.optional("comment", validate::any_text);
    form.optional("replaceComment", validate::boolean);
    form.any_object("extraAttributes", Need::Optional);
    unknown::look(form, UPDATE_FIELDS, TOLD);
    let (key, number) = match number {
        Some((key, number)) => (Some(key), Number::Given(number)),
        None => (None, Number::None),
    };
    let good = Draft {
        hash: entry.hash,
        intent: Intent::Amend,
        number,
        demand: None,
    };
    slot(context, entry, key, good, notes)
}

/// What a valid order requires of its organisation's catalogue, if the catalogue is enforced.
fn demanded(
    context: &Context<'_>,
    entry: &Entry<'_, '_>,
    email: Option<&str>,
    problems: &[Problem],
) -> Option<Arc<Demand>> {
    let mode = context.organisation?.catalogue;
    let is_asked = mode == CatalogueMode::Enforced && problems.is_empty();
    is_asked.then(|| Arc::new(demand::of(entry.value, email)))
}

fn slot<'a>(
    context: &Context<'_>,
    entry: &Entry<'_, 'a>,
    key: Option<Cow<'a, str>>,
    good: Draft,
    notes: Notes,
) -> Slot<'a> {
    let verdict = if notes.problems.is_empty() {
        Verdict::Good(good)
    } else {
        Verdict::Faulty(notes.problems.into())
    };
    Slot {
        raw: entry.raw,
        line: None,
        name: entry.name.clone(),
        key,
        organisation: context.organisation.map(|organisation| organisation.id),
        email: None,
        warnings: notes.warnings,
        verdict,
    }
}

/// Reads `invoiceAddress` and `deliveryAddress`, or `address` for both. Returns the customer's e-mail address.
///
/// With `accountId` none is required, because the account's own address is used. One e-mail address is required. One in
/// `deliveryAddress` does not count.
fn addresses<'a>(form: &mut Form<'_, '_, 'a>) -> Email<'a> {
    let with_account = is_given(form, "accountId");
    let need = if with_account || is_given(form, "address") {
        Need::Optional
    } else {
        Need::Mandatory
    };
    let invoice = form.object("invoiceAddress", need, address);
    form.object("deliveryAddress", need, address);
    let shared = form.object("address", Need::Optional, address);

    let has = |address: &Option<(bool, Email<'_>)>| matches!(address, Some((true, _)));
    let has_email = has(&invoice) || has(&shared);
    let place = match (&invoice, &shared) {
        _ if with_account || has_email => None,
        (Some(_), _) => Some("invoiceAddress"),
        (None, Some(_)) => Some("address"),
        // Neither address can be read. That problem is already noted.
        (None, None) => None,
    };
    if let Some(place) = place {
        form.object(place, Need::Optional, |address| {
            address.problem("email", Code::Required);
        });
    }
    let emails = [invoice, shared].into_iter().flatten();
    emails.filter_map(|(_, email)| email).next()
}

/// A valid e-mail address, if there is one.
type Email<'a> = Option<Cow<'a, str>>;

/// Reads one address. Returns whether it has an e-mail address, valid or not, and the valid one.
fn address<'a>(form: &mut Form<'_, '_, 'a>) -> (bool, Email<'a>) {
    let email = form.optional("email", validate::email);
    texts(
        form,
        &[
            "firstName",
            "lastName",
            "tele",
            "cell",
            "attn",
            "address",
            "coaddress",
            "city",
            "zipcode",
            "state",
        ],
    );
    form.mandatory("country", validate::country);
    (form.present("email").is_some(), email)
}

fn product(form: &mut Form<'_, '_, '_>) {
    form.mandatory("qty", quantity);
    form.optional("id", id);
    texts(form, &["ean", "sku"]);
    let has_identifier = ["id", "ean", "sku"]
        .iter()
        .any(|name| form.present(name).is_some());
    if !has_identifier {
        form.problem("id", Code::Required);
    }
    money(form, "unitPrice");
    money(form, "originalPrice");
    form.optional("comment", validate::any_text);
    form.object("itemText", Need::Optional, |text| {
        texts(text, &["sku", "brand", "product", "variant", "size"]);
    });
    localized_size(form);
}

/// An object in the vendor's example, but text in what clients send.
fn localized_size(form: &mut Form<'_, '_, '_>) {
    let is_object = |value: Value<'_, '_>| value.kind() == Kind::Object;
    if form.present("localizedProdSize").is_some_and(is_object) {
        form.object("localizedProdSize", Need::Optional, |size| {
            texts(size, &["localizationDefinitionName", "localizedSize"]);
        });
    } else {
        form.optional("localizedProdSize", localized_text);
    }
}

fn localized_text(value: Value<'_, '_>) -> Checked<()> {
    // PHP writes an empty object as `[]`.
    if value.is_empty_container() {
        return Ok(());
    }
    validate::any_text(value)
}

/// The rows of the vendor's table that need no special treatment.
fn other_attributes(form: &mut Form<'_, '_, '_>) {
    form.optional("customerRegister", validate::boolean);
    form.optional("customerId", id);
    form.optional("customerSetNewPassword", validate::boolean);
    form.optional("adjustStock", validate::boolean);
    form.optional("forceCreate", validate::boolean);
    form.optional("accountId", id);
    form.optional("buyerId", id);
    texts(form, &["buyerName", "poNumber", "deliveryWindow"]);
    form.optional("pricelistId", id);
    form.optional("marketId", id);
    texts(form, &["pricelist", "market", "shippingList"]);
    money(form, "shippingValue");
    money(form, "voucherValue");
    form.keyed_scalars("voucherCodes", Need::Optional, validate::any_text);
    keyed(form, "voucherCodes");
    form.optional("applyVouchers", validate::boolean);
    dates(form);
    texts(form, &["comment", "internalComment", "warehouseGroup"]);
    form.optional("sendEmail", validate::boolean);
    form.optional("internalOrder", validate::boolean);
    form.any_object("extraAttributes", Need::Optional);
    form.object("createdFromOrigin", Need::Optional, |origin| {
        origin.optional("type", origin_type);
        origin.optional("id", id);
    });
}

fn payment(form: &mut Form<'_, '_, '_>) {
    form.object("payment", Need::Optional, |payment| {
        payment.optional("id", id);
        payment.object("auth", Need::Optional, transaction);
        payment.object("capture", Need::Optional, transaction);
    });
}

fn transaction(form: &mut Form<'_, '_, '_>) {
    form.mandatory("status", transaction_status);
    form.number("amount", Need::Mandatory, validate::decimal);
    texts(form, &["response", "transaction", "method", "external_url"]);
}

fn texts(form: &mut Form<'_, '_, '_>, names: &[&str]) {
    for name in names {
        form.optional(name, validate::any_text);
    }
}

fn dates(form: &mut Form<'_, '_, '_>) {
    for name in ["orderDate", "deliveryDate", "cancelDate"] {
        if form.optional(name, dates::date) == Some(false) {
            form.warn(name, WarningCode::DateForm);
        }
    }
}

/// An amount with any number of decimals. Calculations round it to [`DECIMALS`].
fn money(form: &mut Form<'_, '_, '_>, name: &str) {
    let Some(amount) = form.optional(name, validate::amount) else {
        return;
    };
    let decimals = amount.rounded_to().unwrap_or(DECIMALS).min(DECIMALS);
    if amount.decimals() > decimals {
        form.warn(name, WarningCode::Rounded { decimals });
    }
}

/// Warns of an array that is written as an object.
fn keyed(form: &mut Form<'_, '_, '_>, name: &str) {
    let is_keyed =
        |value: Value<'_, '_>| value.kind() == Kind::Object && !value.is_empty_container();
    if form.present(name).is_some_and(is_keyed) {
        form.warn(name, WarningCode::KeyedArray);
    }
}

/// Whether an attribute is present and not empty, valid or not.
fn is_given(form: &Form<'_, '_, '_>, name: &str) -> bool {
    form.present(name)
        .is_some_and(|value| !value.is_empty_container())
}

/// The id of something that is not stored here. Any id is accepted.
pub(super) fn id(value: Value<'_, '_>) -> Checked<u64> {
    validate::integer(0, ID_MAX)(value)
}

/// The quantity of a product.
pub(super) fn quantity(value: Value<'_, '_>) -> Checked<u64> {
    validate::integer(1, ID_MAX)(value)
}

/// An order number: its plain spelling, which is the order key, and its value.
fn order_number<'a>(value: Value<'_, 'a>) -> Checked<(Cow<'a, str>, u64)> {
    let number = validate::integer(1, NUMBER_MAX)(value)?;
    let spelling = validate::text(value)?;
    let is_plain = !spelling.starts_with('0') && spelling.bytes().all(|byte| byte.is_ascii_digit());
    let key = if is_plain {
        spelling
    } else {
        Cow::Owned(number.to_string())
    };
    Ok((key, number))
}

/// Parses an order number in a path or query parameter. Only digits are accepted.
pub(super) fn number_in_path(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_digits)?;
    (1..=NUMBER_MAX).contains(&number).then_some(number)
}

fn origin_type(value: Value<'_, '_>) -> Checked<()> {
    let kind = validate::text(value)?;
    match kind.as_ref() {
        "return" | "order" | "plugin" => Ok(()),
        _ => Err(Code::NotOneOf {
            choices: "return, order, plugin",
        }),
    }
}

/// 0 pending, 1 success, 2 failed.
fn transaction_status(value: Value<'_, '_>) -> Checked<()> {
    match validate::integer(0, 2)(value) {
        Ok(_) => Ok(()),
        Err(Code::NotInteger) => Err(Code::NotInteger),
        Err(_) => Err(Code::NotOneOf { choices: "0, 1, 2" }),
    }
}
