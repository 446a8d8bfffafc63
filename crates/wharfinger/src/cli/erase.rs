//! `wharfinger customers erase`: erases a person from the orders of an organisation.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use wharfinger_core::validate::is_email;

use super::{KeptIn, directory, find_organisation, write_json};
use crate::store::Location;
use crate::store::{COMMAND_LINE, EraseCustomer};

/// Who is to be erased, and from whose orders.
#[derive(Args, Debug)]
#[command(
    after_help = "Of each order of which any revision has the address as its customer's, the figures are left: lines, quantities, prices,\n\
dates, state and keys. Names, addresses, free text and whatever is not known go, from every revision; open orders are cancelled.\n\
The texts of rejected orders that mention the address go, and so do answers kept for an Idempotency-Key. Then the log is emptied,\n\
so that no file of the data directory has any of it. A server may be running on the store. Broken off, it is begun again by the\n\
same command. There is no way back. Backups and other copies of the data directory are yours to see to.\n\n\
Example: wharfinger customers erase --org TRK001 --email ann@example.com"
)]
pub(super) struct Erase {
    /// The organisation from whose orders
    #[arg(long, value_name = "CODE")]
    org: String,
    /// The customer's e-mail address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: String,
    /// Write the database file anew, also where it has more than 128 MiB; a server waits meanwhile
    #[arg(long)]
    compact: bool,
    /// Print what was erased as JSON
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
            remember: None,
        };
        let erased = store.erase_customer(request).await;
        store.close().await;
        let erased = erased?.erasure;
        let (code, orders, cancelled) = (&organisation.code, erased.orders, erased.cancelled);
        if self.json {
            let line = json!({
                "organisation": code,
                "orders": orders,
                "cancelled": cancelled,
                "customers": erased.customers,
                "rejected": erased.rejected,
                "answers": erased.answers,
                "compacted": erased.compacted,
            });
            return write_json(out, &line);
        }
        writeln!(
            out,
            "{code}: erased the customer from {orders} orders, of which {cancelled} were open and are cancelled"
        )?;
        let (customers, rejected, answers) = (erased.customers, erased.rejected, erased.answers);
        writeln!(
            out,
            "and from {customers} entries of the list of customers, {rejected} rejected orders and {answers} kept answers"
        )?;
        let on_server = matches!(self.data.location()?, Location::Database(_));
        if on_server && !erased.compacted {
            writeln!(
                out,
                "what the database had of the customer is free to be written over: --compact writes its tables anew, while servers wait"
            )?;
        } else if !erased.compacted {
            writeln!(
                out,
                "the database file is too large to be written anew unasked: its unused parts may have copies of short orders, \
                 which --compact removes while a server waits"
            )?;
        }
        let place = if on_server {
            "database"
        } else {
            "data directory"
        };
        writeln!(out, "backups of the {place} are yours to see to")?;
        Ok(())
    }
}
