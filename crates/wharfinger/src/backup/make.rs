//! Making a backup.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::manifest::{Base, DestinationAt, FORMAT, Feed, Kind, Manifest, Part, hex, write_sums};
use super::place::{Source, Target, Unfinished, Workplace, new_file, publish};
use super::read::{self, Head, data_of};
use super::{DATABASE, HASHES, MANIFEST, PIECE_BYTES, SUMS, Stage, Tell, archive};
use crate::clock;
use crate::store::{self, CheckReport, Location, Store, StoreCopy};

/// What to back up, and how.
#[derive(Debug)]
pub struct Request<'r> {
    /// The store.
    pub from: &'r Location,
    /// Where to.
    pub to: Target,
    /// The backup that an increment follows. `None` for a full backup.
    pub since: Option<Source>,
    /// Whether the copy is checked as a store.
    pub verify: bool,
    /// Where a backup to standard output is prepared.
    pub temporary: PathBuf,
    /// What is told the directory of the unfinished backup.
    pub unfinished: Unfinished,
}

/// A backup that was made.
#[derive(Debug)]
pub struct Made {
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes of the backup.
    pub bytes: u64,
}

/// Makes a backup. Blocks. An error leaves nothing behind.
///
/// `out` gets a backup to standard output.
///
/// # Errors
/// The store cannot be read or is damaged, the backup before is not of this store, or the backup cannot be written.
pub fn make(request: &Request<'_>, out: &mut dyn Write, tell: &mut Tell<'_>) -> Result<Made> {
    let base = request.since.as_ref().map(read::head).transpose()?;
    if let Some(base) = &base {
        refuse_other(request, base)?;
    }
    refuse_inside(request)?;
    let work = Workplace::make(&request.to, &request.temporary, &request.unfinished)?;
    let parts = work.parts()?;
    let hashes = base.as_ref().map(|base| &base.hashes);
    let mut told = |done, all| tell(Stage::Copying, done, all);
    let copy = store::back_up(request.from, &parts, hashes, request.verify, &mut told)
        .with_context(|| format!("cannot back up {}", request.from))?;
    let report = request.verify.then(|| checked(&parts, tell)).transpose()?;
    let manifest = write_parts(&parts, request, &copy, base.as_ref(), report.as_ref(), tell)?;
    store::sync_directory(&parts).with_context(|| format!("cannot sync {}", parts.display()))?;
    let bytes = match &request.to {
        Target::Directory(target) => {
            publish(&parts, target)?;
            manifest.files.iter().map(|part| part.bytes).sum()
        }
        Target::Archive(target) => {
            let made = work.join("archive");
            let bytes = write_archive(&parts, &made, request.verify, tell)
                .with_context(|| format!("cannot write {}", target.display()))?;
            publish(&made, target)?;
            bytes
        }
        Target::Standard => {
            let mut out = BufWriter::with_capacity(PIECE_BYTES, out);
            let written = archive::write(&parts, &mut out, tell).and_then(|()| out.flush());
            written.context("cannot write the backup to standard output")?;
            manifest.files.iter().map(|part| part.bytes).sum()
        }
    };
    Ok(Made { manifest, bytes })
}

/// Refuses an increment on a backup of another store.
fn refuse_other(request: &Request<'_>, base: &Head) -> Result<()> {
    let Location::Directory(directory) = request.from else {
        bail!(
            "an increment is of a data directory; for PostgreSQL, make full backups, or archive its log with the tools of PostgreSQL"
        );
    };
    let facts = store::facts_of(directory);
    let facts = facts.with_context(|| format!("cannot back up {}", request.from))?;
    if facts.store != base.manifest.store {
        bail!(
            "the backup of {} is of another store than {}",
            base.manifest.moment,
            request.from
        );
    }
    if base.manifest.engine != engine(request.from) {
        bail!(
            "the backup of {} was made from PostgreSQL; make a full backup first",
            base.manifest.moment
        );
    }
    Ok(())
}

/// Refuses a target in the data directory: it would end with the store.
fn refuse_inside(request: &Request<'_>) -> Result<()> {
    let Location::Directory(directory) = request.from else {
        return Ok(());
    };
    let parent = match &request.to {
        Target::Standard => request.temporary.clone(),
        Target::Archive(path) | Target::Directory(path) => {
            let path = std::path::absolute(path)?;
            path.parent().map(Path::to_owned).unwrap_or_default()
        }
    };
    // What cannot be resolved is refused where it is opened.
    if let (Ok(parent), Ok(data)) = (parent.canonicalize(), directory.canonicalize())
        && parent.starts_with(&data)
    {
        bail!(
            "{} is in the data directory of the store; write the backup elsewhere, best on another disk",
            parent.display()
        );
    }
    Ok(())
}

fn engine(location: &Location) -> &'static str {
    match location {
        Location::Directory(_) => "embedded",
        Location::Database(_) => "postgres",
    }
}

/// Checks a copy as a store.
fn checked(parts: &Path, tell: &mut Tell<'_>) -> Result<CheckReport> {
    tell(Stage::Checking, 0, 0);
    let report = Store::check_at(&Location::Directory(parts.to_owned()));
    let report = report.context("cannot check the copy")?;
    store::remove_log(&parts.join(DATABASE));
    if let Some(fault) = report.faults.first() {
        bail!(
            "the store has {} faults, the first is: {fault}; `wharfinger check` shows all, and --no-verify backs it up as it is",
            report.faults.len()
        );
    }
    Ok(report)
}

