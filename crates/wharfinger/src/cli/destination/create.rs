//! `wharfinger destination create`.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value};
use wharfinger_core::convert::RenderAs;
use wharfinger_core::dialects;
use wharfinger_core::order::organisation::OrgAccess;

use super::shown::write_view;
use super::{Reached, begins, make, view};
use crate::cli::{KeptIn, directory, find_organisation};
use crate::onward::new::{
    MAX_EVENTS, MAX_WAIT_MS, NewDestination, PARALLEL_MAX, START_FORM, Start, TIMEOUT_S_MAX,
};
use crate::onward::settings::Settings;
use crate::onward::view::DestinationView;
use crate::store::{COMMAND_LINE, DeliveryOrder, DestinationChange, DestinationStatus, EventKind};

#[derive(Args, Debug)]
pub(super) struct Create {
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
    #[command(flatten)]
    reached: Reached,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

impl Create {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
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
        let checked = settings.check_address(&self.reached.guard()).await;
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
