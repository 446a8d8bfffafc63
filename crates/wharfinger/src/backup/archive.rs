//! Archives: the parts of a backup as a tar archive, compressed with zstd.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write, copy, sink};
use std::path::Path;

use anyhow::{Context, Result, bail};
use tar::{Archive, Builder, Header};

use super::place::Source;
use super::{DATABASE, FILE_MODE, HASHES, MANIFEST, PAGES, PIECE_BYTES, SUMS, Stage, Tell};

/// The parts, in their order.
const PARTS: [&str; 5] = [SUMS, MANIFEST, HASHES, DATABASE, PAGES];
/// How hard zstd tries. Most of a store is compressed already.
const LEVEL: i32 = 3;

/// Writes the parts in a directory as an archive.
///
/// # Errors
/// A part cannot be read, or the archive cannot be written.
pub(super) fn write(parts: &Path, out: impl Write, tell: &mut Tell<'_>) -> std::io::Result<()> {
    let mut encoder = zstd::stream::Encoder::new(out, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut archive = Builder::new(encoder);
    let mut files = Vec::new();
    for name in PARTS {
        let path = parts.join(name);
        if path.exists() {
            let file = File::open(path)?;
            files.push((name, file.metadata()?.len(), file));
        }
    }
    let all = files.iter().map(|(_, bytes, _)| bytes).sum();
    let mut done = 0;
    for (name, bytes, file) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(FILE_MODE);
        let mut told = Told {
            inner: BufReader::with_capacity(PIECE_BYTES, file.take(bytes)),
            tell: &mut |read| {
                done += read;
                tell(Stage::Writing, done, all);
            },
        };
        archive.append_data(&mut header, name, &mut told)?;
    }
    let mut out = archive.into_inner()?.finish()?;
    out.flush()
}

/// A reader that tells how much was read.
struct Told<'t, R> {
    inner: R,
    tell: &'t mut dyn FnMut(u64),
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        (self.tell)(read as u64);
        Ok(read)
    }
}

/// Whether the next part is read too.
pub(super) type GoOn = bool;

/// Reads the parts of a backup, in their order: the name, the length, and the content. To its end, unless `visit` says otherwise.
///
/// # Errors
/// It cannot be read, is truncated, or `visit` fails.
pub(super) fn each_part(
    source: &Source,
    visit: &mut dyn FnMut(&str, u64, &mut dyn Read) -> Result<GoOn>,
) -> Result<()> {
    match source {
        Source::Directory(directory) => each_file(directory, visit),
        Source::Archive(path) => each_entry(File::open(path)?, visit),
        Source::Standard => each_entry(std::io::stdin().lock(), visit),
    }
}

fn each_file(
    directory: &Path,
    visit: &mut dyn FnMut(&str, u64, &mut dyn Read) -> Result<GoOn>,
) -> Result<()> {
    for name in PARTS {
        let path = directory.join(name);
        // A device or a pipe has no end, and may not even be opened.
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            found => {
                if !found?.is_file() {
                    bail!("{} is no regular file", path.display());
                }
            }
        }
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(PIECE_BYTES, file);
        if !visit(name, bytes, &mut reader)? {
            break;
        }
    }
    Ok(())
}

fn each_entry(
    input: impl Read,
    visit: &mut dyn FnMut(&str, u64, &mut dyn Read) -> Result<GoOn>,
) -> Result<()> {
    const DAMAGED: &str = "the archive is truncated or damaged";
    let decoder = zstd::stream::Decoder::new(input).context(DAMAGED)?;
    let mut archive = Archive::new(decoder);
    // As they are: names in entries of their own, which may have any length, are not read.
    for entry in archive.entries().context(DAMAGED)?.raw(true) {
        let mut entry = entry.context(DAMAGED)?;
        if !entry.header().entry_type().is_file() {
            bail!("it has something else than regular files");
        }
        let name = entry
            .path()
            .context(DAMAGED)?
            .to_string_lossy()
            .into_owned();
        let bytes = entry.size();
        if !visit(&name, bytes, &mut entry)? {
            return Ok(());
        }
    }
    // The checksum of the compressed form is at its end.
    copy(&mut archive.into_inner(), &mut sink()).context(DAMAGED)?;
    Ok(())
}
