//! Erasing a person: the effect on orders and saved responses. Other tests look into the files.

use std::sync::Arc;

use wharfinger::store::{COMMAND_LINE, EraseCustomer, Erasure, SaveReply, Store, StoreError};
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::outcome::State;

use super::answers::{save_reply, told};
use super::support::*;

const ANN: &str = "ann@example.com";

/// A person's order in the native format.
fn of(email: &str, key: &str) -> Order {
    let text = format!(
        r#"{{"key":"{key}","customer":{{"email":"{email}"}},"lines":[{{"sku":"S","quantity":2}}]}}"#
    );
    Order {
        text,
        email: Some(email.into()),
        ..order(key, "")
    }
}

fn erase(email: &str, save_reply: Option<SaveReply<Erasure>>) -> EraseCustomer {
    EraseCustomer {
        organisation: HERE,
        email: email.into(),
        who: COMMAND_LINE.into(),
        compact: false,
        save_reply,
    }
}

pub(super) async fn a_person_is_erased_and_nobody_else(store: Arc<Store>) {
    let batch = batch_id();
    let orders = [of(ANN, "a"), of("bob@example.com", "b")];
    let ready = submission(&store, batch, "native", &orders);
    admit(&store, ready.remembered(save_reply("batch", told))).await;
    let encode = |erasure: &Erasure| Reply {
        body: erasure.orders.to_string().into_bytes(),
        ..told(&[])
    };
    let erased = store.erase_customer(erase(" Ann@Example.com", Some(save_reply("erase", encode))));
    let erased = erased.await.expect("it is erased");
    let erasure = erased.erasure;
    assert_eq!(
        (erasure.orders, erasure.cancelled, erasure.answers),
        (1, 1, 1)
    );
    assert_eq!(erased.reply.map(|reply| reply.body), Some(b"1".to_vec()));
    for (index, state, left) in [
        (
            0,
            State::Cancelled,
            r#"{"key":"a","lines":[{"sku":"S","quantity":2}]}"#,
        ),
        (1, State::Pending, orders[1].text.as_str()),
    ] {
        let found = store
            .order(batch.order(index), &OrgAccess::All)
            .await
            .expect("it is read");
        let order = found.expect("it is there").order;
        assert_eq!((order.state, order.texts[0].as_str()), (state, left));
    }
    // The responses cannot be replayed, and their keys cannot be reused.
    let kept = store.saved_reply(KEY, "batch").await;
    assert_eq!(kept, Err(StoreError::ReplyErased));
    let again = submission(&store, batch_id(), "native", &orders);
    let again = store.admit_batch(again.remembered(save_reply("batch", told)));
    assert_eq!(again.await.map(drop), Err(StoreError::ReplySaved));
    let kept = store.saved_reply(KEY, "erase").await.expect("it is read");
    assert_eq!(kept.map(|kept| kept.body), Some(b"1".to_vec()));
    // Nothing of that person is left. An empty address matches nobody.
    let erased = store.erase_customer(erase(ANN, None)).await;
    assert_eq!(erased.map(|erased| erased.erasure.orders), Ok(0));
    let nobody = store.erase_customer(erase(" ", None)).await;
    assert!(matches!(nobody, Err(StoreError::Refused(_))), "{nobody:?}");
    assert_eq!(
        store.check().await.expect("it is checked").faults,
        Vec::<String>::new()
    );
}
