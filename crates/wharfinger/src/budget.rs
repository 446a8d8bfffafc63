//! A bound on memory that many requests share: who asks for more than is left is told at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes to lease from.
#[derive(Clone, Debug)]
pub struct Budget {
    bytes: usize,
    left: Arc<AtomicUsize>,
}

/// Bytes taken from a budget, given back when dropped.
#[derive(Debug)]
pub struct Lease {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes,
            left: Arc::new(AtomicUsize::new(bytes)),
        }
    }

    /// How many bytes are leased at this moment.
    #[must_use]
    pub fn leased(&self) -> usize {
        self.bytes.saturating_sub(self.left.load(Ordering::Relaxed))
    }

    /// A lease of nothing, to be grown.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Lease {
    /// Takes more. False where that much is not left; the lease is then as before.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let left = &self.budget.left;
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(bytes)
        });
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_leased_comes_back() {
        let budget = Budget::new(10);
        let mut first = budget.lease();
        assert!(first.grow(6));
        let mut second = budget.lease();
        assert!(!second.grow(5));
        assert!(second.grow(4));
        assert_eq!(budget.leased(), 10);
        drop(first);
        assert_eq!(budget.leased(), 4);
        assert!(second.grow(6));
        assert!(!second.grow(1));
    }
}
