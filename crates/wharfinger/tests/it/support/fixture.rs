//! Data directories with the organisations and keys that every golden case starts with.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine as _;
use tempfile::TempDir;
use wharfinger::access::rates::Rates;
use wharfinger::access::secret;
use wharfinger::store::Options;
use wharfinger::store::{Change, Key, Load, OrganisationChange, Store};
use wharfinger_core::decide::admit::Policy;
use wharfinger_core::decide::catalogue::import::{LoadLine, read_lines};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::CatalogueMode;
use wharfinger_core::order::organisation::{OrgAccess, Organisation, Scope};

use super::case;
use super::citus::CitusDatabase;
use super::cluster::OwnDatabase;
use super::database::{self, is_on_citus, is_on_postgres};

/// The secret of a key in the fixture.
pub(crate) fn secret_of(key_id: &str) -> String {
    format!("{key_id}-secret")
}

/// The Basic credentials of a key in the fixture.
pub(crate) fn basic(key_id: &str) -> String {
    let pair = format!("{key_id}:{}", secret_of(key_id));
    let token = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {token}")
}

/// A directory that represents a store. It has SQLite's files, or names a PostgreSQL database. Dropping it removes everything.
pub(crate) struct DataDirectory {
    directory: TempDir,
    database: Option<OwnDatabase>,
    /// The database instead, in tests on Citus.
    #[expect(dead_code, reason = "it is dropped with the directory")]
    on_citus: Option<CitusDatabase>,
}

impl DataDirectory {
    fn new(database: Option<OwnDatabase>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        if let Some(database) = &database {
            database::place(directory.path(), database.url());
        }
        Self {
            directory,
            database,
            on_citus: None,
        }
    }

    fn on_citus() -> Self {
        let database = CitusDatabase::empty();
        let directory = Self::at(&database.url());
        Self {
            on_citus: Some(database),
            ..directory
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A directory that represents the existing database at this URL.
    pub(crate) fn at(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        database::place(directory.path(), url);
        Self {
            directory,
            database: None,
            on_citus: None,
        }
    }

    /// A copy with the current content of this one. Nobody may use this one meanwhile.
    pub(crate) fn duplicate(&self) -> Self {
        match &self.database {
            Some(database) => Self::new(Some(OwnDatabase::copy_of(database))),
            None => {
                let copy = Self::new(None);
                copy_files(self.path(), copy.path());
                copy
            }
        }
    }

    /// Adds the fixture to an empty store.
    pub(crate) fn fill(&self) {
        fill(self.path(), Content::Fixture);
    }
}

/// The content of a store.
#[derive(Clone, Copy)]
enum Content {
    /// Empty tables.
    Nothing,
    /// The organisations and keys, without the organisation that has an enforced catalogue.
    Fixture,
    /// Everything that golden cases start with.
    FixtureWithCatalogue,
}

/// A new data directory without content.
pub(crate) fn empty_directory() -> DataDirectory {
    if is_on_postgres() {
        empty_postgres_directory()
    } else {
        DataDirectory::new(None)
    }
}

/// A new data directory with the fixture, without the organisation that has an enforced catalogue.
pub(crate) fn data_directory() -> DataDirectory {
    if is_on_postgres() {
        return postgres_directory();
    }
    static TEMPLATE: OnceLock<DataDirectory> = OnceLock::new();
    copied(&TEMPLATE, Content::Fixture)
}

/// A new data directory with everything that golden cases start with.
pub(crate) fn data_directory_with_catalogue() -> DataDirectory {
    static TEMPLATE: OnceLock<DataDirectory> = OnceLock::new();
    if is_on_postgres() {
        return postgres_directory_with_catalogue();
    }
    copied(&TEMPLATE, Content::FixtureWithCatalogue)
}

/// Like [`empty_directory`], always on PostgreSQL.
pub(crate) fn empty_postgres_directory() -> DataDirectory {
    static TEMPLATE: OnceLock<DataDirectory> = OnceLock::new();
    copied_on_postgres(&TEMPLATE, Content::Nothing)
}

/// Like [`data_directory`], always on PostgreSQL.
pub(crate) fn postgres_directory() -> DataDirectory {
    static TEMPLATE: OnceLock<DataDirectory> = OnceLock::new();
    copied_on_postgres(&TEMPLATE, Content::Fixture)
}

/// Like [`data_directory_with_catalogue`], always on PostgreSQL.
pub(crate) fn postgres_directory_with_catalogue() -> DataDirectory {
    static TEMPLATE: OnceLock<DataDirectory> = OnceLock::new();
    copied_on_postgres(&TEMPLATE, Content::FixtureWithCatalogue)
}

/// A copy of a template, which is created on first use.
fn copied(template: &OnceLock<DataDirectory>, content: Content) -> DataDirectory {
    let template = template.get_or_init(|| filled(DataDirectory::new(None), content));
    let copy = DataDirectory::new(None);
    copy_files(template.path(), copy.path());
    copy
}

/// Copies all files of a directory into another one, overwriting existing ones.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let file: PathBuf = entry.unwrap().path();
        let name = file.file_name().unwrap();
        std::fs::copy(&file, to.join(name)).unwrap();
    }
}

/// A copy of a PostgreSQL template.
fn copied_on_postgres(template: &OnceLock<DataDirectory>, content: Content) -> DataDirectory {
    if is_on_citus() {
        // There a copy would cost more than the content.
        return filled(DataDirectory::on_citus(), content);
    }
    let new = || DataDirectory::new(Some(OwnDatabase::empty()));
    let template = template.get_or_init(|| filled(new(), content));
    let template = template.database.as_ref().expect("it is on PostgreSQL");
    DataDirectory::new(Some(OwnDatabase::copy_of(template)))
}

fn filled(directory: DataDirectory, content: Content) -> DataDirectory {
    let path = directory.path();
    // On another thread, because the calling test may already run on a runtime.
    std::thread::scope(|scope| {
        let made = scope.spawn(|| fill(path, content));
        made.join().expect("the fixture can be made");
    });
    directory
}

fn fill(path: &Path, content: Content) {
    let has_catalogue = match content {
        Content::Nothing => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            return runtime.block_on(async {
                database::open_store(path, &Options::default())
                    .close()
                    .await;
            });
        }
        Content::Fixture => false,
        Content::FixtureWithCatalogue => true,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = database::open_store(path, &Options::default());
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
                reach: OrgAccess::Only(ids),
                scopes: scopes.collect(),
                created_at_ms: 0,
                expires_at_ms: None,
                revoked_at_ms: None,
                last_used_at_ms: None,
                rates: Rates::default(),
                is_test: false,
            };
            let change = Change::CreateKey(key);
            store.administer("fixture", change, None).await.unwrap();
        }
        store.close().await;
    });
}

/// Loads a catalogue and enforces it.
async fn enforce(store: &Store) {
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

/// Parses valid lines into a load.
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
        save_reply: None,
    }
}
