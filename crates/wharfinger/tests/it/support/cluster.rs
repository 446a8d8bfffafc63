//! The PostgreSQL cluster that the tests of this process share.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharfinger::bench::cluster::{Cluster, ClusterOptions};

/// Holds files in memory, where the system has it: databases are made and dropped many times as fast.
const IN_MEMORY: &str = "/dev/shm";

/// The cluster. It ends with the process.
pub(crate) fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(&options()).expect("a cluster starts"))
}

/// How the clusters of tests are: commits are on disk when they are told, as is asked for, but that may be memory.
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

/// A database of the shared cluster. Dropped when this is.
pub(crate) struct OwnDatabase {
    name: String,
    url: String,
}

impl OwnDatabase {
    /// A copy of a database, to which nobody is connected.
    pub(crate) fn copy_of(template: &Self) -> Self {
        Self::made(|name| shared().create_database_from(name, &template.name))
    }

    /// An empty database of the shared cluster.
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
        // Where that fails, it goes with the cluster.
        let _ = shared().drop_database(&self.name);
    }
}
