//! A bounded resource that requests share, such as memory, with a limit per tenant. Requests for more than is left fail at
//! once.
//!
//! A holder may have as much as is left for all others (with a share of 50 percent). One holder alone therefore gets half of
//! the budget, two get a third each, and a newcomer always finds something left. This is the "dynamic threshold" of buffer
//! management in switches (Choudhury and Hahne, 1998).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use wharfinger_core::order::ids::OrganisationId;

/// A bounded amount to lease from. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    amount: usize,
    share_percent: u8,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    leased: usize,
    // Every request uses this map several times; the standard library's hasher is measurably slower.
    by_holder: HashMap<Holder, usize, RandomState>,
}

/// A tenant whose share a lease counts towards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An API key, by its id.
    Key(Arc<str>),
    /// An organisation.
    Organisation(OrganisationId),
    /// A network address.
    Address(IpAddr),
}

/// The holders that a lease counts towards.
pub type Holders = [Option<Holder>; 2];

/// A part of a budget, returned when dropped.
#[derive(Debug)]
pub struct Lease {
    budget: Budget,
    holders: Holders,
    amount: usize,
}

impl Budget {
    /// Creates a budget. A holder that is alone gets at most `share_percent` percent of it.
    #[must_use]
    pub fn new(amount: usize, share_percent: u8) -> Self {
        Self {
            amount,
            share_percent,
            state: Arc::default(),
        }
    }

    /// The amount that is leased now.
    #[must_use]
    pub fn leased(&self) -> usize {
        self.state().leased
    }

    /// An empty lease that counts towards these holders' shares. Grow it with [`Lease::grow`].
    #[must_use]
    pub fn lease(&self, holders: Holders) -> Lease {
        Lease {
            budget: self.clone(),
            holders,
            amount: 0,
        }
    }

    /// The most that one holder may have when `left` remains for all others.
    fn share(&self, left: usize) -> usize {
        let others_percent = usize::from(100_u8.saturating_sub(self.share_percent));
        left.saturating_mul(usize::from(self.share_percent))
            .checked_div(others_percent)
            .unwrap_or(usize::MAX)
    }

    /// Ignores poisoning: no code panics between the changes of these numbers.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Leases more. Returns false, and changes nothing, if the budget or a holder's share is too small.
    #[must_use]
    pub fn grow(&mut self, amount: usize) -> bool {
        let mut state = self.budget.state();
        let left = self.budget.amount.saturating_sub(state.leased);
        let Some(left) = left.checked_sub(amount) else {
            return false;
        };
        let share = self.budget.share(left);
        let held = |holder| state.by_holder.get(holder).copied().unwrap_or_default();
        if self
            .holders
            .iter()
            .flatten()
            .any(|holder| held(holder).saturating_add(amount) > share)
        {
            return false;
        }
        state.leased += amount;
        for holder in self.holders.iter().flatten() {
            *state.by_holder.entry(holder.clone()).or_default() += amount;
        }
        self.amount += amount;
        true
    }

    /// Returns a part, at most all of the lease.
    pub fn shrink(&mut self, amount: usize) {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        let mut state = self.budget.state();
        state.leased = state.leased.saturating_sub(amount);
        for holder in self.holders.iter().flatten() {
            if let Some(held) = state.by_holder.get_mut(holder) {
                *held = held.saturating_sub(amount);
                if *held == 0 {
                    state.by_holder.remove(holder);
                }
            }
        }
    }

    /// Grows or shrinks to this amount. Returns false, and changes nothing, if it cannot grow.
    #[must_use]
    pub fn resize(&mut self, amount: usize) -> bool {
        match amount.checked_sub(self.amount) {
            Some(more) => more == 0 || self.grow(more),
            None => {
                self.shrink(self.amount - amount);
                true
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.amount > 0 {
            self.shrink(self.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Holders {
        [Some(Holder::Key(id.into())), None]
    }

    #[test]
    fn what_is_leased_comes_back() {
        let budget = Budget::new(10, 100);
        let mut first = budget.lease(key("a"));
        assert!(first.grow(6));
        let mut second = budget.lease([None, None]);
        assert!(!second.grow(5));
        assert!(second.grow(4));
        assert_eq!(budget.leased(), 10);
        assert!(first.resize(1));
        assert_eq!(budget.leased(), 5);
        drop(first);
        assert_eq!(budget.leased(), 4);
        assert!(second.resize(10) && !second.resize(11));
        drop(second);
        let state = budget.state();
        assert!(state.leased == 0 && state.by_holder.is_empty());
    }

    #[test]
    fn a_holder_gets_as_much_as_is_left_for_others() {
        let budget = Budget::new(120, 50);
        let mut greedy = budget.lease(key("a"));
        assert!(!greedy.grow(61));
        assert!(greedy.grow(60));
        assert!(!budget.lease(key("a")).grow(1));
        let mut next = budget.lease(key("b"));
        assert!(!next.grow(31) && next.grow(30));
        // The first holder keeps what exceeds its share, but gets no more.
        assert!(!greedy.grow(1));
        greedy.shrink(30);
        assert!(!greedy.grow(16) && greedy.grow(10));
        assert!(budget.lease(key("c")).grow(20));
    }

    #[test]
    fn many_keys_of_an_organisation_have_one_share() {
        let budget = Budget::new(100, 50);
        let holders = |id: &str| {
            let organisation = Holder::Organisation(OrganisationId(1));
            [Some(Holder::Key(id.into())), Some(organisation)]
        };
        let mut first = budget.lease(holders("a"));
        assert!(first.grow(50));
        assert!(!budget.lease(holders("b")).grow(1));
        assert!(budget.lease(key("c")).grow(25));
    }
}
