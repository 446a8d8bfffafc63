//! Numbers of any length: calculations use 38 digits, and the submitted text keeps all.

#[path = "support/one.rs"]
#[expect(dead_code, reason = "each test uses what it needs of what they share")]
mod one;

use one::{judged, stored};
use proptest::prelude::*;
use wharfinger_core::dialects;
use wharfinger_core::order::problem::Code;
use wharfinger_core::order::warning::WarningCode;

/// The maximum number of digits in calculations.
const DIGITS_MAX: usize = 38;

/// For each dialect, an order with the price `PRICE`, the forms that the price may have, and the maximum number of
/// decimals of an amount.
const ORDERS: [(&str, &str, &[&str], usize); 4] = [
    (
        "native",
        r#"{"key":"A","placed_at":"2026-01-05","lines":[{"sku":"S","unit_price":PRICE}]}"#,
        &["N", "\"N\""],
        usize::MAX,
    ),
    (
        "reevoo",
        r#"{"trkref":"TRK001","order_ref":"A","order_date":"25-09-2021","customer":{"email":"a@b.com"},"order_items":[{"sku":"S","price":PRICE}]}"#,
        &["N"],
        usize::MAX,
    ),
    (
        "centra",
        r#"{"address":{"email":"a@b.com","country":"SE"},"products":[{"sku":"S","qty":1,"unitPrice":PRICE}]}"#,
        &["N", "\"N\""],
        2,
    ),
    (
        "gosweetspot",
        r#"{"packingslipno":"A","consignee":"Ana","products":[{"units":1,"unitvalue":PRICE}]}"#,
        &["N", "\"N\""],
        usize::MAX,
    ),
];

/// A number as spelled, and its digits before and after the point.
#[derive(Clone, Debug)]
struct Number {
    spelling: String,
    whole: String,
    fraction: String,
}

fn number() -> impl Strategy<Value = Number> {
    let digits = |most: usize| {
        prop_oneof![
            4 => proptest::string::string_regex(&format!("[0-9]{{0,{most}}}")).unwrap(),
            1 => proptest::string::string_regex(&format!("9{{0,{most}}}")).unwrap(),
            1 => proptest::string::string_regex(&format!("[0-9]{{0,9}}0{{0,{most}}}")).unwrap(),
        ]
    };
    let exponent = prop_oneof![2 => Just(None), 1 => (-60_i32..60).prop_map(Some)];
    (digits(44), digits(90), exponent).prop_map(|(whole, fraction, exponent)| {
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let point = if fraction.is_empty() { "" } else { "." };
        let power = exponent.map(|exponent| format!("e{exponent}"));
        let spelling = format!("{whole}{point}{fraction}{}", power.unwrap_or_default());
        // In plain notation: pad with zeros on both sides and move the point.
        let zeros = "0".repeat(60);
        let all = format!("{zeros}{whole}{fraction}{zeros}");
        let at = 60 + whole.len();
        let at = at.saturating_add_signed(exponent.unwrap_or(0) as isize);
        Number {
            spelling,
            whole: all[..at].trim_start_matches('0').to_owned(),
            fraction: all[at..].trim_end_matches('0').to_owned(),
        }
    })
}

/// Rounds to a number of decimals, half up, as on paper. `None` if the result has too many digits before its point.
fn on_paper(number: &Number, decimals: usize) -> Option<String> {
    let mut digits: Vec<u8> = format!("0{}{}", number.whole, number.fraction).into_bytes();
    let point = 1 + number.whole.len();
    let up = digits
        .get(point + decimals)
        .is_some_and(|digit| *digit >= b'5');
    digits.truncate(point + decimals);
    if up {
        let last_below_nine = digits.iter().rposition(|digit| *digit != b'9')?;
        digits[last_below_nine] += 1;
        digits[last_below_nine + 1..].fill(b'0');
    }
    let text = String::from_utf8(digits).unwrap();
    let (whole, fraction) = text.split_at(point);
    let whole = whole.trim_start_matches('0');
    (whole.len() <= DIGITS_MAX).then(|| plain(whole, fraction))
}

/// A number without superfluous zeros.
fn plain(whole: &str, fraction: &str) -> String {
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_number_is_taken_if_its_whole_part_is_not_too_long_and_rounded_as_on_paper(number in number()) {
        let decimals_max = DIGITS_MAX.checked_sub(number.whole.len());
        let calculated = decimals_max.and_then(|decimals| on_paper(&number, decimals));
        for (id, order, forms, decimals_of_dialect) in ORDERS {
            let dialect = dialects::find(id).unwrap();
            for form in forms {
                let text = order.replace("PRICE", &form.replace('N', &number.spelling));
                let (problems, warnings) = judged(dialect, &text);
                let Some(calculated) = &calculated else {
                    prop_assert_eq!(problems.len(), 1, "{}", text);
                    continue;
                };
                prop_assert!(problems.is_empty(), "{} {:?}", text, problems);
                let decimals = decimals_max.unwrap_or(0).min(decimals_of_dialect);
                let is_rounded = number.fraction.len() > decimals;
                let told: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
                let rounded = WarningCode::Rounded { decimals: u32::try_from(decimals).unwrap() };
                let expected = if is_rounded { vec![rounded] } else { Vec::new() };
                prop_assert_eq!(told, expected, "{}", text);

                let canonical = dialect.canonical(&stored("7", &text));
                let price = canonical.lines[0].unit_price.as_ref().unwrap().as_str();
                let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
                prop_assert_eq!(&plain(whole, fraction), calculated, "{}", text);
                prop_assert!(whole.len() + fraction.trim_end_matches('0').len() <= DIGITS_MAX + 1, "{}", price);
                if id != "native" {
                    prop_assert_eq!(dialect.own_form(&stored("7", &text)), text);
                }
            }
        }
    }

    #[test]
    fn a_long_number_that_nothing_is_calculated_with_is_let_pass(number in number()) {
        for (id, order, ..) in ORDERS {
            let dialect = dialects::find(id).unwrap();
            let text = order.replace("PRICE", "1").replacen('{', &format!("{{\"zzzz\":[{}],", number.spelling), 1);
            let (problems, warnings) = judged(dialect, &text);
            let is_long = number.whole.len() > DIGITS_MAX || on_paper(&number, DIGITS_MAX - number.whole.len()).is_none();
            let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
            let expected = if is_long { vec![Code::TooManyDigits { digits_max: 38 }] } else { Vec::new() };
            prop_assert_eq!(codes, expected, "{}", text);
            let is_rounded = |code: WarningCode| matches!(code, WarningCode::Rounded { .. });
            prop_assert!(!warnings.iter().any(|warning| is_rounded(warning.code)));
        }
    }
}
