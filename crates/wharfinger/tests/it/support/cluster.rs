//! The PostgreSQL cluster shared by the tests of this process.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pg_cluster::{Cluster, ClusterOptions};

/// Keeps files in memory, if the system supports it. Databases are created and dropped many times faster.
const IN_MEMORY: &str = "/dev/shm";

/// The shared cluster. It ends with the process.
pub(crate) fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(&options()).expect("a cluster starts"))
}

/// Options of the clusters in tests. Commits are synchronous, as required, but the disk may be memory.
pub(crate) fn options() -> ClusterOptions {
    let options = ClusterOptions::default()
        .with("max_connections", "300")
        .with("max_wal_size", "256MB");
    if Path::new(IN_MEMORY).is_dir() {
        options.within(Path::new(IN_MEMORY))
    } else {
        options
    }
}

/// A database in the shared cluster. Dropped with this value.
pub(crate) struct OwnDatabase {
    name: String,
    url: String,
}

impl OwnDatabase {
    /// A copy of a database to which nobody is connected.
    pub(crate) fn copy_of(template: &Self) -> Self {
        Self::made(|name| shared().create_database_from(name, &template.name))
    }

    /// An empty database in the shared cluster.
    pub(crate) fn empty() -> Self {
        Self::made(|name| shared().create_database(name))
    }

    fn made(make: impl FnOnce(&str) -> anyhow::Result<()>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        make(&name).expect("a database is made");
        let url = shared().url(&name);
        Self { name, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        // If this fails, the database is removed with the cluster.
        let _ = shared().drop_database(&self.name);
    }
}
