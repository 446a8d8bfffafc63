//! What a server does and says at its start on a store without organisations.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;

use anyhow::Result;
use wharfinger_core::dialect::{Sample, SampleKey};
use wharfinger_core::dialects;
use wharfinger_core::order::organisation::{OrgAccess, Organisation, Scope};

use super::super::key::{self, Issued};
use super::super::{directory, find_organisation};
use crate::access::rates::Rates;
use crate::access::rules::NewKey;
use crate::serve::config::Config;
use crate::store::{COMMAND_LINE, Change, Location, Store};

/// The organisation that is created to try the server out.
const DEMO: &str = "DEMO";

/// What the store has for a first request.
pub(super) enum FirstStart {
    /// It had organisations already.
    NotFresh,
    /// The operator creates the first organisation and key.
    LeftToOperator,
    /// They were created, to try the server out.
    Made(Issued),
}

/// Creates the organisation `DEMO` and a key, if the store has no organisation and somebody tries the server out: it is run by hand
/// on a terminal, or `is_wanted`. Services and containers never get a key by themselves, because their output is kept in logs.
pub(super) async fn prepare(
    store: &Store,
    config: &Config,
    address: SocketAddr,
    is_wanted: bool,
) -> Result<FirstStart> {
    if !directory(store).await?.organisations.is_empty() {
        return Ok(FirstStart::NotFresh);
    }
    // Other machines, and other servers of a database, are no place to try things out unasked.
    let is_private =
        address.ip().is_loopback() && matches!(config.location, Location::Directory(_));
    let is_tried_out = is_private && is_on_terminal();
    if !is_wanted && !is_tried_out {
        return Ok(FirstStart::LeftToOperator);
    }
    let organisation = Organisation::new(DEMO, "First organisation");
    let create = Change::CreateOrganisation(organisation);
    store.administer(COMMAND_LINE, create, None).await?;
    let directory = directory(store).await?;
    let id = find_organisation(&directory, DEMO)?.id;
    let issued = key::issue(
        store,
        NewKey {
            reach: OrgAccess::Only(vec![id]),
            scopes: vec![Scope::OrdersWrite, Scope::OrdersRead],
            expires_at_ms: None,
            rates: Rates::default(),
            is_test: false,
        },
    )
    .await?;
    Ok(FirstStart::Made(issued))
}

/// Whether a person runs the server by hand: it reads from a terminal and writes to one.
fn is_on_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Says where the server listens, and how to send it a first order.
pub(super) fn greet(
    out: &mut dyn Write,
    config: &Config,
    address: SocketAddr,
    first_start: FirstStart,
) -> Result<()> {
    let is_secure = config.settings.tls_cert.is_some();
    let url = url(config, address);
    writeln!(out, "wharfinger is ready on {url}")?;
    writeln!(out, "  console {url}/console   API {url}/docs")?;
    if address.ip().is_unspecified() {
        let port = address.port();
        writeln!(
            out,
            "  listens on all addresses of this machine, port {port}"
        )?;
    }
    match first_start {
        FirstStart::NotFresh => {}
        FirstStart::LeftToOperator => {
            let option = match &config.location {
                Location::Directory(data) => {
                    format!("--data {}", quoted(&data.to_string_lossy()))
                }
                Location::Database(_) => {
                    format!("--database {}", quoted(&config.location.to_string()))
                }
            };
            writeln!(
                out,
                "\nThere is no organisation yet. Create one, and a key for it:\n"
            )?;
            writeln!(out, "  wharfinger org create CODE {option}")?;
            writeln!(out, "  wharfinger key create --org CODE {option}")?;
        }
        FirstStart::Made(issued) => write_key(out, &url, is_secure, &issued)?,
    }
    out.flush()?;
    Ok(())
}

/// Writes the new key, as lines to paste into a shell.
fn write_key(out: &mut dyn Write, url: &str, is_secure: bool, issued: &Issued) -> Result<()> {
    writeln!(
        out,
        "\nThe store is new. The server created the organisation {DEMO} and a key for it. The secret is shown only once. Paste \
         both lines into another shell:\n"
    )?;
    writeln!(out, "  export KEY_ID={}", issued.id)?;
    writeln!(out, "  export KEY_SECRET={}", issued.secret)?;
    let key = SampleKey {
        organisation: DEMO,
        id: &issued.id,
        secret: &issued.secret,
    };
    if let Some(dialect) = dialects::ALL.first() {
        // The certificate does not name this address.
        let options = if is_secure { "-ik" } else { "-i" };
        let curl = curl(options, url, &dialect.samples(&key).one);
        writeln!(out, "\nSend it an order:\n\n  {curl}")?;
    }
    Ok(())
}

/// A word for a shell, in quotes if it needs them.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@,+=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''")).into()
}

/// The URL of the server, as a browser on this machine opens it.
pub(super) fn url(config: &Config, address: SocketAddr) -> String {
    let is_secure = config.settings.tls_cert.is_some();
    let scheme = if is_secure { "https" } else { "http" };
    if address.ip().is_unspecified() {
        // `0.0.0.0` and `[::]` are all addresses, and none that can be opened.
        return format!("{scheme}://localhost:{}", address.port());
    }
    format!("{scheme}://{address}")
}

/// A request as a `curl` command.
fn curl(options: &str, url: &str, sample: &Sample) -> String {
    let mut line = format!("curl {options} -X {} {url}{}", sample.method, sample.target);
    for (name, value) in &sample.headers {
        line.push_str(&format!(" -H '{name}: {value}'"));
    }
    let body = sample.body.replace('\'', "'\\''");
    line.push_str(&format!(" -d '{}'", body.trim()));
    line
}
