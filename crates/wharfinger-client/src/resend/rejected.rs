//! The receipts beside a file of rejected orders.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::sending::{RECEIPTS, REJECTED, Receipt};
use crate::terminal::shown;

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
        let lines = BufReader::new(file).lines().enumerate();
        Ok(lines.map(move |(number, line)| {
            let receipt = line.map_err(anyhow::Error::from);
            let receipt = receipt.and_then(|line| Ok(serde_json::from_str(&line)?));
            receipt.with_context(|| format!("{name}: line {} is not a receipt", number + 1))
        }))
    }

    fn name(&self) -> String {
        shown(&self.file.display().to_string()).into_owned()
    }
}
