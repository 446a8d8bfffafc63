//! The number, list or form of a code: `255` of "must not be longer than 255 characters".

use std::borrow::Cow;

use crate::order::problem::Code;

/// The bound of a code, if it has one.
pub(super) fn of(code: &Code) -> Option<Cow<'static, str>> {
    let number = |number: u64| Some(Cow::Owned(number.to_string()));
    let wide = |number: usize| number.try_into().ok().and_then(number_text);
    match *code {
        Code::TooLong { chars_max } => wide(chars_max),
        Code::BelowMinimum { min } => number(min),
        Code::AboveMaximum { max } => number(max),
        Code::TooManyDecimals { decimals_max } => number(decimals_max.into()),
        Code::NotDate { form } | Code::NotOfForm { form } => Some(form.into()),
        Code::NotOneOf { choices } => Some(choices.into()),
        Code::Exceeds { other } => Some(other.into()),
        Code::TooDeep { depth_max } => wide(depth_max),
        Code::TooManyDigits { digits_max } => number(digits_max.into()),
        Code::OrderTooLarge { bytes_max } => wide(bytes_max),
        Code::NotSoldThere { what } => Some(what.into()),
        Code::StockMissing { left } => number(left),
        Code::TooManyWarehouses { warehouses_max } => wide(warehouses_max),
        Code::NotJson { column, .. } => wide(column),
        Code::Required
        | Code::NotText
        | Code::NotNumber
        | Code::NotInteger
        | Code::NotBoolean
        | Code::NotObject
        | Code::NotArray
        | Code::NotPositive
        | Code::NotPrice
        | Code::NotEmail
        | Code::NotCountry
        | Code::NotLanguage
        | Code::NotLocale
        | Code::NotCurrency
        | Code::NotName
        | Code::RepeatedName
        | Code::LoneSurrogate
        | Code::NulCharacter
        | Code::UnknownOrganisation
        | Code::OtherOrganisation
        | Code::AlreadyProcessed
        | Code::AlreadyCancelled
        | Code::NumberExists
        | Code::UnknownOrder
        | Code::NotPlaced
        | Code::Held
        | Code::NotHeld
        | Code::UnknownProduct
        | Code::InactiveProduct
        | Code::UnknownCustomer
        | Code::NeedsEmail
        | Code::OtherCustomer => None,
    }
}

fn number_text(number: u64) -> Option<Cow<'static, str>> {
    Some(Cow::Owned(number.to_string()))
}

/// The bound in a stored message. `None` if the code has none, or the message was written by a version that worded it
/// otherwise.
pub(super) fn in_message<'m>(id: &str, message: &'m str) -> Option<&'m str> {
    let example = Code::EXAMPLES.iter().find(|code| code.id() == id)?;
    let bound = of(example)?;
    let sentence = example.to_string();
    if let Code::NotJson { .. } = example {
        let (_, behind) = message.rsplit_once(" column ")?;
        return Some(behind.split_once(':')?.0);
    }
    let (before, behind) = sentence.split_once(&*bound)?;
    // The path before the predicate came from outside, so the last occurrence counts.
    let (_, rest) = message.rsplit_once(before)?;
    rest.strip_suffix(behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::problem::{Path, Problem};

    #[test]
    fn the_bound_is_found_in_the_message() {
        for code in Code::EXAMPLES {
            for path in [Path::default(), Path::of("must not be more than 7: ")] {
                let message = Problem { path, code }.to_string();
                let found = in_message(code.id(), &message);
                assert_eq!(found, of(&code).as_deref(), "{message}");
            }
        }
        assert_eq!(in_message("too_long", "is much too long"), None);
        assert_eq!(
            in_message("unheard_of", "must be a date of the form x"),
            None
        );
    }
}
