use super::*;
use crate::order::problem::Path;

const DAY_FIRST: Code = Code::NotDate { form: "dd-mm-yyyy" };
const MOMENT: Code = Code::NotDate {
    form: "yyyy-mm-dd or RFC 3339",
};
const LOCAL: Code = Code::NotDate {
    form: "YYYY-mm-dd or YYYY-mm-dd HH:MM:SS",
};

/// The hint for an attribute `a` with a value that is written as JSON.
fn hint(code: Code, json: &str) -> Hint {
    let path = Path::of("a");
    let order = format!(r#"{{"a":{json}}}"#);
    let problems = [Problem { path, code }];
    let hints = of_problems(&order, NameCase::Exact, &problems, &[]);
    hints.into_iter().next().unwrap()
}

fn said(code: Code, json: &str) -> String {
    hint(code, json).hint.unwrap_or_default()
}

#[test]
fn a_wrong_date_says_which_date_is_right() {
    for (code, text, hint) in [
        (DAY_FIRST, "31-11-2026", "31-11-2026: November has 30 days"),
        (
            DAY_FIRST,
            "29-02-2026",
            "29-02-2026: February 2026 has 28 days",
        ),
        (
            DAY_FIRST,
            "11-18-2026",
            "11-18-2026: there is no month 18; did you mean 18-11-2026?",
        ),
        (DAY_FIRST, "31-13-2026", "31-13-2026: there is no month 13"),
        (DAY_FIRST, "00-11-2026", "00-11-2026: there is no day 0"),
        (
            DAY_FIRST,
            "18-11-26",
            "18-11-26: the year needs four digits; did you mean 18-11-2026?",
        ),
        (
            DAY_FIRST,
            "2026-11-18",
            "2026-11-18: did you mean 18-11-2026?",
        ),
        (DAY_FIRST, "20261118", "20261118: did you mean 18-11-2026?"),
        (
            DAY_FIRST,
            "18/11/2026",
            "18/11/2026: did you mean 18-11-2026?",
        ),
        (DAY_FIRST, "1.2.2026", "1.2.2026: did you mean 01-02-2026?"),
        (
            DAY_FIRST,
            "11/12/2026",
            "11/12/2026: write 11-12-2026, or 12-11-2026 if the month comes first",
        ),
        (
            DAY_FIRST,
            "2026-11-18T09:30:00Z",
            "2026-11-18T09:30:00Z: write 18-11-2026, without the time",
        ),
        (
            DAY_FIRST,
            "Nov 18, 2026",
            "Nov 18, 2026: did you mean 18-11-2026?",
        ),
        (
            DAY_FIRST,
            "18th November 2026",
            "18th November 2026: did you mean 18-11-2026?",
        ),
        (
            DAY_FIRST,
            "tomorrow",
            "tomorrow: a date is written as 18-11-2026",
        ),
        (MOMENT, "18-11-2026", "18-11-2026: did you mean 2026-11-18?"),
        (
            MOMENT,
            "2026-18-11",
            "2026-18-11: there is no month 18; did you mean 2026-11-18?",
        ),
        (MOMENT, "2026-11-31", "2026-11-31: November has 30 days"),
        (
            MOMENT,
            "2026-11-18T09:30:00",
            "2026-11-18T09:30:00: the time needs a time zone, such as 2026-11-18T09:30:00Z or 2026-11-18T09:30:00+01:00",
        ),
        (
            MOMENT,
            "2026-11-18T24:00:00Z",
            "2026-11-18T24:00:00Z: there is no hour 24",
        ),
        (
            LOCAL,
            "18.11.2026 9:30",
            "18.11.2026 9:30: write 2026-11-18 09:30:00",
        ),
        (
            LOCAL,
            "0",
            "0: a date is written as 2026-11-18 or 2026-11-18 09:30:00",
        ),
    ] {
        assert_eq!(said(code, &format!("{text:?}")), hint);
    }
    assert_eq!(
        said(DAY_FIRST, "1794960000"),
        "1794960000: this is a Unix time; write \"18-11-2026\""
    );
    assert_eq!(
        said(DAY_FIRST, "20261118"),
        "20261118: did you mean 18-11-2026?"
    );
    assert_eq!(
        said(DAY_FIRST, "5"),
        "5: a date is text, such as \"18-11-2026\""
    );
    assert_eq!(
        hint(DAY_FIRST, "5").rule.unwrap(),
        "a date such as 18-11-2026 (dd-mm-yyyy)"
    );
}

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

#[test]
fn a_wrong_code_says_which_code_is_right() {
    for (code, text, hint) in [
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
    ] {
        assert_eq!(said(code, &format!("{text:?}")), hint);
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
}

#[test]
fn a_misspelling_is_named_where_the_attribute_is_missing() {
    let problem = Problem {
        path: Path::of("email"),
        code: Code::Required,
    };
    let warning = Warning {
        path: Path::of("emial"),
        code: WarningCode::UnknownAttribute {
            meant: Some("email"),
        },
    };
    let hints = of_problems(
        "{}",
        NameCase::Exact,
        &[problem.clone()],
        &[warning.clone()],
    );
    assert_eq!(hints[0].hint.as_deref(), Some("emial: did you mean email?"));
    assert_eq!(
        of_warning(&warning).as_deref(),
        Some("emial: did you mean email?")
    );
    let stored = of_stored_warning(&warning.path.pointer(), &warning.to_string());
    assert_eq!(stored.as_deref(), Some("emial: did you mean email?"));
    let message = crate::order::warning::with_hint(problem.to_string(), &problem, &[warning]);
    let (asked, message) = Asked::of_stored("/email", "required", &message);
    assert_eq!(message, "email is required");
    assert_eq!(
        super::hints(None, NameCase::Exact, &[asked])[0]
            .hint
            .as_deref(),
        Some("emial: did you mean email?")
    );
}

#[test]
fn stored_problems_say_the_same_as_new_ones() {
    let order = r#"{"a":"31-11-2026"}"#;
    let problem = Problem {
        path: Path::of("a"),
        code: DAY_FIRST,
    };
    let message = problem.to_string();
    let (asked, _) = Asked::of_stored("/a", "not_date", &message);
    assert_eq!(
        hints(Some(order), NameCase::Exact, &[asked]),
        of_problems(order, NameCase::Exact, &[problem], &[])
    );
}

#[test]
fn an_erased_order_gives_no_value() {
    let (asked, _) = Asked::of_stored("/a", "not_email", "a is not an e-mail address");
    let [hint] = &hints(None, NameCase::Exact, &[asked])[..] else {
        panic!("one hint a problem");
    };
    assert_eq!((&hint.value, &hint.hint), (&None, &None));
    assert!(hint.rule.is_some());
}

#[test]
fn a_line_that_is_no_json_says_what_usually_is_wrong() {
    for (text, column, hint) in [
        (
            r#"{"a":True}"#,
            6,
            "JSON writes true, false and null in lower case; Python's json.dumps does so",
        ),
        (
            r#"{"a":1,}"#,
            8,
            "remove the comma before the closing bracket",
        ),
        ("{'a':1}", 2, "JSON uses straight double quotes: \""),
        (
            r#"{"a":1"#,
            7,
            "the text ends before the order does; was it cut off?",
        ),
    ] {
        let problem = Problem::with_order(Code::NotJson {
            line: 7,
            column,
            reason: "expected a value",
        });
        let hints = of_problems(text, NameCase::Exact, &[problem.clone()], &[]);
        assert_eq!(hints[0].hint.as_deref(), Some(hint));
        assert_eq!(hints[0].value.as_deref(), Some(text));
        let message = problem.to_string();
        let (asked, _) = Asked::of_stored("", "not_json", &message);
        assert_eq!(super::hints(Some(text), NameCase::Exact, &[asked]), hints);
    }
}

#[test]
fn what_a_sender_wrote_is_cut_and_cannot_harm() {
    let long = format!("\"{}\"", "ä".repeat(1000));
    let value = hint(Code::NotEmail, &long).value.unwrap();
    assert_eq!(value.chars().count(), VALUE_CHARS_MAX);
    assert!(value.ends_with('…'));
    let exact = format!("\"{}\"", "ä".repeat(VALUE_CHARS_MAX));
    assert!(!hint(Code::NotEmail, &exact).value.unwrap().ends_with('…'));
    let evil = hint(Code::NotEmail, r#""\u001b[2J\u202egnp\n\u009b""#);
    for text in [evil.value.unwrap(), evil.hint.unwrap()] {
        assert!(!text.contains(is_unsafe), "{text:?}");
    }
}

#[test]
fn every_code_can_be_asked_with_any_value() {
    let values = [
        "null",
        "true",
        "0",
        "-1.5e400",
        "\"\"",
        "\"x\"",
        r#""\ud800""#,
        "[]",
        "{}",
        r#"[{"b":[1]}]"#,
        r#""é-é-é""#,
        r#""1-1-1""#,
        r#""0000-00-00""#,
        r#""99999999""#,
    ];
    for code in Code::EXAMPLES {
        for value in values {
            let hint = hint(code, value);
            assert!(
                hint.value.is_some() || code == Code::Required,
                "{code:?} {value}"
            );
        }
        let asked = Asked::of(&Problem::with_order(code), &[]).hint(None);
        assert_eq!(asked.value, None);
        let nothing = hints(
            Some("not JSON"),
            NameCase::Exact,
            &[Asked::of_stored("/a/b", code.id(), "").0],
        );
        assert_eq!(nothing[0].value, None);
    }
}

/// Each value is found in the one walk. With a walk for each problem, this would take minutes.
#[test]
fn many_problems_of_a_large_order_take_one_walk() {
    let count = 100_000;
    let order = format!("{{\"a\":[{}]}}", vec!["\"ten\""; count].join(","));
    let problem = |index| Problem {
        path: Path(vec![Step::Name("a".into()), Step::Index(index)]),
        code: Code::NotPrice,
    };
    let problems: Vec<_> = (0..count).rev().map(problem).collect();
    let hints = of_problems(&order, NameCase::Ignored, &problems, &[]);
    let is_said =
        |hint: &Hint| hint.hint.as_deref() == Some("ten: a price is digits, such as 10,50");
    assert!(hints.len() == count && hints.iter().all(is_said));
}
