//! Examples of wrong values, and what is said about each.

use super::*;

#[test]
fn a_wrong_number_says_how_numbers_are_written() {
    for (code, text, hint) in [
        (
            Code::NotPrice,
            "ten",
            "ten: a price is digits, such as 10,50",
        ),
        (Code::NotPrice, "10,50 EUR", "10,50 EUR: write 10,50"),
        (
            Code::NotPrice,
            "€ 1.234.567,50",
            "€ 1.234.567,50: write 1234567,50",
        ),
        (Code::NotPrice, "-5", "-5: a price is not negative"),
        (Code::NotNumber, "10,50", "10,50: write 10.50"),
        (Code::NotNumber, "1,234.50", "1,234.50: write 1234.50"),
        (Code::NotNumber, "1 234,50 kr", "1 234,50 kr: write 1234.50"),
        (
            Code::NotNumber,
            "ten",
            "ten: a number is digits, such as 10.50",
        ),
        (
            Code::NotInteger,
            "1.5",
            "1.5: a whole number has no decimals",
        ),
        (Code::NotInteger, "3 st", "3 st: write 3"),
        (
            Code::NotInteger,
            "A-1",
            "A-1: a whole number is digits, such as 3",
        ),
        (
            Code::NotNumber,
            "TEA 7",
            "TEA 7: a number is digits, such as 10.50",
        ),
        (Code::NotNumber, "USD 7", "USD 7: write 7"),
        (
            Code::NotInteger,
            "three",
            "three: a whole number is digits, such as 3",
        ),
        (
            Code::TooManyDecimals { decimals_max: 2 },
            "10.505",
            "10.505: it has 3 decimals",
        ),
        (Code::NotBoolean, "Yes", "Yes: write true"),
        (Code::NotBoolean, "maybe", "maybe: write true or false"),
    ] {
        assert_eq!(said(code, &format!("{text:?}")), hint);
    }
    let digits = "1".repeat(39);
    let code = Code::TooManyDigits { digits_max: 38 };
    assert_eq!(
        said(code, &digits),
        "it has 39 digits before the decimal point"
    );
    assert_eq!(said(code, "1e99"), "1e99: write it without an exponent");
}

/// A separator before three digits starts the decimals or the thousands. A hint that names one of them can be wrong by a
/// factor of 1000.
#[test]
fn a_number_with_two_readings_gets_a_hint_with_both() {
    for (code, text, hint) in [
        (
            Code::NotNumber,
            "1,000",
            "1,000: write 1000, or 1.000 if the comma is a decimal comma",
        ),
        (
            Code::NotNumber,
            "12,345 kr",
            "12,345 kr: write 12345, or 12.345 if the comma is a decimal comma",
        ),
        (
            Code::NotNumber,
            "-999.001 kg",
            "-999.001 kg: write -999001, or -999.001 if the point is a decimal point",
        ),
        (
            Code::NotPrice,
            "1.000",
            "1.000: write 1000, or 1,000 if the point is a decimal point",
        ),
        (
            Code::NotPrice,
            "€ 1,234",
            "€ 1,234: write 1234, or 1,234 if the comma is a decimal comma",
        ),
        (
            Code::NotInteger,
            "1.000",
            "1.000: write 1000, or 1 if the point is a decimal point",
        ),
        (
            Code::NotInteger,
            "1,500",
            "1,500: write 1500; if the comma is a decimal comma, it is no whole number",
        ),
        // These have one reading.
        (Code::NotNumber, "0,500", "0,500: write 0.500"),
        (Code::NotNumber, "1234,500", "1234,500: write 1234.500"),
        (Code::NotNumber, "1 234,500", "1 234,500: write 1234.500"),
        (Code::NotNumber, "1,0000", "1,0000: write 1.0000"),
        (Code::NotNumber, "1.234,500", "1.234,500: write 1234.500"),
        (Code::NotNumber, "1,234,500", "1,234,500: write 1234500"),
        (Code::NotInteger, "3.0", "3.0: write 3"),
    ] {
        assert_eq!(said(code, &format!("{text:?}")), hint);
    }
    // A JSON number has a decimal point.
    assert_eq!(
        said(Code::NotInteger, "1.500"),
        "1.500: a whole number has no decimals"
    );
    assert_eq!(said(Code::NotPrice, "1.234"), "1.234: write 1,234");
}

