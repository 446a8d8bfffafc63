//! A data directory with the organisations and keys that every golden case begins with.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine as _;
use tempfile::TempDir;
use wharfinger::rates::Rates;
use wharfinger::secret;
use wharfinger::store::sql::{Options, SqlStore};
use wharfinger::store::{Change, Key, Load, OrganisationChange, Store};
use wharfinger_core::admit::Policy;
use wharfinger_core::caller::{Organisation, Reach, Scope};
use wharfinger_core::catalogue::CatalogueMode;
use wharfinger_core::catalogue::load::{LoadLine, read_lines};
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::limits::Limits;

use super::case;

/// The secret of a key of the fixture.
pub(crate) fn secret_of(key_id: &str) -> String {
    format!("{key_id}-secret")
}

/// The Basic token of a key of the fixture.
pub(crate) fn basic(key_id: &str) -> String {
    let pair = format!("{key_id}:{}", secret_of(key_id));
    let token = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {token}")
}

/// A fresh data directory of the fixture, without the organisation whose catalogue is enforced.
pub(crate) fn data_directory() -> TempDir {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    copied(&TEMPLATE, false)
}

/// A fresh data directory of the fixture, with all that every golden case begins with.
pub(crate) fn data_directory_with_catalogue() -> TempDir {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    copied(&TEMPLATE, true)
}

/// A copy of a template, which is made where there is none yet.
fn copied(template: &OnceLock<TempDir>, has_catalogue: bool) -> TempDir {
    let template = template.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        // The tests that ask for it may themselves run on a runtime.
        let made = std::thread::spawn(move || fill(&path, has_catalogue));
        made.join().expect("the fixture can be made");
        directory
    });
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(template.path()).unwrap() {
        let file: PathBuf = entry.unwrap().path();
        let name = file.file_name().unwrap();
        std::fs::copy(&file, copy.path().join(name)).unwrap();
    }
    copy
}

fn fill(path: &Path, has_catalogue: bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqlStore::open(path, &Options::default()).unwrap();
        let is_wanted = |code: &str| has_catalogue || code != case::ENFORCED;
        let organisations = case::ORGANISATIONS.into_iter();
        for (code, enabled) in organisations.filter(|(code, _)| is_wanted(code)) {
            let organisation = Organisation {
                customer_orders_enabled: enabled,
                ..Organisation::new(code, "")
            };
            let change = Change::CreateOrganisation(organisation);
            store.administer("fixture", change, None).await.unwrap();
            if !enabled {
                let change = Change::ChangeOrganisation(OrganisationChange {
                    code: code.into(),
                    customer_orders_enabled: Some(enabled),
                    ..OrganisationChange::default()
                });
                store.administer("fixture", change, None).await.unwrap();
            }
        }
        if has_catalogue {
            enforce(&store).await;
        }
        let directory = store.directory(None).await.unwrap().unwrap();
        let keys = case::KEYS.iter();
        for key in keys.filter(|key| key.organisations.iter().all(|code| is_wanted(code))) {
            let ids = key.organisations.iter();
            let ids = ids.map(|code| directory.organisations[*code].id).collect();
            let scopes = Scope::ALL.into_iter();
            let scopes = scopes.filter(|scope| key.scopes.contains(&scope.name()));
            let key = Key {
                id: key.id.into(),
                secret_sha256: secret::hash(&secret_of(key.id)),
                reach: Reach::Only(ids),
                scopes: scopes.collect(),
                created_at_ms: 0,
                expires_at_ms: None,
                revoked_at_ms: None,
                last_used_at_ms: None,
                rates: Rates::default(),
            };
            let change = Change::CreateKey(key);
            store.administer("fixture", change, None).await.unwrap();
        }
        store.close().await;
    });
}

/// Loads a catalogue, and enforces it.
async fn enforce(store: &SqlStore) {
    let enforce = Change::ChangeOrganisation(OrganisationChange {
        code: case::ENFORCED.into(),
        catalogue: Some(CatalogueMode::Enforced),
        ..OrganisationChange::default()
    });
    store.administer("fixture", enforce, None).await.unwrap();
    let directory = store.directory(None).await.unwrap().unwrap();
    let organisation = directory.organisations[case::ENFORCED].id;
    let products = load(organisation, case::PRODUCTS);
    store.load_products(products).await.unwrap();
    let customers = load(organisation, case::CUSTOMERS);
    store.load_customers(customers).await.unwrap();
}

/// Good lines to be loaded.
fn load<L: LoadLine>(organisation: OrganisationId, text: &str) -> Load<L> {
    let mut lines = Vec::new();
    read_lines(text.as_bytes(), 0, &Limits::default(), |_, line| {
        lines.push(line.unwrap());
    });
    Load {
        organisation,
        lines,
        unreadable: 0,
        policy: Policy::AllOrNothing,
        who: "fixture".into(),
        entry: None,
        remember: None,
    }
}
