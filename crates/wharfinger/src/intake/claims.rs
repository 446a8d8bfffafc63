//! Which imports this process is receiving. Parts of one import exclude each other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// The imports that this process is receiving.
#[derive(Clone, Default)]
pub struct Imports {
    receiving: Arc<Mutex<HashSet<Whose>>>,
}

/// An API key's id, and the id of an import of that caller.
type Whose = (String, Uuid);

/// Claim on an import. Until it is dropped, no other part of that import is received.
pub struct Receiving {
    whose: Whose,
    imports: Imports,
}

impl Imports {
    /// Claims an import. `None` if it is being received already.
    #[must_use]
    pub fn claim(&self, key_id: &str, id: Uuid) -> Option<Receiving> {
        let whose = (key_id.to_owned(), id);
        self.set().insert(whose.clone()).then(|| Receiving {
            whose,
            imports: self.clone(),
        })
    }

    /// Whether an import is being received.
    #[must_use]
    pub fn is_receiving(&self, key_id: &str, id: Uuid) -> bool {
        self.set().contains(&(key_id.to_owned(), id))
    }

    /// Ignores poisoning: the set is never left half changed.
    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<Whose>> {
        self.receiving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.imports.set().remove(&self.whose);
    }
}
