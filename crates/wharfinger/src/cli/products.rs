//! `wharfinger products`: the products of an organisation.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args, Subcommand};
use wharfinger_client::formulas::guarded;
use wharfinger_core::decide::catalogue::Product;
use wharfinger_core::decide::catalogue::import::{LIST_SEPARATOR, LoadLine, ProductLine};

use super::load::{Format, LoadFiles, Loadable};
use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::catalogue::ProductView;
use crate::store::{Load, Loaded, ReadProducts, Store, StoreError};

/// Products per read.
const PAGE: usize = 1_000;

#[derive(Args, Debug)]
pub(super) struct Products {
    #[command(subcommand)]
    command: ProductsCommand,
}

#[derive(Debug, Subcommand)]
enum ProductsCommand {
    /// Load products and their stock from files
    #[command(
        after_help = "The first line of a CSV file names its columns, in any order: id, sku, ean, active, warehouse,\n\
stock, price, currency, name, markets, pricelists (lists are separated by |). Each line changes the\n\
product with its id, or else with its sku, or else with its ean. If there is none, it creates one. A\n\
column missing from the file changes nothing. Invalid lines are reported on standard error; the\n\
others are loaded.\n\n\
Examples: wharfinger products load --org TRK001 products.csv\n          \
          gunzip -c products.ndjson.gz | wharfinger products load --org TRK001 --format ndjson -"
    )]
    Load(LoadFiles),
    /// List products, in the order in which they were first loaded
    #[command(after_help = "Example: wharfinger products list --org TRK001 --json")]
    List {
        /// The organisation of the products
        #[arg(long, value_name = "CODE")]
        org: String,
        /// Print them as JSON, one per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Show a product
    #[command(
        group(ArgGroup::new("named").required(true)),
        after_help = "Example: wharfinger products show --org TRK001 --sku A-1"
    )]
    Show {
        /// The organisation of the product
        #[arg(long, value_name = "CODE")]
        org: String,
        /// The id of the product
        #[arg(long, group = "named")]
        id: Option<u64>,
        /// The SKU of the product
        #[arg(long, group = "named")]
        sku: Option<String>,
        /// The EAN (bar code number) of the product
        #[arg(long, group = "named")]
        ean: Option<String>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Write all products to a file that can be loaded again
    #[command(after_help = "Example: wharfinger products export --org TRK001 --to products.csv")]
    Export {
        /// The organisation of the products
        #[arg(long, value_name = "CODE")]
        org: String,
        /// Format of the file
        #[arg(long, default_value = "csv")]
        format: Format,
        /// File to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        #[command(flatten)]
        data: KeptIn,
    },
}

impl Loadable for ProductLine {
    const WHAT: &'static str = "products";

    async fn load(store: &Store, load: Load<Self>) -> Result<Loaded, StoreError> {
        store.load_products(load).await
    }
}

impl Products {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            ProductsCommand::Load(files) => files.run::<ProductLine>(out).await,
            ProductsCommand::List { org, json, data } => {
                let mut out = BufWriter::new(out);
                let products = Listed::of(&data, &org).await?;
                products
                    .each(|product| write_product(&mut out, product, json))
                    .await?;
                Ok(out.flush()?)
            }
            ProductsCommand::Show {
                org,
                id,
                sku,
                ean,
                json,
                data,
            } => {
                let listed = Listed::of(&data, &org).await?;
                let request = ReadProducts {
                    id,
                    sku,
                    ean,
                    ..listed.request
                };
                let page = listed.store.products(request).await?;
                let Some(product) = page.products.first() else {
                    bail!("{org} has no such product; `wharfinger products list` lists them");
                };
                write_product(out, product, json)
            }
            ProductsCommand::Export {
                org,
                format,
                to,
                data,
            } => {
                let products = Listed::of(&data, &org).await?;
                match to {
                    None => products.export(out, format).await,
                    Some(path) => {
                        let cannot = || format!("cannot write {}", path.display());
                        let mut file = std::fs::File::create(&path).with_context(cannot)?;
                        products
                            .export(&mut file, format)
                            .await
                            .with_context(cannot)?;
                        file.sync_all().with_context(cannot)
                    }
                }
            }
        }
    }
}

/// A listing of an organisation's products.
struct Listed {
    store: std::sync::Arc<Store>,
    /// Requests the first page of all products.
    request: ReadProducts,
}

impl Listed {
    async fn of(data: &KeptIn, org: &str) -> Result<Self> {
        let store = data.open()?;
        let organisation = find_organisation(&directory(store.as_ref()).await?, org)?.id;
        let request = ReadProducts {
            organisation,
            id: None,
            sku: None,
            ean: None,
            after: None,
            limit: PAGE,
        };
        Ok(Self { store, request })
    }

    async fn each(mut self, mut write: impl FnMut(&Product) -> Result<()>) -> Result<()> {
        loop {
            let page = self.store.products(self.request.clone()).await?;
            page.products.iter().try_for_each(&mut write)?;
            self.request.after = page.next;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    async fn export(self, out: &mut dyn Write, format: Format) -> Result<()> {
        match format {
            Format::Ndjson => {
                let mut out = BufWriter::new(out);
                self.each(|product| write_product(&mut out, product, true))
                    .await?;
                Ok(out.flush()?)
            }
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(ProductLine::ATTRIBUTES)?;
                self.each(|product| Ok(table.write_record(row(product))?))
                    .await?;
                Ok(table.flush()?)
            }
        }
    }
}

/// A product as a table row, in the order of its attributes.
fn row(product: &Product) -> [String; 11] {
    let list = |texts: &[String]| {
        let cell = texts.join(&LIST_SEPARATOR.to_string());
        guarded(&cell).into_owned()
    };
    let text = |text: &Option<String>| guarded(text.as_deref().unwrap_or_default()).into_owned();
    [
        product.id.map(|id| id.to_string()).unwrap_or_default(),
        text(&product.sku),
        text(&product.ean),
        product.active.to_string(),
        text(&product.warehouse),
        product.stock.to_string(),
        product
            .price
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        text(&product.currency),
        text(&product.name),
        list(&product.markets),
        list(&product.pricelists),
    ]
}

fn write_product(out: &mut dyn Write, product: &Product, json: bool) -> Result<()> {
    if json {
        return write_json(out, &ProductView::of(product.clone()));
    }
    let mut parts = Vec::new();
    let mut say = |name: &str, value: Option<String>| {
        parts.extend(value.map(|value| format!("{name} {value}")));
    };
    say("id", product.id.map(|id| id.to_string()));
    say("sku", product.sku.clone());
    say("ean", product.ean.clone());
    say("stock", Some(product.stock.to_string()));
    let currency = product.currency.as_deref().unwrap_or_default();
    let price = product.price.as_ref();
    say(
        "price",
        price.map(|price| format!("{price} {currency}").trim_end().to_owned()),
    );
    say("in", product.warehouse.clone());
    parts.extend((!product.active).then(|| "not active".to_owned()));
    parts.extend(product.name.clone());
    writeln!(out, "{}", shown(&parts.join("  ")))?;
    Ok(())
}
