//! `wharfinger destination`: creates, shows and changes destinations.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde_json::{Map, Value};
use uuid::Uuid;
use wharfinger_core::convert::RenderAs;
use wharfinger_core::dialects;
use wharfinger_core::order::organisation::OrgAccess;

use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::onward::guard::Guard;
use crate::onward::new::{
    self, MAX_EVENTS, MAX_WAIT_MS, NewDestination, PARALLEL_MAX, REPLAY_FORM, START_FORM, Start,
    TIMEOUT_S_MAX, others_until_ms,
};
use crate::onward::settings::Settings;
use crate::onward::view::DestinationView;
use crate::store::{
    COMMAND_LINE, Change, DeliveryOrder, DestinationChange, DestinationStatus, Directory,
    EventKind, ReplayFrom, Store, StoreError,
};

#[derive(Args, Debug)]
pub(super) struct Destination {
    #[command(subcommand)]
    command: DestinationCommand,
}

#[derive(Debug, Subcommand)]
enum DestinationCommand {
    /// Create a destination; its secret is shown only once
    #[command(
        after_help = "Example: wharfinger destination create --org TRK001 --url https://shop.example/hooks --form native"
    )]
    Create(Box<Create>),
    /// List the destinations
    #[command(after_help = "Example: wharfinger destination list --json")]
    List {
        /// Print them as JSON, one per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Show a destination: how far it is, and what stands still
    #[command(
        after_help = "Example: wharfinger destination show 0192f1a0-0000-7000-8000-000000000000"
    )]
    Show(Named),
    /// Pause a destination
    #[command(
        after_help = "Example: wharfinger destination pause 0192f1a0-0000-7000-8000-000000000000"
    )]
    Pause(Named),
    /// Go on with a destination that was paused or disabled
    #[command(
        after_help = "Example: wharfinger destination resume 0192f1a0-0000-7000-8000-000000000000"
    )]
    Resume(Named),
    /// Give a destination a new secret; the old one is valid for 24 more hours
    #[command(
        after_help = "Example: wharfinger destination rotate 0192f1a0-0000-7000-8000-000000000000"
    )]
    Rotate(Named),
    /// Deliver events again: from a cursor or a time on, or those that failed
    #[command(
        after_help = "Example: wharfinger destination replay 0192f1a0-0000-7000-8000-000000000000 --from failed"
    )]
    Replay(Replay),
    /// Delete a destination, and what is known of its deliveries
    #[command(
        after_help = "Example: wharfinger destination delete 0192f1a0-0000-7000-8000-000000000000"
    )]
    Delete(Named),
}

#[derive(Args, Debug)]
struct Create {
    /// What it is
    #[arg(long, value_name = "KIND", default_value = "webhook", value_parser = kind)]
    kind: String,
    /// Where events are posted to, or the address of the server
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Another setting of the kind; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// Organisation whose events it gets; may be repeated [default: all, including future ones]
    #[arg(long = "org", value_name = "CODE")]
    orgs: Vec<String>,
    /// Type of the events that it gets; may be repeated [default: all]
    #[arg(long = "event", value_name = "TYPE", value_parser = event)]
    events: Vec<EventKind>,
    /// Form of the order in each event: a dialect, or `submitted` for the text as it was sent [default: none]
    #[arg(long, value_name = "FORM", value_parser = form)]
    form: Option<String>,
    /// Where it begins: now, beginning, a cursor of the feed, or an RFC 3339 time
    #[arg(long, value_name = "WHERE", default_value = "now")]
    start: String,
    /// Events in one request, at most
    #[arg(long, value_name = "COUNT", value_parser = bounded(1, MAX_EVENTS))]
    max_events: Option<u32>,
    /// How long an incomplete batch waits for more events, in milliseconds
    #[arg(long, value_name = "MS", value_parser = bounded(0, MAX_WAIT_MS))]
    max_wait_ms: Option<u32>,
    /// Requests at the same time, at most
    #[arg(long, value_name = "COUNT", value_parser = bounded(1, PARALLEL_MAX))]
    parallel: Option<u32>,
    /// What follows what: events of one order key, or all
    #[arg(long, value_name = "ORDER", value_parser = order)]
    order: Option<DeliveryOrder>,
    /// How long a request may take, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = bounded(1, TIMEOUT_S_MAX))]
    timeout_s: Option<u32>,
    /// Network that destinations may be in although it is not public, as for `serve`; may be repeated
    #[arg(
        long,
        env = "WHARFINGER_DESTINATIONS_ALLOW",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    destinations_allow: Vec<IpNet>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

#[derive(Args, Debug)]
struct Named {
    /// The destination's id
    id: Uuid,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

#[derive(Args, Debug)]
struct Replay {
    /// From where: failed, beginning, a cursor of the feed, or an RFC 3339 time
    #[arg(long, value_name = "WHERE")]
    from: String,
    #[command(flatten)]
    named: Named,
}

impl Destination {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            DestinationCommand::Create(create) => create.run(out).await,
            DestinationCommand::List { json, data } => {
                let store = data.open()?;
                let directory = directory(store.as_ref()).await?;
                for status in store.destinations().await? {
                    let view = view(&store, &status, &directory).await?;
                    write_line(out, &view, json)?;
                }
                Ok(())
            }
            DestinationCommand::Show(named) => {
                let (store, _) = named.open().await?;
                named.show(out, &store).await
            }
            DestinationCommand::Pause(named) => {
                named.change(out, DestinationChange::Pause(named.id)).await
            }
            DestinationCommand::Resume(named) => {
                named.change(out, DestinationChange::Resume(named.id)).await
            }
            DestinationCommand::Rotate(named) => named.rotate(out).await,
            DestinationCommand::Replay(replay) => replay.run(out).await,
            DestinationCommand::Delete(named) => {
                let (store, _) = named.open().await?;
                make(&store, DestinationChange::Delete(named.id)).await?;
                if named.json {
                    let deleted =
                        serde_json::json!({ "id": named.id.to_string(), "deleted": true });
                    return write_json(out, &deleted);
                }
                writeln!(out, "{} is deleted", named.id)?;
                Ok(())
            }
        }
    }
}

