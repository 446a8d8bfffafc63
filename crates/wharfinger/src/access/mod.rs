//! Authentication: a snapshot of keys and organisations, at most a second old, and a limit on failed attempts.
//!
//! May import `store`, `runtime` and `clock`.

pub(crate) mod encrypt;
pub mod rates;
pub mod rules;
pub mod secret;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use wharfinger_core::dialect::Credentials;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::{Caller, OrgAccess, Organisations, Scope};
use wharfinger_core::rules::{Rule, RuleSet};

use crate::access::rates::{Meter, Rates};
use crate::clock;
use crate::runtime::budget::{Holder, Holders};
use crate::store::{AllRules, Directory, Key, OrganisationRules, Store, StoreError};

/// How often the directory is checked for changes. The commands promise that a running server sees a change within a second.
pub const REFRESH_EVERY: Duration = Duration::from_millis(250);

/// How often the keys' times of last use are written.
const NOTE_USE_EVERY: Duration = Duration::from_secs(60);

/// Failed attempts that one address may make in a window. Further failed attempts get 429.
const FAILURES_MAX: u32 = 20;
/// Length of the window.
const FAILURES_WINDOW: Duration = Duration::from_secs(60);
/// Most addresses tracked. At this limit, expired windows are dropped; new addresses are not tracked while none has expired.
const ADDRESSES_MAX: usize = 10_000;

/// The server's view of keys and organisations.
pub struct Access {
    current: RwLock<Arc<Snapshot>>,
    /// Rates of keys that have none of their own.
    rates_of_all: Rates,
    last_used: Mutex<HashMap<String, i64>>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

/// The directory at one moment, indexed for lookups.
struct Snapshot {
    version: u64,
    organisations: Organisations,
    keys_by_id: HashMap<String, Arc<KnownKey>>,
    keys_by_secret: HashMap<[u8; 32], Arc<KnownKey>>,
    /// The compiled rules of organisations that have any.
    rules: Arc<AllRules>,
}

/// A key and its rate meter.
struct KnownKey {
    key: Key,
    /// Public id. Shared, because several holders keep it while a request is served.
    id: Arc<str>,
    /// `None` if the key has no limit.
    meter: Option<Arc<Meter>>,
}

struct Failures {
    since: Instant,
    count: u32,
}

/// A caller with a valid key.
#[derive(Clone)]
pub struct Authenticated {
    snapshot: Arc<Snapshot>,
    known: Arc<KnownKey>,
}

impl Authenticated {
    /// The key's public id.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.known.key.id
    }

    /// The stored key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.known.key
    }

    /// The holders for budget shares: the key, and its organisation if the key can access exactly one.
    #[must_use]
    pub fn holders(&self) -> Holders {
        let only = match &self.known.key.reach {
            OrgAccess::Only(ids) if ids.len() == 1 => ids.first().copied(),
            OrgAccess::Only(_) | OrgAccess::All => None,
        };
        let key = Holder::Key(Arc::clone(&self.known.id));
        [Some(key), only.map(Holder::Organisation)]
    }

    /// The key's public id, as a shared string.
    #[must_use]
    pub fn shared_key_id(&self) -> &Arc<str> {
        &self.known.id
    }

    /// The meter of its requests and orders, if the key has a limit.
    #[must_use]
    pub fn meter(&self) -> Option<&Arc<Meter>> {
        self.known.meter.as_ref()
    }

    /// Counts a request against the key's rate.
    ///
    /// # Errors
    /// [`RequestFailure::RateLimited`]: the rate is exceeded.
    pub fn count_request(&self) -> Result<(), RequestFailure> {
        let counted = self.meter().map(|meter| meter.admit(Instant::now()));
        counted.unwrap_or(Ok(())).map_err(too_fast)
    }

    /// Counts a request of a page of the console, which only reads. Orders that the key has sent do not delay it.
    ///
    /// # Errors
    /// [`RequestFailure::RateLimited`]: the rate of requests is exceeded.
    pub fn count_reading(&self) -> Result<(), RequestFailure> {
        let counted = self
            .meter()
            .map(|meter| meter.admit_reading(Instant::now()));
        counted.unwrap_or(Ok(())).map_err(too_fast)
    }

    /// Charges orders to the key's rate.
    pub fn count_orders(&self, orders: usize) {
        if let Some(meter) = self.meter() {
            meter.charge_orders(Instant::now(), orders);
        }
    }

    /// Whether the key has this scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.known.key.scopes.contains(&scope)
    }

    /// Whether an organisation that the key can access has rules.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        let mut ruled = self.snapshot.rules.keys();
        ruled.any(|organisation| self.known.key.reach.has(*organisation))
    }

    /// The rules of all organisations that have any. `None` if there are none.
    #[must_use]
    pub fn rules(&self) -> Option<&AllRules> {
        Some(&*self.snapshot.rules).filter(|rules| !rules.is_empty())
    }

    /// The organisations that the key can access.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        Caller {
            organisations: &self.snapshot.organisations,
            reach: &self.known.key.reach,
        }
    }
}

