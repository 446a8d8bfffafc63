//! The operations of the store, each handed on to its room.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;
use wharfinger_core::caller::Reach;
use wharfinger_core::catalogue::load::{CustomerLine, ProductLine};
use wharfinger_core::dialect::Reply;
use wharfinger_core::ids::{BatchId, OrderId};
use wharfinger_core::outcome::Outcome;

use super::admit::{batch, dry_run, import_progress};
use super::api::*;
use super::catalogue::customers::{self, Customers};
use super::catalogue::load;
use super::catalogue::products::{self, Products};
use super::directory::change;
use super::engine::connection::touch;
use super::engine::driver::Connection;
use super::engine::home::Home;
use super::journal::end::read_counters;
use super::read::{feed, history, list, orders};
use super::receipts::{self, rejections, results};
use super::transition::{fulfilment, process_cancel};
use super::write::txn;
use super::{EmailKey, SqlStore, Store, Submission, replies};
use crate::clock;

/// Whether any of some orders was moved: only then is there an answer to be kept.
fn is_any_moved<S, E>(results: &[Result<S, E>]) -> bool {
    results.iter().any(Result::is_ok)
}

#[async_trait]
impl Store for SqlStore {
    async fn admit_batch(&self, mut submission: Submission) -> Result<Admitted, StoreError> {
        self.disk.check()?;
        let remember = submission.remember.take();
        let weight = submission.weight();
        let submission = Arc::new(submission);
        let batch = Arc::clone(&submission);
        let admit = move |work: &mut txn::Work<'_>| batch::admit(work, &submission);
        // A batch always leaves its receipt.
        let always = |_: &[Outcome]| true;
        let done = self
            .change(weight, remember, Some(batch), always, admit)
            .await;
        done.map(|(outcomes, reply)| Admitted { outcomes, reply })
    }

    async fn try_batch(&self, submission: Submission) -> Result<Vec<Outcome>, StoreError> {
        let read = move |connection: &Connection| {
            let next_number = |organisation| Ok(read_counters(connection, organisation)?.number);
            dry_run::plan(connection, &submission, next_number)
        };
        self.readers.read(read).await
    }

    async fn move_orders(&self, mut request: MoveOrders) -> Result<MovedOrders, StoreError> {
        let weight = request.keys.len();
        let remember = request.remember.take();
        let move_orders =
            move |work: &mut txn::Work<'_>| process_cancel::move_orders(work, &request);
        let done = self
            .change(weight, remember, None, is_any_moved, move_orders)
            .await;
        done.map(|(results, reply)| MovedOrders { results, reply })
    }

    async fn kept_answer(
        &self,
        key_id: &str,
        idempotency_key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let (key_id, idempotency_key) = (key_id.to_owned(), idempotency_key.to_owned());
        let read = move |connection: &Connection| {
            replies::read::kept(connection, &key_id, &idempotency_key, clock::now_ms())
        };
        self.readers.read(read).await
    }

    async fn drop_expired(&self) -> Result<usize, StoreError> {
        let now_ms = clock::now_ms();
        let mut dropped = 0;
        loop {
            let drop_slice =
                move |work: &mut txn::Work<'_>| replies::read::drop_slice(work.connection, now_ms);
            match self.writer.ask(1, drop_slice).await? {
                0 => return Ok(dropped),
                slice => dropped += slice,
            }
        }
    }

