//! Problems: what can be wrong with one order, as data. A problem is a path and a code.

use std::fmt::{self, Arguments};
use std::sync::Arc;

use crate::json::{Fault, FaultAt};
pub use crate::json::{Path, Step};

/// All problems of one order. Orders with the same problems share one list.
pub type Problems = Arc<[Problem]>;

/// One problem of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The attribute.
    pub path: Path,
    /// What is wrong with the attribute.
    pub code: Code,
}

impl Problem {
    /// Creates a problem with the order as a whole.
    #[must_use]
    pub fn with_order(code: Code) -> Self {
        Self {
            path: Path::default(),
            code,
        }
    }

    /// The size of the problem in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.path.0.capacity() * size_of::<Step>() + self.path.name_bytes()
    }

    /// The approximate size of the problem in a response, in bytes: its path twice, its code, a message and a hint.
    #[must_use]
    pub fn response_bytes(&self) -> usize {
        const SENTENCE_BYTES: usize = 160;
        const HINT_BYTES: usize = 320;
        SENTENCE_BYTES + HINT_BYTES + 2 * self.path.name_bytes()
    }
}

/// A message such as `country is required`, or `the order is too large: …` for the order itself.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            write!(out, "the order {}", self.code)
        } else {
            write!(out, "{} {}", self.path, self.code)
        }
    }
}

/// The table of problem codes. [`Code::id`] is stable. Messages may be reworded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A required attribute is absent, null, blank or empty.
    Required,
    /// The value must be text.
    NotText,
    /// The value must be a number.
    NotNumber,
    /// The value must be a whole number.
    NotInteger,
    /// The value must be a boolean.
    NotBoolean,
    /// The value must be an object.
    NotObject,
    /// The value must be an array.
    NotArray,
    /// The text has too many characters.
    TooLong {
        /// The maximum number of characters.
        chars_max: usize,
    },
    /// The number is below the minimum.
    BelowMinimum {
        /// The minimum.
        min: u64,
    },
    /// The number must be more than zero.
    NotPositive,
    /// The number is above the maximum.
    AboveMaximum {
        /// The maximum.
        max: u64,
    },
    /// The number has too many decimals.
    TooManyDecimals {
        /// The maximum number of decimals.
        decimals_max: u32,
    },
    /// The price is not digits with at most one comma before the decimals.
    NotPrice,
    /// The date has the wrong form, or does not exist in the calendar.
    NotDate {
        /// The expected form, such as `dd-mm-yyyy`.
        form: &'static str,
    },
    /// Not an e-mail address.
    NotEmail,
    /// Not an ISO 3166-1 alpha-2 country code.
    NotCountry,
    /// Not an ISO 639-1 language code.
    NotLanguage,
    /// Not a language and a country code.
    NotLocale,
    /// Not an ISO 4217 currency code.
    NotCurrency,
    /// A member's name has characters that are not allowed there.
    NotName,
    /// The value is not one of the allowed values.
    NotOneOf {
        /// The allowed values, for people.
        choices: &'static str,
    },
    /// The value does not have the expected form.
    NotOfForm {
        /// The expected form, phrased to follow "must be".
        form: &'static str,
    },
    /// The number is greater than that of a related attribute.
    Exceeds {
        /// The related attribute's name.
        other: &'static str,
    },
    /// An object has two members with this name.
    RepeatedName,
    /// The value is nested too deep.
    TooDeep {
        /// The maximum depth. The order itself is level 1.
        depth_max: usize,
    },
    /// The text has an unpaired surrogate, which is not valid Unicode.
    LoneSurrogate,
    /// The text has the character `\u0000`.
    NulCharacter,
    /// The number has too many digits before its decimal point.
    TooManyDigits {
        /// The maximum number of digits.
        digits_max: u32,
    },
    /// The order's text is larger than the limit.
    OrderTooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// A line of an NDJSON body is not JSON.
    NotJson {
        /// The line number, from 1.
        line: usize,
        /// The byte position in the line, from 1.
        column: usize,
        /// The reason.
        reason: &'static str,
    },
    /// The organisation does not exist, or the caller cannot reach it. Both give the same message.
    UnknownOrganisation,
    /// The order names an organisation other than the request's.
    OtherOrganisation,
    /// The order is processed, which is final.
    AlreadyProcessed,
    /// The order is cancelled, which is final.
    AlreadyCancelled,
    /// An order with this number exists, and this dialect only creates orders.
    NumberExists,
    /// No order has this number or key.
    UnknownOrder,
    /// The order is a draft. It must be placed before it can be processed.
    NotPlaced,
    /// The order is held for a person. It must be released before it can be processed or fulfilled.
    Held,
    /// The order is not held, so that it cannot be released or refused.
    NotHeld,
    /// The catalogue has no such product.
    UnknownProduct,
    /// The product is in the catalogue, but not active.
    InactiveProduct,
    /// The product is not sold in the order's market or price list.
    NotSoldThere {
        /// Either `market` or `price list`.
        what: &'static str,
    },
    /// There is not enough stock for the line.
    StockMissing {
        /// Pieces on hand, after the preceding lines have taken theirs.
        left: u64,
    },
    /// The order's products are in too many warehouses.
    TooManyWarehouses {
        /// The maximum number of warehouses that an order is split across.
        warehouses_max: usize,
    },
    /// No customer has this number.
    UnknownCustomer,
    /// A customer cannot be registered without an e-mail address.
    NeedsEmail,
    /// The e-mail address belongs to a customer other than the one that the order names.
    OtherCustomer,
}

