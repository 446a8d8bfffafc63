//! The receipts beside a file of rejected orders.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::sending::{RECEIPTS, REJECTED, Receipt};
use crate::terminal::shown;

/// Bytes of a receipt. Those of the largest batches are far shorter.
const RECEIPT_BYTES_MAX: u64 = 16 << 20;

/// A file of receipts. It is read from the start as often as needed, one receipt at a time.
pub(super) struct Receipts {
    file: PathBuf,
}

impl Receipts {
    /// The receipts that were written with a file of rejected orders.
    ///
    /// # Errors
    /// The file's name is not that of a file of rejected orders.
    pub(super) fn beside(rejected: &Path) -> Result<Self> {
        let name = rejected.file_name().and_then(|name| name.to_str());
        let Some(start) = name.and_then(|name| name.strip_suffix(REJECTED)) else {
            bail!(
                "expected a file whose name ends in {REJECTED}, as `wharfinger submit` writes it; to send another file, use \
                 `wharfinger submit`"
            );
        };
        let file = rejected.with_file_name(format!("{start}{RECEIPTS}"));
        Ok(Self { file })
    }

    /// The first receipt.
    ///
    /// # Errors
    /// The file cannot be read, or has none.
    pub(super) fn first(&self) -> Result<Receipt> {
        match self.read()?.next() {
            Some(first) => first,
            None => bail!("{} has no receipts", self.name()),
        }
    }

    /// Reads the receipts.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read(&self) -> Result<impl Iterator<Item = Result<Receipt>> + Send + use<>> {
        let name = self.name();
        let file = File::open(&self.file).with_context(|| {
            format!("cannot read {name}, which has the receipts of the rejected orders; without it, use `wharfinger submit -`")
        })?;
        let lines = lines(BufReader::new(file), RECEIPT_BYTES_MAX).enumerate();
        Ok(lines.map(move |(number, line)| {
            let receipt = line.map_err(anyhow::Error::from);
            let receipt = receipt.and_then(|line| Ok(serde_json::from_slice(&line)?));
            receipt.with_context(|| format!("{name}: line {} is not a receipt", number + 1))
        }))
    }

    fn name(&self) -> String {
        shown(&self.file.display().to_string()).into_owned()
    }
}

/// Lines of at most `bytes_max` bytes, with their ends. After an error, there are no more.
fn lines(
    mut reader: impl BufRead + Send + 'static,
    bytes_max: u64,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send {
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let mut line = Vec::new();
        let read = Read::by_ref(&mut reader)
            .take(bytes_max + 1)
            .read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) => return None,
            Ok(length) if length as u64 > bytes_max => {
                let why = format!("it is longer than {bytes_max} bytes");
                Err(io::Error::new(ErrorKind::InvalidData, why))
            }
            Ok(_) => Ok(line),
            Err(error) => Err(error),
        };
        is_over = line.is_err();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn a_line_without_an_end_is_an_error_and_the_last() {
        let all: Vec<_> = lines(&b"12\n1234567\n\n9"[..], 8)
            .map(Result::unwrap)
            .collect();
        assert_eq!(all, [&b"12\n"[..], b"1234567\n", b"\n", b"9"]);
        let mut all = lines(&b"12\n123456789\n1\n"[..], 8);
        assert!(all.next().unwrap().is_ok());
        assert!(all.next().unwrap().is_err());
        assert!(all.next().is_none());
        let zero = std::io::BufReader::new(std::io::repeat(0));
        assert!(lines(zero, 8).next().unwrap().is_err());
    }
}
