//! Orders and batches, and shortcuts for store requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wharfinger::store::EmailRuns;
use wharfinger::store::prepare::{Heading, prepare};
use wharfinger::store::{
    HistoryKind, OrderPage, ReadOrders, ReadResults, ReceiptHead, Recorded, Revision, Store,
    StoreError, Submission, TransitionByKey, Visible,
};
use wharfinger_core::decide::admit::{Intent, Move, Policy};
use wharfinger_core::decide::catalogue::Demand;
use wharfinger_core::dialect::{Draft, Number, OrderQuery, Slot, StoredOrder, Verdict};
use wharfinger_core::json::{Envelope, NameCase, Reader, Rules};
use wharfinger_core::order::ids::{BatchId, OrderId, OrganisationId};
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::Outcome;
use wharfinger_core::order::problem::{Code, Path, Problem};

/// Dialect of the orders.
pub(super) const DIALECT: &str = "test";
/// API key of the batches.
pub(super) const KEY: &str = "key-1";
/// Default organisation of the orders.
pub(super) const HERE: OrganisationId = OrganisationId(1);
/// Another organisation.
pub(super) const THERE: OrganisationId = OrganisationId(2);

/// Index runs so small that a few batches create and merge some.
pub(super) const SMALL_RUNS: EmailRuns = EmailRuns {
    events_min: 40,
    blocks_min: 2,
    fan_in: 2,
    part_entries: 3,
};

/// An order to be submitted.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub organisation: Option<OrganisationId>,
    pub key: String,
    pub name: Option<String>,
    pub line: Option<usize>,
    pub text: String,
    pub intent: Intent,
    pub number: Number,
    pub demand: Option<Arc<Demand>>,
    pub email: Option<String>,
    pub problems: Vec<Problem>,
}

/// A valid order.
pub(super) fn order(key: &str, content: &str) -> Order {
    Order {
        organisation: Some(HERE),
        key: key.to_owned(),
        name: None,
        line: None,
        text: format!("{{\"key\": \"{key}\", \"content\": \"{content}\"}}"),
        intent: Intent::Upsert,
        number: Number::None,
        demand: None,
        email: None,
        problems: Vec::new(),
    }
}

/// An order in a dialect that numbers its orders.
pub(super) fn numbered(number: Number, content: &str) -> Order {
    Order {
        number,
        intent: Intent::Create { draft: false },
        ..order("", content)
    }
}

/// A faulty order.
pub(super) fn faulty(key: &str) -> Order {
    Order {
        problems: vec![Problem {
            path: Path::of("content"),
            code: Code::Required,
        }],
        ..order(key, "")
    }
}

impl Order {
    pub(super) fn of(self, organisation: OrganisationId) -> Self {
        Self {
            organisation: Some(organisation),
            ..self
        }
    }

    /// The same order of a customer with this address.
    pub(super) fn by(self, email: &str) -> Self {
        let text = self
            .text
            .replacen('{', &format!("{{\"email\": \"{email}\", "), 1);
        Self {
            email: Some(email.to_owned()),
            text,
            ..self
        }
    }

    pub(super) fn with(self, intent: Intent) -> Self {
        Self { intent, ..self }
    }

    fn slot(&self) -> Slot<'_> {
        let rules = Rules {
            names: NameCase::Exact,
            depth_max: 64,
            order_bytes_max: 1 << 20,
        };
        let mut reader = Reader::new(self.text.as_bytes(), Envelope::One, rules).expect("UTF-8");
        let hash = reader.next().expect("JSON").expect("an order").hash;
        let verdict = if self.problems.is_empty() {
            Verdict::Good(Draft {
                hash,
                intent: self.intent,
                number: self.number,
                demand: self.demand.clone(),
            })
        } else {
            Verdict::Faulty(self.problems.clone().into())
        };
        Slot {
            raw: &self.text,
            line: self.line,
            name: self.name.as_deref().map(Into::into),
            key: (!self.key.is_empty()).then(|| self.key.as_str().into()),
            organisation: self.organisation,
            email: self.email.as_deref().map(Into::into),
            warnings: Vec::new(),
            verdict,
        }
    }
}

