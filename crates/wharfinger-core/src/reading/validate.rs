//! Validation rules for single values. A rule takes a value that is present and not blank. It returns the meaning, or
//! what is wrong.
//!
//! A scalar of a related type is accepted if no information is lost, because PHP and C# clients send them. A number is
//! accepted as text, by its spelling. Numeric text is accepted as a number. `0`, `1`, `"True"` and the like are
//! accepted as booleans. None of this applies to dates.

use std::borrow::Cow;

use bigdecimal::Zero;
use email_address::EmailAddress;
use jiff::civil::{Date, DateTime};

use crate::json::{DIGITS_MAX, Decimal, Kind, Value};
use crate::order::problem::Code;
use crate::reading::codes::{COUNTRIES, CURRENCIES, LANGUAGES};

/// The result of a rule.
pub type Checked<T> = Result<T, Code>;

/// Text of any length.
///
/// # Errors
/// [`Code::NotText`].
pub fn text<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    match value.kind() {
        Kind::Text => value.text().ok_or(Code::NotText),
        Kind::Number => Ok(Cow::Borrowed(value.raw())),
        Kind::Null | Kind::True | Kind::False | Kind::Array | Kind::Object => Err(Code::NotText),
    }
}

/// Text of any length, if only the type matters. Cheaper than [`text`].
///
/// # Errors
/// [`Code::NotText`].
pub fn any_text(value: Value<'_, '_>) -> Checked<()> {
    match value.kind() {
        Kind::Text | Kind::Number => Ok(()),
        Kind::Null | Kind::True | Kind::False | Kind::Array | Kind::Object => Err(Code::NotText),
    }
}

/// Text of at most `chars_max` characters.
pub fn short_text<'a>(chars_max: usize) -> impl Fn(Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    move |value| {
        let text = text(value)?;
        if text.len() > chars_max && text.chars().count() > chars_max {
            return Err(Code::TooLong { chars_max });
        }
        Ok(text)
    }
}

/// Short text that fits on one line of a terminal or table.
///
/// # Errors
/// Those of [`short_text`], and [`Code::NotOfForm`] if the text has a control character.
pub fn line_text<'a>(chars_max: usize) -> impl Fn(Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    move |value| {
        let text = short_text(chars_max)(value)?;
        if text.chars().any(char::is_control) {
            return Err(Code::NotOfForm {
                form: "text without control characters",
            });
        }
        Ok(text)
    }
}

/// An e-mail address.
///
/// # Errors
/// [`Code::NotEmail`].
pub fn email<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    let address = value.text().ok_or(Code::NotEmail)?;
    if is_email(&address) {
        Ok(address)
    } else {
        Err(Code::NotEmail)
    }
}

/// Whether an address has the most common form: ASCII letters and digits, with one `@` and single `.`, `-`, `_` or `+`
/// between them.
///
/// Every such address is valid for the `email_address` crate too, but the crate's check is slower.
fn is_plain_email(address: &str) -> bool {
    let mut at_sign = None;
    let mut after_sign = true;
    for (place, byte) in address.bytes().enumerate() {
        let is_sign = !byte.is_ascii_alphanumeric();
        match byte {
            _ if !is_sign => {}
            b'.' | b'-' | b'_' | b'+' if !after_sign => {}
            b'@' if !after_sign && at_sign.is_none() => at_sign = Some(place),
            _ => return false,
        }
        after_sign = is_sign;
    }
    // RFC 5321 allows a local part of 64 bytes, RFC 1035 a label of 63.
    let fits = |at_sign| at_sign <= 64 && address.len() - at_sign <= 64;
    !after_sign && at_sign.is_some_and(fits)
}

/// Whether this is a bare e-mail address, without a display name.
#[must_use]
pub fn is_email(address: &str) -> bool {
    is_plain_email(address) || is_any_email(address)
}

/// Checks the two parts separately. The crate's check of a whole address accepts `Ann <ann@example.com>`, and
/// allocates.
fn is_any_email(address: &str) -> bool {
    let parts = address.rsplit_once('@');
    parts.is_some_and(|(local_part, domain)| {
        EmailAddress::is_valid_local_part(local_part) && EmailAddress::is_valid_domain(domain)
    })
}

/// An ISO 3166-1 alpha-2 country code, upper case.
///
/// # Errors
/// [`Code::NotCountry`].
pub fn country<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    let code = value.text().ok_or(Code::NotCountry)?;
    if is_country(&code) {
        Ok(code)
    } else {
        Err(Code::NotCountry)
    }
}

/// Whether this is an ISO 3166-1 alpha-2 country code, upper case.
#[must_use]
pub fn is_country(code: &str) -> bool {
    COUNTRIES.has(code.as_bytes())
}

