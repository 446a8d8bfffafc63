mod dates;
mod examples;

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
        std::slice::from_ref(&problem),
        std::slice::from_ref(&warning),
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
        let hints = of_problems(text, NameCase::Exact, std::slice::from_ref(&problem), &[]);
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
    let several = format!(
        "\"{}anna.archer@example.com\"",
        "bob@example.com; ".repeat(5)
    );
    let value = hint(Code::NotEmail, &several).value.unwrap();
    assert!(value.ends_with("bob@example.com; …"), "{value}");
    let evil = hint(Code::NotEmail, r#""\u001b[2J\u202egnp\n\u009b""#);
    for text in [evil.value.unwrap(), evil.hint.unwrap()] {
        assert!(!text.contains(is_unsafe), "{text:?}");
    }
}

/// Erasing a person searches for the whole address.
#[test]
fn a_cut_address_leaves_no_part_of_it() {
    let address = "anna.archer@example.com";
    for between in [" ", "\u{a0}", "\u{3000}", "\n", "\u{2028}", ";", "<"] {
        for length in 50..VALUE_CHARS_MAX {
            let before = format!("{}{between}", "x".repeat(length));
            let text = format!("{before}{address}, and {}", "y".repeat(VALUE_CHARS_MAX));
            let shown = shortened(&text, VALUE_CHARS_MAX);
            let is_whole = shown.contains(address);
            let has_part = shown.contains("ann") || shown.contains('@');
            assert!(is_whole || !has_part, "{shown}");
            assert!(
                shown.starts_with(&"x".repeat(length.min(90))),
                "the other words stay: {shown}"
            );
            assert!(shown.chars().count() <= VALUE_CHARS_MAX, "{shown}");
        }
    }
    let long = format!("{}@example.com", "anna".repeat(50));
    assert_eq!(shortened(&long, VALUE_CHARS_MAX), "…");
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