/// Writes the parts beside the copy, and the large part of an increment in its place.
fn write_parts(
    parts: &Path,
    request: &Request<'_>,
    copy: &StoreCopy,
    base: Option<&Head>,
    report: Option<&CheckReport>,
    tell: &mut Tell<'_>,
) -> Result<Manifest> {
    let kind = base.map_or(Kind::Full, |_| Kind::Increment);
    let stored = match base {
        None => copy.hashes.pages(),
        Some(base) => write_pages(parts, copy, base)?,
    };
    let written = |name: &str| format!("cannot write {}", parts.join(name).display());
    let hashes = copy.hashes.encode();
    write_file(&parts.join(HASHES), &hashes).with_context(|| written(HASHES))?;
    let mut files = Vec::new();
    for name in [HASHES, data_of(kind)] {
        let part = digest_of(parts, name, tell);
        files.push(part.with_context(|| format!("cannot read {}", parts.join(name).display()))?);
    }
    let facts = &copy.facts;
    let manifest = Manifest {
        format: FORMAT,
        id: uuid::Uuid::now_v7().to_string(),
        kind,
        base: base.map(|base| Base {
            id: base.manifest.id.clone(),
            moment: base.manifest.moment.clone(),
        }),
        program: env!("CARGO_PKG_VERSION").into(),
        schema: facts.schema,
        store: facts.store.clone(),
        engine: engine(request.from).into(),
        moment: clock::rfc_3339(copy.moment_ms),
        moment_ms: copy.moment_ms,
        verified: report.is_some(),
        orders: report.map(|report| report.orders),
        page_bytes: copy.hashes.page_bytes(),
        pages: copy.hashes.pages(),
        pages_stored: stored,
        stamp: facts.stamp,
        feeds: Vec::from_iter(facts.feeds.iter().map(|feed| Feed {
            organisation: feed.organisation.clone(),
            position: feed.position,
        })),
        destinations: Vec::from_iter(facts.destinations.iter().map(|at| DestinationAt {
            id: at.id.clone(),
            state: at.state.clone(),
            delivered: at.delivered,
            stamp: at.stamp,
        })),
        files,
    };
    let mut text = serde_json::to_vec_pretty(&manifest)?;
    text.push(b'\n');
    write_file(&parts.join(MANIFEST), &text).with_context(|| written(MANIFEST))?;
    let of_manifest = hex(Sha256::new_with_prefix(&text));
    let named = manifest.files.iter();
    let named = named.map(|part| (part.name.as_str(), part.sha256.as_str()));
    let sums = write_sums(named.chain([(MANIFEST, of_manifest.as_str())]));
    write_file(&parts.join(SUMS), sums.as_bytes()).with_context(|| written(SUMS))?;
    Ok(manifest)
}

/// Writes the pages that differ from the backup before, in place of the copy. Returns how many.
fn write_pages(parts: &Path, copy: &StoreCopy, base: &Head) -> Result<u32> {
    let from = parts.join(DATABASE);
    let page_bytes = copy.hashes.page_bytes();
    if page_bytes != base.hashes.page_bytes() {
        bail!(
            "the pages of the store have another size than those of the backup before; make a full backup"
        );
    }
    let changed = copy.hashes.changed_since(&base.hashes);
    let to = parts.join(data_of(Kind::Increment));
    let write = || -> std::io::Result<()> {
        let source = File::open(&from)?;
        let mut out = BufWriter::with_capacity(PIECE_BYTES, new_file(&to)?);
        let mut page = vec![0; page_bytes as usize];
        for number in &changed {
            source.read_exact_at(&mut page, u64::from(number - 1) * u64::from(page_bytes))?;
            out.write_all(&number.to_be_bytes())?;
            out.write_all(&page)?;
        }
        out.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        std::fs::remove_file(&from)
    };
    write().with_context(|| format!("cannot write {}", to.display()))?;
    Ok(u32::try_from(changed.len()).unwrap_or(u32::MAX))
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = new_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn digest_of(parts: &Path, name: &str, tell: &mut Tell<'_>) -> std::io::Result<Part> {
    let file = File::open(parts.join(name))?;
    let all = file.metadata()?.len();
    let mut file = BufReader::with_capacity(PIECE_BYTES, file);
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        digest.update(&piece[..read]);
        bytes += read as u64;
        tell(Stage::Comparing, bytes, all);
    }
    Ok(Part {
        name: name.into(),
        bytes,
        sha256: hex(digest),
    })
}

/// Writes an archive, and reads it back if it is to be verified. Returns its length.
fn write_archive(parts: &Path, made: &Path, verify: bool, tell: &mut Tell<'_>) -> Result<u64> {
    let file = new_file(made)?;
    let mut out = BufWriter::with_capacity(PIECE_BYTES, &file);
    archive::write(parts, &mut out, tell)?;
    out.flush()?;
    drop(out);
    file.sync_all()?;
    if verify {
        let source = Source::Archive(made.to_owned());
        read::whole(&source, &mut |_| Ok(()), &mut |_, _| Ok(()))?;
    }
    Ok(file.metadata()?.len())
}