/// A batch id that is unique across tests.
pub(super) fn batch_id() -> BatchId {
    static COUNT: AtomicU64 = AtomicU64::new(1_700_000_000_000);
    BatchId::new(COUNT.fetch_add(1, Ordering::Relaxed), 0)
}

/// The time in a batch id, in milliseconds since 1970.
pub(super) fn time_of(batch: BatchId) -> i64 {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&batch.to_bytes()[..6]);
    i64::from_be_bytes(ms)
}

/// A prepared batch.
pub(super) fn submission(
    store: &Arc<Store>,
    batch: BatchId,
    dialect: &'static str,
    orders: &[Order],
) -> Submission {
    prepared(store, batch, orders, |heading| heading.dialect = dialect)
}

/// A prepared batch with the policy `all_or_nothing`.
pub(super) fn whole(store: &Arc<Store>, batch: BatchId, orders: &[Order]) -> Submission {
    prepared(store, batch, orders, |heading| {
        heading.policy = Policy::AllOrNothing;
    })
}

/// A prepared batch with a modified heading.
pub(super) fn prepared(
    store: &Arc<Store>,
    batch: BatchId,
    orders: &[Order],
    change: impl FnOnce(&mut Heading<'_>),
) -> Submission {
    let slots: Vec<Slot<'_>> = orders.iter().map(Order::slot).collect();
    let mut heading = Heading {
        batch,
        dialect: DIALECT,
        operation: "submit",
        key_id: KEY,
        received_at_ms: time_of(batch),
        organisation: None,
        policy: Policy::Partial,
        mends: None,
        file_name: None,
        email_key: store.email_key(),
        rules: None,
    };
    change(&mut heading);
    prepare(&heading, &slots)
}

/// Admits a batch. Returns the outcomes of its valid orders.
pub(super) async fn admit(store: &Arc<Store>, submission: Submission) -> Vec<Outcome> {
    let admitted = store.admit_batch(submission).await;
    admitted.expect("the batch is admitted").outcomes
}

/// Submits a batch. Returns its id and the outcomes of its valid orders.
pub(super) async fn submit(store: &Arc<Store>, orders: &[Order]) -> (BatchId, Vec<Outcome>) {
    let batch = batch_id();
    let ready = submission(store, batch, DIALECT, orders);
    (batch, admit(store, ready).await)
}

/// Submits a batch with the policy `all_or_nothing`.
pub(super) async fn submit_whole(store: &Arc<Store>, orders: &[Order]) -> (BatchId, Vec<Outcome>) {
    let batch = batch_id();
    let ready = whole(store, batch, orders);
    (batch, admit(store, ready).await)
}

/// The receipt of a batch.
pub(super) async fn receipt(store: &Arc<Store>, batch: BatchId) -> ReceiptHead {
    let receipt = store.receipt(batch, &Visible::All).await.expect("read");
    receipt.expect("there is one")
}

/// The outcome of each order of a batch, read in pages of this size.
pub(super) async fn results_by(
    store: &Arc<Store>,
    mut request: ReadResults,
    limit: usize,
) -> Vec<Recorded> {
    request.limit = limit;
    let mut results = Vec::new();
    loop {
        let page = store.results(request.clone()).await.expect("read");
        assert!(page.results.len() <= limit);
        results.extend(page.results);
        let Some(next) = page.next else {
            return results;
        };
        let last = results
            .last()
            .expect("a page that is not the last holds something");
        assert_eq!(last.index, next);
        request.after = Some(next);
    }
}

/// A request for all results of a batch.
pub(super) fn all_of(batch: BatchId) -> ReadResults {
    ReadResults {
        batch,
        visible: Visible::All,
        only: None,
        after: None,
        limit: 1_000,
    }
}

/// The outcome of each order of a batch.
pub(super) async fn results(store: &Arc<Store>, batch: BatchId) -> Vec<Recorded> {
    results_by(store, all_of(batch), 1_000).await
}

/// Submits one order.
pub(super) async fn submit_one(store: &Arc<Store>, order: Order) -> Outcome {
    submit(store, &[order]).await.1.remove(0)
}

/// The revisions of an order, the latest first.
pub(super) async fn revisions(store: &Arc<Store>, order: OrderId) -> Vec<Revision> {
    let history = store
        .history(order, &OrgAccess::All, None, 100)
        .await
        .expect("read");
    let entries = history.expect("there is such an order").entries;
    let of_entry = |what| match what {
        HistoryKind::Revision(revision) => Some(revision),
        HistoryKind::Change { .. } => None,
    };
    let kinds = entries.into_iter().map(|entry| entry.what);
    kinds.filter_map(of_entry).collect()
}

/// The names of outcomes.
pub(super) fn names(outcomes: &[Outcome]) -> Vec<&'static str> {
    outcomes.iter().map(Outcome::name).collect()
}

