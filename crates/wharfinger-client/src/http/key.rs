//! An API key, as a command gets it.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// An API key: a public id, and a secret that is never shown.
#[derive(Clone, Deserialize)]
pub struct ApiKey {
    /// The public id.
    pub id: String,
    secret: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ApiKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ApiKey {
    /// Reads the file of a key: the JSON of `wharfinger key create --json`, or `ID:SECRET`.
    ///
    /// # Errors
    /// The file cannot be read, or holds no key. The error does not quote it.
    pub fn of_file(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the key file {}", file.display()))?;
        let text = text.trim();
        let key = match text.starts_with('{') {
            true => serde_json::from_str(text).ok(),
            false => of_pair(text),
        };
        let Some(key) = key else {
            bail!(
                "{} holds no API key; expected what `wharfinger key create --json` prints, or ID:SECRET",
                file.display()
            );
        };
        checked(key, &file.display())
    }

    /// Reads the value of a variable: `ID:SECRET`.
    ///
    /// # Errors
    /// The text has another form. The error does not quote it.
    pub fn of_variable(name: &str, text: &str) -> Result<Self> {
        let key = of_pair(text.trim()).with_context(|| format!("{name} must be ID:SECRET"))?;
        checked(key, &name)
    }

    /// The secret, for the header of a request.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

fn of_pair(text: &str) -> Option<ApiKey> {
    let (id, secret) = text.split_once(':')?;
    let is_one = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    (is_one(id) && is_one(secret)).then(|| ApiKey {
        id: id.into(),
        secret: secret.into(),
    })
}

/// Refuses a secret that cannot be in a header.
fn checked(key: ApiKey, place: &dyn fmt::Display) -> Result<ApiKey> {
    let is_sound = !key.secret.is_empty() && key.secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound {
        bail!("the secret in {place} has characters that no secret has");
    }
    Ok(key)
}
