//! Backups of a store: their parts, how they are written and read, and how a store is restored from them.
//!
//! May import: `store` and the rooms below it.
//!
//! ```text
//! SHA256SUMS     the digests of the other parts, as `sha256sum -c` reads them
//! manifest.json  which store, which moment, which versions, which parts
//! page-hashes    the hash of each page of the database at that moment
//! orders.db      a full backup: the database, as an embedded store has it
//! pages          an increment: the pages that differ from the backup before it, each after its number
//! ```
//!
//! A backup is a directory with these parts, or a tar archive of them in this order, compressed with zstd. Each part is verified before
//! the next one is used.

mod archive;
mod chain;
mod make;
pub mod manifest;
mod place;
mod read;
mod restore;

pub use self::make::{Made, Request, make};
pub use self::place::{Source, Target, Unfinished};
pub use self::restore::{Restored, restore};

/// The names of the parts, in their order in an archive.
const SUMS: &str = "SHA256SUMS";
const MANIFEST: &str = "manifest.json";
const HASHES: &str = "page-hashes";
const DATABASE: &str = crate::store::DATABASE_FILE;
const PAGES: &str = "pages";

/// The mode of every file, and of every directory. Only the owner may read them, because orders contain personal data.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// Bytes that are read or written at once.
const PIECE_BYTES: usize = 1 << 20;

/// What a command is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Copying the store.
    Copying,
    /// Verifying the copy as a store.
    Checking,
    /// Writing the parts of a backup.
    Writing,
    /// Reading the parts of a backup.
    Reading,
    /// Comparing what was written with its hashes.
    Comparing,
}

/// Is told the stage, what is done, and all that there is.
pub type Tell<'t> = dyn FnMut(Stage, u64, u64) + 't;
