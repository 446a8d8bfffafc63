//! What `wharfinger listen` keeps from run to run: the cursor and the secret.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use wharfinger_client::events::feed::Start;
use wharfinger_client::http::Client;
use wharfinger_client::private_file;
use wharfinger_client::since::Since;
use wharfinger_core::letters::hex;

use crate::onward::signature::{is_secret, new_shared_secret};

/// The kept state of a run, and its file. Only one process has it.
pub(super) struct State {
    file: PathBuf,
    kept: Kept,
    /// The lock on the state, until the process ends.
    _lock: File,
}

/// The content of the file.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    server: String,
    forward_to: String,
    #[serde(default)]
    organisation: Option<String>,
    secret: String,
    /// The cursor after the last event that was delivered.
    #[serde(default)]
    cursor: Option<String>,
    /// Where to begin while there is no cursor.
    #[serde(default)]
    since: Option<String>,
}

impl State {
    /// Reads the state from a file, or from the one of this server, key, organisation and target. It is new if the file does not
    /// exist.
    ///
    /// # Errors
    /// The file cannot be read, belongs to another server or organisation, or another process has it.
    pub(super) fn open(
        file: Option<PathBuf>,
        client: &Client,
        target: &Url,
        organisation: Option<&str>,
    ) -> Result<Self> {
        let file = match file {
            Some(file) => file,
            None => default_file(client, target, organisation)?,
        };
        let lock = lock(&file)?;
        let of_new = Kept {
            server: client.url().to_owned(),
            forward_to: target.to_string(),
            organisation: organisation.map(str::to_owned),
            ..Kept::default()
        };
        let kept = match private_file::read(&file)? {
            None => of_new,
            Some(text) => {
                let kept: Kept = serde_json::from_str(&text).with_context(|| {
                    format!(
                        "{} is not a file of `wharfinger listen`; remove it, or name another one",
                        file.display()
                    )
                })?;
                if (&kept.server, &kept.organisation) != (&of_new.server, &of_new.organisation) {
                    bail!(
                        "{} has the cursor of another server or organisation; name another file",
                        file.display()
                    );
                }
                kept
            }
        };
        Ok(Self {
            file,
            kept,
            _lock: lock,
        })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn secret(&self) -> &str {
        &self.kept.secret
    }

    /// Sets the secret to a given one. Without one, the kept one stays, or a new one is made. Returns whether the user has not seen
    /// the secret yet.
    pub(super) fn set_secret(&mut self, given: Option<&str>) -> bool {
        if let Some(given) = given {
            given.clone_into(&mut self.kept.secret);
            return false;
        }
        let is_new = !is_secret(&self.kept.secret);
        if is_new {
            self.kept.secret = new_shared_secret();
        }
        is_new
    }

    /// Where to begin: after the kept cursor, unless it is to be forgotten.
    pub(super) fn start(&mut self, since: Option<Since>, forgets: bool) -> Start {
        if forgets {
            self.kept.cursor = None;
            self.kept.since = None;
        }
        if let Some(cursor) = &self.kept.cursor {
            return Start::After(cursor.clone());
        }
        // A run that ended before its first cursor began there.
        let kept = self.kept.since.as_ref();
        let since = kept.and_then(|kept| kept.parse().ok()).or(since);
        self.kept.since = since.map(|since| since.to_string());
        since.map_or(Start::Now, Start::Since)
    }

    /// Keeps the cursor after what was delivered.
    pub(super) fn keep(&mut self, cursor: &str) -> Result<()> {
        self.kept.cursor = Some(cursor.to_owned());
        self.kept.since = None;
        self.save()
    }

    pub(super) fn save(&self) -> Result<()> {
        private_file::replace(&self.file, &serde_json::to_vec_pretty(&self.kept)?)
    }
}

/// The file of a server, key, organisation and target, in the user's state directory.
fn default_file(client: &Client, target: &Url, organisation: Option<&str>) -> Result<PathBuf> {
    let folder = private_file::folder("XDG_STATE_HOME", ".local/state");
    let folder = folder.context("no home directory is known; name a file with --cursor-file")?;
    let mut hash = Sha256::new();
    for part in [
        client.url(),
        &client.key().id,
        organisation.unwrap_or_default(),
        target.as_str(),
    ] {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let name = hex(&hash[..8]);
    Ok(folder.join(format!("wharfinger/listen/{name}.json")))
}

/// Locks the state for this process.
fn lock(file: &Path) -> Result<File> {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = || format!("cannot write {}", name.display());
    if let Some(folder) = name.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&name)
        .with_context(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "another `wharfinger listen` uses {}; end it, or name another file with --cursor-file",
            file.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(failed),
    }
}
