//! What the attributes of an order are, for rules: which names exist, and what kind of value each has.

use strsim::osa_distance;

use crate::canonical::fields;
use crate::reading::fields::{Field, Holds, Rule};

/// Most edits between an unknown name and the known name that was probably meant.
const DISTANCE_MAX: usize = 3;

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The order.
    Order,
    /// The customer.
    Customer,
    /// An address.
    Address,
    /// References of other parties.
    References,
    /// The lines of the order.
    Lines,
    /// A line.
    Line,
    /// A list of texts.
    Texts,
    /// Any other list.
    List,
    /// A text.
    Text,
    /// An amount or a quantity, as a floating-point number.
    Number,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// Nothing, as it is written in a rule.
    Null,
    /// JSON that the sender chose.
    Data,
    /// Not known before the evaluation.
    Unknown,
}

/// Attributes that the context adds to the canonical order.
const OF_CONTEXT: [(&str, Shape); 2] = [("dialect", Shape::Text), ("total", Shape::Number)];
/// Attributes that the context adds to a line.
const OF_LINE: [(&str, Shape); 1] = [("total", Shape::Number)];

impl Shape {
    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Order => "the order",
            Self::Customer | Self::Address | Self::References | Self::Line => "an object",
            Self::Lines | Self::Texts | Self::List => "a list",
            Self::Text => "text",
            Self::Number => "a number",
            Self::Int => "a whole number",
            Self::Bool => "true or false",
            Self::Null => "null",
            Self::Data => "data of the sender",
            Self::Unknown => "a value",
        }
    }

    /// Whether it has attributes or elements. Such values are not copied or compared, because they may be large.
    pub(super) fn is_container(self) -> bool {
        match self {
            Self::Order
            | Self::Customer
            | Self::Address
            | Self::References
            | Self::Lines
            | Self::Line
            | Self::Texts => true,
            Self::List
            | Self::Text
            | Self::Number
            | Self::Int
            | Self::Bool
            | Self::Null
            | Self::Data
            | Self::Unknown => false,
        }
    }

    /// What an element of it is. `None` if it is no list.
    pub(super) fn element(self) -> Option<Self> {
        match self {
            Self::Lines => Some(Self::Line),
            Self::Texts => Some(Self::Text),
            Self::Data => Some(Self::Data),
            Self::List | Self::Unknown => Some(Self::Unknown),
            Self::Order
            | Self::Customer
            | Self::Address
            | Self::References
            | Self::Line
            | Self::Text
            | Self::Number
            | Self::Int
            | Self::Bool
            | Self::Null => None,
        }
    }

    /// Whether the value that it stands for may be a list or an object.
    pub(super) fn may_be_container(self) -> bool {
        self.is_container() || matches!(self, Self::List | Self::Data | Self::Unknown)
    }

    /// Whether the value that it stands for may be a text, or have some.
    pub(super) fn may_be_text(self) -> bool {
        self.may_be_container() || self == Self::Text
    }

    /// What its attribute with this name is.
    ///
    /// # Errors
    /// It has no such attribute. The text says so.
    pub(super) fn attribute(self, name: &str) -> Result<Self, String> {
        let (table, added): (&[Field], &[(&str, Self)]) = match self {
            Self::Data | Self::Unknown => return Ok(self),
            Self::Order => (fields::ORDER, &OF_CONTEXT),
            Self::Customer => (fields::CUSTOMER, &[]),
            Self::Address => (fields::ADDRESS, &[]),
            Self::References => (fields::REFERENCES, &[]),
            Self::Line => (fields::LINE, &OF_LINE),
            Self::Lines | Self::Texts | Self::List => {
                return Err(format!(
                    "a list has no attribute `{name}`; use size(), exists(), all(), or an index such as [0]"
                ));
            }
            Self::Text | Self::Number | Self::Int | Self::Bool | Self::Null => {
                return Err(format!("{} has no attribute `{name}`", self.name()));
            }
        };
        if let Some((_, shape)) = added.iter().find(|(known, _)| *known == name) {
            return Ok(*shape);
        }
        if let Some(field) = table.iter().find(|field| field.name == name) {
            return Ok(of_field(field));
        }
        let names = table.iter().map(|field| field.name);
        let names = names.chain(added.iter().map(|(name, _)| *name));
        let nearest = names
            .map(|known| (osa_distance(known, name), known))
            .filter(|(distance, _)| *distance <= DISTANCE_MAX)
            .min();
        Err(match nearest {
            Some((_, meant)) => format!("unknown attribute `{name}`, did you mean `{meant}`?"),
            None => format!("unknown attribute `{name}`"),
        })
    }
}

fn of_field(field: &Field) -> Shape {
    match (field.name, &field.holds) {
        ("customer", _) => Shape::Customer,
        ("billing_address" | "shipping_address", _) => Shape::Address,
        ("references", _) => Shape::References,
        (_, Holds::Each(_)) => Shape::Lines,
        _ => match field.rule {
            Some(Rule::Money | Rule::Quantity | Rule::Weight) => Shape::Number,
            Some(Rule::Texts) => Shape::Texts,
            Some(Rule::Json) => Shape::Data,
            Some(
                Rule::Organisation
                | Rule::Key
                | Rule::Text
                | Rule::Moment
                | Rule::Language
                | Rule::Locale
                | Rule::Email
                | Rule::Country
                | Rule::Currency
                | Rule::OrderCurrency,
            )
            | None => Shape::Text,
        },
    }
}
