//! Examples of wrong dates, and what is said about each.

use super::*;

/// Wrong dates, and what is said about each.
const DATES: &[(Code, &str, &str)] = &[
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
];

/// Dates whose day and month can be taken for each other, dates like them that have one meaning, and what is said about
/// each.
const NUMERIC_DATES: &[(Code, &str, &str)] = &[
    (
        DAY_FIRST,
        "01/02/26",
        "the year needs four digits; write 01-02-2026, or 02-01-2026 if the month comes first",
    ),
    (
        MOMENT,
        "01-02-26",
        "the year needs four digits; write 2026-02-01, or 2026-01-02 if the month comes first",
    ),
    (
        MOMENT,
        "05-06-2026",
        "write 2026-06-05, or 2026-05-06 if the month comes first",
    ),
    (
        LOCAL,
        "5/6/2026",
        "write 2026-06-05, or 2026-05-06 if the month comes first",
    ),
    (
        DAY_FIRST,
        "05062026",
        "write 05-06-2026, or 06-05-2026 if the month comes first",
    ),
    (DAY_FIRST, "5-6-2026", "did you mean 05-06-2026?"),
    (MOMENT, "5.6.2026", "did you mean 2026-06-05?"),
    (MOMENT, "05-05-2026", "did you mean 2026-05-05?"),
    (MOMENT, "2026/05/06", "did you mean 2026-05-06?"),
    (
        DAY_FIRST,
        "11182026",
        "there is no month 18; did you mean 18-11-2026?",
    ),
    (
        MOMENT,
        "11182026",
        "there is no month 18; did you mean 2026-11-18?",
    ),
    (
        DAY_FIRST,
        "11/18/26",
        "the year needs four digits; did you mean 18-11-2026?",
    ),
    (DAY_FIRST, "20112026", "did you mean 20-11-2026?"),
    (MOMENT, "19112026", "did you mean 2026-11-19?"),
    (
        MOMENT,
        "20261811",
        "there is no month 18; did you mean 2026-11-18?",
    ),
];

#[test]
fn a_date_with_two_meanings_gets_a_hint_with_both() {
    for (code, text, hint) in NUMERIC_DATES {
        assert_eq!(said(*code, &format!("{text:?}")), format!("{text}: {hint}"));
    }
    assert_eq!(
        said(DAY_FIRST, "11182026"),
        "11182026: there is no month 18; did you mean 18-11-2026?"
    );
}

#[test]
fn a_wrong_date_says_which_date_is_right() {
    for (code, text, hint) in DATES {
        assert_eq!(said(*code, &format!("{text:?}")), *hint);
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
