//! Causes of errors in plain words.

use std::borrow::Cow;

use maud::{Markup, html};

use crate::texts::{token_of, visible, visible_text};

/// The code of the group of all causes that `/v1/errors` does not tell apart.
pub(crate) const OTHER: &str = "other";

/// What each code of the API means.
const CODES: [(&str, &str); 48] = [
    (OTHER, "Other causes"),
    ("required", "Missing value"),
    ("not_text", "Not a text"),
    ("not_number", "Not a number"),
    ("not_integer", "Not a whole number"),
    ("not_boolean", "Not true or false"),
    ("not_object", "Not an object"),
    ("not_array", "Not a list"),
    ("too_long", "Text too long"),
    ("below_minimum", "Number too small"),
    ("not_positive", "Number not above zero"),
    ("above_maximum", "Number too large"),
    ("too_many_decimals", "Too many decimals"),
    ("not_price", "Invalid price"),
    ("not_date", "Invalid date"),
    ("not_email", "Invalid e-mail address"),
    ("not_country", "Invalid country code"),
    ("not_language", "Invalid language code"),
    ("not_locale", "Invalid language and country"),
    ("not_currency", "Invalid currency code"),
    ("not_name", "Invalid attribute name"),
    ("not_one_of", "Value not in the list of allowed values"),
    ("not_of_form", "Invalid format"),
    ("exceeds", "Number larger than a related one"),
    ("repeated_name", "Attribute given twice"),
    ("too_deep", "Nested too deeply"),
    ("lone_surrogate", "Broken character"),
    ("nul_character", "Character that is not allowed"),
    ("too_many_digits", "Too many digits"),
    ("order_too_large", "Order too large"),
    ("not_json", "Not valid JSON"),
    ("unknown_organisation", "Unknown organisation"),
    ("other_organisation", "Order of another organisation"),
    ("already_processed", "Order already processed"),
    ("already_cancelled", "Order already cancelled"),
    ("number_exists", "Order number already in use"),
    ("unknown_order", "Unknown order"),
    ("not_placed", "Order is still a draft"),
    ("held", "Order is held"),
    ("not_held", "Order is not held"),
    ("unknown_product", "Unknown product"),
    ("inactive_product", "Product not active"),
    ("not_sold_there", "Product not sold there"),
    ("stock_missing", "Not enough stock"),
    ("too_many_warehouses", "Too many warehouses"),
    ("unknown_customer", "Unknown customer"),
    ("needs_email", "Customer without an e-mail address"),
    (
        "other_customer",
        "Customer does not match the e-mail address",
    ),
];

/// What a code means. A code that this version does not know is shown as it is.
fn meaning(code: &str) -> Cow<'static, str> {
    let known = CODES.iter().find(|(known, _)| *known == code);
    match known {
        Some((_, words)) => Cow::Borrowed(*words),
        None => Cow::Owned(visible_text(&code.replace('_', " "))),
    }
}

/// An attribute as people read it: `customer › email` for `/customer/email`. Positions are left out.
fn attribute(pointer: &str) -> String {
    let tokens = pointer.split('/').skip(1).filter(|token| {
        let is_position = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        *token != "*" && !is_position
    });
    let words = tokens.map(|token| visible_text(&token_of(token).replace('_', " ")));
    words.collect::<Vec<_>>().join(" › ")
}

/// A cause as people read it, such as `Invalid e-mail address: customer › email`.
pub(crate) fn cause_name(code: &str, pointer: &str) -> String {
    match attribute(pointer).as_str() {
        "" => meaning(code).into_owned(),
        attribute => format!("{}: {attribute}", meaning(code)),
    }
}

/// The same as the API spells it, for those who send by program.
pub(crate) fn cause_code(code: &str, pointer: &str) -> Markup {
    html! {
        code { (visible(code)) }
        @if !pointer.is_empty() { " at " code dir="ltr" { (visible(pointer)) } }
    }
}

/// Why the numbers of a list of causes add up to more than the orders.
pub(crate) fn sums_note() -> Markup {
    html! { p.hint.more { "An order with several errors counts once for each cause, so these numbers can add up to more than the rejected orders." } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_words() {
        let documented = include_str!("../../../../docs/problems.md");
        let rows = documented
            .lines()
            .skip_while(|line| !line.starts_with("| code |"));
        let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
        let codes = Vec::from_iter(rows.filter_map(|row| row.split('`').nth(1)));
        assert!(codes.len() > 40, "{codes:?}");
        for code in codes {
            assert!(CODES.iter().any(|(known, _)| *known == code), "{code}");
        }
    }

    #[test]
    fn a_cause_is_in_plain_words() {
        for (code, pointer, words) in [
            (
                "not_email",
                "/customer/email",
                "Invalid e-mail address: customer › email",
            ),
            (
                "below_minimum",
                "/lines/*/unit_price",
                "Number too small: lines › unit price",
            ),
            ("required", "/lines/3", "Missing value: lines"),
            ("order_too_large", "", "Order too large"),
            ("new_code", "/a~1b\u{202e}", "new code: a/b\\u202e"),
        ] {
            assert_eq!(cause_name(code, pointer), words);
        }
    }
}
