//! `wharfinger key`: creates, lists, rotates and revokes API keys.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use wharfinger_core::order::organisation::{OrgAccess, Scope};

use super::{KeptIn, directory, find_organisation, write_json};
use crate::access::rates::Rates;
use crate::access::rules::{KeyView, NewKey, SPAN_FORM, span};
use crate::access::secret;
use crate::clock;
use crate::store::{self, COMMAND_LINE, Change, Directory, RATE_MAX, Store};

#[derive(Args, Debug)]
pub(super) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a key; its secret is shown only once
    #[command(
        after_help = "Example: wharfinger key create --org TRK001 --scope orders:write --scope orders:read --expires 90d"
    )]
    Create(Create),
    /// List the keys
    #[command(after_help = "Example: wharfinger key list --json")]
    List {
        /// Print them as JSON, one per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Give a key a new secret; the old one stops working immediately
    #[command(after_help = "Example: wharfinger key rotate key_0123456789ab")]
    Rotate(Named),
    /// Revoke a key, permanently
    #[command(after_help = "Example: wharfinger key revoke key_0123456789ab")]
    Revoke(Named),
}

#[derive(Args, Debug)]
struct Create {
    /// Organisation that the key may act for; may be repeated
    #[arg(
        long = "org",
        value_name = "CODE",
        required_unless_present = "all_orgs"
    )]
    orgs: Vec<String>,
    /// Let the key act for every organisation, including future ones
    #[arg(long, conflicts_with = "orgs")]
    all_orgs: bool,
    /// Scope of the key; may be repeated [default: orders:write and orders:read]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// Time until the key expires: 90d, 12h, 30m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<Duration>,
    /// Requests that the key may send per second [default: the server's setting for all keys]
    #[arg(long, value_name = "COUNT", value_parser = rate())]
    requests_per_second: Option<u32>,
    /// Orders that the key may send per second [default: the server's setting for all keys]
    #[arg(long, value_name = "COUNT", value_parser = rate())]
    orders_per_second: Option<u32>,
    /// Let the key ask for failures with the header Wharfinger-Simulate, to test how a client takes them
    #[arg(long)]
    test: bool,
    /// Print its id and secret as JSON
    #[arg(long)]
    json: bool,
    /// Create the store if there is none; a new store has no organisations
    #[arg(long, requires = "all_orgs")]
    init: bool,
    #[command(flatten)]
    data: KeptIn,
}

#[derive(Args, Debug)]
struct Named {
    /// The key's id
    id: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

/// A new key, as it is printed once.
#[derive(Debug, Serialize)]
pub(super) struct Issued {
    /// The public id.
    pub(super) id: String,
    /// The secret.
    pub(super) secret: String,
}

impl Key {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            KeyCommand::Create(create) => create.run(out).await,
            KeyCommand::List { json, data } => {
                let store = data.open()?;
                let directory = directory(store.as_ref()).await?;
                for key in &directory.keys {
                    write_key(out, &directory, key, json)?;
                }
                Ok(())
            }
            KeyCommand::Rotate(named) => {
                let store = named.open().await?;
                let issued = Issued {
                    id: named.id,
                    secret: secret::key_secret(),
                };
                let change = Change::RotateKey {
                    id: issued.id.clone(),
                    secret_sha256: secret::hash(&issued.secret),
                };
                store.administer(COMMAND_LINE, change, None).await?;
                write_issued(out, &issued, named.json)
            }
            KeyCommand::Revoke(named) => {
                let store = named.open().await?;
                let change = Change::RevokeKey {
                    id: named.id.clone(),
                    at_ms: clock::now_ms(),
                };
                store.administer(COMMAND_LINE, change, None).await?;
                if named.json {
                    return write_json(
                        out,
                        &serde_json::json!({ "id": named.id, "revoked": true }),
                    );
                }
                writeln!(out, "{} is revoked", named.id)?;
                Ok(())
            }
        }
    }
}

impl Named {
    async fn open(&self) -> Result<std::sync::Arc<Store>> {
        let store = self.data.open()?;
        let directory = directory(store.as_ref()).await?;
        if !directory.keys.iter().any(|key| key.id == self.id) {
            bail!(
                "there is no key {}; `wharfinger key list` lists them",
                self.id
            );
        }
        Ok(store)
    }
}

impl Create {
    async fn run(self, out: &mut dyn Write) -> Result<()> {
        let store = self.data.open_or_init(self.init)?;
        let directory = directory(store.as_ref()).await?;
        let reach = if self.all_orgs {
            OrgAccess::All
        } else {
            let mut ids = Vec::new();
            for code in &self.orgs {
                ids.push(find_organisation(&directory, code)?.id);
            }
            OrgAccess::Only(ids)
        };
        let scopes = if self.scopes.is_empty() {
            vec![Scope::OrdersWrite, Scope::OrdersRead]
        } else {
            self.scopes
        };
        let in_ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let new = NewKey {
            reach,
            scopes,
            expires_at_ms: self
                .expires
                .map(|time| clock::now_ms().saturating_add(in_ms(time))),
            rates: Rates {
                requests_per_second: self.requests_per_second,
                orders_per_second: self.orders_per_second,
            },
            is_test: self.test,
        };
        let issued = issue(store.as_ref(), new).await?;
        write_issued(out, &issued, self.json)
    }
}

/// Creates a key and stores it.
pub(super) async fn issue(store: &Store, new: NewKey) -> Result<Issued> {
    let (key, secret) = new.issue();
    let id = key.id.clone();
    let change = Change::CreateKey(key);
    store.administer(COMMAND_LINE, change, None).await?;
    Ok(Issued { id, secret })
}

fn write_issued(out: &mut dyn Write, issued: &Issued, json: bool) -> Result<()> {
    if json {
        return write_json(out, issued);
    }
    writeln!(out, "id      {}", issued.id)?;
    writeln!(out, "secret  {}", issued.secret)?;
    writeln!(out, "The secret is not shown again.")?;
    Ok(())
}

fn write_key(
    out: &mut dyn Write,
    directory: &Directory,
    key: &store::Key,
    json: bool,
) -> Result<()> {
    let line = KeyView::of(key, &directory.organisations);
    if json {
        return write_json(out, &line);
    }
    let organisations = line
        .organisations
        .map_or_else(|| "all".into(), |codes| codes.join(","));
    let state = match (&line.revoked_at, &line.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("expires {at}"),
        (None, None) => "no expiry".into(),
    };
    let scopes = line.scopes.join(",");
    let rates = [
        (line.requests_per_second, "requests/s"),
        (line.orders_per_second, "orders/s"),
    ];
    let rates: String = rates
        .iter()
        .filter_map(|(rate, unit)| rate.map(|rate| format!("  {rate} {unit}")))
        .collect();
    let test = if line.test { "  test" } else { "" };
    let used = line.last_used_at.unwrap_or_else(|| "never used".into());
    writeln!(
        out,
        "{:<18} {organisations:<20} {scopes:<28} {state:<34} {used}{rates}{test}",
        line.id
    )?;
    Ok(())
}

fn scope(name: &str) -> Result<Scope, String> {
    let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let found = Scope::ALL.into_iter().find(|scope| scope.name() == name);
    found.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn duration(text: &str) -> Result<Duration, String> {
    span(text).ok_or_else(|| format!("expected {SPAN_FORM}"))
}

fn rate() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(RATE_MAX))
}
