//! The commands of those who send orders. They know a server only over HTTP, and judge orders with the same core.
//!
//! Each room imports only rooms below it. A test checks that.
//!
//! ```text
//! validate/        `wharfinger validate`
//! trigger/         `wharfinger trigger`
//! submit/          `wharfinger submit`
//! resend/          `wharfinger resend`
//! sending/         batches of orders to a server, and the files of results
//! profile.rs       `wharfinger profile`
//! orders/          `wharfinger orders`
//! batches/         `wharfinger batches`
//! export/          `wharfinger export`, which the program mounts, because it may have a store
//! events/          `wharfinger events`; the feed, for those that follow it
//! interrupt.rs     what a command says at Ctrl-C
//! convert/         `wharfinger convert`
//! out_file.rs      files that are complete or not there
//! named.rs         a dialect that the user names
//! faults.rs        what is wrong with orders that are judged on this machine
//! offline.rs       orders judged on this machine
//! source/          files of orders: JSON, NDJSON, CSV; gzip, zstd and standard input; flat memory
//! report/          faults of orders as people, programs and spreadsheets read them
//! table.rs         lists as tables, JSON and CSV
//! formulas.rs      cells that a spreadsheet would run as formulas
//! filters.rs       which orders a command is about
//! pages.rs         lists of a server, page by page
//! since.rs         times as users write them
//! connect/         the connection of a command: --url, --key-file, --profile
//! private_file.rs  files that only their user can read
//! places.rs        where output goes: a file that is replaced, or a device that is written into
//! http/            requests and responses, the API key, refusals as sentences, waiting
//! terminal.rs      standard output whose reader may be gone, safe text, JSON lines, exit statuses
//! ```

use std::io::Write;

use anyhow::Result;
use clap::Subcommand;

use crate::terminal::Exit;

mod batches;
pub mod connect;
mod convert;
pub mod events;
pub mod export;
mod faults;
pub mod filters;
pub mod formulas;
pub mod http;
pub mod interrupt;
pub mod named;
pub mod offline;
pub mod orders;
pub mod out_file;
mod pages;
mod places;
pub mod private_file;
mod profile;
pub mod report;
mod resend;
mod sending;
pub mod since;
pub mod source;
mod submit;
pub mod table;
pub mod terminal;
mod trigger;
mod validate;

/// The commands of this crate.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Convert orders from one dialect to another, without a server
    Convert(convert::Convert),
    /// Name a server and a key, for --profile
    Profile(profile::ProfileCommand),
    /// Judge files of orders, and name every fault
    Validate(Box<validate::Validate>),
    /// Send files of orders
    Submit(Box<submit::Submit>),
    /// Send rejected orders again that were mended
    Resend(Box<resend::Resend>),
    /// Show receipts: what became of each order of a batch
    Batches(batches::Batches),
    /// Follow the event feed
    Events(events::Events),
    /// Send sample orders that bring an event about
    Trigger(trigger::Trigger),
}

impl Command {
    /// Whether the command runs until it is interrupted. It then ends by [`interrupt::end`].
    #[must_use]
    pub fn is_endless(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// Runs the command. Blocks until it is done.
    ///
    /// # Errors
    /// What went wrong, in a sentence for the user.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        match self {
            Self::Convert(command) => command.run(out),
            Self::Profile(command) => command.run(out),
            Self::Validate(command) => command.run(out),
            Self::Submit(command) => command.run(out),
            Self::Resend(command) => command.run(out),
            Self::Batches(command) => command.run(out),
            Self::Events(command) => command.run(out),
            Self::Trigger(command) => command.run(out),
        }
    }
}