/// An ISO 639-1 language code, lower case.
///
/// # Errors
/// [`Code::NotLanguage`].
pub fn language<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    let code = value.text().ok_or(Code::NotLanguage)?;
    if LANGUAGES.has(code.as_bytes()) {
        Ok(code)
    } else {
        Err(Code::NotLanguage)
    }
}

/// A language and a country code joined by a hyphen, such as `en-GB`.
///
/// # Errors
/// [`Code::NotLocale`].
pub fn locale<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    let locale = value.text().ok_or(Code::NotLocale)?;
    match locale.as_bytes().split_at_checked(2) {
        Some((language, [b'-', country @ ..]))
            if LANGUAGES.has(language) && COUNTRIES.has(country) =>
        {
            Ok(locale)
        }
        _ => Err(Code::NotLocale),
    }
}

/// An ISO 4217 alphabetic currency code, upper case.
///
/// # Errors
/// [`Code::NotCurrency`].
pub fn currency<'a>(value: Value<'_, 'a>) -> Checked<Cow<'a, str>> {
    let code = value.text().ok_or(Code::NotCurrency)?;
    if is_currency(&code) {
        Ok(code)
    } else {
        Err(Code::NotCurrency)
    }
}

/// Whether this is an ISO 4217 alphabetic currency code, upper case.
#[must_use]
pub fn is_currency(code: &str) -> bool {
    CURRENCIES.has(code.as_bytes())
}

/// An upper-case code, also accepted in lower case. Returns the upper-case code, and whether it was converted.
///
/// # Errors
/// The `unknown` code, if `is_known` does not accept the value.
pub fn in_capitals<'a>(
    value: Value<'_, 'a>,
    is_known: fn(&str) -> bool,
    unknown: Code,
) -> Checked<(Cow<'a, str>, bool)> {
    let sent = value.text().ok_or(unknown)?;
    if is_known(&sent) {
        return Ok((sent, false));
    }
    let capitals = sent.to_ascii_uppercase();
    if is_known(&capitals) {
        Ok((Cow::Owned(capitals), true))
    } else {
        Err(unknown)
    }
}

/// A number, or numeric text.
///
/// # Errors
/// [`Code::NotNumber`], [`Code::TooManyDigits`].
pub fn decimal<'a>(value: Value<'_, 'a>) -> Checked<Decimal<'a>> {
    let too_many_digits = Code::TooManyDigits {
        digits_max: DIGITS_MAX,
    };
    match value.kind() {
        Kind::Number => value.number().ok_or(too_many_digits),
        Kind::Text => {
            let spelling = value.text().ok_or(Code::NotNumber)?;
            let is_long = spelling.len() > DIGITS_MAX as usize;
            let is_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            let looks_long = is_long && spelling.bytes().all(is_number);
            Decimal::parse(spelling).ok_or(if looks_long {
                too_many_digits
            } else {
                Code::NotNumber
            })
        }
        Kind::Null | Kind::True | Kind::False | Kind::Array | Kind::Object => Err(Code::NotNumber),
    }
}

/// A number that is not negative.
///
/// # Errors
/// Those of [`decimal`], [`Code::BelowMinimum`].
pub fn amount<'a>(value: Value<'_, 'a>) -> Checked<Decimal<'a>> {
    let amount = decimal(value)?;
    if amount.is_negative() {
        return Err(Code::BelowMinimum { min: 0 });
    }
    Ok(amount)
}

/// A number above zero.
///
/// # Errors
/// Those of [`decimal`], [`Code::NotPositive`].
pub fn positive<'a>(value: Value<'_, 'a>) -> Checked<Decimal<'a>> {
    let number = decimal(value)?;
    // Most numbers are small integers, which need no big-number comparison.
    let is_zero = match number.integer() {
        Some(whole) => whole == 0,
        None => number.value().is_zero(),
    };
    if is_zero || number.is_negative() {
        return Err(Code::NotPositive);
    }
    Ok(number)
}

/// A number that is not negative, with at most `decimals_max` decimals.
pub fn price<'a>(decimals_max: u32) -> impl Fn(Value<'_, 'a>) -> Checked<Decimal<'a>> {
    move |value| {
        let price = amount(value)?;
        if price.decimals() > decimals_max {
            return Err(Code::TooManyDecimals { decimals_max });
        }
        Ok(price)
    }
}

