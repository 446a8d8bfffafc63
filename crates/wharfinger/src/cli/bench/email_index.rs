//! The e-mail index of a server under measurement, read from its store.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use wharfinger_bench::EmailIndex;
use wharfinger_core::order::ids::OrganisationId;

use crate::cli;
use crate::store::{EmailRuns, Options, Store};

/// A store that is open alongside its server, and one of its organisations. This process does not build the index.
struct InStore {
    store: Store,
    organisation: OrganisationId,
}

/// Opens the index of this organisation. See [`wharfinger_bench::OpenEmailIndex`].
pub(super) fn open(data: &Path, organisation: &str) -> Result<Box<dyn EmailIndex>> {
    let store = Store::open(data, &Options::default())?;
    let directory = wait(cli::directory(&store))?;
    let organisation = directory.organisations.get(organisation);
    let organisation = organisation
        .context("the store does not have the server's organisation")?
        .id;
    Ok(Box::new(InStore {
        store,
        organisation,
    }))
}

impl EmailIndex for InStore {
    fn is_built(&self) -> Result<bool> {
        let found = self
            .store
            .has_email_runs(self.organisation, EmailRuns::default());
        Ok(wait(found)?)
    }
}

impl Drop for InStore {
    fn drop(&mut self) {
        wait(self.store.close());
    }
}

/// Waits for the store on this thread.
fn wait<T>(asked: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(asked))
}
