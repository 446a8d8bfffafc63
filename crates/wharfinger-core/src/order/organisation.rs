//! Callers, their API keys' scopes, and the organisations that they reach.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::order::ids::OrganisationId;

/// A permission of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Submit and change orders.
    OrdersWrite,
    /// Read orders.
    OrdersRead,
    /// Manage organisations and keys.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::OrdersWrite, Self::OrdersRead, Self::Admin];

    /// The scope's name in requests and responses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrdersWrite => "orders:write",
            Self::OrdersRead => "orders:read",
            Self::Admin => "admin",
        }
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// The store's number for the organisation.
    pub id: OrganisationId,
    /// The code that clients use.
    pub code: String,
    /// The name, for people.
    pub name: String,
    /// Whether it accepts customer orders at present.
    pub customer_orders_enabled: bool,
    /// Whether its orders are checked against its catalogue.
    pub catalogue: CatalogueMode,
    /// The time zone of dates that carry none, in dialects that have such dates.
    pub time_zone: TimeZone,
    /// The default list order, in dialects in which a request may choose one.
    pub list_sort: ListSort,
}

/// Whether an organisation's orders are checked against its catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CatalogueMode {
    /// Any product and any customer is accepted. No stock is kept.
    #[default]
    Open,
    /// Products must be active and in stock, and customers must exist.
    Enforced,
}

impl CatalogueMode {
    /// All modes.
    pub const ALL: [Self; 2] = [Self::Open, Self::Enforced];

    /// The mode's name in requests and responses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Enforced => "enforced",
        }
    }

    /// Returns the mode with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// The order in which a list returns orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ListSort {
    /// Newest first.
    #[default]
    Descending,
    /// In order of creation.
    Ascending,
}

impl ListSort {
    /// Both list orders.
    pub const ALL: [Self; 2] = [Self::Descending, Self::Ascending];

    /// The name in requests and responses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Descending => "desc",
            Self::Ascending => "asc",
        }
    }

    /// Returns the list order with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

impl Organisation {
    /// Creates an organisation to be stored.
    ///
    /// It accepts customer orders, its catalogue is open, its time zone is UTC, and lists are newest first. The store
    /// assigns the id.
    #[must_use]
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: OrganisationId(0),
            code: code.into(),
            name: name.into(),
            customer_orders_enabled: true,
            catalogue: CatalogueMode::Open,
            time_zone: TimeZone::UTC,
            list_sort: ListSort::Descending,
        }
    }
}

/// Organisations by code.
pub type Organisations = HashMap<String, Organisation>;

/// The organisations that an API key reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrgAccess {
    /// Every organisation, including future ones.
    All,
    /// Only these.
    Only(Vec<OrganisationId>),
}

impl OrgAccess {
    /// Whether an organisation is included.
    #[must_use]
    pub fn has(&self, organisation: OrganisationId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&organisation),
        }
    }

    /// Whether this includes everything that `other` includes, now and in the future.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All | Self::Only(_)) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(_), Self::Only(ids)) => ids.iter().all(|id| self.has(*id)),
        }
    }
}

/// An authenticated caller.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// All existing organisations.
    pub organisations: &'c Organisations,
    /// Which of them the API key reaches.
    pub reach: &'c OrgAccess,
}

impl<'c> Caller<'c> {
    /// Returns the organisation with this code, if it exists and the API key reaches it.
    #[must_use]
    pub fn organisation(&self, code: &str) -> Option<&'c Organisation> {
        let organisation = self.organisations.get(code)?;
        self.reach.has(organisation.id).then_some(organisation)
    }

    /// Whether the API key reaches an organisation.
    #[must_use]
    pub fn reaches(&self, organisation: OrganisationId) -> bool {
        self.reach.has(organisation)
    }

    /// The organisations that the API key reaches, sorted by id.
    #[must_use]
    pub fn reached(&self) -> Vec<&'c Organisation> {
        let mut reached: Vec<_> = self.reached_in_any_order().collect();
        reached.sort_unstable_by_key(|organisation| organisation.id);
        reached
    }

    fn reached_in_any_order(&self) -> impl Iterator<Item = &'c Organisation> {
        let reach = self.reach;
        let all = self.organisations.values();
        all.filter(move |organisation| reach.has(organisation.id))
    }

    /// The organisation that the API key reaches, if it is the only one.
    #[must_use]
    pub fn only_organisation(&self) -> Option<&'c Organisation> {
        let mut reached = self.reached_in_any_order();
        let first = reached.next()?;
        reached.next().is_none().then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reach_covers_what_it_includes_and_no_more() {
        let only = |ids: &[u32]| OrgAccess::Only(ids.iter().copied().map(OrganisationId).collect());
        assert!(OrgAccess::All.covers(&OrgAccess::All) && OrgAccess::All.covers(&only(&[1, 2])));
        assert!(only(&[1, 2]).covers(&only(&[2])) && only(&[1]).covers(&only(&[1, 1])));
        assert!(!only(&[1, 2]).covers(&OrgAccess::All));
        assert!(!only(&[1]).covers(&only(&[1, 2])));
    }
}
