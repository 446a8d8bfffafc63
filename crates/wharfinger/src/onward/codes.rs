//! The codes of organisations, by their numbers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use wharfinger_core::order::ids::OrganisationId;

/// Finds the code of an organisation.
type Find = Box<dyn Fn(OrganisationId) -> Option<String> + Send + Sync>;

/// The codes of organisations. A code never changes, so each is looked up once.
pub struct Codes {
    find: Find,
    known: RwLock<HashMap<OrganisationId, Arc<str>>>,
}

impl Codes {
    /// Codes that `find` finds.
    pub fn new(find: impl Fn(OrganisationId) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            find: Box::new(find),
            known: RwLock::default(),
        }
    }

    /// The code of an organisation. Empty if there is none with this number.
    #[must_use]
    pub fn of(&self, id: OrganisationId) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = known.get(&id) {
            return Arc::clone(code);
        }
        drop(known);
        let Some(code) = (self.find)(id) else {
            return Arc::from("");
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(id).or_insert_with(|| Arc::from(code)))
    }
}
