//! Named connections, in a file that only its user can read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::private_file;

/// The variable that names another file of profiles.
const FILE_VARIABLE: &str = "WHARFINGER_PROFILES";

/// A named connection.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The server.
    pub url: String,
    /// The file of the API key.
    pub key_file: PathBuf,
    /// The PEM file with the CA of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// The profiles of this user.
#[derive(Debug)]
pub struct Profiles {
    file: PathBuf,
    /// The profiles by name.
    pub by_name: BTreeMap<String, Profile>,
}

impl Profiles {
    /// Reads the user's profiles. There are none if the file does not exist.
    ///
    /// # Errors
    /// The file cannot be read or has another form, or no home directory is known.
    pub fn load() -> Result<Self> {
        let file = file()?;
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        let by_name = toml::from_str(&text)
            .with_context(|| format!("{} is not a file of profiles", file.display()))?;
        Ok(Self { file, by_name })
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, name: &str) -> Result<&Profile> {
        self.by_name.get(name).with_context(|| {
            format!(
                "there is no profile {name}; `wharfinger profile list` lists them, `wharfinger profile add` makes one"
            )
        })
    }

    /// Writes the profiles. Only the user can read the file, and it is replaced as a whole.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self) -> Result<()> {
        private_file::replace(&self.file, toml::to_string(&self.by_name)?.as_bytes())
    }

    /// The file of the profiles.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

fn file() -> Result<PathBuf> {
    let named = std::env::var_os(FILE_VARIABLE);
    if let Some(file) = named.filter(|file| !file.is_empty()) {
        return Ok(file.into());
    }
    let folder = private_file::folder("XDG_CONFIG_HOME", ".config");
    let folder = folder.with_context(|| {
        format!("no home directory is known; set {FILE_VARIABLE} to the file of the profiles")
    })?;
    Ok(folder.join("wharfinger/profiles.toml"))
}
