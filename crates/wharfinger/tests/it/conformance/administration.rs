//! Organisations and keys.

use std::sync::Arc;

use wharfinger::store::{Change, Directory, Key, Store, StoreError};
use wharfinger_core::caller::{Organisation, Reach, Scope};
use wharfinger_core::ids::OrganisationId;

fn organisation(code: &str) -> Change {
    Change::CreateOrganisation(Organisation {
        id: OrganisationId(0),
        code: code.into(),
        name: "A shop".into(),
        customer_orders_enabled: true,
    })
}

fn key(id: &str, reach: Reach) -> Key {
    Key {
        id: id.into(),
        secret_sha256: [7; 32],
        reach,
        scopes: vec![Scope::OrdersWrite, Scope::Admin],
        created_at_ms: 1,
        expires_at_ms: Some(2),
        revoked_at_ms: None,
        last_used_at_ms: None,
    }
}

async fn directory(store: &Arc<dyn Store>) -> Directory {
    let directory = store.directory(None).await.expect("the directory is read");
    directory.expect("it is given to who knows none")
}

async fn refused(store: &Arc<dyn Store>, change: Change) {
    let error = store.administer(change).await.expect_err("that cannot be");
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
}

pub(super) async fn every_change_makes_a_new_directory(store: Arc<dyn Store>) {
    let empty = directory(&store).await;
    assert!(empty.organisations.is_empty() && empty.keys.is_empty());
    let unchanged = store.directory(Some(empty.version)).await.expect("read");
    assert!(unchanged.is_none());
    store.administer(organisation("ONE")).await.expect("made");
    store.administer(organisation("TWO")).await.expect("made");
    let found = directory(&store).await;
    let (one, two) = (&found.organisations["ONE"], &found.organisations["TWO"]);
    assert!(one.id != two.id && one.id.0 > 0 && two.id.0 > 0);
    assert!(one.customer_orders_enabled && one.name == "A shop");
    let some = key("k2", Reach::Only(vec![one.id, two.id]));
    let all = key("k1", Reach::All);
    store
        .administer(Change::CreateKey(some.clone()))
        .await
        .expect("made");
    store
        .administer(Change::CreateKey(all.clone()))
        .await
        .expect("made");
    assert_eq!(directory(&store).await.keys, [some.clone(), all.clone()]);
    let changes = [
        Change::EnableCustomerOrders {
            code: "ONE".into(),
            enabled: false,
        },
        Change::RotateKey {
            id: "k1".into(),
            secret_sha256: [9; 32],
        },
        Change::RevokeKey {
            id: "k2".into(),
            at_ms: 77,
        },
    ];
    for change in changes {
        let before = directory(&store).await.version;
        store.administer(change).await.expect("changed");
        let after = store.directory(Some(before)).await.expect("read");
        assert!(after.expect("it is a new one").version > before);
    }
    let found = directory(&store).await;
    assert!(!found.organisations["ONE"].customer_orders_enabled);
    assert!(found.organisations["TWO"].customer_orders_enabled);
    assert_eq!(found.keys[1].secret_sha256, [9; 32]);
    assert_eq!(found.keys[0].revoked_at_ms, Some(77));
}

pub(super) async fn impossible_changes_are_refused(store: Arc<dyn Store>) {
    store.administer(organisation("ONE")).await.expect("made");
    store
        .administer(Change::CreateKey(key("k1", Reach::All)))
        .await
        .expect("made");
    let version = directory(&store).await.version;
    let rotate = |id: &str| Change::RotateKey {
        id: id.into(),
        secret_sha256: [9; 32],
    };
    let revoke = |id: &str| Change::RevokeKey {
        id: id.into(),
        at_ms: 1,
    };
    refused(&store, organisation("ONE")).await;
    refused(&store, Change::CreateKey(key("k1", Reach::All))).await;
    let stranger = Reach::Only(vec![OrganisationId(99)]);
    refused(&store, Change::CreateKey(key("k2", stranger))).await;
    refused(&store, rotate("never")).await;
    refused(&store, revoke("never")).await;
    let disable = Change::EnableCustomerOrders {
        code: "NEVER".into(),
        enabled: false,
    };
    refused(&store, disable).await;
    assert_eq!(
        directory(&store).await.version,
        version,
        "nothing was changed"
    );
    store.administer(revoke("k1")).await.expect("revoked");
    refused(&store, rotate("k1")).await;
    refused(&store, revoke("k1")).await;
}

pub(super) async fn the_use_of_keys_is_noted_without_a_new_directory(store: Arc<dyn Store>) {
    store
        .administer(Change::CreateKey(key("k1", Reach::All)))
        .await
        .expect("made");
    let version = directory(&store).await.version;
    for at_ms in [500, 400] {
        let uses = vec![("k1".to_owned(), at_ms), ("never".to_owned(), at_ms)];
        store
            .administer(Change::NoteKeyUse(uses))
            .await
            .expect("noted");
    }
    let found = directory(&store).await;
    assert_eq!(found.version, version);
    assert_eq!(
        found.keys[0].last_used_at_ms,
        Some(500),
        "the latest use counts"
    );
}
