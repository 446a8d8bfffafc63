//! Golden cases: exchanges with a server, stored as files.
//!
//! A case is a folder of numbered steps: `1.request` with `1.response`, or `1.command`, then `2.…`.
//!
//! A `.request` file has a first line `METHOD target`, header lines `name: value`, a blank line, and the body. One
//! newline at the end does not belong to the body. In header values, `{{full}}` stands for the Basic token of the API
//! key `full`, and `{{full.id}}` and `{{full.secret}}` for its parts. Lines among the headers that begin with `@` are
//! directives:
//!
//! - `@server`: only the server can answer. The pure tests stop there.
//! - `@gzip`, `@zstd`: the body is compressed before it is sent.
//! - `@hex`: the body is written in hexadecimal.
//! - `@repeat N`: the text between `{{repeat}}` and `{{end}}` in the body is sent N times, with `{{n}}` counting from
//!   0.
//!
//! A `.response` file has the status, those headers of [`HEADERS_TOLD`] that the response has, sorted, a blank line,
//! and the body followed by one newline. Every UUID is written `<uuid>`. A `.command` file contains the arguments of a
//! command. Commands at the beginning of a case run before the server starts, so that it knows what they changed.
//!
//! A folder `cases` also has a file `RULES`: what its cases are about, and where the rule stands ([`Rules`]).
//!
//! This module handles only files and text, so that the pure tests, the server's tests and the kit can share it.

mod fixture;
mod read;
mod request;
mod response;
mod rules;

use std::borrow::Cow;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use self::fixture::{CUSTOMERS, ENFORCED, KEYS, Key, ORGANISATIONS, PRODUCTS};
pub use self::read::{Dialect, dialects, read_all};
pub use self::response::{Golden, HEADERS_TOLD, normalise, render_response};
pub use self::rules::{Rule, Rules};

use self::request::Written;

/// One case folder.
#[derive(Clone, Debug)]
pub struct Case {
    /// The id of its dialect.
    pub dialect: String,
    /// The folder's name.
    pub name: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Case {
    /// The number at the beginning of its name.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.name.split('-').next()?.parse().ok()
    }

    /// Its requests, each with the number of its step from 1.
    pub fn exchanges(&self) -> impl Iterator<Item = (usize, &Exchange)> {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(at, step)| match step {
            Step::Exchange(exchange) => Some((at + 1, exchange)),
            Step::Command(_) => None,
        })
    }
}

/// One step of a case.
#[derive(Clone, Debug)]
pub enum Step {
    /// A request and its expected response.
    Exchange(Exchange),
    /// The arguments of a command that runs on the same data.
    Command(Vec<String>),
}

/// A request, and its expected response.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The HTTP method.
    pub method: String,
    /// Path and query, encoded.
    pub target: String,
    /// How the body is compressed: `gzip`, `zstd` or `None`. The headers already say so.
    pub coding: Option<&'static str>,
    /// The header fields as they are written: lowercase names, and values with placeholders.
    pub fields: Vec<(String, String)>,
    body: Written,
    needs_server: bool,
    /// The text of the `.response` file.
    expected: String,
    /// The file, unless the case is embedded.
    response_file: Option<PathBuf>,
}

/// The id and the secret of an API key.
#[derive(Clone)]
pub struct Credentials {
    /// The public id.
    pub id: String,
    /// The secret.
    pub secret: String,
}

impl Exchange {
    /// The body before compression.
    #[must_use]
    pub fn body(&self) -> Cow<'_, [u8]> {
        self.body.bytes()
    }

    /// Whether the body is long, because a part of it is repeated.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.body.is_repeated()
    }

    /// The body as the file has it: before repetition and without decoding.
    #[must_use]
    pub fn written(&self) -> &str {
        self.body.text()
    }

    /// Whether only the server can answer, because routes, media types, codings, sizes or time limits are involved.
    #[must_use]
    pub fn needs_server(&self) -> bool {
        self.needs_server || self.coding.is_some()
    }

    /// The header fields, with the API keys' secrets filled in. The ids of the keys are the names of the placeholders.
    ///
    /// # Errors
    /// A placeholder names no key.
    pub fn headers(
        &self,
        secret_of: &dyn Fn(&str) -> String,
    ) -> Result<Vec<(String, String)>, String> {
        self.headers_with(&|name| {
            Some(Credentials {
                id: name.to_owned(),
                secret: secret_of(name),
            })
        })
    }

    /// The header fields, with the credentials of the API keys filled in.
    ///
    /// # Errors
    /// A placeholder names no key, or one without credentials.
    pub fn headers_with(
        &self,
        credentials_of: &dyn Fn(&str) -> Option<Credentials>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut filled = Vec::new();
        for (name, value) in &self.fields {
            filled.push((name.clone(), fill(value, credentials_of)?));
        }
        Ok(filled)
    }

    /// The API keys that its headers name.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(|key| {
            let [whole, part] = [format!("{{{{{}}}}}", key.id), format!("{{{{{}.", key.id)];
            let mut values = self.fields.iter().map(|(_, value)| value);
            values.any(|value| value.contains(&whole) || value.contains(&part))
        })
    }

    /// The expected response.
    ///
    /// # Errors
    /// The file has another form.
    pub fn golden(&self) -> Result<Golden<'_>, String> {
        Golden::of(&self.expected)
    }

    /// Compares a response, as written by [`render_response`], with the file. `UPDATE_CASES=1` rewrites the file
    /// instead.
    ///
    /// # Errors
    /// How they differ, for people, or why the file cannot be rewritten.
    pub fn check(&self, answer: &str) -> Result<(), String> {
        if self.expected == answer {
            return Ok(());
        }
        match &self.response_file {
            Some(file) if read::is_updating() => {
                std::fs::write(file, answer).map_err(|error| error.to_string())
            }
            _ => Err(response::difference(&self.expected, answer)),
        }
    }
}

/// Fills in `{{full}}` (the Basic token), `{{full.id}}` and `{{full.secret}}` for each API key.
fn fill(
    value: &str,
    credentials_of: &dyn Fn(&str) -> Option<Credentials>,
) -> Result<String, String> {
    let mut filled = value.to_owned();
    for key in &KEYS {
        let name = key.id;
        if !filled.contains("{{") {
            break;
        }
        let Some(Credentials { id, secret }) = credentials_of(name) else {
            continue;
        };
        let token = basic_token(&id, &secret);
        filled = filled
            .replace(&format!("{{{{{name}}}}}"), &token)
            .replace(&format!("{{{{{name}.id}}}}"), &id)
            .replace(&format!("{{{{{name}.secret}}}}"), &secret);
    }
    if filled.contains("{{") {
        return Err(format!("{value}: no key of this name"));
    }
    Ok(filled)
}

/// The token that follows `Basic` in an `Authorization` header.
#[must_use]
pub fn basic_token(id: &str, secret: &str) -> String {
    BASE64.encode(format!("{id}:{secret}"))
}