/// The code of a rejected outcome.
pub(super) fn rejected_with(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Rejected(problems) => problems.first().map(|problem| problem.code),
        Outcome::Accepted(_) | Outcome::Updated(_) | Outcome::Unchanged(_) | Outcome::Withheld => {
            None
        }
    }
}

/// Changes the state of orders.
pub(super) async fn move_keys(
    store: &Arc<Store>,
    wanted: Move,
    keys: &[&str],
) -> Vec<Result<(), Code>> {
    let request = TransitionByKey {
        organisation: HERE,
        dialect: DIALECT,
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        wanted,
        key_id: "key-1".into(),
        save_reply: None,
    };
    let moved = store.transition_by_key(request).await;
    moved.expect("orders are moved").results
}

/// A query for everything.
pub(super) fn everything() -> OrderQuery {
    OrderQuery::first(10_000)
}

/// Reads a page of orders.
pub(super) async fn read(store: &Arc<Store>, query: OrderQuery) -> OrderPage {
    let request = ReadOrders {
        organisation: HERE,
        dialect: DIALECT,
        query: Arc::new(query),
        after: None,
    };
    store.orders(request).await.expect("orders are read")
}

/// The keys that a query finds.
pub(super) async fn keys(store: &Arc<Store>, query: OrderQuery) -> Vec<String> {
    let page = read(store, query).await;
    page.orders.into_iter().map(|order| order.key).collect()
}

/// A query for the orders of an e-mail address.
pub(super) fn by_email(email: &str) -> OrderQuery {
    let wanted = email.trim().to_ascii_lowercase();
    let keep = move |order: &StoredOrder| {
        let text = order.texts[0].to_ascii_lowercase();
        text.contains(&format!("\"email\": \"{wanted}\""))
    };
    OrderQuery {
        email: Some(email.to_owned()),
        keep: Some(Box::new(keep)),
        ..everything()
    }
}

/// Waits until the next millisecond.
pub(super) async fn let_time_pass() {
    let begin_ms = wharfinger::clock::now_ms();
    while wharfinger::clock::now_ms() <= begin_ms {
        tokio::task::yield_now().await;
    }
}

/// The error for a submission that must be refused as a whole.
pub(super) async fn refusal(store: &Arc<Store>, submission: Submission) -> StoreError {
    let outcome = store.admit_batch(submission).await;
    outcome.map(drop).expect_err("the batch is turned down")
}

/// Reads all pages. They must have these lengths, and all report this total.
pub(crate) async fn keys_by_pages(
    store: &Arc<Store>,
    query: OrderQuery,
    lengths: &[usize],
    total: u64,
) -> Vec<String> {
    let query = Arc::new(query);
    let (mut after, mut found) = (None, Vec::new());
    for &length in lengths {
        let request = ReadOrders {
            organisation: HERE,
            dialect: DIALECT,
            query: Arc::clone(&query),
            after,
        };
        let page = store.orders(request).await.expect("orders are read");
        assert_eq!(page.orders.len(), length);
        assert_eq!(page.total, total);
        found.extend(page.orders.into_iter().map(|order| order.key));
        after = page.next;
    }
    assert_eq!(after, None, "that was the last page");
    found
}
