//! Reading a backup. Each part is compared with its digest.

use std::io::{Read, copy, sink};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::archive::each_part;
use super::manifest::{Kind, Manifest, hex, read_sums};
use super::place::Source;
use super::{DATABASE, HASHES, MANIFEST, PAGES, SUMS};
use crate::store::PageHashes;

/// The longest list of digests that is read.
const SUMS_MAX: u64 = 4 << 10;
/// The longest manifest that is read. It has a line for each organisation.
const MANIFEST_MAX: u64 = 256 << 20;
/// The longest list of hashes of pages that is read. It is kept in memory. A database of 1 TiB has one of this length.
const HASHES_MAX: u64 = 4 << 30;

/// The small parts of a backup.
#[derive(Debug)]
pub(super) struct Head {
    pub manifest: Manifest,
    pub hashes: PageHashes,
}

/// Is called with the small parts, and the large one.
pub(super) type OnData<'d> = dyn FnMut(&Head, &mut dyn Read) -> Result<()> + 'd;

/// Reads the small parts of a backup.
///
/// # Errors
/// It cannot be read, or a part is damaged.
pub(super) fn head(source: &Source) -> Result<Head> {
    read(source, &mut |_| Ok(()), None)
}

/// Reads a whole backup. `on_head` is called before the large part is read. What `on_data` gets is verified when this returns.
///
/// # Errors
/// It cannot be read, a part is damaged or missing, or a closure fails.
pub(super) fn whole(
    source: &Source,
    on_head: &mut dyn FnMut(&Head) -> Result<()>,
    on_data: &mut OnData<'_>,
) -> Result<Head> {
    read(source, on_head, Some(on_data))
}

fn read(
    source: &Source,
    on_head: &mut dyn FnMut(&Head) -> Result<()>,
    mut on_data: Option<&mut OnData<'_>>,
) -> Result<Head> {
    let mut parts = Parts::default();
    let read = each_part(source, &mut |name, bytes, input| match &mut on_data {
        // The small parts come first.
        None => {
            parts.take(name, bytes, input, on_head, &mut |_, _| Ok(()))?;
            Ok(parts.head.is_none())
        }
        Some(on_data) => {
            parts.take(name, bytes, input, on_head, &mut **on_data)?;
            Ok(true)
        }
    });
    let head = read.and_then(|()| match (parts.head, parts.has_data, on_data.is_some()) {
        (Some(head), true, _) | (Some(head), false, false) => Ok(head),
        (Some(_), false, true) => bail!("its last part is missing"),
        (None, _, _) => bail!("it is no backup, or parts of it are missing"),
    });
    head.with_context(|| format!("cannot use the backup {source}"))
}

/// The parts of a backup, as they are read.
#[derive(Default)]
struct Parts {
    sums: Option<std::collections::BTreeMap<String, String>>,
    manifest: Option<Manifest>,
    head: Option<Head>,
    has_data: bool,
}

impl Parts {
    fn take(
        &mut self,
        name: &str,
        bytes: u64,
        input: &mut dyn Read,
        on_head: &mut dyn FnMut(&Head) -> Result<()>,
        on_data: &mut OnData<'_>,
    ) -> Result<()> {
        let Some(sums) = &self.sums else {
            if name != SUMS || bytes > SUMS_MAX {
                bail!("it is no backup: it does not begin with {SUMS}");
            }
            let mut text = String::new();
            input.take(SUMS_MAX).read_to_string(&mut text)?;
            self.sums = Some(read_sums(&text)?);
            return Ok(());
        };
        let sha256 = sums
            .get(name)
            .with_context(|| format!("{name} has no digest"))?;
        let mut input = Digested {
            input,
            digest: Sha256::new(),
        };
        match (&self.manifest, &self.head) {
            (None, _) if name == MANIFEST && bytes <= MANIFEST_MAX => {
                let mut text = Vec::new();
                input.by_ref().take(bytes).read_to_end(&mut text)?;
                input.end(name, sha256)?;
                self.manifest = Some(Manifest::read(&text)?);
            }
            (Some(manifest), None) if name == HASHES => {
                // 16 bytes a page, and 12 more.
                if bytes > (u64::from(manifest.pages) * 16 + 12).min(HASHES_MAX) {
                    bail!("{name} is longer than it can be");
                }
                let mut encoded = Vec::new();
                input.by_ref().take(bytes).read_to_end(&mut encoded)?;
                input.end(name, sha256)?;
                let hashes = PageHashes::decode(&encoded);
                let fits = |hashes: &PageHashes| {
                    hashes.pages() == manifest.pages && hashes.page_bytes() == manifest.page_bytes
                };
                let hashes = hashes.filter(fits);
                let head = Head {
                    manifest: manifest.clone(),
                    hashes: hashes.with_context(|| format!("{name} is damaged"))?,
                };
                on_head(&head)?;
                self.head = Some(head);
            }
            (_, Some(head)) if !self.has_data && name == data_of(head.manifest.kind) => {
                on_data(head, &mut input)?;
                input.end(name, sha256)?;
                self.has_data = true;
            }
            _ => bail!("{name} is not expected there"),
        }
        Ok(())
    }
}

/// The name of the large part.
pub(super) fn data_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Full => DATABASE,
        Kind::Increment => PAGES,
    }
}

/// A reader that computes the digest of what is read.
struct Digested<'i> {
    input: &'i mut dyn Read,
    digest: Sha256,
}

impl Digested<'_> {
    /// Reads the rest, and compares the digest.
    fn end(mut self, name: &str, sha256: &str) -> Result<()> {
        copy(&mut self, &mut sink()).with_context(|| format!("cannot read {name}"))?;
        if hex(self.digest) != sha256 {
            bail!("{name} is damaged: its SHA-256 differs from the one in {SUMS}");
        }
        Ok(())
    }
}

impl Read for Digested<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(into)?;
        self.digest.update(&into[..read]);
        Ok(read)
    }
}
