//! Restoring a store from a full backup and its increments.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::chain::Chain;
use super::manifest::{Kind, Manifest};
use super::place::{Source, new_file};
use super::read::{self, Head};
use super::{DATABASE, PIECE_BYTES, Stage, Tell};
use crate::store::{self, CheckReport, Hold, Location, PageHashes, RESTORING, Store, StoreFacts};

/// A store that was restored.
#[derive(Debug)]
pub struct Restored {
    /// The manifest of the last backup.
    pub manifest: Manifest,
    /// The result of checking the store.
    pub report: CheckReport,
    /// What the store contains.
    pub facts: StoreFacts,
}

/// Restores a store into a data directory that is empty or does not exist. Blocks. An error leaves nothing behind.
///
/// # Errors
/// The directory is not empty, a backup is damaged or does not follow the one before it, or a file cannot be written.
pub fn restore(sources: &[Source], data: &Path, tell: &mut Tell<'_>) -> Result<Restored> {
    if sources
        .iter()
        .filter(|source| **source == Source::Standard)
        .count()
        > 1
    {
        bail!("only one backup can come from standard input");
    }
    if !sources.contains(&Source::Standard) {
        // Finds a wrong order before anything is written.
        let mut chain = Chain::default();
        for source in sources {
            chain.add(&read::head(source)?.manifest, source)?;
        }
    }
    let place = Place::make(data)?;
    let file = place.work.join(DATABASE);
    let head = assemble(sources, &file, tell)?;
    compare(&file, &head.hashes, tell)?;
    let location = Location::Directory(place.work.clone());
    store::migrate(&place.work).context("cannot open the restored store")?;
    // The copy was made before its backup was recorded.
    store::note_backup_in(&place.work, head.manifest.moment_ms)
        .context("cannot record the backup in the restored store")?;
    tell(Stage::Checking, 0, 0);
    let report = Store::check_at(&location).context("cannot check the restored store")?;
    let facts = store::facts_of(&place.work).context("cannot read the restored store")?;
    store::remove_log(&file);
    place.finish(&file)?;
    Ok(Restored {
        manifest: head.manifest,
        report,
        facts,
    })
}

/// The directory that is restored into. Dropped unfinished, it is as it was.
struct Place<'d> {
    data: &'d Path,
    work: PathBuf,
    hold: Option<Hold>,
    is_new: bool,
    is_finished: bool,
}

impl<'d> Place<'d> {
    fn make(data: &'d Path) -> Result<Self> {
        let cannot = || format!("cannot write to {}", data.display());
        let is_new = match std::fs::read_dir(data) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    bail!(
                        "{} is not empty; restore into a new directory, and put it in the place of the other one",
                        data.display()
                    );
                }
                false
            }
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(cannot),
        };
        store::make_directory(data).with_context(cannot)?;
        let work = data.join(RESTORING);
        let mut place = Self {
            data,
            work,
            hold: None,
            is_new,
            is_finished: false,
        };
        // No server may make a new store there meanwhile.
        place.hold = Some(store::hold(data, false)?);
        store::make_directory(&place.work).with_context(cannot)?;
        Ok(place)
    }

    fn finish(mut self, file: &Path) -> Result<()> {
        let finish = || -> std::io::Result<()> {
            File::open(file)?.sync_all()?;
            std::fs::rename(file, self.data.join(DATABASE))?;
            std::fs::remove_dir_all(&self.work)?;
            store::sync_directory(self.data)
        };
        finish().with_context(|| format!("cannot write to {}", self.data.display()))?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // What cannot be removed is found by the next restore, and by a server.
        drop(std::fs::remove_dir_all(&self.work));
        if self.hold.is_some() {
            drop(std::fs::remove_file(self.data.join(store::LOCK_FILE)));
        }
        if self.is_new {
            drop(std::fs::remove_dir(self.data));
        }
    }
}

/// Puts a database file together. Returns the small parts of the last backup.
fn assemble(sources: &[Source], file: &Path, tell: &mut Tell<'_>) -> Result<Head> {
    let cannot = || format!("cannot write {}", file.display());
    let out = new_file(file).with_context(cannot)?;
    let mut chain = Chain::default();
    let mut last = None;
    for source in sources {
        let head = read::whole(
            source,
            &mut |head| chain.add(&head.manifest, source),
            &mut |head, data| match head.manifest.kind {
                Kind::Full => lay_down(&out, data, &head.manifest, tell),
                Kind::Increment => lay_over(&out, data, &head.manifest, tell),
            },
        )?;
        let length = u64::from(head.manifest.pages) * u64::from(head.manifest.page_bytes);
        out.set_len(length).with_context(cannot)?;
        last = Some(head);
    }
    out.sync_all().with_context(cannot)?;
    last.context("name a backup")
}

/// Writes the database of a full backup.
fn lay_down(
    out: &File,
    data: &mut dyn Read,
    manifest: &Manifest,
    tell: &mut Tell<'_>,
) -> Result<()> {
    let all = u64::from(manifest.pages) * u64::from(manifest.page_bytes);
    let (mut piece, mut done, mut out) = (vec![0; PIECE_BYTES], 0, out);
    loop {
        let read = data.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        done += read as u64;
        if done > all {
            bail!("its database is longer than its manifest says");
        }
        out.write_all(&piece[..read])
            .context("cannot write the database")?;
        tell(Stage::Reading, done, all);
    }
}

/// Writes the pages of an increment over those of the backups before it.
fn lay_over(
    out: &File,
    data: &mut dyn Read,
    manifest: &Manifest,
    tell: &mut Tell<'_>,
) -> Result<()> {
    let page_bytes = u64::from(manifest.page_bytes);
    let mut page = vec![0; manifest.page_bytes as usize];
    for done in 0..manifest.pages_stored {
        let mut number = [0; 4];
        data.read_exact(&mut number)?;
        data.read_exact(&mut page)?;
        let number = u32::from_be_bytes(number);
        if number == 0 || number > manifest.pages {
            bail!(
                "it has a page {number}, but the database has {} pages",
                manifest.pages
            );
        }
        let at = u64::from(number - 1) * page_bytes;
        out.write_all_at(&page, at)
            .context("cannot write the database")?;
        tell(
            Stage::Reading,
            u64::from(done) * page_bytes,
            u64::from(manifest.pages_stored) * page_bytes,
        );
    }
    Ok(())
}

/// Compares every page with its hash.
fn compare(file: &Path, hashes: &PageHashes, tell: &mut Tell<'_>) -> Result<()> {
    let source = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let page_bytes = u64::from(hashes.page_bytes());
    let mut source = std::io::BufReader::with_capacity(PIECE_BYTES, source);
    let mut page = vec![0; hashes.page_bytes() as usize];
    for number in 1..=hashes.pages() {
        source
            .read_exact(&mut page)
            .with_context(|| format!("cannot read {}", file.display()))?;
        if !hashes.fits(number, &page) {
            bail!("page {number} of the restored database differs from the backup");
        }
        tell(
            Stage::Comparing,
            u64::from(number) * page_bytes,
            u64::from(hashes.pages()) * page_bytes,
        );
    }
    Ok(())
}
