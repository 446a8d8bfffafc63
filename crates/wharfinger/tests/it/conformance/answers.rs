//! Saved responses and their replay.

use std::sync::Arc;

use wharfinger::clock;
use wharfinger::store::{SaveReply, Store, StoreError, TransitionByKey, Visible};
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::outcome::Outcome;
use wharfinger_core::order::problem::Code;

use super::support::*;

const FINGERPRINT: [u8; 32] = [7; 32];
const CANCEL: Move = Move::Cancel { release_key: false };

/// Saves a response for an hour.
pub(super) fn save_reply<T: ?Sized>(
    idempotency_key: &str,
    encode: impl Fn(&T) -> Reply + Send + Sync + 'static,
) -> SaveReply<T> {
    SaveReply {
        key_id: KEY.into(),
        idempotency_key: idempotency_key.into(),
        fingerprint: FINGERPRINT,
        kept_until_ms: clock::now_ms() + 3_600_000,
        encode: Box::new(encode),
    }
}

/// A response with the names of the outcomes.
pub(super) fn told(outcomes: &[Outcome]) -> Reply {
    let body = names(outcomes).join(" ").into_bytes();
    Reply {
        status: 207,
        headers: Vec::new(),
        content_type: "text/plain",
        body,
    }
    .with_header("x-odd", "\"quoted\" é")
}

/// Submits a batch whose response is saved under a key.
async fn submit_as(
    store: &Arc<Store>,
    idempotency_key: &str,
    orders: &[Order],
) -> (BatchId, Result<Option<Reply>, StoreError>) {
    let batch = batch_id();
    let ready = submission(store, batch, DIALECT, orders);
    let admitted = store.admit_batch(ready.remembered(save_reply(idempotency_key, told)));
    (batch, admitted.await.map(|admitted| admitted.reply))
}

async fn kept_body(store: &Arc<Store>, idempotency_key: &str) -> Option<String> {
    let kept = store.saved_reply(KEY, idempotency_key).await.expect("read");
    kept.map(|kept| String::from_utf8(kept.body).expect("text"))
}

pub(super) async fn an_answer_is_kept_to_the_byte(store: Arc<Store>) {
    submit(&store, &[order("b", "x")]).await;
    let sent = [order("a", "x"), faulty("c"), order("b", "x")];
    let (_, reply) = submit_as(&store, "first", &sent).await;
    let reply = reply.expect("admitted").expect("it is remembered");
    assert_eq!(reply.body, b"accepted unchanged");
    let kept = store.saved_reply(KEY, "first").await.expect("read");
    let kept = kept.expect("it is kept");
    assert_eq!((kept.fingerprint, kept.status), (FINGERPRINT, 207));
    assert_eq!(kept.content_type, reply.content_type);
    let headers = [("x-odd".to_owned(), "\"quoted\" é".to_owned())];
    assert_eq!(kept.headers, headers);
    assert_eq!(kept.body, reply.body);
    for (key_id, name) in [(KEY, "other"), ("key-2", "first"), (KEY, "")] {
        assert_eq!(store.saved_reply(key_id, name).await, Ok(None));
    }
    let (_, reply) = submit_as(&store, "empty", &[]).await;
    assert_eq!(
        reply.expect("admitted").map(|reply| reply.body),
        Some(Vec::new())
    );
    assert_eq!(kept_body(&store, "empty").await.as_deref(), Some(""));
}

pub(super) async fn an_answer_may_be_large(store: Arc<Store>) {
    let mut random = crate::support::seed::Random::new(5);
    let body: Vec<u8> = (0..3 << 20)
        .map(|_| u8::try_from(random.below(256)).expect("it is below"))
        .collect();
    let sent = body.clone();
    let encode = move |_: &[Outcome]| Reply {
        body: sent.clone(),
        ..told(&[])
    };
    let ready = submission(&store, batch_id(), DIALECT, &[order("a", "x")]);
    let ready = ready.remembered(save_reply("large", encode));
    store.admit_batch(ready).await.expect("admitted");
    let kept = store.saved_reply(KEY, "large").await.expect("read");
    assert!(kept.expect("it is kept").body == body, "it comes back");
}

pub(super) async fn what_was_answered_is_not_done_again(store: Arc<Store>) {
    let (_, reply) = submit_as(&store, "same", &[order("a", "x")]).await;
    reply.expect("admitted");
    let events = store.events(HERE, 0, 100).await;
    let (batch, reply) = submit_as(&store, "same", &[order("a", "y"), order("b", "x")]).await;
    assert_eq!(reply, Err(StoreError::ReplySaved));
    assert_eq!(kept_body(&store, "same").await.as_deref(), Some("accepted"));
    let orders = read(&store, everything()).await.orders;
    assert_eq!((orders.len(), orders[0].revision), (1, 1));
    assert_eq!(store.receipt(batch, &Visible::All).await, Ok(None));
    assert_eq!(store.events(HERE, 0, 100).await, events);
}

