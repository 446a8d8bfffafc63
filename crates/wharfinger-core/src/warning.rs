//! What is odd about an order that can be read all the same: told, and never a reason to turn it down.

use std::fmt;

use crate::problem::{Code, Path, Problem, Step};

/// One odd thing about one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The attribute; the order itself where the path is empty.
    pub path: Path,
    /// What is odd about it.
    pub code: WarningCode,
}

impl Warning {
    /// A warning of the order as a whole.
    #[must_use]
    pub fn of_order(code: WarningCode) -> Self {
        Self {
            path: Path::default(),
            code,
        }
    }

    /// Whether another warning is of the same code and of the same attribute, whatever the place in an array.
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

/// ``unknown attribute `custmer`, did you mean `customer`?``, or the path and what is odd there.
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

/// The table of warning codes. [`WarningCode::id`] is stable; the sentence may be reworded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningCode {
    /// An attribute that the dialect does not have.
    UnknownAttribute {
        /// The attribute that may have been meant.
        meant: Option<&'static str>,
    },
    /// The request declared a form, and its body is JSON.
    FormMediaType,
    /// More characters than the vendor allows.
    TooLong {
        /// The most that the vendor allows.
        chars_max: usize,
    },
    /// A number greater than that of a neighbouring attribute.
    Exceeds {
        /// The neighbour's name.
        other: &'static str,
    },
    /// A code in lower case, where the standard has capitals.
    LowerCase,
    /// Several e-mail addresses where one is expected.
    SeveralAddresses,
    /// Null where the vendor demands a value.
    NullValue,
    /// A point before the decimals of a text where the vendor writes a comma, or marks between thousands.
    PriceForm,
    /// More decimals than are calculated with.
    Rounded {
        /// The most decimals that are calculated with.
        decimals: u32,
    },
    /// An object where the vendor has an array, as PHP writes an array with keys.
    KeyedArray,
    /// A date in another form than the vendor's, or the zero date.
    DateForm,
    /// The request is an array of orders, where the vendor has an object with a name for each order.
    BareList,
}

impl WarningCode {
    /// One of each, with typical bounds: what the page of problems is held against.
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

    /// The stable name.
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

/// The sentence, to be read behind the path.
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
                out.write_str("was sent in an array, and its place there taken for its name")
            }
        }
    }
}

/// The name that stands where a mandatory attribute is missing, and is probably a misspelling of it.
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

/// What is wrong, and the name that was found where an attribute is missing: `customer is required (found custmer)`.
#[must_use]
pub fn with_hint(sentence: String, problem: &Problem, warnings: &[Warning]) -> String {
    match found(problem, warnings) {
        Some(name) => format!("{sentence} (found {name})"),
        None => sentence,
    }
}
