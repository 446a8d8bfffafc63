//! What fits into a request, as the server says.

use anyhow::Result;
use serde::Deserialize;

use super::{Patient, Request};

/// What fits into a request.
#[derive(Clone, Debug, Deserialize)]
pub struct Limits {
    body_bytes_max: usize,
    orders_per_batch_max: usize,
    #[serde(default)]
    organisations: Vec<String>,
    #[serde(default)]
    all_organisations: bool,
}

/// The limits of a server that does not tell its own.
impl Default for Limits {
    fn default() -> Self {
        let limits = wharfinger_core::limits::Limits::default();
        Self {
            body_bytes_max: limits.body_bytes_max,
            orders_per_batch_max: limits.orders_per_batch_max,
            organisations: Vec::new(),
            all_organisations: true,
        }
    }
}

impl Limits {
    /// Asks the server. Older servers do not tell.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the key.
    pub fn fetch(patient: &Patient<'_>) -> Result<Self> {
        let answered = patient.send(&Request::get("/v1/limits"))?;
        if answered.status.is_success() {
            return Ok(serde_json::from_slice(&answered.body).unwrap_or_default());
        }
        if answered.status.as_u16() == 404 {
            return Ok(Self::default());
        }
        Err(answered.refusal().into())
    }

    /// The orders of a batch: as many as the client wants, and the server takes.
    #[must_use]
    pub fn orders_max(&self, wanted: usize) -> usize {
        wanted.min(self.orders_per_batch_max).max(1)
    }

    /// The bytes of a batch: as many as the client wants, and the server takes.
    #[must_use]
    pub fn bytes_max(&self, wanted: usize) -> usize {
        wanted.min(self.body_bytes_max)
    }

    /// The organisation of the key, if there is only one.
    #[must_use]
    pub fn only_organisation(&self) -> Option<&str> {
        match self.organisations.as_slice() {
            [only] if !self.all_organisations => Some(only),
            _ => None,
        }
    }
}