impl Access {
    /// Starts with a directory, and the rates for keys that have none of their own.
    #[must_use]
    pub fn new(directory: Directory, rates_of_all: Rates) -> Self {
        let snapshot = Snapshot::of(directory, rates_of_all, None);
        Self {
            current: RwLock::new(Arc::new(snapshot)),
            rates_of_all,
            last_used: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// The rates of keys that have none of their own.
    #[must_use]
    pub fn rates_of_all(&self) -> Rates {
        self.rates_of_all
    }

    /// Authenticates a caller.
    ///
    /// # Errors
    /// The key is missing or invalid, or there were too many failed attempts from this address.
    pub fn authenticate(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> Result<Authenticated, RequestFailure> {
        if *credentials == Credentials::Missing {
            // Not counted as a guess: many clients send their key only after a 401.
            return Err(RequestFailure::Unauthorized);
        }
        let snapshot = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let now_ms = clock::now_ms();
        let Some(known) = snapshot.find(credentials, now_ms) else {
            return Err(self.note_failure(address));
        };
        self.note_use(&known.key.id, now_ms);
        Ok(Authenticated { snapshot, known })
    }

    /// The same caller in the current snapshot. `None` if its key is no longer valid.
    #[must_use]
    pub fn renew(&self, caller: &Authenticated) -> Option<Authenticated> {
        self.current_caller(caller.key_id(), &caller.key().secret_sha256)
    }

    /// The caller of a session that began with this key and this hash of its secret. `None` if the key is no longer valid, or has
    /// another secret.
    #[must_use]
    pub fn resume(&self, key_id: &str, secret_sha256: &[u8; 32]) -> Option<Authenticated> {
        let caller = self.current_caller(key_id, secret_sha256)?;
        self.note_use(key_id, clock::now_ms());
        Some(caller)
    }

    fn current_caller(&self, key_id: &str, secret_sha256: &[u8; 32]) -> Option<Authenticated> {
        let snapshot = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let known = Arc::clone(snapshot.keys_by_id.get(key_id)?);
        let is_same = known.key.secret_sha256 == *secret_sha256;
        let is_good = is_same && !is_void(&known.key, clock::now_ms());
        is_good.then_some(Authenticated { snapshot, known })
    }

    fn note_use(&self, id: &str, now_ms: i64) {
        let mut last_used = lock(&self.last_used);
        match last_used.get_mut(id) {
            Some(at_ms) => *at_ms = now_ms,
            None => {
                last_used.insert(id.to_owned(), now_ms);
            }
        }
    }

    fn note_failure(&self, address: IpAddr) -> RequestFailure {
        let mut failures = lock(&self.failures);
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, failures| failures.since.elapsed() < FAILURES_WINDOW);
        }
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(&address) {
            return RequestFailure::Unauthorized;
        }
        let entry = failures.entry(address).or_insert_with(Failures::begin);
        if entry.since.elapsed() >= FAILURES_WINDOW {
            *entry = Failures::begin();
        }
        entry.count = entry.count.saturating_add(1);
        if entry.count <= FAILURES_MAX {
            return RequestFailure::Unauthorized;
        }
        let left = FAILURES_WINDOW.saturating_sub(entry.since.elapsed());
        RequestFailure::TooManyAttempts {
            retry_after_s: left.as_secs() + 1,
        }
    }

    /// The current rules of all organisations that have any.
    #[must_use]
    pub fn rules(&self) -> Arc<AllRules> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.rules)
    }

    /// The code of an organisation. `None` if it is not known yet.
    #[must_use]
    pub fn code_of(&self, id: OrganisationId) -> Option<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = current.organisations.values();
        let found = known.find(|organisation| organisation.id == id);
        found.map(|organisation| organisation.code.clone())
    }

    /// Keeps the snapshot current until the task is dropped.
    pub async fn follow(&self, store: &Store) {
        let mut noted = Instant::now();
        loop {
            tokio::time::sleep(REFRESH_EVERY).await;
            if let Err(error) = self.refresh(store).await {
                tracing::error!(%error, "Could not reload organisations and keys.");
            }
            if noted.elapsed() >= NOTE_USE_EVERY {
                noted = Instant::now();
                self.write_last_used(store).await;
            }
        }
    }

    /// Reloads the directory if it has changed. Code that changes the directory awaits this, so that the next request sees the
    /// change.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let version = self
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .version;
        if let Some(directory) = store.directory(Some(version)).await? {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            // Another task may have loaded a later version meanwhile.
            if directory.version > current.version {
                *current = Arc::new(Snapshot::of(directory, self.rates_of_all, Some(&current)));
            }
        }
        Ok(())
    }

    /// Writes the times of last use that were recorded since the previous call.
    pub async fn write_last_used(&self, store: &Store) {
        let used: Vec<_> = lock(&self.last_used).drain().collect();
        if used.is_empty() {
            return;
        }
        if let Err(error) = store.note_key_use(used).await {
            tracing::warn!(%error, "Could not record when keys were last used.");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Failures {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            count: 0,
        }
    }
}

