//! `wharfinger customers`: the customers of an organisation.

use std::io::{BufWriter, Write};

use anyhow::{Result, bail};
use clap::{ArgGroup, Args, Subcommand};
use wharfinger_core::decide::catalogue::Customer;
use wharfinger_core::decide::catalogue::import::CustomerLine;
use wharfinger_core::reading::email;

use super::erase::Erase;
use super::load::{LoadFiles, Loadable};
use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::catalogue::CustomerView;
use crate::store::{Load, Loaded, ReadCustomers, Store, StoreError};

/// Customers per read.
const PAGE: usize = 1_000;

#[derive(Args, Debug)]
pub(super) struct Customers {
    #[command(subcommand)]
    command: CustomersCommand,
}

#[derive(Debug, Subcommand)]
enum CustomersCommand {
    /// Load customers from files
    #[command(
        after_help = "The first line of a CSV file names its columns, in any order: id, email, first_name, last_name,\n\
wants_new_password. Each line changes the customer with its id, or else with its email. If there is\n\
none, it creates one; a new customer without an id gets the next number. A column missing from the\n\
file changes nothing. Invalid lines are reported on standard error; the others are loaded.\n\n\
Example: wharfinger customers load --org TRK001 customers.csv"
    )]
    Load(LoadFiles),
    /// List customers
    #[command(after_help = "Example: wharfinger customers list --org TRK001 --json")]
    List {
        /// The organisation of the customers
        #[arg(long, value_name = "CODE")]
        org: String,
        /// Print them as JSON, one per line: a file that can be loaded again
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Erase a person from an organisation's orders, receipts and saved responses
    Erase(Erase),
    /// Show a customer
    #[command(
        group(ArgGroup::new("named").required(true)),
        after_help = "Example: wharfinger customers show --org TRK001 --email ann@example.com"
    )]
    Show {
        /// The organisation of the customer
        #[arg(long, value_name = "CODE")]
        org: String,
        /// The id of the customer
        #[arg(long, group = "named")]
        id: Option<u64>,
        /// The e-mail address of the customer, in any spelling
        #[arg(long, group = "named")]
        email: Option<String>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
}

impl Loadable for CustomerLine {
    const WHAT: &'static str = "customers";

    async fn load(store: &Store, load: Load<Self>) -> Result<Loaded, StoreError> {
        store.load_customers(load).await
    }
}

impl Customers {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let (org, data, json, id, email) = match self.command {
            CustomersCommand::Load(files) => return files.run::<CustomerLine>(out).await,
            CustomersCommand::Erase(erase) => return erase.run(out).await,
            CustomersCommand::List { org, json, data } => (org, data, json, None, None),
            CustomersCommand::Show {
                org,
                id,
                email,
                json,
                data,
            } => (org, data, json, id, email),
        };
        let store = data.open()?;
        let is_one = id.is_some() || email.is_some();
        let mut request = ReadCustomers {
            organisation: find_organisation(&directory(store.as_ref()).await?, &org)?.id,
            id,
            email: email.map(|email| email::normal(&email).into_owned()),
            after: None,
            limit: PAGE,
        };
        let mut out = BufWriter::new(out);
        loop {
            let page = store.customers(request.clone()).await?;
            if is_one && page.customers.is_empty() {
                bail!("{org} has no such customer; `wharfinger customers list` lists them");
            }
            for customer in &page.customers {
                write_customer(&mut out, customer, json)?;
            }
            request.after = page.next;
            if page.next.is_none() {
                return Ok(out.flush()?);
            }
        }
    }
}

fn write_customer(out: &mut dyn Write, customer: &Customer, json: bool) -> Result<()> {
    if json {
        return write_json(out, &CustomerView::of(customer.clone()));
    }
    let mut parts = vec![customer.id.to_string()];
    parts.extend(customer.email.clone());
    parts.extend(customer.first_name.clone());
    parts.extend(customer.last_name.clone());
    parts.extend(
        customer
            .wants_new_password
            .then(|| "asked for a password reset".to_owned()),
    );
    writeln!(out, "{}", shown(&parts.join("  ")))?;
    Ok(())
}
