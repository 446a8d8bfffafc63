//! `wharfinger export`: orders as a file, from a server, or from the store itself.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::value::to_raw_value;
use wharfinger_client::connect::Connection;
use wharfinger_client::export::{self, Writer};
use wharfinger_client::filters::Filters;
use wharfinger_client::since::Since;
use wharfinger_client::terminal::Exit;
use wharfinger_core::convert::{ReadBack, RenderAs, render};
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::outcome::State;

use super::{KeptIn, directory, find_organisation};
use crate::intake::readback::keep_address;
use crate::store::{Directory, FoundOrder, ListOrders, Store};

/// Orders of a page.
const PAGE_ORDERS: usize = 500;

/// Write orders to a file
#[derive(Args, Debug)]
#[command(
    after_help = "The orders come from the server that --url, WHARFINGER_URL or --profile names, or else\n\
from the store. Each order is written once, as it is when its turn comes; one that is\n\
created meanwhile may be missing. With --updated-after, an order that changes meanwhile\n\
may be written again at the end. The file gets its name when everything is written, so\n\
a file that is there is complete. Cells that begin with = + - @ get a ' in front, unless\n\
they are numbers.\n\n\
Examples: wharfinger export --profile shop --org TRK001 --state pending --to orders.ndjson\n          \
          wharfinger export --data ./wharfinger-data --format csv --rows lines --to lines.csv"
)]
pub(super) struct ExportOrders {
    #[command(flatten)]
    export: export::Export,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    data: KeptIn,
}

impl ExportOrders {
    pub(super) async fn run(self, out: &mut (dyn Write + Send)) -> Result<Exit> {
        if self.connection.is_named() {
            return tokio::task::block_in_place(|| {
                let client = self.connection.client()?;
                self.export.over_http(&client, out)
            });
        }
        let store = self.data.open()?;
        let mut writer = self.export.writer(out)?;
        let exported = self.each(&store, &mut writer).await;
        store.close().await;
        exported?;
        writer.finish()?;
        Ok(Exit::Done)
    }

    /// Writes every order of the store that is asked for.
    async fn each(&self, store: &Store, writer: &mut Writer<'_>) -> Result<()> {
        let directory = directory(store).await?;
        let form = self.export.form.as_deref().and_then(RenderAs::named);
        let mut after = None;
        loop {
            let mut request = request(&directory, &self.export.filters)?;
            request.after = after;
            let page = store.list(request).await?;
            for found in &page.orders {
                write(writer, found, form)?;
            }
            after = page.next;
            if after.is_none() || self.export.is_unread() {
                return Ok(());
            }
        }
    }
}

/// Writes an order.
fn write(writer: &mut Writer<'_>, found: &FoundOrder, form: Option<RenderAs>) -> Result<()> {
    let dialect = dialects::find(&found.dialect);
    let dialect = dialect.with_context(|| format!("unknown dialect {}", found.dialect))?;
    let Some(form) = form else {
        return writer.order(&to_raw_value(&ReadBack::of(&found.order, dialect))?);
    };
    let rendered = render(&found.order, dialect, form);
    let text = String::from_utf8(rendered.body)?;
    writer.in_form(&found.order.key, &rendered.missing, &text)
}

/// The request of a page.
fn request(directory: &Directory, filters: &Filters) -> Result<ListOrders> {
    let organisations = match &filters.org {
        Some(code) => vec![find_organisation(directory, code)?.id],
        None => {
            let all = directory.organisations.values();
            let mut ids: Vec<_> = all.map(|organisation| organisation.id).collect();
            ids.sort_unstable();
            ids
        }
    };
    let mut request = ListOrders::all(organisations, PAGE_ORDERS);
    let state = filters.state.as_deref();
    let state = state.and_then(State::named);
    if let Some(state) = state {
        request.states = vec![state];
    }
    let dialect = filters.dialect.as_deref().and_then(dialects::find);
    request.dialect = dialect.map(Dialect::id);
    request.key.clone_from(&filters.key);
    request.number = filters.number;
    let batch = filters.batch;
    request.batch = batch.map(|batch| BatchId::from_bytes(batch.into_bytes()));
    request.created_from_ms = filters.created_after.map(Since::as_millisecond);
    request.created_before_ms = filters.created_before.map(Since::as_millisecond);
    request.updated_from_ms = filters.updated_after.map(Since::as_millisecond);
    if let Some(address) = &filters.email {
        request.email = Some(address.clone());
        request.keep = Some(keep_address(address));
    }
    Ok(request)
}