impl Code {
    /// One example of each code, with typical bounds. A test compares them with the documented table of problems.
    pub const EXAMPLES: [Self; 47] = [
        Self::Required,
        Self::NotText,
        Self::NotNumber,
        Self::NotInteger,
        Self::NotBoolean,
        Self::NotObject,
        Self::NotArray,
        Self::TooLong { chars_max: 255 },
        Self::BelowMinimum { min: 0 },
        Self::NotPositive,
        Self::AboveMaximum { max: 1000 },
        Self::TooManyDecimals { decimals_max: 2 },
        Self::NotPrice,
        Self::NotDate { form: "dd-mm-yyyy" },
        Self::NotEmail,
        Self::NotCountry,
        Self::NotLanguage,
        Self::NotLocale,
        Self::NotCurrency,
        Self::NotName,
        Self::NotOneOf { choices: "0, 1, 2" },
        Self::NotOfForm {
            form: "a number and a unit, such as 90d, 12h or 30m",
        },
        Self::Exceeds { other: "units" },
        Self::RepeatedName,
        Self::TooDeep { depth_max: 64 },
        Self::LoneSurrogate,
        Self::NulCharacter,
        Self::TooManyDigits { digits_max: 38 },
        Self::OrderTooLarge {
            bytes_max: 1_048_576,
        },
        Self::NotJson {
            line: 7,
            column: 12,
            reason: "expected a value",
        },
        Self::UnknownOrganisation,
        Self::OtherOrganisation,
        Self::AlreadyProcessed,
        Self::AlreadyCancelled,
        Self::NumberExists,
        Self::UnknownOrder,
        Self::NotPlaced,
        Self::Held,
        Self::NotHeld,
        Self::UnknownProduct,
        Self::InactiveProduct,
        Self::NotSoldThere { what: "market" },
        Self::StockMissing { left: 3 },
        Self::TooManyWarehouses { warehouses_max: 32 },
        Self::UnknownCustomer,
        Self::NeedsEmail,
        Self::OtherCustomer,
    ];

