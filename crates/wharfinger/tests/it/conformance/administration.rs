//! Organisations and keys.

use std::sync::Arc;

use wharfinger::access::rates::Rates;
use wharfinger::store::{
    AuditEntry, AuditPage, Change, Directory, Key, OrganisationChange, ReadAudit, SaveReply, Store,
    StoreError,
};
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::{OrgAccess, Organisation, Scope};

fn organisation(code: &str) -> Change {
    Change::CreateOrganisation(Organisation::new(code, "A shop"))
}

fn change_organisation(code: &str, name: Option<&str>, enabled: Option<bool>) -> Change {
    Change::ChangeOrganisation(OrganisationChange {
        code: code.into(),
        name: name.map(Into::into),
        customer_orders_enabled: enabled,
        catalogue: None,
        ..OrganisationChange::default()
    })
}

fn key(id: &str, reach: OrgAccess) -> Key {
    Key {
        id: id.into(),
        secret_sha256: [7; 32],
        reach,
        scopes: vec![Scope::OrdersWrite, Scope::Admin],
        created_at_ms: 1,
        expires_at_ms: Some(2),
        revoked_at_ms: None,
        last_used_at_ms: None,
        rates: Rates {
            requests_per_second: Some(7),
            orders_per_second: None,
        },
        is_test: true,
    }
}

async fn directory(store: &Arc<Store>) -> Directory {
    let directory = store.directory(None).await.expect("the directory is read");
    directory.expect("it is given to who knows none")
}

async fn made(store: &Arc<Store>, change: Change) {
    let made = store.administer("me", change, None).await;
    assert_eq!(made, Ok(None));
}

async fn refused(store: &Arc<Store>, change: Change) {
    let refused = store.administer("me", change, None).await;
    let error = refused.expect_err("that cannot be");
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
}

pub(super) async fn every_change_makes_a_new_directory(store: Arc<Store>) {
    let empty = directory(&store).await;
    assert!(empty.organisations.is_empty() && empty.keys.is_empty());
    let unchanged = store.directory(Some(empty.version)).await.expect("read");
    assert!(unchanged.is_none());
    made(&store, organisation("ONE")).await;
    made(&store, organisation("TWO")).await;
    let found = directory(&store).await;
    let (one, two) = (&found.organisations["ONE"], &found.organisations["TWO"]);
    assert!(one.id != two.id && one.id.0 > 0 && two.id.0 > 0);
    assert!(one.customer_orders_enabled && one.name == "A shop");
    let some = key("k2", OrgAccess::Only(vec![one.id, two.id]));
    let all = key("k1", OrgAccess::All);
    made(&store, Change::CreateKey(some.clone())).await;
    made(&store, Change::CreateKey(all.clone())).await;
    assert_eq!(directory(&store).await.keys, [some.clone(), all.clone()]);
    let changes = [
        change_organisation("ONE", None, Some(false)),
        change_organisation("ONE", Some("Another name"), None),
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
        made(&store, change).await;
        let after = store.directory(Some(before)).await.expect("read");
        assert!(after.expect("it is a new one").version > before);
    }
    let found = directory(&store).await;
    assert!(!found.organisations["ONE"].customer_orders_enabled);
    assert_eq!(found.organisations["ONE"].name, "Another name");
    assert!(found.organisations["TWO"].customer_orders_enabled);
    assert_eq!(found.keys[1].secret_sha256, [9; 32]);
    assert_eq!(found.keys[0].revoked_at_ms, Some(77));
}

pub(super) async fn impossible_changes_are_refused(store: Arc<Store>) {
    made(&store, organisation("ONE")).await;
    made(&store, Change::CreateKey(key("k1", OrgAccess::All))).await;
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
    refused(&store, Change::CreateKey(key("k1", OrgAccess::All))).await;
    let stranger = OrgAccess::Only(vec![OrganisationId(99)]);
    refused(&store, Change::CreateKey(key("k2", stranger))).await;
    refused(&store, rotate("never")).await;
    refused(&store, revoke("never")).await;
    refused(&store, change_organisation("NEVER", None, Some(false))).await;
    assert_eq!(
        directory(&store).await.version,
        version,
        "nothing was changed"
    );
    made(&store, revoke("k1")).await;
    refused(&store, rotate("k1")).await;
    refused(&store, revoke("k1")).await;
}