/// Wrong codes of countries, currencies, languages and locales, and wrong choices, and what is said about each.
const CODES: &[(Code, &str, &str)] = &[
    (Code::NotCountry, "UK", "UK: did you mean GB?"),
    (Code::NotCountry, "gb", "gb: did you mean GB?"),
    (Code::NotCountry, "GBR", "GBR: did you mean GB?"),
    (Code::NotCountry, "Sweden", "Sweden: did you mean SE?"),
    (Code::NotCountry, "SVERIGE", "SVERIGE: did you mean SE?"),
    (
        Code::NotCountry,
        "the Netherlands",
        "the Netherlands: did you mean NL?",
    ),
    (Code::NotCountry, "U.S.A.", "U.S.A.: did you mean US?"),
    (Code::NotCountry, "sv_SE", "sv_SE: did you mean SE?"),
    (
        Code::NotCountry,
        "Narnia",
        "Narnia: a country is two capital letters, such as GB",
    ),
    (Code::NotCurrency, "€", "€: did you mean EUR?"),
    (Code::NotCurrency, "eur", "eur: did you mean EUR?"),
    (Code::NotCurrency, "978", "978: did you mean EUR?"),
    (
        Code::NotCurrency,
        "Swedish Krona",
        "Swedish Krona: did you mean SEK?",
    ),
    (Code::NotCurrency, "kr", "kr: write SEK, DKK or NOK"),
    (
        Code::NotCurrency,
        "gold",
        "gold: a currency is three capital letters, such as EUR",
    ),
    (Code::NotLanguage, "EN", "EN: did you mean en?"),
    (Code::NotLanguage, "eng", "eng: did you mean en?"),
    (Code::NotLanguage, "en-GB", "en-GB: did you mean en?"),
    (Code::NotLanguage, "swedish", "swedish: did you mean sv?"),
    (
        Code::NotLanguage,
        "klingonese",
        "klingonese: a language is two small letters, such as en",
    ),
    (Code::NotLocale, "sv_SE", "sv_SE: use a hyphen: sv-SE"),
    (Code::NotLocale, "SV-se", "SV-se: did you mean sv-SE?"),
    (Code::NotLocale, "en-UK", "en-UK: did you mean en-GB?"),
    (
        Code::NotLocale,
        "en_US.UTF-8",
        "en_US.UTF-8: use a hyphen: en-US",
    ),
    (
        Code::NotLocale,
        "sv",
        "sv: add a hyphen and the country, such as sv-SE",
    ),
    (
        Code::NotLocale,
        "?",
        "?: a locale is a language, a hyphen and a country, such as en-GB",
    ),
    (
        Code::NotOneOf {
            choices: "return, order, plugin",
        },
        "Oder",
        "Oder: did you mean order?",
    ),
    (
        Code::NotOneOf { choices: "0, 1, 2" },
        "3",
        "3: write one of 0, 1, 2",
    ),
];

#[test]
fn a_wrong_code_says_which_code_is_right() {
    for (code, text, hint) in CODES {
        assert_eq!(said(*code, &format!("{text:?}")), *hint);
    }
}

#[test]
fn a_wrong_address_says_what_is_wrong() {
    for (text, hint) in [
        ("anna.example.com", "anna.example.com: there is no @"),
        (
            "anna @example.com",
            "anna @example.com: did you mean anna@example.com?",
        ),
        (
            "Anna <anna@example.com>",
            "Anna <anna@example.com>: did you mean anna@example.com?",
        ),
        (
            "mailto:anna@example.com",
            "mailto:anna@example.com: did you mean anna@example.com?",
        ),
        (
            "anna@example,com",
            "anna@example,com: did you mean anna@example.com?",
        ),
        (
            " anna@example.com",
            " anna@example.com: did you mean anna@example.com?",
        ),
        (
            "@example.com",
            "@example.com: there is nothing before the @",
        ),
        ("anna@", "anna@: there is nothing after the @"),
        (
            "an na@ex ample..com",
            "an na@ex ample..com: there is a space inside",
        ),
        (
            "a@b.com, c@d.com",
            "a@b.com, c@d.com: there are several addresses; send one",
        ),
    ] {
        assert_eq!(said(Code::NotEmail, &format!("{text:?}")), hint);
    }
}

#[test]
fn a_value_of_another_type_says_what_it_is() {
    for (code, json, hint) in [
        (
            Code::NotObject,
            r#"[{"b":1}]"#,
            "this is an array; send the object without [ ]",
        ),
        (
            Code::NotArray,
            r#"{"b":1}"#,
            "this is an object; put [ ] around it",
        ),
        (
            Code::NotObject,
            r#""{\"b\":1}""#,
            "this is JSON inside text; send it without the quotes and their escapes",
        ),
        (Code::NotText, "true", "true: write it as text: \"true\""),
        (Code::NotText, "[]", "this is an array"),
        (Code::NotEmail, "{}", "this is an object"),
        (Code::Required, "null", "null counts as missing"),
        (Code::Required, r#"" ""#, "blank text counts as missing"),
        (Code::Required, "[]", "an empty array counts as missing"),
        (
            Code::TooLong { chars_max: 3 },
            r#""åäöü""#,
            "it has 4 characters, 1 too many",
        ),
    ] {
        assert_eq!(said(code, json), hint);
    }
    assert_eq!(hint(Code::Required, "null").value.as_deref(), Some("null"));
    assert_eq!(
        hint(Code::NotObject, "[1, 2]").value.as_deref(),
        Some("[1, 2]")
    );
    assert_eq!(hint(Code::UnknownProduct, r#"{"b":1}"#).hint, None);
}
