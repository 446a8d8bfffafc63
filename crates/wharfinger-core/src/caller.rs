//! Who is calling, and what for.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::catalogue::CatalogueMode;
use crate::ids::OrganisationId;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Submit and change orders.
    OrdersWrite,
    /// Read orders back.
    OrdersRead,
    /// Manage organisations and keys.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::OrdersWrite, Self::OrdersRead, Self::Admin];

    /// The scope's name as users read and write it.
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
    /// The store's number for it.
    pub id: OrganisationId,
    /// What clients call it.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Whether it takes customer orders at present.
    pub customer_orders_enabled: bool,
    /// Whether its orders are held against its catalogue.
    pub catalogue: CatalogueMode,
    /// The time zone of dates without one, in the dialects that have such dates.
    pub time_zone: TimeZone,
    /// How its orders are listed where a request does not say, in the dialects that let a request say.
    pub list_sort: ListSort,
}

/// In which order orders are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ListSort {
    /// Newest first.
    #[default]
    Descending,
    /// In the order of creation.
    Ascending,
}

impl ListSort {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Descending, Self::Ascending];

    /// Its name as users read and write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Descending => "desc",
            Self::Ascending => "asc",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

impl Organisation {
    /// One that is yet to be made: it takes customer orders, its catalogue is open, its time zone is UTC, and its orders are listed
    /// newest first. The store gives it a number.
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

/// The organisations by code.
pub type Organisations = HashMap<String, Organisation>;

/// The organisations a key may act for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every organisation, also those to come.
    All,
    /// These.
    Only(Vec<OrganisationId>),
}

impl Reach {
    /// Whether an organisation is one of them.
    #[must_use]
    pub fn has(&self, organisation: OrganisationId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&organisation),
        }
    }

    /// Whether all that another reach includes is within it, also of organisations to come.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All | Self::Only(_)) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(_), Self::Only(ids)) => ids.iter().all(|id| self.has(*id)),
        }
    }
}

/// An authenticated caller: what its key may reach.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// All organisations there are.
    pub organisations: &'c Organisations,
    /// Which of them the key may act for.
    pub reach: &'c Reach,
}

impl<'c> Caller<'c> {
    /// The organisation of this code, if there is one and the key may act for it.
    #[must_use]
    pub fn organisation(&self, code: &str) -> Option<&'c Organisation> {
        let organisation = self.organisations.get(code)?;
        self.reach.has(organisation.id).then_some(organisation)
    }

    /// Whether the key may act for an organisation.
    #[must_use]
    pub fn reaches(&self, organisation: OrganisationId) -> bool {
        self.reach.has(organisation)
    }

    /// The organisations that the key may act for, in the order of their ids.
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

    /// The organisation that the key may act for, if it is the only one.
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
        let only = |ids: &[u32]| Reach::Only(ids.iter().copied().map(OrganisationId).collect());
        assert!(Reach::All.covers(&Reach::All) && Reach::All.covers(&only(&[1, 2])));
        assert!(only(&[1, 2]).covers(&only(&[2])) && only(&[1]).covers(&only(&[1, 1])));
        assert!(!only(&[1, 2]).covers(&Reach::All));
        assert!(!only(&[1]).covers(&only(&[1, 2])));
    }
}
