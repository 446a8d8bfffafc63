//! `wharfinger customers erase`: erases a person from the orders of an organisation.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use uuid::Uuid;
use wharfinger_core::reading::validate::is_email;

use super::{KeptIn, directory, find_organisation, write_json};
use crate::store::Location;
use crate::store::{COMMAND_LINE, EraseCustomer, Erasure};

/// Who is to be erased, and from whose orders.
#[derive(Args, Debug)]
#[command(
    after_help = "Erases the orders whose customer has the address in any revision. They retain their lines,\n\
quantities, prices, dates, state and keys. Names, addresses, free text and unknown attributes are\n\
removed from every revision, and open orders are cancelled. The texts of rejected orders that\n\
mention the address, and responses saved for an Idempotency-Key, are removed too. Finally the log\n\
is emptied, so that no file of the data directory contains any of it. A server may be running on\n\
the store. To finish an interrupted erasure, run the same command again. An erasure cannot be\n\
undone. You are responsible for backups and other copies of the data directory.\n\n\
Example: wharfinger customers erase --org TRK001 --email ann@example.com"
)]
pub(super) struct Erase {
    /// The organisation of the orders
    #[arg(long, value_name = "CODE")]
    org: String,
    /// The customer's e-mail address, in any spelling
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: String,
    /// Rewrite the database file even if it has more than 128 MiB; a running server waits meanwhile
    #[arg(long)]
    compact: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

fn address(text: &str) -> Result<String, String> {
    let address = text.trim();
    if is_email(address) {
        Ok(address.to_owned())
    } else {
        Err("not an e-mail address such as ann@example.com".into())
    }
}

impl Erase {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let store = self.data.open()?;
        let known = directory(store.as_ref()).await?;
        let organisation = find_organisation(&known, &self.org)?;
        let request = EraseCustomer {
            organisation: organisation.id,
            email: self.email,
            who: COMMAND_LINE.to_owned(),
            compact: self.compact,
            save_reply: None,
        };
        let erased = store.erase_customer(request).await;
        store.close().await;
        let erased = erased?.erasure;
        let (code, orders, cancelled) = (&organisation.code, erased.orders, erased.cancelled);
        if self.json {
            let delivered_to = erased.delivered_to.iter().map(Uuid::to_string);
            let delivered_to = Vec::from_iter(delivered_to);
            let line = json!({
                "organisation": code,
                "orders": orders,
                "cancelled": cancelled,
                "customers": erased.customers,
                "rejected": erased.rejected,
                "answers": erased.answers,
                "attempts": erased.attempts,
                "delivered_to": delivered_to,
                "compacted": erased.compacted,
            });
            return write_json(out, &line);
        }
        writeln!(
            out,
            "{code}: erased the customer from {orders} orders; {cancelled} of them were open and are now cancelled"
        )?;
        let (customers, rejected, answers) = (erased.customers, erased.rejected, erased.answers);
        writeln!(
            out,
            "also erased: {customers} entries of the customer list, {rejected} rejected orders, {answers} saved responses"
        )?;
        write_deliveries(out, code, &erased)?;
        let on_server = matches!(self.data.location()?, Location::Database(_));
        if on_server && !erased.compacted {
            writeln!(
                out,
                "the erased data may remain in unused parts of the database until they are reused; --compact rewrites its tables, and servers wait meanwhile"
            )?;
        } else if !erased.compacted {
            writeln!(
                out,
                "the database file was not rewritten because it has more than 128 MiB; its unused parts may contain copies of short \
                 orders. --compact rewrites it, and a running server waits meanwhile"
            )?;
        }
        let place = if on_server {
            "database"
        } else {
            "data directory"
        };
        writeln!(out, "you are responsible for backups of the {place}")?;
        Ok(())
    }
}

/// What was erased of deliveries, and what cannot be.
fn write_deliveries(out: &mut dyn Write, code: &str, erased: &Erasure) -> Result<()> {
    if erased.attempts > 0 {
        let attempts = erased.attempts;
        writeln!(
            out,
            "also erased: the answers of receivers to {attempts} attempts to deliver"
        )?;
    }
    for id in &erased.delivered_to {
        writeln!(
            out,
            "events of {code} were delivered to destination {id}; whoever runs its receiver must erase the customer there"
        )?;
    }
    Ok(())
}
