//! Judges one canonical order. The functions follow the table of attributes, in its order. Problems are reported in
//! that order.

use std::borrow::Cow;

use crate::canonical::fields::ORDER;
use crate::dialect::{Context, Slot, Verdict};
use crate::json::{Entry, Kind, NameCase};
use crate::limits::KEY_CHARS_MAX;
use crate::order::ids::OrganisationId;
use crate::order::problem::{Code, Problem};
use crate::reading::form::{Form, Need, Notes};
use crate::reading::moment::moment;
use crate::reading::unknown::{self, ReportUnknown};
use crate::reading::validate::{
    amount, country, currency, email, language, locale, positive, short_text, text,
};

/// Judges one order.
pub(super) fn judge<'a>(context: &Context<'_>, entry: &Entry<'_, 'a>) -> Slot<'a> {
    let mut notes = Notes::default();
    let mut slot = Slot::unread(context, entry);
    if entry.value.kind() == Kind::Object {
        let mut order = Form::of_order(entry.value, &mut notes);
        slot.organisation = organisation(&mut order, context);
        slot.key = order.mandatory("key", short_text(KEY_CHARS_MAX));
        slot.email = attributes(&mut order);
        let rules = (NameCase::Exact, ReportUnknown::All);
        unknown::look(order, ORDER, rules);
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
/// That is the request's organisation, if the request names one. Otherwise it is any organisation that the API key
/// reaches and that accepts customer orders.
fn organisation(order: &mut Form<'_, '_, '_>, context: &Context<'_>) -> Option<OrganisationId> {
    let Some(of_request) = context.organisation else {
        let code = order.mandatory("organisation", text)?;
        let reached = context.caller.organisation(&code);
        if !reached.is_some_and(|organisation| organisation.customer_orders_enabled) {
            order.problem("organisation", Code::UnknownOrganisation);
        }
        return reached.map(|organisation| organisation.id);
    };
    let code = order.optional("organisation", text);
    if code.is_some_and(|code| code != of_request.code) {
        order.problem("organisation", Code::OtherOrganisation);
    }
    Some(of_request.id)
}

/// Reads the attributes after `organisation` and `key`. Returns the customer's e-mail address.
fn attributes<'a>(order: &mut Form<'_, '_, 'a>) -> Option<Cow<'a, str>> {
    // One of the two dates is required. If both are absent, `placed_at` is reported.
    let placed_at = match order.present("fulfilled_at") {
        Some(_) => Need::Optional,
        None => Need::Mandatory,
    };
    order.read("placed_at", placed_at, moment);
    order.optional("fulfilled_at", moment);
    order.optional("language", language);
    order.optional("locale", locale);
    let email = order.object("customer", Need::Optional, customer);
    order.object("billing_address", Need::Optional, address);
    order.object("shipping_address", Need::Optional, address);
    order.objects("lines", Need::Mandatory, line);
    order.number("shipping_price", Need::Optional, amount);
    order.number("discount", Need::Optional, amount);
    order.optional("currency", currency);
    order.object("references", Need::Optional, references);
    order.optional("instructions", text);
    order.any_object("metadata", Need::Optional);
    email.flatten()
}

fn customer<'a>(customer: &mut Form<'_, '_, 'a>) -> Option<Cow<'a, str>> {
    customer.optional("ref", text);
    let address = customer.optional("email", email);
    customer.optional("title", text);
    customer.optional("first_name", text);
    customer.optional("last_name", text);
    customer.optional("phone", text);
    address
}

fn address(address: &mut Form<'_, '_, '_>) {
    address.optional("name", text);
    address.optional("company", text);
    // A blank line counts as absent, as blank text does everywhere.
    address.scalars("lines", Need::Optional, |line| {
        if line.is_blank() {
            return Ok(Cow::Borrowed(""));
        }
        text(line)
    });
    address.optional("suburb", text);
    address.optional("city", text);
    address.optional("state", text);
    address.optional("postcode", text);
    address.optional("country", country);
}

fn line(line: &mut Form<'_, '_, '_>) {
    line.number("quantity", Need::Optional, positive);
    let identifiers = ["sku", "ean", "product_id"];
    if identifiers.iter().all(|name| line.present(name).is_none()) {
        line.problem("sku", Code::Required);
    }
    for name in identifiers {
        line.optional(name, text);
    }
    line.optional("description", text);
    line.number("unit_price", Need::Optional, amount);
    line.optional("currency", currency);
    line.number("weight_kg", Need::Optional, amount);
    line.any_object("metadata", Need::Optional);
}

fn references(references: &mut Form<'_, '_, '_>) {
    references.optional("delivery_reference", text);
    references.optional("purchase_order", text);
}

#[cfg(test)]
mod tests {
    use super::ORDER;
    use crate::dialects::misspellings::Orders;
    use crate::dialects::native::Native;

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        Orders {
            dialect: &Native,
            operation: "submit",
            fields: ORDER,
            orders: include_str!("../../../tests/mappings/native.json"),
        }
        .check();
    }
}
