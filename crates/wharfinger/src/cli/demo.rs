//! `wharfinger demo`: shows what the server guarantees in a few seconds, with a real server, real requests and a real crash.

mod flight;
mod onward;
mod server;
mod stay;
mod table;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use wharfinger_bench::server_process::Server;
use wharfinger_core::dialect::{OrderQuery, SampleKey, StoredOrder};
use wharfinger_core::dialects;
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::outcome::WITHHELD;

use self::flight::{BATCH_ORDERS, Flight, IMPORT_LINES, SENT_LINES};
use self::server::Answer;
use crate::cli::open_store;
use crate::store::{Location, Options};
use crate::store::{ReadOrders, ReadResults, Recorded, RecordedOutcome, Store, Visible};

/// Characters of a response to show.
const SHOWN_CHARS_MAX: usize = 1_200;

/// Orders of a batch to show. No sample has as many.
const SHOWN_ORDERS_MAX: usize = 1_000;

/// The receiver of the demonstration is on this machine, where a server delivers nothing unless it is allowed to.
const OPTIONS: [&str; 2] = ["--destinations-allow", "127.0.0.0/8"];

/// Demonstrate orders in each format, a crash, and deliveries to a failing receiver
#[derive(Args, Debug)]
#[command(
    after_help = "Uses a temporary directory and a free local port, and removes everything at the end.\n\n\
Examples:\n  wharfinger demo\n  wharfinger demo --stay"
)]
pub(crate) struct Demo {
    /// Only start a server with sample orders, and leave it running to look around in, until Ctrl-C
    #[arg(long)]
    stay: bool,
}

/// The orders of one dialect, by id.
type Orders = BTreeMap<OrderId, StoredOrder>;

impl Demo {
    pub(crate) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
        let data = directory.path();
        if self.stay {
            return stay::run(out, data).await;
        }
        writeln!(out, "1. A server on an empty data directory\n")?;
        let (server, key) = Server::start_fresh(data.into(), &OPTIONS)?;
        writeln!(out, "   The server listens on {}.", server.url)?;
        writeln!(
            out,
            "   It created the organisation {} and a key for it.\n",
            key.organisation
        )?;

        writeln!(
            out,
            "2. A batch in each format, with valid and invalid orders"
        )?;
        let mut accepted = Vec::new();
        for dialect in dialects::ALL {
            let sample = dialect.samples(&SampleKey::from(&key)).batch;
            writeln!(
                out,
                "\n── {}: {} {}",
                dialect.id(),
                sample.method,
                sample.target
            )?;
            let answer = server::send(&server, &sample)?;
            write_answer(out, &answer)?;
            accepted.extend(show_outcomes(out, data, &answer).await?);
        }

        writeln!(out, "\n3. The server is killed while it works (kill -9)\n")?;
        let mut flight = Flight::new(&key);
        let committed = flight.begin(&server)?;
        server.kill()?;
        writeln!(
            out,
            "   An import of {IMPORT_LINES} lines was in progress: {SENT_LINES} lines were sent, and {committed} were acknowledged.\n   \
             A batch of {BATCH_ORDERS} orders had just been sent, without waiting for the response.\n   \
             The server had no chance to clean up. A new server starts on the same directory."
        )?;
        let server = Server::start(data.into(), &OPTIONS)?;
        writeln!(out, "   The new server listens on {}.\n", server.url)?;

        writeln!(out, "4. What was stored\n")?;
        show_survivors(out, data, &accepted).await?;
        show_rest(
            out,
            data,
            (&server, &flight),
            (accepted.len() as u64, committed),
        )
        .await?;
        onward::show(out, data, server, &key)?.stop()?;
        writeln!(
            out,
            "\nDone. `wharfinger serve` starts a server that keeps running."
        )?;
        Ok(())
    }
}

fn write_answer(out: &mut dyn Write, answer: &Answer) -> Result<()> {
    writeln!(out, "   HTTP {}", answer.status)?;
    let shown: String = answer.body.chars().take(SHOWN_CHARS_MAX).collect();
    let more = if shown.len() < answer.body.len() {
        " …"
    } else {
        ""
    };
    writeln!(out, "   {shown}{more}\n")?;
    Ok(())
}

/// Writes a table with the outcome of every order, from the receipt. Returns the newly accepted orders.
async fn show_outcomes(out: &mut dyn Write, data: &Path, answer: &Answer) -> Result<Vec<OrderId>> {
    let store = open_store(&Location::Directory(data.to_owned()), &Options::default())?;
    let batch = answer.batch.context("the response has no batch id")?;
    let request = ReadResults {
        batch,
        visible: Visible::All,
        only: None,
        after: None,
        limit: SHOWN_ORDERS_MAX,
    };
    let results = store.results(request).await?.results;
    let mut accepted = Vec::new();
    let mut rows = Vec::new();
    for recorded in &results {
        if let RecordedOutcome::Accepted(order) = &recorded.outcome {
            accepted.push(*order);
        }
        rows.push(row(recorded));
    }
    table::write(out, ["order", "key", "outcome", "why"], &rows)?;
    store.close().await;
    Ok(accepted)
}

