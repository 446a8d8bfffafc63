//! The journey of a request behind its authentication: a body becomes outcomes, orders move.

use bytes::Bytes;
use wharfinger_core::admit::Move;
use wharfinger_core::caller::Organisation;
use wharfinger_core::dialect::{
    Answer, Ask, Asked, Context, Dialect, Head, Operation, Reply, Slot, Submitted, Told, Verdict,
};
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::ids::BatchId;
use wharfinger_core::judge::{self, Judged, judge};
use wharfinger_core::kept::KeptSlots;
use wharfinger_core::outcome::{Counts, Outcome};
use wharfinger_core::problem::Code;

use crate::access::Authenticated;
use crate::app::App;
use crate::clock;
use crate::idempotency::{Begun, change};
use crate::store::prepare::{Heading, Submission, prepare};
use crate::store::{Done, KeptAnswer, MoveOrders, RETRY_AFTER, StoreError};

/// A body from which on judging it is worth a word to the runtime, so that other requests are not kept waiting: some
/// five milliseconds of work. The word itself costs, since the work then goes on in another thread, with a heap of its own.
const LARGE_BODY_BYTES: usize = 1 << 20;

/// A request that was let in.
pub struct Call<'c> {
    /// Its id, by which the log names it.
    pub request_id: &'c str,
    /// The wire format it is in.
    pub dialect: &'static dyn Dialect,
    /// The route it came by.
    pub operation: &'static Operation,
    /// Its path and query, as they were sent.
    pub target: &'c str,
    /// Its head.
    pub head: Head<'c>,
    /// Who sent it.
    pub authenticated: &'c Authenticated,
    /// The organisation it is about, where it names one.
    pub organisation: Option<&'c Organisation>,
    /// The key under which its answer is kept, where it is to be.
    pub idempotency_key: Option<String>,
    /// Whether it is only to be tried.
    pub dry_run: bool,
}

/// The body of a request.
#[derive(Clone)]
pub struct Body {
    /// Its bytes, content coding undone.
    pub bytes: Bytes,
    /// Whether it is orders one a line.
    pub is_lines: bool,
}

/// What a request is answered with.
pub enum Answered {
    /// This, made just now.
    Now(Reply),
    /// What it was answered with before.
    Again(KeptAnswer),
}

/// What became of a submission.
pub struct Taken {
    /// The answer.
    pub answered: Answered,
    /// The batch, and how many orders had each outcome; none where the submission had been answered before.
    pub batch: Option<(BatchId, Counts)>,
}

/// Takes a batch in: decode and validate every order, admit the good ones, tell what became of each.
///
/// # Errors
/// The request as a whole is turned down; nothing was stored.
pub async fn submit(
    app: &App,
    call: &Call<'_>,
    batch: BatchId,
    body: &Body,
) -> Result<Taken, RequestFailure> {
    let asked = call.dialect.asked(&call.head)?;
    let (judged, submission) = without_blocking_others(body.bytes.len(), || {
        judge_and_prepare(app, call, &asked, batch, body)
    })?;
    let telling = Telling::new(call, &asked, batch, judged.root_fits);
    if call.dry_run {
        let tried = app.store.try_batch(submission).await;
        let decided = tried.map_err(|error| call.failure(error))?;
        return Ok(telling.tell(&judged.slots, decided));
    }
    match app.idempotency.begin(app, call, &body.bytes).await? {
        Begun::Unkept => {
            let admitted = app.store.admit_batch(submission).await;
            let admitted = admitted.map_err(|error| call.failure(error))?;
            Ok(telling.tell(&judged.slots, admitted.found))
        }
        Begun::Done(kept) => Ok(Taken::again(kept)),
        Begun::New(once) => {
            let kept = KeptSlots::new(body.bytes.clone(), &judged.slots);
            let reply = move |decided: &[Outcome]| telling.reply(&kept.slots(), decided.to_vec()).0;
            let mut submission = submission;
            submission.remember = Some(once.remember(reply));
            match app.store.admit_batch(submission).await {
                Ok(admitted) => telling.tell_kept(&judged.slots, admitted),
                Err(StoreError::AnswerKept) => Ok(Taken::again(once.kept(app, call).await?)),
                Err(error) => Err(call.failure(error)),
            }
        }
    }
}

fn judge_and_prepare<'b>(
    app: &App,
    call: &Call<'_>,
    asked: &Asked,
    batch: BatchId,
    body: &'b Body,
) -> Result<(Judged<'b>, Submission), RequestFailure> {
    let written_in = asked.written_in.unwrap_or(call.dialect);
    let text = judge::Body {
        bytes: &body.bytes,
        is_lines: body.is_lines,
    };
    let judged = judge(written_in, &call.context(), text, &app.limits)?;
    let is_lost = |slot: &Slot<'_>| match slot.verdict {
        Verdict::Good(_) => slot.organisation.is_none(),
        Verdict::Faulty(_) | Verdict::Unreadable(_) => false,
    };
    if judged.slots.iter().any(is_lost) {
        // Orders of this dialect do not say whose they are, and neither does the request.
        return Err(RequestFailure::OrganisationMissing);
    }
    let heading = Heading {
        batch,
        dialect: written_in.id(),
        operation: call.operation.name,
        key_id: call.authenticated.key_id(),
        received_at_ms: clock::now_ms(),
        organisation: call.organisation.map(|organisation| organisation.id),
        email_key: app.store.email_key(),
        policy: asked.policy,
    };
    let submission = prepare(&heading, &judged.slots);
    Ok((judged, submission))
}