    /// The table of codes: one row each.
    ///
    /// `take` gets the id, the class, and the predicate of a sentence that begins with the attribute's path.
    #[rustfmt::skip] // A row is a line.
    fn row<T>(&self, take: impl FnOnce(&'static str, CodeClass, Arguments<'_>) -> T) -> T {
        use CodeClass::{Catalogue, Final, Invalid, Missing, TooLarge};
        let row = |id, class, words: Arguments<'_>| take(id, class, words);
        match self {
            Self::Required => row("required", Missing, format_args!("is required")),
            Self::NotText => row("not_text", Invalid, format_args!("must be text")),
            Self::NotNumber => row("not_number", Invalid, format_args!("must be a number")),
            Self::NotInteger => row("not_integer", Invalid, format_args!("must be a whole number")),
            Self::NotBoolean => row("not_boolean", Invalid, format_args!("must be true or false")),
            Self::NotObject => row("not_object", Invalid, format_args!("must be an object")),
            Self::NotArray => row("not_array", Invalid, format_args!("must be an array")),
            Self::TooLong { chars_max } => row("too_long", Invalid,
                format_args!("must not be longer than {chars_max} characters")),
            Self::BelowMinimum { min } => row("below_minimum", Invalid, format_args!("must not be less than {min}")),
            Self::NotPositive => row("not_positive", Invalid, format_args!("must be more than 0")),
            Self::AboveMaximum { max } => row("above_maximum", Invalid, format_args!("must not be more than {max}")),
            Self::TooManyDecimals { decimals_max } => row("too_many_decimals", Invalid,
                format_args!("must not have more than {decimals_max} decimals")),
            Self::NotPrice => row("not_price", Invalid,
                format_args!("must be digits with at most one comma before the decimals")),
            Self::NotDate { form } => row("not_date", Invalid, format_args!("must be a date of the form {form}")),
            Self::NotEmail => row("not_email", Invalid, format_args!("is not an e-mail address")),
            Self::NotCountry => row("not_country", Invalid, format_args!("is not an ISO 3166-1 alpha-2 code")),
            Self::NotLanguage => row("not_language", Invalid, format_args!("is not an ISO 639-1 code")),
            Self::NotLocale => row("not_locale", Invalid,
                format_args!("is not an ISO 639-1 language, a hyphen and an ISO 3166-1 alpha-2 country")),
            Self::NotCurrency => row("not_currency", Invalid, format_args!("is not an ISO 4217 code")),
            Self::NotName => row("not_name", Invalid, format_args!("must be named with a-z, 0-9 and _ only")),
            Self::NotOneOf { choices } => row("not_one_of", Invalid, format_args!("must be one of {choices}")),
            Self::NotOfForm { form } => row("not_of_form", Invalid, format_args!("must be {form}")),
            Self::Exceeds { other } => row("exceeds", Invalid, format_args!("must not be more than {other}")),
            Self::RepeatedName => row("repeated_name", Invalid, format_args!("appears twice in the same object")),
            Self::TooDeep { depth_max } => row("too_deep", Invalid,
                format_args!("is nested deeper than {depth_max} levels")),
            Self::LoneSurrogate => row("lone_surrogate", Invalid, format_args!("contains half a surrogate pair")),
            Self::NulCharacter => row("nul_character", Invalid, format_args!("contains the character \\u0000")),
            Self::TooManyDigits { digits_max } => row("too_many_digits", Invalid,
                format_args!("needs more than {digits_max} digits")),
            Self::OrderTooLarge { bytes_max } => row("order_too_large", TooLarge,
                format_args!("is too large: more than {bytes_max} bytes")),
            Self::NotJson { line, column, reason } => row("not_json", Invalid,
                format_args!("cannot be read: line {line} column {column}: {reason}")),
            Self::UnknownOrganisation => row("unknown_organisation", Invalid,
                format_args!("is not an organisation of this key")),
            Self::OtherOrganisation => row("other_organisation", Invalid,
                format_args!("is not the organisation of the request")),
            Self::AlreadyProcessed => row("already_processed", Final, format_args!("has already been processed")),
            Self::AlreadyCancelled => row("already_cancelled", Final, format_args!("has been cancelled")),
            Self::NumberExists => row("number_exists", Invalid, format_args!("already exists")),
            Self::UnknownOrder => row("unknown_order", Invalid, format_args!("is not known")),
            Self::NotPlaced => row("not_placed", Invalid, format_args!("has not been placed yet")),
            Self::Held => row("held", Invalid, format_args!("is held for a person; release or refuse it first")),
            Self::NotHeld => row("not_held", Invalid, format_args!("is not held")),
            Self::UnknownProduct => row("unknown_product", Catalogue, format_args!("is not in the catalogue")),
            Self::InactiveProduct => row("inactive_product", Catalogue, format_args!("is not active")),
            Self::NotSoldThere { what } => row("not_sold_there", Catalogue,
                format_args!("is not sold in the order's {what}")),
            Self::StockMissing { left } => row("stock_missing", Catalogue,
                format_args!("is short of stock: {left} on hand")),
            Self::TooManyWarehouses { warehouses_max } => row("too_many_warehouses", Catalogue,
                format_args!("are in more than {warehouses_max} warehouses")),
            Self::UnknownCustomer => row("unknown_customer", Catalogue, format_args!("is not a customer")),
            Self::NeedsEmail => row("needs_email", Catalogue, format_args!("needs an e-mail address")),
            Self::OtherCustomer => row("other_customer", Catalogue,
                format_args!("does not match the customer: the e-mail address belongs to another one")),
        }
    }

    /// The stable identifier of the code.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.row(|id, _, _| id)
    }

    /// What vendors' responses distinguish.
    #[must_use]
    pub fn class(&self) -> CodeClass {
        self.row(|_, class, _| class)
    }
}

/// The classes of codes that vendors answer in different words. A new code needs only a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeClass {
    /// A required attribute is missing.
    Missing,
    /// An attribute, or the whole order, is invalid.
    Invalid,
    /// The order's text is larger than the limit.
    TooLarge,
    /// The order is in a state that is final.
    Final,
    /// The catalogue cannot satisfy the order, or knows no such customer.
    Catalogue,
}

impl From<Fault> for Code {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::RepeatedName => Self::RepeatedName,
            Fault::TooDeep { depth_max } => Self::TooDeep { depth_max },
            Fault::LoneSurrogate => Self::LoneSurrogate,
            Fault::NulCharacter => Self::NulCharacter,
            Fault::TooManyDigits { digits_max } => Self::TooManyDigits { digits_max },
            Fault::TooLarge { bytes_max } => Self::OrderTooLarge { bytes_max },
            Fault::NotJson {
                line,
                column,
                reason,
            } => Self::NotJson {
                line,
                column,
                reason,
            },
        }
    }
}

impl From<&FaultAt> for Problem {
    fn from(at: &FaultAt) -> Self {
        Self {
            path: at.path.clone(),
            code: at.fault.into(),
        }
    }
}

/// The predicate of a sentence that begins with the attribute's path.
impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row(|_, _, words| out.write_fmt(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_sentence() {
        let problem = Problem {
            path: Path::of("country"),
            code: Code::NotCountry,
        };
        assert_eq!(
            problem.to_string(),
            "country is not an ISO 3166-1 alpha-2 code"
        );
        let whole = Problem::with_order(Code::NotObject);
        assert_eq!(whole.to_string(), "the order must be an object");
    }
}
