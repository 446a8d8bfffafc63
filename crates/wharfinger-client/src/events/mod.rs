//! `wharfinger events`: the event feed on the terminal.

pub mod feed;
mod tail;

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::terminal::Exit;

/// `wharfinger events`.
#[derive(Args, Debug)]
pub struct Events {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print events as they happen, until interrupted
    #[command(
        after_help = "A server that restarts or has no room is waited for. With --cursor-file, a later run continues where this one ended, \
however it ended. No event is left out; after a kill, a page may be printed twice.\n\n\
Example: wharfinger events tail --profile shop --since 10m --type order.accepted"
    )]
    Tail(Box<tail::Tail>),
}

impl Events {
    /// Runs the command. Blocks until it is done.
    ///
    /// # Errors
    /// The server was never reached or refuses, or the cursor file cannot be read or written.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        match self.command {
            Command::Tail(tail) => tail.run(out)?,
        }
        Ok(Exit::Done)
    }
}