/// What is needed to tell what became of a batch.
#[derive(Clone, Copy)]
struct Telling {
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    batch: BatchId,
    root_fits: bool,
    told: Told,
}

impl Telling {
    fn new(call: &Call<'_>, asked: &Asked, batch: BatchId, root_fits: bool) -> Self {
        Self {
            dialect: call.dialect,
            operation: call.operation,
            batch,
            root_fits,
            told: Told {
                results: asked.results,
                dry_run: call.dry_run,
            },
        }
    }

    /// Tells what became of each order; of the good ones the store has decided.
    fn reply(&self, slots: &[Slot<'_>], decided: Vec<Outcome>) -> (Reply, Counts) {
        let outcomes = one_outcome_a_slot(slots, decided);
        let answer = Answer::Submitted(Submitted {
            batch: self.batch,
            root_fits: self.root_fits,
            slots,
            outcomes: &outcomes,
            told: self.told,
        });
        let reply = self.dialect.encode(self.operation, &answer);
        let mut reply = reply.with_header("wharfinger-batch-id", self.batch.to_string());
        if self.told.dry_run {
            reply = reply.with_header("wharfinger-dry-run", "true");
        }
        (reply, Counts::of(&outcomes))
    }

    fn tell(&self, slots: &[Slot<'_>], decided: Vec<Outcome>) -> Taken {
        let (reply, counts) = self.reply(slots, decided);
        Taken {
            answered: Answered::Now(reply),
            batch: Some((self.batch, counts)),
        }
    }

    /// As [`Self::tell`], where the store has kept the answer.
    fn tell_kept(
        &self,
        slots: &[Slot<'_>],
        admitted: Done<Vec<Outcome>>,
    ) -> Result<Taken, RequestFailure> {
        let outcomes = one_outcome_a_slot(slots, admitted.found);
        Ok(Taken {
            answered: Answered::Now(admitted.reply.ok_or(RequestFailure::Internal)?),
            batch: Some((self.batch, Counts::of(&outcomes))),
        })
    }
}

impl Taken {
    fn again(kept: KeptAnswer) -> Self {
        Self {
            answered: Answered::Again(kept),
            batch: None,
        }
    }
}

impl<'c> Call<'c> {
    fn context(&'c self) -> Context<'c> {
        Context {
            operation: self.operation,
            head: &self.head,
            caller: self.authenticated.caller(),
            organisation: self.organisation,
        }
    }

    /// The organisation that the request is about.
    ///
    /// # Errors
    /// [`RequestFailure::OrganisationMissing`]: it names none.
    pub fn organisation(&self) -> Result<&'c Organisation, RequestFailure> {
        self.organisation.ok_or(RequestFailure::OrganisationMissing)
    }

    /// What the caller is told where the store fails; the reason is for the log alone.
    #[must_use]
    pub fn failure(&self, error: StoreError) -> RequestFailure {
        let request_id = self.request_id;
        let overloaded = RequestFailure::Overloaded {
            retry_after_s: RETRY_AFTER.as_secs(),
        };
        match error {
            StoreError::Overloaded => overloaded,
            StoreError::Unavailable(why) => {
                // The client is told to come again; why, such as a full disk, is for the operator.
                tracing::error!(
                    request_id,
                    error = why,
                    "The store cannot be used at the moment."
                );
                overloaded
            }
            StoreError::Refused(why) | StoreError::Internal(why) => {
                tracing::error!(request_id, error = why, "The store failed.");
                RequestFailure::Internal
            }
            // Whoever keeps an answer looks at this before.
            StoreError::AnswerKept => RequestFailure::Internal,
        }
    }
}

/// Runs work that takes long on a large body, letting the runtime move other requests to another thread.
fn without_blocking_others<T>(body_bytes: usize, work: impl FnOnce() -> T) -> T {
    if body_bytes >= LARGE_BODY_BYTES {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// Puts the store's outcomes of the good orders between those that were turned down before.
fn one_outcome_a_slot(slots: &[Slot<'_>], decided: Vec<Outcome>) -> Vec<Outcome> {
    let mut decided = decided.into_iter();
    let outcomes: Vec<_> = slots
        .iter()
        .map(|slot| match &slot.verdict {
            Verdict::Good(_) => decided.next().expect("the store answers every good order"),
            Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                Outcome::Rejected(problems.clone())
            }
        })
        .collect();
    assert!(decided.next().is_none(), "outcome i answers slot i");
    outcomes
}

/// Cancels orders and releases their keys.
///
/// # Errors
/// A parameter is wrong, or the store cannot be written.
pub async fn withdraw(app: &App, call: &Call<'_>) -> Result<Answered, RequestFailure> {
    let Ask::Withdraw { keys } = call.dialect.ask(call.operation, &call.head)? else {
        return Err(RequestFailure::Internal);
    };
    let request = MoveOrders {
        organisation: call.organisation()?.id,
        dialect: call.dialect.id(),
        keys: keys.clone(),
        wanted: Move::Cancel { release_key: true },
        key_id: call.authenticated.key_id().to_owned(),
    };
    let (dialect, operation) = (call.dialect, call.operation);
    let reply = move |results: &[Result<(), Code>]| {
        let withdrawn: Vec<_> = keys.iter().cloned().zip(results.iter().copied()).collect();
        dialect.encode(operation, &Answer::Withdrawn(&withdrawn))
    };
    change(app, call, &[], reply, |remember| {
        app.store.move_orders(request, remember)
    })
    .await
}