pub(super) async fn of_many_with_one_name_one_is_done(store: Arc<Store>) {
    let mut clients = Vec::new();
    for client in 0..64 {
        let store = Arc::clone(&store);
        clients.push(tokio::spawn(async move {
            // Every second client has its own key, and is not affected.
            let name = if client % 2 == 0 {
                "same".into()
            } else {
                format!("own-{client}")
            };
            let sent = order(&client.to_string(), "x");
            (client % 2 == 0, submit_as(&store, &name, &[sent]).await.1)
        }));
    }
    let mut done = 0;
    for client in clients {
        let (is_same, reply) = client.await.expect("no client failed");
        match reply {
            Ok(reply) => {
                assert_eq!(reply.expect("it is remembered").body, b"accepted");
                done += usize::from(is_same);
            }
            Err(error) => assert_eq!((is_same, error), (true, StoreError::ReplySaved)),
        }
    }
    assert_eq!(done, 1);
    assert_eq!(read(&store, everything()).await.orders.len(), 33);
}

pub(super) async fn an_answer_past_its_time_is_as_none(store: Arc<Store>) {
    for (content, outcome) in [("x", "accepted"), ("y", "updated")] {
        let mut past = save_reply("same", told);
        past.kept_until_ms = clock::now_ms();
        let ready = submission(&store, batch_id(), DIALECT, &[order("a", content)]);
        let admitted = store.admit_batch(ready.remembered(past)).await;
        let reply = admitted.expect("admitted").reply.expect("encoded");
        assert_eq!(reply.body, outcome.as_bytes());
        assert_eq!(kept_body(&store, "same").await, None);
    }
    let (_, reply) = submit_as(&store, "same", &[order("a", "y")]).await;
    reply.expect("admitted");
    assert_eq!(
        kept_body(&store, "same").await.as_deref(),
        Some("unchanged")
    );
}

pub(super) async fn answers_past_their_time_are_dropped(store: Arc<Store>) {
    for count in 0..300 {
        let mut past = save_reply(&count.to_string(), told);
        past.kept_until_ms = count;
        let ready = submission(&store, batch_id(), DIALECT, &[]);
        store
            .admit_batch(ready.remembered(past))
            .await
            .expect("admitted");
    }
    let (_, reply) = submit_as(&store, "kept", &[]).await;
    reply.expect("admitted");
    assert_eq!(store.drop_expired().await, Ok(300));
    assert_eq!(store.drop_expired().await, Ok(0));
    assert_eq!(kept_body(&store, "kept").await.as_deref(), Some(""));
}

pub(super) async fn a_failed_batch_leaves_no_answer(store: Arc<Store>) {
    let (taken, _) = submit(&store, &[order("a", "x")]).await;
    let again = submission(&store, taken, DIALECT, &[order("b", "x")]);
    let error = refusal(&store, again.remembered(save_reply("name", told))).await;
    assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
    assert_eq!(kept_body(&store, "name").await, None);
    let (_, reply) = submit_as(&store, "name", &[order("b", "x")]).await;
    assert_eq!(reply.expect("admitted").expect("encoded").body, b"accepted");
}

pub(super) async fn the_answer_to_a_withheld_batch_is_kept(store: Arc<Store>) {
    let ready = whole(&store, batch_id(), &[order("a", "x"), faulty("b")]);
    let ready = ready.remembered(save_reply("name", told));
    store.admit_batch(ready).await.expect("admitted");
    assert_eq!(kept_body(&store, "name").await.as_deref(), Some("withheld"));
}

pub(super) async fn the_answer_to_a_move_is_kept(store: Arc<Store>) {
    submit(&store, &[order("a", "x")]).await;
    let request = || TransitionByKey {
        organisation: HERE,
        dialect: DIALECT,
        keys: vec!["a".into(), "b".into()],
        wanted: CANCEL,
        key_id: KEY.into(),
        save_reply: Some(save_reply("name", |results: &[Result<(), Code>]| Reply {
            body: format!("{results:?}").into_bytes(),
            ..told(&[])
        })),
    };
    let moved = store.transition_by_key(request()).await.expect("moved");
    assert_eq!(moved.results, [Ok(()), Err(Code::UnknownOrder)]);
    let expected = format!("{:?}", moved.results);
    assert_eq!(kept_body(&store, "name").await, Some(expected));
    assert_eq!(
        store.transition_by_key(request()).await,
        Err(StoreError::ReplySaved)
    );
    // The same key for a different request.
    let (_, reply) = submit_as(&store, "name", &[]).await;
    assert_eq!(reply, Err(StoreError::ReplySaved));
}
