//! Warnings: oddities of an order that do not reject it. A warning is a path and a code.

use std::fmt;

use crate::order::problem::{Code, Path, Problem, Step};

/// One warning about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The path to the attribute. Empty means the order itself.
    pub path: Path,
    /// What is odd about the attribute.
    pub code: WarningCode,
}

impl Warning {
    /// Creates a warning about the order as a whole.
    #[must_use]
    pub fn of_order(code: WarningCode) -> Self {
        Self {
            path: Path::default(),
            code,
        }
    }

    /// Whether another warning has the same code and the same path, ignoring array indexes.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let is_same_step = |pair: (&Step, &Step)| match pair {
            (Step::Index(_), Step::Index(_)) => true,
            (one, other) => one == other,
        };
        let (path, others) = (&self.path.0, &other.path.0);
        self.code == other.code
            && path.len() == others.len()
            && path.iter().zip(others).all(is_same_step)
    }
}

/// A message such as ``unknown attribute `custmer`, did you mean `customer`?``, or the path and the warning's text.
impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        if let WarningCode::UnknownAttribute { meant } = self.code {
            write!(out, "unknown attribute `{path}`")?;
            return meant.map_or(Ok(()), |meant| write!(out, ", did you mean `{meant}`?"));
        }
        if path.is_root() {
            write!(out, "the order {}", self.code)
        } else {
            write!(out, "{path} {}", self.code)
        }
    }
}

/// The table of warning codes. [`WarningCode::id`] is stable. Messages may be reworded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningCode {
    /// The dialect has no such attribute.
    UnknownAttribute {
        /// The attribute that was probably meant.
        meant: Option<&'static str>,
    },
    /// The request's media type is that of a form, but its body is JSON.
    FormMediaType,
    /// The text has more characters than the vendor allows.
    TooLong {
        /// The vendor's maximum.
        chars_max: usize,
    },
    /// The number is greater than that of a related attribute.
    Exceeds {
        /// The related attribute's name.
        other: &'static str,
    },
    /// A code in lower case. The standard has upper case.
    LowerCase,
    /// Several e-mail addresses. One is expected.
    SeveralAddresses,
    /// The value is null, but the vendor requires one.
    NullValue,
    /// A price in text form has a decimal point or thousands separators. The vendor writes a decimal comma.
    PriceForm,
    /// The number has more decimals than calculations use.
    Rounded {
        /// The number of decimals that calculations use.
        decimals: u32,
    },
    /// An object in place of the vendor's array, as PHP writes an array with keys.
    KeyedArray,
    /// A date in a format other than the vendor's, or the zero date.
    DateForm,
    /// The request is an array of orders. The vendor has an object with a name for each order.
    BareList,
}

impl WarningCode {
    /// One example of each code, with typical bounds. A test compares them with the documented table of warnings.
    pub const EXAMPLES: [Self; 12] = [
        Self::UnknownAttribute { meant: None },
        Self::FormMediaType,
        Self::TooLong { chars_max: 20 },
        Self::Exceeds { other: "units" },
        Self::LowerCase,
        Self::SeveralAddresses,
        Self::NullValue,
        Self::PriceForm,
        Self::Rounded { decimals: 2 },
        Self::KeyedArray,
        Self::DateForm,
        Self::BareList,
    ];

    /// The stable identifier of the code.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::UnknownAttribute { .. } => "unknown_attribute",
            Self::FormMediaType => "form_media_type",
            Self::TooLong { .. } => "too_long",
            Self::Exceeds { .. } => "exceeds",
            Self::LowerCase => "lower_case",
            Self::SeveralAddresses => "several_addresses",
            Self::NullValue => "null_value",
            Self::PriceForm => "price_form",
            Self::Rounded { .. } => "rounded",
            Self::KeyedArray => "keyed_array",
            Self::DateForm => "date_form",
            Self::BareList => "bare_list",
        }
    }
}

/// The predicate of a sentence that begins with the attribute's path.
impl fmt::Display for WarningCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAttribute { .. } => out.write_str("is an unknown attribute"),
            Self::FormMediaType => {
                out.write_str("was sent as application/x-www-form-urlencoded, and read as JSON")
            }
            Self::TooLong { chars_max } => write!(out, "has more than {chars_max} characters"),
            Self::Exceeds { other } => write!(out, "is more than {other}"),
            Self::LowerCase => out.write_str("is in lower case, and read in upper case"),
            Self::SeveralAddresses => {
                out.write_str("has several e-mail addresses; the first is used as the customer's")
            }
            Self::NullValue => out.write_str("is null"),
            Self::PriceForm => {
                out.write_str("is not written with only a comma before the decimals")
            }
            Self::Rounded { decimals } => write!(
                out,
                "has more than {decimals} decimals; it is stored as sent, and rounded in calculations"
            ),
            Self::KeyedArray => out.write_str("is an object where an array is expected"),
            Self::DateForm => out.write_str("is not a date in the vendor's form"),
            Self::BareList => {
                out.write_str("was sent in an array; its position there is used as its name")
            }
        }
    }
}

/// Finds an unknown attribute that is probably a misspelling of the required attribute that is missing.
#[must_use]
pub fn found<'w>(problem: &Problem, warnings: &'w [Warning]) -> Option<&'w str> {
    let (Code::Required, Some((Step::Name(missing), parent))) =
        (problem.code, problem.path.0.split_last())
    else {
        return None;
    };
    warnings.iter().find_map(|warning| {
        let (Step::Name(name), beside) = warning.path.0.split_last()? else {
            return None;
        };
        let WarningCode::UnknownAttribute { meant } = warning.code else {
            return None;
        };
        (meant == Some(missing) && beside == parent).then_some(name.as_str())
    })
}

/// Adds that attribute to a message about a missing one, as in `customer is required (found custmer)`.
#[must_use]
pub fn with_hint(sentence: String, problem: &Problem, warnings: &[Warning]) -> String {
    match found(problem, warnings) {
        Some(name) => format!("{sentence} (found {name})"),
        None => sentence,
    }
}
