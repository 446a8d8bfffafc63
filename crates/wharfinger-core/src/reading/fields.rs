//! Tables of attributes: one row per attribute of an order.
//!
//! Each dialect has one table. It says which names are known, so that others are reported, and which values are retained
//! when the order's person is erased. The canonical order's table also states the rule of each value, from which its JSON
//! Schema is made. A decoder has its own functions, so that reading an order needs no look-ups in a table.

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The attribute's name.
    pub name: &'static str,
    /// What the attribute holds.
    pub holds: Holds,
    /// The rule of its value, if the table states it.
    pub rule: Option<Rule>,
    /// Whether it is required, if the table states it.
    pub presence: Presence,
}

/// The rule of a scalar value, as [`validate`](super::validate) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The code of an organisation.
    Organisation,
    /// The order key.
    Key,
    /// Any text.
    Text,
    /// An array of texts.
    Texts,
    /// A date, or a date and a time.
    Moment,
    /// ISO 639-1.
    Language,
    /// A language and a country.
    Locale,
    /// An e-mail address.
    Email,
    /// ISO 3166-1 alpha-2.
    Country,
    /// ISO 4217.
    Currency,
    /// ISO 4217, for all amounts of an order that have no currency of their own.
    OrderCurrency,
    /// A price or discount.
    Money,
    /// A number of pieces.
    Quantity,
    /// A weight.
    Weight,
    /// An object with any members.
    Json,
}

/// Whether an attribute is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It may be absent, or the table does not state it.
    Optional,
    /// It is required.
    Mandatory,
    /// One of the attributes of the object that say this is required.
    OneOf,
}

/// What an attribute holds.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// Anything. It is removed when the person is erased.
    Removed,
    /// A scalar that was validated and names nobody. It is retained when the person is erased.
    Retained,
    /// An object with these attributes.
    Object(&'static [Field]),
    /// An array of objects with these attributes.
    Each(&'static [Field]),
    /// An array of objects, or an object used as one, with any names.
    ///
    /// When the person is erased it is written as an array, because the names may contain anything.
    Items(&'static [Field]),
}

/// An attribute that is removed when the person is erased.
#[must_use]
pub const fn field(name: &'static str) -> Field {
    Field::new(name, Holds::Removed)
}

/// A scalar attribute that is retained when the person is erased.
#[must_use]
pub const fn retained(name: &'static str) -> Field {
    Field::new(name, Holds::Retained)
}

/// An object.
#[must_use]
pub const fn object(name: &'static str, members: &'static [Field]) -> Field {
    Field::new(name, Holds::Object(members))
}

/// An array of objects.
#[must_use]
pub const fn each(name: &'static str, members: &'static [Field]) -> Field {
    Field::new(name, Holds::Each(members))
}

/// An array of objects, or an object used as one.
#[must_use]
pub const fn items(name: &'static str, members: &'static [Field]) -> Field {
    Field::new(name, Holds::Items(members))
}

impl Field {
    const fn new(name: &'static str, holds: Holds) -> Self {
        Self {
            name,
            holds,
            rule: None,
            presence: Presence::Optional,
        }
    }

    /// States the rule of the value.
    #[must_use]
    pub const fn rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// States that the attribute is required.
    #[must_use]
    pub const fn mandatory(mut self) -> Self {
        self.presence = Presence::Mandatory;
        self
    }

    /// States that this attribute or another one that says so is required.
    #[must_use]
    pub const fn one_of(mut self) -> Self {
        self.presence = Presence::OneOf;
        self
    }

    /// The attributes of the object or objects that the attribute holds.
    #[must_use]
    pub fn members(&self) -> Option<&'static [Self]> {
        match self.holds {
            Holds::Removed | Holds::Retained => None,
            Holds::Object(members) | Holds::Each(members) | Holds::Items(members) => Some(members),
        }
    }

    /// Whether anything of the attribute is retained when the person is erased.
    #[must_use]
    pub fn is_retained(&self) -> bool {
        match self.holds {
            Holds::Removed => false,
            Holds::Retained => true,
            Holds::Object(members) | Holds::Each(members) | Holds::Items(members) => {
                members.iter().any(Self::is_retained)
            }
        }
    }
}
