//! The chain of a full backup and its increments.

use anyhow::{Result, bail};

use super::manifest::{Kind, Manifest};
use super::place::Source;

/// The backups so far.
#[derive(Default)]
pub(super) struct Chain {
    last: Option<Manifest>,
}

impl Chain {
    /// Adds the next backup.
    ///
    /// # Errors
    /// It does not follow the backup before it.
    pub(super) fn add(&mut self, manifest: &Manifest, source: &Source) -> Result<()> {
        match (&self.last, manifest.kind) {
            (None, Kind::Full) => {}
            (None, Kind::Increment) => bail!(
                "{source} is an increment; name the full backup first, then the increments in the order in which they were made"
            ),
            (Some(_), Kind::Full) => {
                bail!(
                    "{source} is a full backup; name it first, and only increments that follow it"
                )
            }
            (Some(last), Kind::Increment) => follows(last, manifest, source)?,
        }
        self.last = Some(manifest.clone());
        Ok(())
    }
}

fn follows(last: &Manifest, next: &Manifest, source: &Source) -> Result<()> {
    if last.store != next.store {
        bail!("{source} is of another store than the backup before it");
    }
    let base = next.base.as_ref();
    if base.is_none_or(|base| base.id != last.id) {
        let base = base.map(|base| format!("{} of {}", base.id, base.moment));
        bail!(
            "{source} follows the backup {}, and not {} of {}; name all increments in the order in which they were made",
            base.unwrap_or_default(),
            last.id,
            last.moment
        );
    }
    if last.page_bytes != next.page_bytes {
        bail!("{source} has pages of another size than the backup before it");
    }
    Ok(())
}
