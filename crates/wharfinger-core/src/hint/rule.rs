//! What a valid value is, for each code.

/// The rule behind a code, as a noun phrase. `None` if no other value would help, or the bound is not known.
pub(super) fn of(code: &str, bound: Option<&str>) -> Option<String> {
    let fixed = match code {
        "required" => "a value that is not null, blank or empty",
        "not_text" => "text; a number is taken by its spelling",
        "not_number" => "a number such as 10.50, or text that reads as one",
        "not_integer" => "a whole number such as 3",
        "not_boolean" => "true or false; 1, 0, \"true\" and \"false\" are taken too",
        "not_object" => "an object: { }",
        "not_array" => "an array: [ ]",
        "not_positive" => "a number above 0",
        "not_price" => "digits with at most one comma before the decimals, such as 10,50",
        "not_email" => "one e-mail address, such as name@example.com",
        "not_country" => "an ISO 3166-1 alpha-2 country code, such as GB",
        "not_language" => "an ISO 639-1 language code, such as en",
        "not_locale" => "a language, a hyphen and a country, such as en-GB",
        "not_currency" => "an ISO 4217 currency code, such as EUR",
        "not_name" => "a name of a-z, 0-9 and _, such as order_source",
        "repeated_name" => "each name once in an object",
        "lone_surrogate" => {
            "whole characters; an escaped one above U+FFFF takes two escapes, such as \\ud83d\\ude00"
        }
        "nul_character" => "text without the character \\u0000",
        "not_json" => "one JSON object on each line",
        "unknown_organisation" => {
            "the code of an organisation that the API key may use and that accepts customer orders"
        }
        "other_organisation" => "the organisation of the request, or none",
        "number_exists" => "a number that no other order has",
        "unknown_product" | "inactive_product" => "an active product of the catalogue",
        "unknown_customer" => "the number of a registered customer",
        "needs_email" => "an e-mail address, by which the customer is registered",
        "other_customer" => "the number and the e-mail address of the same customer",
        _ => return with_bound(code, bound?),
    };
    Some(fixed.into())
}

fn with_bound(code: &str, bound: &str) -> Option<String> {
    Some(match code {
        "too_long" => format!("at most {bound} characters"),
        "below_minimum" => format!("{bound} or more"),
        "above_maximum" => format!("{bound} or less"),
        "too_many_decimals" => format!("at most {bound} decimals"),
        "not_date" => super::dates::rule(bound),
        "not_one_of" => format!("one of {bound}"),
        "not_of_form" => bound.to_owned(),
        "exceeds" => format!("at most the value of {bound}"),
        "too_deep" => {
            format!("at most {bound} levels of arrays and objects, with the order itself")
        }
        "too_many_digits" => format!("at most {bound} digits before the decimal point"),
        "order_too_large" => format!("at most {bound} bytes"),
        "not_sold_there" => format!("a product that is sold in the order's {bound}"),
        "stock_missing" => format!("at most the {bound} pieces on hand"),
        "too_many_warehouses" => format!("products of at most {bound} warehouses"),
        _ => return None,
    })
}