/// Makes a change.
async fn make(store: &Store, change: DestinationChange) -> Result<()> {
    let change = Change::Destination(change);
    store.administer(COMMAND_LINE, change, None).await?;
    Ok(())
}

async fn view(
    store: &Store,
    status: &DestinationStatus,
    directory: &Directory,
) -> Result<DestinationView> {
    let organisations = &directory.organisations;
    Ok(DestinationView::read(store, status, organisations).await?)
}

impl Named {
    /// Opens the store, and finds the destination.
    async fn open(&self) -> Result<(Arc<Store>, DestinationStatus)> {
        let store = self.data.open()?;
        let Some(found) = store.destination(self.id).await? else {
            bail!(
                "there is no destination {}; `wharfinger destination list` lists them",
                self.id
            );
        };
        Ok((store, found))
    }

    async fn show(&self, out: &mut dyn Write, store: &Store) -> Result<()> {
        let directory = directory(store).await?;
        let found = store.destination(self.id).await?;
        let found = found.context("the destination was just deleted")?;
        let view = view(store, &found, &directory).await?;
        write_view(out, &view, self.json)
    }

    async fn change(&self, out: &mut dyn Write, change: DestinationChange) -> Result<()> {
        let (store, _) = self.open().await?;
        make(&store, change).await?;
        self.show(out, &store).await
    }

    async fn rotate(&self, out: &mut dyn Write) -> Result<()> {
        let (store, found) = self.open().await?;
        let settings = Settings::of(&found.destination).map_err(|bad| anyhow::anyhow!("{bad}"))?;
        let Some(secret) = new::new_secret(&settings) else {
            bail!("a destination of kind {} has no secret", settings.kind());
        };
        let rotate = DestinationChange::Rotate {
            id: self.id,
            secret: secret.clone(),
            others_until_ms: others_until_ms(),
        };
        make(&store, rotate).await?;
        let directory = directory(&store).await?;
        let found = store.destination(self.id).await?;
        let found = found.context("the destination was just deleted")?;
        let view = DestinationView {
            secret: new::shown(&secret),
            ..view(&store, &found, &directory).await?
        };
        write_view(out, &view, self.json)
    }
}

impl Replay {
    async fn run(self, out: &mut dyn Write) -> Result<()> {
        let (store, found) = self.named.open().await?;
        let reach = &found.destination.reach;
        let from = if self.from == "failed" {
            ReplayFrom::Failed
        } else {
            let start = Start::read(&self.from, reach).filter(|start| *start != Start::Now);
            let start = start.with_context(|| format!("--from must be {REPLAY_FORM}"))?;
            start.replay(&store, reach).await.map_err(begins)?
        };
        let id = self.named.id;
        make(&store, DestinationChange::Replay { id, from }).await?;
        self.named.show(out, &store).await
    }
}

/// Says what is wrong with a cursor.
fn begins(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::FeedBegins(of) if of.is_restored => {
            anyhow::anyhow!("the store was restored to a moment before this cursor; use a time")
        }
        StoreError::FeedBegins(_) => {
            anyhow::anyhow!("events after this cursor were purged; use a time, or `beginning`")
        }
        error => error.into(),
    }
}