fn row(recorded: &Recorded) -> [String; 4] {
    let key = recorded.key.as_ref().or(recorded.name.as_ref());
    let why = match &recorded.outcome {
        RecordedOutcome::Accepted(_) => "new".into(),
        RecordedOutcome::Updated(_, revision) => format!("now at revision {revision}"),
        RecordedOutcome::Unchanged(..) => "already stored".into(),
        RecordedOutcome::Rejected(rejection) => {
            let reasons = rejection.errors.iter();
            let reasons: Vec<_> = reasons.map(|error| error.message.as_str()).collect();
            reasons.join("; ")
        }
        RecordedOutcome::Withheld => WITHHELD.into(),
    };
    [
        (recorded.index + 1).to_string(),
        key.cloned().unwrap_or_default(),
        recorded.outcome.kind().name().into(),
        why,
    ]
}

/// Shows that every accepted order is stored exactly once, and that the store passes `check`.
async fn show_survivors(out: &mut dyn Write, data: &Path, accepted: &[OrderId]) -> Result<()> {
    let store = open_store(&Location::Directory(data.to_owned()), &Options::default())?;
    let mut rows = Vec::new();
    let mut found = 0;
    for dialect in dialects::ALL {
        let orders = orders(store.as_ref(), dialect.id()).await?;
        found += orders.len();
        for (id, order) in &orders {
            ensure!(
                accepted.contains(id),
                "order {id} was never acknowledged as accepted"
            );
            let state = order.state.name().to_owned();
            rows.push([
                dialect.id().into(),
                order.key.clone(),
                state,
                order.revision.to_string(),
            ]);
        }
    }
    table::write(out, ["dialect", "key", "state", "revision"], &rows)?;
    ensure!(
        found == accepted.len(),
        "{} orders were accepted, but {found} are stored",
        accepted.len()
    );
    writeln!(
        out,
        "\n   {found} orders were acknowledged as accepted; {found} are stored, each once."
    )?;
    let report = store.check().await?;
    ensure!(
        report.faults.is_empty(),
        "the store has faults: {:?}",
        report.faults
    );
    writeln!(out, "   `wharfinger check` finds no faults.")?;
    store.close().await;
    Ok(())
}

/// Shows what the crash left of the requests in flight, and sends them again. Each of their orders is then stored exactly once.
async fn show_rest(
    out: &mut dyn Write,
    data: &Path,
    (server, flight): (&Server, &Flight),
    (others, committed): (u64, u64),
) -> Result<()> {
    let lines = flight.lines_committed(server)?;
    ensure!(
        lines >= committed,
        "{committed} lines were acknowledged, but {lines} are stored"
    );
    let of_batch = count_stored(data).await? - others - lines;
    ensure!(
        of_batch == 0 || of_batch == BATCH_ORDERS,
        "{of_batch} orders of a batch of {BATCH_ORDERS} are stored"
    );
    writeln!(
        out,
        "   {committed} lines of the import were acknowledged; {lines} are stored.\n   \
         The batch was not acknowledged; {of_batch} of its {BATCH_ORDERS} orders are stored: all or none."
    )?;
    writeln!(out, "\n5. What was not acknowledged is sent again\n")?;
    let accepted = flight.send_batch_again(server)?;
    let imported = flight.send_rest(server, lines)?;
    writeln!(
        out,
        "   The batch, with its Idempotency-Key: {accepted} orders accepted.\n   \
         The rest of the import, after {lines} lines: {imported} lines accepted in total."
    )?;
    let stored = count_stored(data).await?;
    let expected = others + BATCH_ORDERS + IMPORT_LINES;
    ensure!(
        stored == expected,
        "{expected} orders were sent, but {stored} are stored"
    );
    writeln!(out, "   {stored} orders are stored, each once.")?;
    Ok(())
}

/// The number of orders in a store. Fails if the store does not pass `check`.
async fn count_stored(data: &Path) -> Result<u64> {
    let store = open_store(&Location::Directory(data.to_owned()), &Options::default())?;
    let report = store.check().await?;
    store.close().await;
    ensure!(
        report.faults.is_empty(),
        "the store has faults: {:?}",
        report.faults
    );
    Ok(report.orders)
}

/// All orders of a dialect in any state, except those that were in flight.
async fn orders(store: &Store, dialect: &'static str) -> Result<Orders> {
    let query = OrderQuery::first(1_000);
    let request = ReadOrders {
        organisation: first_organisation(store).await?,
        dialect,
        query: Arc::new(query),
        after: None,
    };
    let page = store.orders(request).await?;
    let answered = page.orders.into_iter().filter(|order| !flight::has(order));
    Ok(answered.map(|order| (order.id, order)).collect())
}

async fn first_organisation(store: &Store) -> Result<OrganisationId> {
    let directory = store.directory(None).await?;
    let directory = directory.context("the store did not return its organisations and keys")?;
    let first = directory.organisations.into_values().next();
    Ok(first.context("there is no organisation")?.id)
}

/// Parses a batch id.
fn batch_of(text: &str) -> Option<BatchId> {
    let id = uuid::Uuid::parse_str(text).ok()?;
    Some(BatchId::from_bytes(id.into_bytes()))
}