    async fn drop_rejected_texts(&self, received_before_ms: i64) -> Result<(), StoreError> {
        loop {
            let drop_slice = move |work: &mut txn::Work<'_>| {
                rejections::drop_texts_slice(work.connection, received_before_ms)
            };
            if self.writer.ask(1, drop_slice).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn orders(&self, request: ReadOrders) -> Result<OrderPage, StoreError> {
        let key = self.email_key;
        let request = Arc::new(request);
        let mut progress = None;
        loop {
            let request = Arc::clone(&request);
            let read =
                move |connection: &Connection| orders::orders(connection, key, &request, progress);
            match self.readers.read(read).await? {
                orders::Step::Done(page) => return Ok(page),
                orders::Step::Paused(so_far) => progress = Some(so_far),
            }
        }
    }

    async fn move_by_id(&self, mut request: MoveById) -> Result<MovedById, StoreError> {
        let weight = request.ids.len();
        let remember = request.remember.take();
        let (ids, reach) = (std::mem::take(&mut request.ids), request.reach.clone());
        let locate =
            move |connection: &Connection| process_cancel::locate(connection, &ids, &reach);
        let located = self.readers.read(locate).await?;
        let move_located =
            move |work: &mut txn::Work<'_>| process_cancel::move_located(work, &request, &located);
        let done = self
            .change(weight, remember, None, is_any_moved, move_located)
            .await;
        done.map(|(results, reply)| MovedById { results, reply })
    }

    async fn fulfil(&self, mut request: Fulfil) -> Result<Fulfilled, StoreError> {
        let remember = request.remember.take();
        let (id, reach) = (request.id, request.reach.clone());
        let locate = move |connection: &Connection| fulfilment::locate(connection, id, &reach);
        let located = self.readers.read(locate).await?;
        let fulfil =
            move |work: &mut txn::Work<'_>| fulfilment::fulfil(work, &request, located.as_ref());
        let done = self
            .change(1, remember, None, FulfilledOrder::is_ok, fulfil)
            .await;
        done.map(|(result, reply)| Fulfilled { result, reply })
    }

    async fn order(&self, id: OrderId, reach: &Reach) -> Result<Option<FoundOrder>, StoreError> {
        let reach = reach.clone();
        let read = move |connection: &Connection| orders::order(connection, id, &reach);
        self.readers.read(read).await
    }

    async fn list(&self, request: ListOrders) -> Result<ListPage, StoreError> {
        let key = self.email_key;
        let read = move |connection: &Connection| list::list(connection, key, &request);
        self.readers.read(read).await
    }

    async fn history(
        &self,
        id: OrderId,
        reach: &Reach,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Option<History>, StoreError> {
        let reach = reach.clone();
        let read =
            move |connection: &Connection| history::history(connection, id, &reach, (after, limit));
        self.readers.read(read).await
    }

    async fn receipts(&self, request: ReadReceipts) -> Result<ReceiptPage, StoreError> {
        let read = move |connection: &Connection| receipts::read::receipts(connection, &request);
        self.readers.read(read).await
    }

    async fn receipt(
        &self,
        batch: BatchId,
        visible: &Visible,
    ) -> Result<Option<ReceiptHead>, StoreError> {
        let visible = visible.clone();
        let read =
            move |connection: &Connection| receipts::read::receipt(connection, batch, &visible);
        self.readers.read(read).await
    }

    async fn results(&self, request: ReadResults) -> Result<ResultPage, StoreError> {
        let read = move |connection: &Connection| results::results(connection, &request);
        self.readers.read(read).await
    }

    async fn feed(&self, request: ReadFeed) -> Result<FeedPage, StoreError> {
        let read = move |connection: &Connection| feed::feed(connection, &request);
        self.readers.read(read).await
    }

    fn growth(&self) -> watch::Receiver<Growth> {
        self.growth.subscribe()
    }

    async fn look_for_growth(&self) -> Result<(), StoreError> {
        if self.growth.receiver_count() == 0 {
            return Ok(());
        }
        let found = self.readers.read(feed::positions).await?;
        self.growth.send_if_modified(|known| {
            let before = known.clone();
            for (organisation, position) in found {
                let known = known.entry(organisation).or_default();
                *known = position.max(*known);
            }
            *known != before
        });
        Ok(())
    }

    async fn import(&self, key_id: &str, id: Uuid) -> Result<Option<Import>, StoreError> {
        let key_id = key_id.to_owned();
        let find = move |connection: &Connection| import_progress::find(connection, &key_id, id);
        self.readers.read(find).await
    }

    async fn begin_import(&self, new: NewImport) -> Result<Import, StoreError> {
        let begin = move |work: &mut txn::Work<'_>| import_progress::begin(work, &new);
        self.writer.ask(1, begin).await
    }

    async fn end_import(
        &self,
        key_id: &str,
        id: Uuid,
        end: ImportEnd,
    ) -> Result<Import, StoreError> {
        let key_id = key_id.to_owned();
        let end = move |work: &mut txn::Work<'_>| import_progress::end(work, &key_id, id, end);
        self.writer.ask(1, end).await
    }

    async fn directory(&self, known_version: Option<u64>) -> Result<Option<Directory>, StoreError> {
        let read = move |connection: &Connection| change::directory(connection, known_version);
        self.readers.read(read).await
    }

    async fn administer(
        &self,
        who: &str,
        change: Change,
        remember: Option<Remember<()>>,
    ) -> Result<Option<Reply>, StoreError> {
        let who = who.to_owned();
        let administer = move |work: &mut txn::Work<'_>| change::administer(work, &who, &change);
        let done = self.change(1, remember, None, |()| true, administer).await;
        done.map(|((), reply)| reply)
    }

    async fn note_key_use(&self, uses: Vec<(String, i64)>) -> Result<(), StoreError> {
        let note = move |work: &mut txn::Work<'_>| change::note_key_use(work, &uses);
        self.writer.ask(1, note).await
    }

    async fn audit(&self, request: ReadAudit) -> Result<AuditPage, StoreError> {
        let read = move |connection: &Connection| change::audit(connection, &request);
        self.readers.read(read).await
    }

    async fn load_products(&self, load: Load<ProductLine>) -> Result<Loaded, StoreError> {
        self.load(load, |work, load| load::load::<_, Products<'_>>(work, load))
            .await
    }

    async fn products(&self, request: ReadProducts) -> Result<ProductPage, StoreError> {
        let read = move |connection: &Connection| products::list(connection, &request);
        self.readers.read(read).await
    }

    async fn load_customers(&self, load: Load<CustomerLine>) -> Result<Loaded, StoreError> {
        self.load(load, |work, load| {
            load::load::<_, Customers<'_>>(work, load)
        })
        .await
    }

    async fn customers(&self, request: ReadCustomers) -> Result<CustomerPage, StoreError> {
        let read = move |connection: &Connection| customers::list(connection, &request);
        self.readers.read(read).await
    }

    fn email_key(&self) -> EmailKey {
        self.email_key
    }

    fn is_overloaded(&self) -> bool {
        self.writer.is_full()
    }

    fn queue_depth(&self) -> usize {
        self.writer.depth()
    }

    async fn size_bytes(&self) -> Option<u64> {
        let Home::File(file) = &self.home else {
            let size = |connection: &Connection| {
                let select = "select pg_database_size(current_database())";
                Ok(connection.query_row(select, (), |row| row.get::<i64>(0))?)
            };
            return u64::try_from(self.readers.read(size).await.ok()?).ok();
        };
        let size = |file: &Path| std::fs::metadata(file).ok().map(|file| file.len());
        let database = size(file)?;
        // Without a log there is none to be counted.
        let log = size(&file.with_extension("db-wal")).unwrap_or_default();
        Some(database + log)
    }

    fn room(&self) -> Option<Room> {
        self.disk.room()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let write = |work: &mut txn::Work<'_>| touch(work.connection);
        self.writer.ask(1, write).await
    }

    async fn purge(&self, before_ms: i64) -> Result<PurgeReport, StoreError> {
        self.purge_all(before_ms).await
    }

    async fn erase_customer(&self, request: EraseCustomer) -> Result<ErasedCustomer, StoreError> {
        self.erase(request).await
    }

    async fn check(&self) -> Result<CheckReport, StoreError> {
        self.check_open().await
    }

    async fn failed(&self) -> String {
        self.writer.failed().await
    }

    async fn close(&self) {
        if let Some(emails) = &self.emails {
            emails.close().await;
        }
        self.readers.close();
        self.writer.close().await;
    }
}
