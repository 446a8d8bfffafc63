//! `wharfinger orders`: processes or cancels orders by hand.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialects;

use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::store::TransitionByKey;

/// Recorded in the journal as the author of a state change, in place of an API key.
const COMMAND_LINE: &str = "command line";

#[derive(Args, Debug)]
pub(super) struct Orders {
    #[command(subcommand)]
    command: OrdersCommand,
}

#[derive(Debug, Subcommand)]
enum OrdersCommand {
    /// Mark orders as processed, which is final
    #[command(
        after_help = "Example: wharfinger orders process --org TRK001 --dialect DIALECT A-1 A-2"
    )]
    Process(Named),
    /// Cancel orders, which is final; their keys stay taken
    #[command(after_help = "Example: wharfinger orders cancel --org TRK001 --dialect DIALECT A-1")]
    Cancel(Named),
}

#[derive(Args, Debug)]
struct Named {
    /// The order keys
    #[arg(required = true)]
    keys: Vec<String>,
    /// The organisation of the orders
    #[arg(long, value_name = "CODE")]
    org: String,
    /// The dialect that the orders were submitted in
    #[arg(long)]
    dialect: String,
    /// Print the outcome of each order as JSON, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

impl Orders {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            OrdersCommand::Process(named) => named.run(out, Move::Process).await,
            OrdersCommand::Cancel(named) => {
                let wanted = Move::Cancel { release_key: false };
                named.run(out, wanted).await
            }
        }
    }
}

impl Named {
    async fn run(self, out: &mut dyn Write, wanted: Move) -> Result<()> {
        let dialect = dialects::find(&self.dialect).with_context(|| {
            format!(
                "unknown dialect {}; expected one of {}",
                self.dialect,
                dialects::ids()
            )
        })?;
        let store = self.data.open()?;
        let organisation = find_organisation(&directory(store.as_ref()).await?, &self.org)?.id;
        let request = TransitionByKey {
            organisation,
            dialect: dialect.id(),
            keys: self.keys.clone(),
            wanted,
            key_id: COMMAND_LINE.into(),
            save_reply: None,
        };
        let done = match wanted {
            Move::Process => "processed",
            Move::Cancel { .. } => "cancelled",
        };
        let results = store.transition_by_key(request).await?.results;
        let mut refused = 0;
        for (key, result) in self.keys.iter().zip(results) {
            refused += usize::from(result.is_err());
            let (moved, what) = match result {
                Ok(()) => (true, done.to_owned()),
                Err(code) => (false, code.to_string()),
            };
            if self.json {
                let line = serde_json::json!({ "key": key, "moved": moved, "result": what });
                write_json(out, &line)?;
            } else {
                writeln!(out, "{}  {what}", shown(key))?;
            }
        }
        if refused > 0 {
            bail!("{refused} of {} orders were not changed", self.keys.len());
        }
        Ok(())
    }
}
