//! `wharfinger destination`: creates, shows and changes destinations.

mod create;
mod shown;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use ipnet::IpNet;
use uuid::Uuid;

use self::create::Create;
use self::shown::{write_line, write_view};
use super::{KeptIn, directory, write_json};
use crate::onward::Onward;
use crate::onward::client::Reach;
use crate::onward::codes::Codes;
use crate::onward::guard::Guard;
use crate::onward::new::{self, REPLAY_FORM, others_until_ms};
use crate::onward::settings::Settings;
use crate::onward::view::DestinationView;
use crate::store::{
    COMMAND_LINE, Change, DestinationChange, DestinationStatus, Directory, Store, StoreError,
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
    /// Send an event `wharfinger.test` to a webhook now, from here, and show what came back; no server need run
    #[command(
        after_help = "Example: wharfinger destination test 0192f1a0-0000-7000-8000-000000000000"
    )]
    Test(Test),
    /// Delete a destination, and what is known of its deliveries
    #[command(
        after_help = "Example: wharfinger destination delete 0192f1a0-0000-7000-8000-000000000000"
    )]
    Delete(Named),
}

#[derive(Args, Debug)]
struct Test {
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    named: Named,
}

/// How destinations are reached, as for `serve`.
#[derive(Args, Debug)]
struct Reached {
    /// Networks that destinations may be in although they are not public, as for `serve`; separated by commas
    #[arg(
        long,
        env = "WHARFINGER_DESTINATIONS_ALLOW",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    destinations_allow: Vec<IpNet>,
    /// PEM file with CAs that are trusted for destinations, as for `serve`
    #[arg(long, env = "WHARFINGER_DESTINATIONS_CA", value_name = "FILE")]
    destinations_ca: Option<PathBuf>,
    /// HTTP proxy by which destinations are reached, as for `serve`
    #[arg(
        long,
        env = "WHARFINGER_DESTINATIONS_PROXY",
        value_name = "URL",
        hide_env_values = true
    )]
    destinations_proxy: Option<String>,
}

impl Reached {
    fn guard(&self) -> Guard {
        Guard::new(self.destinations_allow.clone())
    }
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
                named.show(out, &store, None).await
            }
            DestinationCommand::Pause(named) => {
                named.change(out, DestinationChange::Pause(named.id)).await
            }
            DestinationCommand::Resume(named) => {
                named.change(out, DestinationChange::Resume(named.id)).await
            }
            DestinationCommand::Rotate(named) => named.rotate(out).await,
            DestinationCommand::Replay(replay) => replay.run(out).await,
            DestinationCommand::Test(test) => test.run(out).await,
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

    /// Shows the destination, with a secret that was just made.
    async fn show(&self, out: &mut dyn Write, store: &Store, secret: Option<String>) -> Result<()> {
        let directory = directory(store).await?;
        let found = store.destination(self.id).await?;
        let found = found.context("the destination was just deleted")?;
        let view = view(store, &found, &directory).await?;
        write_view(out, &DestinationView { secret, ..view }, self.json)
    }

    async fn change(&self, out: &mut dyn Write, change: DestinationChange) -> Result<()> {
        let (store, _) = self.open().await?;
        make(&store, change).await?;
        self.show(out, &store, None).await
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
        self.show(out, &store, new::shown(&secret)).await
    }
}

impl Replay {
    async fn run(self, out: &mut dyn Write) -> Result<()> {
        let (store, found) = self.named.open().await?;
        let reach = &found.destination.reach;
        let replay = new::Replay::read(&self.from, reach);
        let replay = replay.with_context(|| format!("--from must be {REPLAY_FORM}"))?;
        let from = replay.place(&store, reach).await.map_err(begins)?;
        let id = self.named.id;
        make(&store, DestinationChange::Replay { id, from }).await?;
        self.named.show(out, &store, None).await
    }
}

impl Test {
    async fn run(self, out: &mut dyn Write) -> Result<()> {
        let (_, found) = self.named.open().await?;
        let (ca, proxy) = (
            &self.reached.destinations_ca,
            &self.reached.destinations_proxy,
        );
        let reach = Reach::new(self.reached.guard(), ca.as_deref(), proxy.as_deref());
        let reach = reach.map_err(anyhow::Error::msg)?;
        // A test is of no organisation.
        let onward = Onward::new(reach, Codes::new(|_| None), None);
        let sent = onward.send_test(&found.destination).await;
        let attempt = sent.map_err(anyhow::Error::msg)?;
        if self.named.json {
            let told = serde_json::json!({
                "webhook_id": attempt.webhook_id,
                "result": attempt.result,
                "status": attempt.status,
                "took_ms": attempt.took_ms,
                "answer": attempt.answer,
            });
            return write_json(out, &told);
        }
        let status = attempt.status;
        let status = status.map_or_else(String::new, |status| format!(", status {status}"));
        writeln!(
            out,
            "{}{status}, after {} ms",
            attempt.result, attempt.took_ms
        )?;
        if !attempt.answer.is_empty() {
            writeln!(out, "{}", super::shown(&attempt.answer))?;
        }
        Ok(())
    }
}

/// Says what is wrong with a cursor.
fn begins(error: StoreError) -> anyhow::Error {
    let StoreError::FeedBegins(begins) = error else {
        return error.into();
    };
    if begins.is_restored {
        anyhow::anyhow!("the store was restored to a moment before this cursor; use a time")
    } else {
        anyhow::anyhow!("events after this cursor were purged; use a time, or `beginning`")
    }
}