/// A whole number from `min` to `max`.
pub fn integer<'a>(min: u64, max: u64) -> impl Fn(Value<'_, 'a>) -> Checked<u64> {
    move |value| {
        // Fast path: most integers are written only with digits.
        if value.kind() == Kind::Number
            && let Ok(whole) = value.raw().parse()
            && (min..=max).contains(&whole)
        {
            return Ok(whole);
        }
        let decimal = decimal(value).map_err(|code| {
            if code == Code::NotNumber {
                Code::NotInteger
            } else {
                code
            }
        })?;
        if decimal.decimals() > 0 {
            return Err(Code::NotInteger);
        }
        if decimal.is_negative() {
            return Err(Code::BelowMinimum { min });
        }
        match decimal
            .integer()
            .and_then(|whole| u64::try_from(whole).ok())
        {
            Some(whole) if whole < min => Err(Code::BelowMinimum { min }),
            Some(whole) if whole <= max => Ok(whole),
            _ => Err(Code::AboveMaximum { max }),
        }
    }
}

/// A boolean, or a scalar that reads as a boolean.
///
/// # Errors
/// [`Code::NotBoolean`].
pub fn boolean(value: Value<'_, '_>) -> Checked<bool> {
    match value.kind() {
        Kind::True => Ok(true),
        Kind::False => Ok(false),
        Kind::Number => boolean_from(value.raw()).ok_or(Code::NotBoolean),
        Kind::Text => {
            let text = value.text().ok_or(Code::NotBoolean)?;
            boolean_from(&text).ok_or(Code::NotBoolean)
        }
        Kind::Null | Kind::Array | Kind::Object => Err(Code::NotBoolean),
    }
}

/// Parses `true`, `False`, `0`, `1` and the like.
#[must_use]
pub fn boolean_from(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A date as `dd-mm-yyyy`.
///
/// # Errors
/// [`Code::NotDate`].
pub fn day_month_year(value: Value<'_, '_>) -> Checked<Date> {
    let wrong = Code::NotDate { form: "dd-mm-yyyy" };
    let text = value.text().ok_or(wrong)?;
    let [day, month, year] = fields(&text, b'-', [2, 2, 4]).ok_or(wrong)?;
    date(year, month, day).ok_or(wrong)
}

/// A date, or a date and a time, as `yyyy-mm-dd` or `yyyy-mm-dd HH:MM:SS`.
///
/// # Errors
/// [`Code::NotDate`].
pub fn date_or_time(value: Value<'_, '_>) -> Checked<DateTime> {
    let wrong = Code::NotDate {
        form: "YYYY-mm-dd or YYYY-mm-dd HH:MM:SS",
    };
    let text = value.text().ok_or(wrong)?;
    date_or_time_from(&text).ok_or(wrong)
}

/// Parses `yyyy-mm-dd` or `yyyy-mm-dd HH:MM:SS`.
#[must_use]
pub fn date_or_time_from(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let [year, month, day] = fields(day, b'-', [4, 2, 2])?;
    let [hour, minute, second] = fields(time, b':', [2, 2, 2])?;
    let day = date(year, month, day)?;
    let part = |part: u16| i8::try_from(part).ok();
    let time = jiff::civil::Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?;
    Some(day.to_datetime(time))
}

fn date(year: u16, month: u16, day: u16) -> Option<Date> {
    let year = i16::try_from(year).ok()?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Parses three numbers with exactly these numbers of digits.
fn fields(text: &str, separator: u8, widths: [usize; 3]) -> Option<[u16; 3]> {
    let mut rest = text.as_bytes();
    let mut numbers = [0; 3];
    for (at, (number, width)) in numbers.iter_mut().zip(widths).enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(&[separator])?;
        }
        let (digits, behind) = rest.split_at_checked(width)?;
        for digit in digits {
            let value = digit.is_ascii_digit().then(|| digit - b'0')?;
            *number = *number * 10 + u16::from(value);
        }
        rest = behind;
    }
    rest.is_empty().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_plain_email_address_is_one(address in "[a-c0-2A@._+-]{1,12}@?[a-c0-2@._+-]{0,70}@?[a-c.-]{0,9}") {
            assert!(!is_plain_email(&address) || is_any_email(&address), "{address}");
        }

        #[test]
        fn a_usual_email_address_is_plain(address in "[a-z0-9]{1,9}([._+-][a-zA-Z0-9]{1,9}){0,4}@[a-z0-9]{1,9}([.-][a-z0-9]{1,9}){0,4}") {
            assert!(is_plain_email(&address) && is_any_email(&address), "{address}");
        }
    }

    #[test]
    fn an_email_address_is_a_bare_one() {
        for good in [
            "ann@example.com",
            "a.b+c@sub.example.co.uk",
            "ann@localhost",
            r#""a b"@example.com"#,
        ] {
            assert!(is_email(good), "{good}");
        }
        let bad = [
            "ann",
            "@example.com",
            "ann@",
            "ann@ex ample.com",
            "a@b@c",
            "Ann <ann@example.com>",
            "ann@example.com>",
        ];
        for bad in bad {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
