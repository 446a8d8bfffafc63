//! Hints for prices and numbers.

use super::quoted;
use crate::reading::codes::CURRENCIES;

/// A price with a decimal comma. `is_text` says that it is text, not a JSON number.
pub(super) fn price(text: &str, is_text: bool) -> String {
    let shown = quoted(text);
    if text.trim_start().starts_with('-') {
        return format!("{shown}: a price is not negative");
    }
    let Some(number) = Plain::read(text) else {
        return format!("{shown}: a price is digits, such as 10,50");
    };
    let decimal = number.decimal.replace('.', ",");
    match number.thousands.filter(|_| is_text) {
        Some((whole, sign)) => format!("{shown}: write {whole}, or {decimal} if the {sign}"),
        None => format!("{shown}: write {decimal}"),
    }
}

/// A number with a decimal point.
pub(super) fn number(text: &str) -> String {
    let shown = quoted(text);
    match Plain::read(text) {
        Some(Plain {
            decimal,
            thousands: Some((whole, sign)),
        }) => format!("{shown}: write {whole}, or {decimal} if the {sign}"),
        Some(Plain { decimal, .. }) => format!("{shown}: write {decimal}"),
        None => format!("{shown}: a number is digits, such as 10.50"),
    }
}

/// A whole number. `is_text` says that it is text, not a JSON number.
pub(super) fn integer(text: &str, is_text: bool) -> String {
    let shown = quoted(text);
    let Some(number) = Plain::read(text) else {
        return format!("{shown}: a whole number is digits, such as 3");
    };
    let thousands = number.thousands.filter(|_| is_text);
    let Some((before, decimals)) = number.decimal.split_once('.') else {
        return format!("{shown}: write {}", number.decimal);
    };
    let is_whole = decimals.bytes().all(|digit| digit == b'0');
    match (thousands, is_whole) {
        (Some((whole, sign)), true) => format!("{shown}: write {whole}, or {before} if the {sign}"),
        (Some((whole, sign)), false) => {
            format!("{shown}: write {whole}; if the {sign}, it is no whole number")
        }
        (None, true) => format!("{shown}: write {before}"),
        (None, false) => format!("{shown}: a whole number has no decimals"),
    }
}

/// How many decimals a number has.
pub(super) fn decimals(text: &str) -> Option<String> {
    let (_, decimals) = text.trim().split_once('.')?;
    let decimals = decimals.trim_end_matches('0');
    let is_plain = decimals.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| format!("{}: it has {} decimals", quoted(text), decimals.len()))
}

/// How many digits a number has, if they are too many.
pub(super) fn digits(text: &str, digits_max: usize) -> Option<String> {
    let text = text.trim().trim_start_matches(['-', '+']);
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    let whole = end.map_or(text, |end| &text[..end]);
    if text[whole.len()..].contains(['e', 'E']) {
        return Some(format!("{}: write it without an exponent", quoted(text)));
    }
    let count = whole.len();
    (count > digits_max).then(|| format!("it has {count} digits before the decimal point"))
}

/// A number that was written with a currency, spaces, thousands separators or a decimal comma.
struct Plain {
    /// Its digits, with a decimal point.
    decimal: String,
    /// For a number such as `1,000` or `12.345`: its digits if the separator is one of thousands, and the words for
    /// the other reading. It is not known which of the two the sender meant.
    thousands: Option<(String, &'static str)>,
}

impl Plain {
    /// `None` if the text is no number.
    fn read(text: &str) -> Option<Self> {
        let text = without_decoration(text)?;
        let decimal = plain(&text)?;
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.as_str()),
        };
        let parts = digits
            .split_once(',')
            .map(|parts| (parts, "comma is a decimal comma"))
            .or_else(|| Some((digits.split_once('.')?, "point is a decimal point")));
        let thousands = parts.and_then(|((whole, rest), words)| {
            let is_group = is_digits(rest) && rest.len() == 3;
            let is_first = matches!(whole.len(), 1..=3) && !whole.starts_with('0');
            (is_group && is_first).then(|| (format!("{sign}{whole}{rest}"), words))
        });
        Some(Self { decimal, thousands })
    }
}

/// The number in a text, without units and spaces.
fn without_decoration(text: &str) -> Option<String> {
    // A long text is no number, and would be searched for nothing.
    if text.len() > 60 {
        return None;
    }
    let text = without_units(text)?;
    // `10,-` is Scandinavian for "and no decimals".
    let text = text
        .strip_suffix(",-")
        .or(text.strip_suffix(".-"))
        .unwrap_or(text);
    let is_shown = |letter: &char| !letter.is_whitespace() && !matches!(letter, '\'' | '’');
    Some(text.chars().filter(is_shown).collect())
}

/// The digits and the decimal point of a number, without thousands separators. One separator is taken as the decimal one.
fn plain(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let is_separator = |letter: char| matches!(letter, ',' | '.');
    let whole_of = |whole: &str| -> Option<String> {
        let mut groups = whole.split(is_separator);
        let first = groups.next()?;
        let is_grouped = groups.clone().all(|group| group.len() == 3);
        let is_digits = whole.split(is_separator).all(is_digits);
        let has_one_sort = !(whole.contains(',') && whole.contains('.'));
        (is_digits && is_grouped && has_one_sort && !first.is_empty())
            .then(|| whole.replace(is_separator, ""))
    };
    let plain = match digits.rsplit_once(is_separator) {
        None => is_digits(digits).then(|| digits.to_owned())?,
        Some((whole, decimals)) => {
            let separator = digits.as_bytes()[whole.len()];
            let is_repeated = whole.as_bytes().contains(&separator);
            if is_repeated {
                whole_of(digits)?
            } else if is_digits(decimals) {
                format!("{}.{decimals}", whole_of(whole)?)
            } else {
                return None;
            }
        }
    };
    Some(format!("{sign}{plain}"))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text between a currency or a unit before it, and one behind it. `None` if other words are there.
fn without_units(text: &str) -> Option<&str> {
    const SYMBOLS: &str = "€$£¥%";
    const UNITS: [&str; 9] = ["kr", "st", "stk", "pc", "pcs", "x", "kg", "g", "zł"];
    let is_around =
        |letter: char| letter.is_whitespace() || letter.is_alphabetic() || SYMBOLS.contains(letter);
    let is_known = |around: &str| {
        let word = around.trim_matches(|letter: char| !letter.is_alphabetic());
        let capitals = word.to_uppercase();
        word.is_empty()
            || CURRENCIES.has(capitals.as_bytes())
            || UNITS.contains(&word.to_lowercase().as_str())
    };
    let number = text.trim_start_matches(is_around);
    let before = &text[..text.len() - number.len()];
    let number = number.trim_end_matches(is_around);
    let behind = &text[before.len() + number.len()..];
    (is_known(before) && is_known(behind)).then_some(number)
}