impl Snapshot {
    /// Builds a snapshot. Keys of the previous snapshot keep their meters.
    fn of(directory: Directory, rates_of_all: Rates, before: Option<&Self>) -> Self {
        let now = Instant::now();
        let known = |key: Key| {
            let counting = before.and_then(|before| before.keys_by_id.get(&key.id));
            let meter = match counting {
                Some(counting) => counting.meter.clone(),
                None => Meter::new(key.rates.or(rates_of_all), now).map(Arc::new),
            };
            let id = key.id.as_str().into();
            Arc::new(KnownKey { key, id, meter })
        };
        let keys: Vec<_> = directory.keys.into_iter().map(known).collect();
        let by_id = keys
            .iter()
            .map(|known| (known.key.id.clone(), Arc::clone(known)));
        let by_secret = keys
            .iter()
            .map(|known| (known.key.secret_sha256, Arc::clone(known)));
        let rules = compile(directory.rules, &directory.organisations, before);
        Self {
            version: directory.version,
            organisations: directory.organisations,
            rules: Arc::new(rules),
            keys_by_id: by_id.collect(),
            keys_by_secret: by_secret.collect(),
        }
    }

    fn find(&self, credentials: &Credentials, now_ms: i64) -> Option<Arc<KnownKey>> {
        // An unknown id costs the same hash and comparison as a known one, so that the time does not tell them apart.
        let (sent, known) = match credentials {
            Credentials::Missing => return None,
            Credentials::Pair { id, secret } => (secret::hash(secret), self.keys_by_id.get(id)),
            Credentials::Secret(secret) => {
                let sent = secret::hash(secret);
                (sent, self.keys_by_secret.get(&sent))
            }
        };
        let expected = known.map_or([0; 32], |known| known.key.secret_sha256);
        let is_right = bool::from(expected.ct_eq(&sent));
        let known = known?;
        let key = &known.key;
        (is_right && !is_void(key, now_ms)).then(|| Arc::clone(known))
    }
}

/// Compiles the rules of organisations. Those that have not changed are taken from the previous snapshot.
fn compile(
    stored: Vec<(OrganisationId, Vec<Rule>)>,
    organisations: &Organisations,
    before: Option<&Snapshot>,
) -> AllRules {
    if stored.is_empty() {
        return AllRules::new();
    }
    let by_id: HashMap<_, _> = organisations.values().map(|of| (of.id, of)).collect();
    let mut compiled = AllRules::new();
    for (id, rules) in stored {
        let Some(organisation) = by_id.get(&id) else {
            continue;
        };
        let known = before.and_then(|before| before.rules.get(&id));
        let known = known.filter(|known| {
            known.time_zone == organisation.time_zone && known.set.rules().eq(rules.iter())
        });
        let of = match known {
            Some(known) => Arc::clone(known),
            None => Arc::new(OrganisationRules {
                set: RuleSet::of_stored(rules),
                code: organisation.code.clone(),
                time_zone: organisation.time_zone.clone(),
            }),
        };
        compiled.insert(id, of);
    }
    compiled
}

/// Whether a key is revoked or expired.
fn is_void(key: &Key, now_ms: i64) -> bool {
    let has_ended = |expiry_ms| expiry_ms <= now_ms;
    key.revoked_at_ms.is_some() || key.expires_at_ms.is_some_and(has_ended)
}

/// The failure of a request that has to wait so long.
fn too_fast(wait: std::time::Duration) -> RequestFailure {
    let whole_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    RequestFailure::RateLimited {
        retry_after_s: whole_s.max(1),
    }
}