impl Create {
    async fn run(self, out: &mut dyn Write) -> Result<()> {
        let store = self.data.open()?;
        let directory = directory(store.as_ref()).await?;
        let reach = if self.orgs.is_empty() {
            OrgAccess::All
        } else {
            let mut ids = Vec::new();
            for code in &self.orgs {
                ids.push(find_organisation(&directory, code)?.id);
            }
            ids.sort_unstable();
            ids.dedup();
            OrgAccess::Only(ids)
        };
        let mut settings = Map::from_iter(self.settings);
        settings.insert("kind".into(), self.kind.into());
        if let Some(url) = self.url {
            settings.insert("url".into(), url.into());
        }
        let settings = Settings::parse(settings.into()).map_err(|bad| anyhow::anyhow!("{bad}"))?;
        let guard = Guard::new(self.destinations_allow);
        let checked = settings.check_address(&guard).await;
        checked.map_err(|refused| anyhow::anyhow!("the address cannot be used: {refused}"))?;
        let start = Start::read(&self.start, &reach);
        let start = start.with_context(|| format!("--start must be {START_FORM}"))?;
        let place = start.place(&store, &reach).await.map_err(begins)?;
        let new = NewDestination {
            reach,
            kinds: Some(self.events).filter(|kinds| !kinds.is_empty()),
            form: self.form,
            order: self.order,
            max_events: self.max_events,
            max_wait_ms: self.max_wait_ms,
            parallel: self.parallel,
            timeout_s: self.timeout_s,
            settings,
        };
        let (destination, secret) = new.issue(COMMAND_LINE, place);
        make(
            &store,
            DestinationChange::Create(Box::new(destination.clone())),
        )
        .await?;
        let view = DestinationView {
            secret,
            ..view(&store, &DestinationStatus::new(destination), &directory).await?
        };
        write_view(out, &view, self.json)
    }
}

fn write_line(out: &mut dyn Write, view: &DestinationView, json: bool) -> Result<()> {
    if json {
        return write_json(out, view);
    }
    let organisations = organisations(view);
    let place = place(view);
    let still = if view.hint.is_some() {
        "  stands still"
    } else {
        ""
    };
    writeln!(
        out,
        "{}  {:<9} {:<9} {organisations:<20} {:>8} behind  {place}{still}",
        view.id, view.kind, view.state, view.lag.events
    )?;
    Ok(())
}

fn organisations(view: &DestinationView) -> String {
    let codes = view.organisations.as_ref();
    codes.map_or_else(|| "all".into(), |codes| codes.join(","))
}

/// Where it leads.
fn place(view: &DestinationView) -> String {
    let place = ["url", "directory"].into_iter();
    let mut place = place.filter_map(|name| view.settings.get(name).and_then(Value::as_str));
    shown(place.next().unwrap_or_default()).into_owned()
}

fn write_view(out: &mut dyn Write, view: &DestinationView, json: bool) -> Result<()> {
    if json {
        return write_json(out, view);
    }
    let none = || "-".to_owned();
    writeln!(out, "id             {}", view.id)?;
    writeln!(out, "kind           {}", view.kind)?;
    for (name, value) in &view.settings {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "{name:<14} {}", shown(&value))?;
    }
    if let Some(secret) = &view.secret {
        writeln!(out, "secret         {secret}")?;
        writeln!(out, "               The secret is not shown again.")?;
    }
    if let Some(key) = &view.public_key {
        writeln!(out, "public key     {key}")?;
    }
    let events = view.events.as_ref();
    let events = events.map_or_else(|| "all".into(), |events| events.join(","));
    writeln!(out, "organisations  {}", organisations(view))?;
    writeln!(out, "events         {events}")?;
    writeln!(
        out,
        "form           {}",
        view.form.clone().unwrap_or_else(none)
    )?;
    writeln!(out, "state          {} since {}", view.state, view.since)?;
    let at = view.delivered_at.clone();
    let at = at.map_or_else(String::new, |at| format!(", the latest {at}"));
    writeln!(out, "delivered      {} events{at}", view.delivered)?;
    let seconds = view.lag.seconds;
    let age = seconds.map_or_else(String::new, |seconds| {
        format!(", the oldest {seconds} s old")
    });
    writeln!(out, "behind         {} events{age}", view.lag.events)?;
    writeln!(out, "parked         {} order keys", view.parked)?;
    writeln!(
        out,
        "cursor         {}",
        view.cursor.clone().unwrap_or_else(none)
    )?;
    if let Some(hint) = &view.hint {
        let since = hint.since.as_ref();
        let since = since.map_or_else(String::new, |since| format!(" (since {since})"));
        writeln!(out, "hint           {}{since}", shown(&hint.what))?;
        writeln!(out, "               {}", hint.remedy)?;
    }
    Ok(())
}

fn kind(name: &str) -> Result<String, String> {
    let known = Settings::names(name).map(|_| name.to_owned());
    known.ok_or_else(|| format!("expected one of {}", Settings::KINDS.join(", ")))
}

/// A setting: JSON, or text that is none.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn event(name: &str) -> Result<EventKind, String> {
    EventKind::named(name).ok_or_else(|| format!("expected one of {}", EventKind::NAMES.join(", ")))
}

fn form(name: &str) -> Result<String, String> {
    let known = RenderAs::named(name).map(|_| name.to_owned());
    known.ok_or_else(|| format!("expected {} or submitted", dialects::ids()))
}

fn order(name: &str) -> Result<DeliveryOrder, String> {
    DeliveryOrder::named(name).ok_or_else(|| "expected key or all".into())
}

fn bounded(min: u32, max: u32) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(i64::from(min)..=i64::from(max))
}