pub(super) async fn the_use_of_keys_is_noted_without_a_new_directory(store: Arc<Store>) {
    made(&store, Change::CreateKey(key("k1", OrgAccess::All))).await;
    let version = directory(&store).await.version;
    for at_ms in [500, 400] {
        let uses = vec![("k1".to_owned(), at_ms), ("never".to_owned(), at_ms)];
        store.note_key_use(uses).await.expect("noted");
    }
    let found = directory(&store).await;
    assert_eq!(found.version, version);
    assert_eq!(
        found.keys[0].last_used_at_ms,
        Some(500),
        "the latest use counts"
    );
}

async fn audit(store: &Arc<Store>, request: ReadAudit) -> AuditPage {
    store.audit(request).await.expect("the log is read")
}

fn page(before: Option<i64>, limit: usize) -> ReadAudit {
    ReadAudit {
        before,
        kind: None,
        limit,
        about: None,
    }
}

pub(super) async fn every_change_is_in_the_audit_log(store: Arc<Store>) {
    made(&store, organisation("k1")).await;
    made(&store, change_organisation("k1", None, Some(false))).await;
    made(&store, Change::CreateKey(key("k1", OrgAccess::All))).await;
    refused(&store, organisation("k1")).await;
    let at_ms = 5;
    let revoke = Change::RevokeKey {
        id: "k1".into(),
        at_ms,
    };
    let by_key = store.administer("key_1", revoke, None).await;
    assert_eq!(by_key, Ok(None));

    let all = audit(&store, page(None, 100)).await;
    assert_eq!(all.next, None);
    let told = |entry: &AuditEntry| {
        (
            entry.who.clone(),
            entry.action.clone(),
            entry.details.clone(),
        )
    };
    let told: Vec<_> = all.entries.iter().map(told).collect();
    let entry = |who: &str, action: &str, details: Option<&str>| {
        (
            who.to_owned(),
            action.to_owned(),
            details.map(str::to_owned),
        )
    };
    let scopes = r#""scopes":["orders:write","admin"],"test":true}"#;
    let key_made = format!(r#"{{"organisations":[],"all_organisations":true,{scopes}"#);
    let expected = [
        entry("key_1", "key.revoked", None),
        entry("me", "key.created", Some(&key_made)),
        entry(
            "me",
            "organisation.changed",
            Some(r#"{"customer_orders_enabled":false}"#),
        ),
        entry(
            "me",
            "organisation.created",
            Some(
                r#"{"name":"A shop","customer_orders_enabled":true,"catalogue":"open","time_zone":"UTC","list_sort":"desc"}"#,
            ),
        ),
    ];
    assert_eq!(told, expected);

    let mut one_by_one = Vec::new();
    let mut before = None;
    loop {
        let page = audit(&store, page(before, 1)).await;
        one_by_one.extend(page.entries);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(one_by_one, all.entries);

    // The organisation has the same name as the key, and must not be confused with it.
    let about = ReadAudit {
        kind: None,
        about: Some([AuditEntry::about_organisation("k1")].into()),
        ..page(None, 100)
    };
    assert_eq!(audit(&store, about).await.entries, all.entries[2..]);
}

pub(super) async fn a_change_is_made_once_under_an_idempotency_key(store: Arc<Store>) {
    let save_reply = |body: &str| {
        let reply = Reply::json(201, &body);
        Some(SaveReply {
            key_id: "me".into(),
            idempotency_key: "abc".into(),
            fingerprint: [1; 32],
            kept_until_ms: i64::MAX,
            encode: Box::new(move |(): &()| reply.clone()),
        })
    };
    // A refused change is not saved.
    let stranger = key("k1", OrgAccess::Only(vec![OrganisationId(99)]));
    let refused = store
        .administer("me", Change::CreateKey(stranger), save_reply("refused"))
        .await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    let made = store
        .administer("me", organisation("ONE"), save_reply("made"))
        .await;
    assert_eq!(made, Ok(Some(Reply::json(201, &"made"))));
    let version = directory(&store).await.version;
    let again = store
        .administer("me", organisation("TWO"), save_reply("again"))
        .await;
    assert_eq!(again, Err(StoreError::ReplySaved));
    assert_eq!(
        directory(&store).await.version,
        version,
        "nothing was changed"
    );
}
