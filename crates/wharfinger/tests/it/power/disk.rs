//! What may be on disk after a power cut, computed from a trace of writes and syncs.
//!
//! The model follows Linux. The kernel caches pages and writes them whole, in any order, at the latest with a sync. A failed
//! sync leaves its pages in the cache, marked as written. Sizes and names are written separately.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::trace::Operation;
use crate::support::seed::Random;

const PAGE: usize = 4096;
const SECTOR: usize = 512;

/// How much unsynced data reaches the disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Luck {
    /// Nothing.
    None,
    /// Everything.
    All,
    /// Some pages, each in one of its versions.
    Some,
    /// Like `Some`, with some pages torn between two sectors.
    Torn,
}

impl Luck {
    pub(super) const EACH: [Self; 4] = [Self::None, Self::All, Self::Some, Self::Torn];
}

/// A data directory, in memory and on disk.
#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// Name changes since the directory was synced. File systems preserve their order.
    renamed: Vec<(String, Option<usize>)>,
}

#[derive(Default)]
struct File {
    /// Content as processes see it.
    seen: Vec<u8>,
    /// Content that is certainly on disk.
    synced: Vec<u8>,
    /// Later changes: the pages that each one left, and the size.
    changes: Vec<Change>,
}

struct Change {
    pages: BTreeMap<usize, Vec<u8>>,
    size: usize,
}

impl Disk {
    /// A directory that is completely on disk.
    pub(super) fn of(directory: &Path) -> Self {
        let mut disk = Self::default();
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            disk.names.insert(name, disk.files.len());
            disk.files.push(File {
                seen: bytes.clone(),
                synced: bytes,
                changes: Vec::new(),
            });
        }
        disk.synced_names = disk.names.clone();
        disk
    }

    /// Applies the next operation. If a sync fails, chance decides which pages have reached the disk.
    pub(super) fn apply(&mut self, name: &str, operation: &Operation, random: &mut Random) {
        match operation {
            Operation::Create => {
                self.rename(name, Some(self.files.len()));
                self.files.push(File::default());
            }
            Operation::Unlink => self.rename(name, None),
            Operation::Sync if name == "." => {
                self.synced_names = self.names.clone();
                self.renamed.clear();
            }
            Operation::FailedSync if name == "." => {}
            Operation::Write { offset, bytes } => self.file(name).write(*offset, bytes),
            Operation::Truncate { size } => self.file(name).truncate(*size),
            Operation::Sync => self.file(name).sync(),
            Operation::FailedSync => self.file(name).drop_some(random),
        }
    }

    fn rename(&mut self, name: &str, file: Option<usize>) {
        change_name(&mut self.names, name, file);
        self.renamed.push((name.into(), file));
    }

    fn file(&mut self, name: &str) -> &mut File {
        let known = self.names.get(name);
        let at = *known.unwrap_or_else(|| panic!("{name} is written to, and there is none"));
        &mut self.files[at]
    }

    /// Creates a directory with what is on disk if the power is cut now.
    pub(super) fn cut(&self, directory: &Path, luck: Luck, random: &mut Random) {
        let mut names = self.synced_names.clone();
        let renamed = match luck {
            Luck::None => 0,
            Luck::All => self.renamed.len(),
            Luck::Some | Luck::Torn => random.below(self.renamed.len() + 1),
        };
        for (name, file) in &self.renamed[..renamed] {
            change_name(&mut names, name, *file);
        }
        for (name, file) in names {
            let bytes = self.files[file].cut(luck, random);
            std::fs::write(directory.join(name), bytes).unwrap();
        }
    }
}

fn change_name(names: &mut BTreeMap<String, usize>, name: &str, file: Option<usize>) {
    match file {
        Some(file) => names.insert(name.into(), file),
        None => names.remove(name),
    };
}

impl File {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        let pages = offset / PAGE..end.div_ceil(PAGE);
        let pages = pages.map(|page| (page, self.page(page))).collect();
        let size = self.seen.len();
        self.changes.push(Change { pages, size });
    }

    fn truncate(&mut self, size: usize) {
        self.seen.resize(size, 0);
        let pages = BTreeMap::new();
        self.changes.push(Change { pages, size });
    }

    /// A page as processes see it.
    fn page(&self, page: usize) -> Vec<u8> {
        let end = self.seen.len().min((page + 1) * PAGE);
        let mut bytes = self.seen[page * PAGE..end].to_vec();
        bytes.resize(PAGE, 0);
        bytes
    }

    fn sync(&mut self) {
        self.synced = self.image(self.changes.len(), |versions, _| versions.last().copied());
        self.changes.clear();
    }

    /// Applies a failed sync: some pages were written, and none is retried automatically.
    fn drop_some(&mut self, random: &mut Random) {
        let percent = [0, 50][random.below(2)];
        let changes = self.changes.len();
        self.synced = self.image(changes, |versions, _| {
            versions.last().copied().filter(|_| random.chance(percent))
        });
        self.changes.clear();
    }

    fn cut(&self, luck: Luck, random: &mut Random) -> Vec<u8> {
        let changes = match luck {
            Luck::None => return self.synced.clone(),
            Luck::All => self.changes.len(),
            Luck::Some | Luck::Torn => random.below(self.changes.len() + 1),
        };
        let is_torn = matches!(luck, Luck::Torn);
        let mut torn = BTreeMap::new();
        let mut bytes = self.image(changes, |versions, page| {
            if matches!(luck, Luck::All) {
                return versions.last().copied();
            }
            let some = |random: &mut Random| {
                let chosen = random.below(versions.len() + 1);
                versions.get(chosen).copied()
            };
            if is_torn && random.chance(30) {
                torn.insert(page, some(random)?);
            }
            some(random)
        });
        for (page, version) in torn {
            let sectors = bytes.len().saturating_sub(page * PAGE).min(PAGE) / SECTOR;
            for sector in (0..sectors).filter(|_| random.chance(50)) {
                let (at, of_page) = (page * PAGE + sector * SECTOR, sector * SECTOR);
                let sector = &version[of_page..of_page + SECTOR];
                bytes[at..at + SECTOR].copy_from_slice(sector);
            }
        }
        bytes
    }

    /// The file with its size after this many changes. `choose` picks each changed page from its versions since the last
    /// truncation, or keeps what is on disk.
    fn image<'f>(
        &'f self,
        changes: usize,
        mut choose: impl FnMut(&[&'f [u8]], usize) -> Option<&'f [u8]>,
    ) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let mut sizes = self.changes[..changes].iter().map(|change| change.size);
        bytes.truncate(sizes.clone().min().unwrap_or(bytes.len()));
        bytes.resize(sizes.next_back().unwrap_or(self.synced.len()), 0);
        let pages = self.changes.iter().flat_map(|change| change.pages.keys());
        for page in pages.copied().collect::<BTreeSet<_>>() {
            let cut_off = self.changes[..changes]
                .iter()
                .rposition(|change| change.size <= page * PAGE);
            let since = &self.changes[cut_off.map_or(0, |at| at + 1)..];
            let versions = since.iter().filter_map(|change| change.pages.get(&page));
            let versions: Vec<_> = versions.map(Vec::as_slice).collect();
            let end = bytes.len().min((page + 1) * PAGE);
            if let Some(version) = choose(&versions, page)
                && page * PAGE < end
            {
                bytes[page * PAGE..end].copy_from_slice(&version[..end - page * PAGE]);
            }
        }
        bytes
    }
}
