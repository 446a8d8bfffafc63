//! `wharfinger org`: organisations, the tenants of a server.

use std::io::Write;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use serde::Serialize;
use wharfinger_core::order::organisation::CatalogueMode;
use wharfinger_core::order::organisation::{ListSort, Organisation};
use wharfinger_core::order::zone;

use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::access::rules::{CODE_FORM, NAME_FORM, is_code, is_name};
use crate::store::{COMMAND_LINE, Change, OrganisationChange};

#[derive(Args, Debug)]
pub(super) struct Org {
    #[command(subcommand)]
    command: OrgCommand,
}

#[derive(Debug, Subcommand)]
enum OrgCommand {
    /// Create an organisation
    #[command(
        after_help = "Examples: wharfinger org create TRK001 --name 'Harbour Books'\n          \
                      wharfinger org create TRK001 --init   (before the first `wharfinger serve`)"
    )]
    Create {
        /// Code that clients use: letters, digits, `-`, `_` and `.`
        code: String,
        /// Display name
        #[arg(long, default_value = "")]
        name: String,
        /// Whether orders are checked against the catalogue
        #[arg(long, default_value = "open")]
        catalogue: Catalogue,
        /// IANA time zone of dates without an offset, such as Europe/Stockholm
        #[arg(long, value_name = "NAME", default_value = "UTC", value_parser = time_zone)]
        time_zone: TimeZone,
        /// Default sort order of lists of orders
        #[arg(long, default_value = "desc")]
        list_sort: Sort,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        /// Create the store if there is none
        #[arg(long)]
        init: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// List the organisations
    #[command(after_help = "Example: wharfinger org list --json")]
    List {
        /// Print them as JSON, one per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Change an organisation
    #[command(
        after_help = "Examples: wharfinger org set TRK001 --customer-orders off\n          \
                      wharfinger org set TRK001 --catalogue enforced\n          \
                      wharfinger org set TRK001 --time-zone Europe/Stockholm"
    )]
    #[command(group(ArgGroup::new("change").required(true).multiple(true)))]
    Set {
        /// Code of the organisation
        code: String,
        /// Whether the organisation accepts customer orders
        #[arg(long, group = "change")]
        customer_orders: Option<Switch>,
        /// Whether orders are checked against the catalogue
        #[arg(long, group = "change")]
        catalogue: Option<Catalogue>,
        /// IANA time zone of dates without an offset, such as Europe/Stockholm; also applies to stored orders
        #[arg(long, group = "change", value_name = "NAME", value_parser = time_zone)]
        time_zone: Option<TimeZone>,
        /// Default sort order of lists of orders
        #[arg(long, group = "change")]
        list_sort: Option<Sort>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// [`CatalogueMode`], as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Catalogue {
    /// Any product and any customer is accepted, and no stock is counted
    Open,
    /// Products must be active and in stock, and customers known
    Enforced,
}

impl Catalogue {
    fn mode(self) -> CatalogueMode {
        match self {
            Self::Open => CatalogueMode::Open,
            Self::Enforced => CatalogueMode::Enforced,
        }
    }
}

/// [`ListSort`], as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Newest first
    Desc,
    /// In the order of creation
    Asc,
}

impl Sort {
    fn sort(self) -> ListSort {
        match self {
            Self::Desc => ListSort::Descending,
            Self::Asc => ListSort::Ascending,
        }
    }
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    zone::named(name).ok_or_else(|| format!("expected {}", zone::NAME_FORM))
}

#[derive(Serialize)]
struct OrganisationLine<'o> {
    code: &'o str,
    name: &'o str,
    customer_orders_enabled: bool,
    catalogue: &'static str,
    time_zone: &'o str,
    list_sort: &'static str,
}

impl Org {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            OrgCommand::Create {
                code,
                name,
                catalogue,
                time_zone,
                list_sort,
                json,
                init,
                data,
            } => {
                if !is_code(&code) {
                    bail!("invalid organisation code {code:?}: expected {CODE_FORM}");
                }
                if !is_name(&name) {
                    bail!("invalid organisation name {name:?}: expected {NAME_FORM}");
                }
                let store = data.open_or_init(init)?;
                let organisation = Organisation {
                    catalogue: catalogue.mode(),
                    time_zone,
                    list_sort: list_sort.sort(),
                    ..Organisation::new(code, name)
                };
                let change = Change::CreateOrganisation(organisation.clone());
                store.administer(COMMAND_LINE, change, None).await?;
                write_organisation(out, &organisation, json)
            }
            OrgCommand::List { json, data } => {
                let store = data.open()?;
                let directory = directory(store.as_ref()).await?;
                let mut organisations: Vec<_> = directory.organisations.values().collect();
                organisations.sort_by_key(|organisation| organisation.id);
                for organisation in organisations {
                    write_organisation(out, organisation, json)?;
                }
                Ok(())
            }
            OrgCommand::Set {
                code,
                customer_orders,
                catalogue,
                time_zone,
                list_sort,
                json,
                data,
            } => {
                let store = data.open()?;
                find_organisation(&directory(store.as_ref()).await?, &code)?;
                let change = Change::ChangeOrganisation(OrganisationChange {
                    code: code.clone(),
                    customer_orders_enabled: customer_orders.map(|switch| switch == Switch::On),
                    catalogue: catalogue.map(Catalogue::mode),
                    time_zone,
                    list_sort: list_sort.map(Sort::sort),
                    ..OrganisationChange::default()
                });
                store.administer(COMMAND_LINE, change, None).await?;
                let directory = directory(store.as_ref()).await?;
                write_organisation(out, find_organisation(&directory, &code)?, json)
            }
        }
    }
}

fn write_organisation(out: &mut dyn Write, organisation: &Organisation, json: bool) -> Result<()> {
    let line = OrganisationLine {
        code: &organisation.code,
        name: &organisation.name,
        customer_orders_enabled: organisation.customer_orders_enabled,
        catalogue: organisation.catalogue.name(),
        time_zone: zone::name(&organisation.time_zone),
        list_sort: organisation.list_sort.name(),
    };
    if json {
        return write_json(out, &line);
    }
    let orders = if line.customer_orders_enabled {
        "on"
    } else {
        "off"
    };
    let line = format!(
        "{:<16} customer orders {orders:<4} catalogue {:<9} time zone {:<20} list {:<5} {}",
        line.code, line.catalogue, line.time_zone, line.list_sort, line.name
    );
    writeln!(out, "{}", shown(line.trim_end()))?;
    Ok(())
}
