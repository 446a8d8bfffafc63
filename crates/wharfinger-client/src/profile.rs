//! `wharfinger profile`: named connections.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use crate::connect::{Profile, Profiles};
use crate::http::ApiKey;
use crate::table::{Column, Format, Table};
use crate::terminal::{Exit, shown};

#[derive(Args, Debug)]
pub struct ProfileCommand {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a profile, or replace it
    #[command(
        after_help = "Example: wharfinger profile add shop --url http://127.0.0.1:8080 --key-file key.json"
    )]
    Add(Add),
    /// List the profiles
    #[command(after_help = "Example: wharfinger profile list")]
    List {
        /// Print them as JSON, one per line
        #[arg(long)]
        json: bool,
    },
    /// Remove a profile; its key file stays
    #[command(after_help = "Example: wharfinger profile remove shop")]
    Remove {
        /// The profile's name
        name: String,
    },
}

#[derive(Args, Debug)]
struct Add {
    /// The profile's name: letters, digits, `-`, `_` and `.`
    #[arg(value_parser = profile_name)]
    name: String,
    /// The server, as http://HOST:PORT or https://HOST
    #[arg(long, value_name = "URL")]
    url: String,
    /// File with the API key, as `wharfinger key create --json` prints it
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// PEM file with the CA of the server's certificate [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl ProfileCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The file of the profiles cannot be read or written, or there is no such profile.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        let mut profiles = Profiles::load()?;
        match self.command {
            Action::Add(add) => add.run(profiles, out)?,
            Action::List { json } => list(&profiles, json, out)?,
            Action::Remove { name } => {
                if profiles.by_name.remove(&name).is_none() {
                    bail!("there is no profile {name}; `wharfinger profile list` lists them");
                }
                profiles.save()?;
                writeln!(out, "removed {}", shown(&name))?;
            }
        }
        Ok(Exit::Done)
    }
}

impl Add {
    fn run(self, mut profiles: Profiles, out: &mut dyn Write) -> Result<()> {
        let profile = Profile {
            url: self.url,
            // The profile is used from any directory.
            key_file: std::path::absolute(&self.key_file)?,
            ca: self.ca.map(std::path::absolute).transpose()?,
        };
        let key = ApiKey::of_file(&profile.key_file)?;
        // Refuses a URL or a CA that could never work.
        crate::http::Client::new(&profile.url, key, profile.ca.as_deref())?;
        profiles.by_name.insert(self.name.clone(), profile);
        profiles.save()?;
        let file = profiles.file().display();
        writeln!(out, "added {} to {file}", shown(&self.name))?;
        Ok(())
    }
}

/// Checks the name of a new profile.
fn profile_name(name: &str) -> Result<String, String> {
    let is_sound = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    match (1..=64).contains(&name.len()) && name.chars().all(is_sound) {
        true => Ok(name.to_owned()),
        false => Err("expected 1 to 64 letters, digits, `-`, `_` or `.`".into()),
    }
}

/// A profile, as it is listed.
#[derive(Deserialize, Serialize)]
struct Row {
    name: String,
    url: String,
    key_file: PathBuf,
    ca: Option<PathBuf>,
}

const COLUMNS: &[Column<Row>] = &[
    ("NAME", |row| row.name.clone()),
    ("URL", |row| row.url.clone()),
    ("KEY FILE", |row| row.key_file.display().to_string()),
    ("CA", |row| {
        let ca = row.ca.as_ref();
        ca.map(|ca| ca.display().to_string()).unwrap_or_default()
    }),
];

fn list(profiles: &Profiles, json: bool, out: &mut dyn Write) -> Result<()> {
    let format = Format { json, csv: false };
    let mut table = Table::new(out, format, COLUMNS);
    for (name, profile) in &profiles.by_name {
        let row = Row {
            name: name.clone(),
            url: profile.url.clone(),
            key_file: profile.key_file.clone(),
            ca: profile.ca.clone(),
        };
        table.row(&to_raw_value(&row)?)?;
    }
    table.finish("there are no profiles; `wharfinger profile add` makes one")?;
    Ok(())
}
