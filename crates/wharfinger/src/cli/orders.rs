//! `wharfinger orders`: shows orders, and processes or cancels them by hand. On a server, or on the store itself.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use uuid::Uuid;
use wharfinger_client::connect::Connection;
use wharfinger_client::orders::ReadCommand;
use wharfinger_client::orders::transition::{self, Transitioned};
use wharfinger_client::terminal::{self, Exit};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialects;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::organisation::OrgAccess;

use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::store::{Store, TransitionById, TransitionByKey};

/// Recorded in the journal as the author of a state change, in place of an API key.
const COMMAND_LINE: &str = "command line";

#[derive(Args, Debug)]
pub(super) struct Orders {
    #[command(subcommand)]
    command: OrdersCommand,
}

#[derive(Debug, Subcommand)]
enum OrdersCommand {
    #[command(flatten)]
    Read(ReadCommand),
    /// Mark orders as processed, which is final
    #[command(after_help = "The exit status is 3 if an order was not changed.\n\n\
Example: wharfinger orders process --profile shop --org TRK001 --dialect DIALECT A-1 A-2\n\
Example: wharfinger orders process --data ./wharfinger-data --org TRK001 --dialect DIALECT A-1 A-2")]
    Process(Box<Named>),
    /// Cancel orders, which is final; their keys stay taken
    #[command(after_help = "The exit status is 3 if an order was not changed.\n\n\
Example: wharfinger orders cancel --profile shop 0192f1a0-0000-7000-8000-000000000000\n\
Example: wharfinger orders cancel --data ./wharfinger-data --org TRK001 --dialect DIALECT A-1")]
    Cancel(Box<Named>),
}

#[derive(Args, Debug)]
struct Named {
    /// The order keys with --org and --dialect; otherwise the order ids
    #[arg(required = true, value_name = "ORDER")]
    names: Vec<String>,
    /// The organisation of the orders
    #[arg(long, value_name = "CODE", requires = "dialect")]
    org: Option<String>,
    /// The dialect that the orders were submitted in
    #[arg(long, requires = "org")]
    dialect: Option<String>,
    /// Print the outcome of each order as JSON, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    data: KeptIn,
}

impl Orders {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit> {
        match self.command {
            OrdersCommand::Read(command) => tokio::task::block_in_place(|| command.run(out))?,
            OrdersCommand::Process(named) => return named.run(out, Move::Process).await,
            OrdersCommand::Cancel(named) => {
                let wanted = Move::Cancel { release_key: false };
                return named.run(out, wanted).await;
            }
        }
        Ok(Exit::Done)
    }
}

/// How a change is named in results.
fn done(wanted: Move) -> &'static str {
    match wanted {
        Move::Process => "processed",
        Move::Cancel { .. } => "cancelled",
        Move::Release => "released",
        Move::Refuse => "refused",
    }
}

/// How a change is named in routes.
fn verb(wanted: Move) -> &'static str {
    match wanted {
        Move::Process => "process",
        Move::Cancel { .. } => "cancel",
        Move::Release => "release",
        Move::Refuse => "refuse",
    }
}

impl Named {
    async fn run(self, out: &mut dyn Write, wanted: Move) -> Result<Exit> {
        if let Some(name) = &self.dialect
            && dialects::find(name).is_none()
        {
            bail!(
                "unknown dialect {}; expected one of {}",
                shown(name),
                dialects::ids()
            );
        }
        let mut refused = 0_u64;
        let mut tell = |one: Transitioned| {
            refused += u64::from(!one.is_changed);
            self.tell(&one, out)
        };
        // A server that is named takes precedence, because a data directory always has a default.
        if self.connection.is_named() {
            let client = self.connection.client()?;
            tokio::task::block_in_place(|| {
                transition::transition(&client, verb(wanted), self.named(), &mut tell)
            })?;
        } else {
            for one in self.change(wanted).await? {
                tell(one)?;
            }
        }
        if refused == 0 {
            return Ok(Exit::Done);
        }
        let count = self.names.len();
        let what = match count {
            1 => "the order was not changed".to_owned(),
            _ if refused == 1 => format!("1 of {count} orders was not changed"),
            _ => format!("{refused} of {count} orders were not changed"),
        };
        terminal::complain(format_args!("wharfinger: {what}"));
        Ok(Exit::SomeRejected)
    }

    fn named(&self) -> transition::Named<'_> {
        match (&self.org, &self.dialect) {
            (Some(organisation), Some(dialect)) => transition::Named::Keys {
                organisation,
                dialect,
                keys: &self.names,
            },
            _ => transition::Named::Ids(&self.names),
        }
    }

    fn tell(&self, one: &Transitioned, out: &mut dyn Write) -> Result<()> {
        if self.json {
            let name = if self.org.is_some() { "key" } else { "id" };
            let line = serde_json::json!({ name: one.name, "moved": one.is_changed, "result": one.result });
            return write_json(out, &line);
        }
        writeln!(out, "{}  {}", shown(&one.name), shown(&one.result))?;
        Ok(())
    }

    /// Changes the orders in the store itself.
    async fn change(&self, wanted: Move) -> Result<Vec<Transitioned>> {
        let store = self.data.open()?;
        let results = match self.named() {
            transition::Named::Keys {
                organisation,
                dialect,
                ..
            } => {
                self.change_by_key(&store, organisation, dialect, wanted)
                    .await?
            }
            transition::Named::Ids(_) => self.change_by_id(&store, wanted).await?,
        };
        let pairs = self.names.iter().zip(results);
        let told = pairs.map(|(name, refused)| Transitioned {
            name: name.clone(),
            is_changed: refused.is_none(),
            result: refused.unwrap_or_else(|| done(wanted).to_owned()),
        });
        Ok(told.collect())
    }

    /// Why each order was not changed. `None`: it was.
    async fn change_by_key(
        &self,
        store: &Store,
        organisation: &str,
        dialect: &str,
        wanted: Move,
    ) -> Result<Vec<Option<String>>> {
        let dialect = dialects::find(dialect).context("the dialect is unknown")?;
        let request = TransitionByKey {
            organisation: find_organisation(&directory(store).await?, organisation)?.id,
            dialect: dialect.id(),
            keys: self.names.clone(),
            wanted,
            key_id: COMMAND_LINE.into(),
            save_reply: None,
        };
        let results = store.transition_by_key(request).await?.results.into_iter();
        Ok(results
            .map(|result| result.err().map(|code| code.to_string()))
            .collect())
    }

    /// Why each order was not changed. `None`: it was.
    async fn change_by_id(&self, store: &Store, wanted: Move) -> Result<Vec<Option<String>>> {
        let mut ids = Vec::new();
        for name in &self.names {
            let id = Uuid::try_parse(name).ok().with_context(|| {
                format!(
                    "{} is no order id; to name orders by order key, add --org and --dialect",
                    shown(name)
                )
            })?;
            ids.push(OrderId::from_bytes(id.into_bytes()));
        }
        let request = TransitionById {
            note: None,
            ids,
            reach: OrgAccess::All,
            wanted,
            key_id: COMMAND_LINE.into(),
            save_reply: None,
        };
        let results = store.transition_by_id(request).await?.results.into_iter();
        Ok(results
            .map(|result| result.err().map(|refused| refused.code.to_string()))
            .collect())
    }
}
