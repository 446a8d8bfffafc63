//! The manifest of a backup: what it contains, in JSON.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wharfinger_core::letters;

/// The version of the form of backups that this program writes, and the latest that it reads.
pub const FORMAT: u32 = 1;

/// The manifest of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the form.
    pub format: u32,
    /// The backup's own id.
    pub id: String,
    /// Whether it is whole.
    pub kind: Kind,
    /// The backup that an increment follows.
    pub base: Option<Base>,
    /// The version of the program that wrote it.
    pub program: String,
    /// The version of the store's schema.
    pub schema: usize,
    /// The store that was backed up, by a random number that its copies share.
    pub store: String,
    /// Where that store was: `embedded` or `postgres`.
    pub engine: String,
    /// The moment whose state it has (RFC 3339).
    pub moment: String,
    /// The same, in milliseconds since 1970.
    pub moment_ms: i64,
    /// Whether the copy was checked as a store.
    pub verified: bool,
    /// How many orders it has, if it was checked.
    pub orders: Option<u64>,
    /// Bytes of a page of the database.
    pub page_bytes: u32,
    /// The pages of the database.
    pub pages: u32,
    /// The pages that are in this backup.
    pub pages_stored: u32,
    /// The stamp of the latest transaction with events.
    pub stamp: i64,
    /// Where the feed of each organisation ends.
    pub feeds: Vec<Feed>,
    /// How far each destination was.
    pub destinations: Vec<DestinationAt>,
    /// The parts of the backup besides the manifest and the list of digests.
    pub files: Vec<Part>,
}

/// Whether a backup is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It has everything.
    Full,
    /// It has what changed since another backup.
    Increment,
}

/// The backup that an increment follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its id.
    pub id: String,
    /// Its moment.
    pub moment: String,
}

/// Where the feed of an organisation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// The organisation's code.
    pub organisation: String,
    /// The position of its last event; 0 if there is none.
    pub position: u64,
}

/// How far a destination was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationAt {
    /// Its id.
    pub id: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// How many events were delivered.
    pub delivered: i64,
    /// Up to which stamp everything was delivered.
    pub stamp: i64,
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It is none, or of a later form.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
            program: String,
        }
        let Form { format, program } =
            serde_json::from_slice(bytes).context("it has no manifest")?;
        if format > FORMAT {
            bail!(
                "it was written by wharfinger {program} in form {format}, but this program, {}, reads forms up to {FORMAT}; \
                 use a newer program",
                env!("CARGO_PKG_VERSION")
            );
        }
        serde_json::from_slice(bytes).context("its manifest cannot be read")
    }
}

/// The list of digests, as `sha256sum` writes it.
pub(super) fn write_sums<'p>(parts: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let lines = parts.into_iter();
    lines
        .map(|(name, sha256)| format!("{sha256}  {name}\n"))
        .collect()
}

/// Reads a list of digests, by the names of the parts.
pub(super) fn read_sums(text: &str) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    if !text.ends_with('\n') {
        bail!("its list of digests is truncated");
    }
    for line in text.lines() {
        let parts = line.split_once("  ");
        let Some((sha256, name)) = parts.filter(|(sha256, _)| sha256.len() == 64) else {
            bail!("its list of digests is damaged");
        };
        sums.insert(name.to_owned(), sha256.to_owned());
    }
    Ok(sums)
}

/// A digest in hexadecimal digits.
pub(super) fn hex(digest: Sha256) -> String {
    letters::hex(&digest.finalize())
}
