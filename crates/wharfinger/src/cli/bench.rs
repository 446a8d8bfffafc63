//! `wharfinger bench`: measures the performance on this machine. The workloads are in `wharfinger-bench`.

mod email_index;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use wharfinger_bench::server_process::DATABASE;
use wharfinger_bench::{
    self as bench, BareStore, BareWork, Keys, OwnWork, Part, Remote, Settings, Spread, Work,
};

use super::write_json;
use crate::clock;

/// Measured by default: a useful overview in less than a minute.
const WORKS_DEFAULT: [Work; 3] = [Work::P1, Work::P2, Work::P6];
/// Defaults for a custom workload: orders per batch, and connections.
const BATCH_DEFAULT: usize = 500;
const CONNECTIONS_DEFAULT: usize = 16;

/// Default and maximum number of orders in a filled store.
const FILL_DEFAULT: u64 = 20_000_000;
const FILL_MAX: u64 = 10_000_000_000;
/// Default number of orders in a store that is filled with keys in no order.
const SCATTERED_FILL_DEFAULT: u64 = 5_000_000;
/// Most organisations: their codes have five digits.
const ORGANISATIONS_MAX: i64 = 99_999;
/// Default number of orders in the import of p5.
const IMPORT_DEFAULT: u64 = 10_000_000;
/// Default size of the bodies of `memory`, just below the server's limit. Then the smallest and largest allowed size. In bytes.
const BODY_BYTES_DEFAULT: u32 = 67_000_000;
const BODY_BYTES_MIN: i64 = 100_000;
const BODY_BYTES_MAX: i64 = 64 << 20;

/// Benchmark this machine, or your own server
#[derive(Args, Debug)]
#[command(
    after_help = "Starts a server on a temporary directory (in TMPDIR), sends it orders over HTTP, and checks\n\
every response. It compares the server with a minimal program, the bare program, which parses each\n\
body, writes each order as a SQLite row, and commits each batch. Both run in turns. Build with\n\
--release, and run nothing else meanwhile. p8, p12, servers, onward and --postgres need the programs\n\
of PostgreSQL (on Debian: apt-get install postgresql); onward also measures NATS, if nats-server is\n\
installed. p11 and p12 need 5 GB in TMPDIR.\n\n\
Examples:\n  wharfinger bench\n  wharfinger bench p1 p3 p9 --seconds 20 --json\n  \
wharfinger bench p4 p7 --fill 1000000\n  \
wharfinger bench p8 servers --seconds 20\n  \
wharfinger bench --sweep --fill 1000000 --plot sweep.svg\n  \
wharfinger bench p10 p13 p14 --seconds 20\n  \
wharfinger bench p11 p12 --fill 500000 --seconds 20\n  \
wharfinger bench --batch 500 --connections 16\n  \
wharfinger bench --batch 1000 --connections 2 --organisations 900 --keys scattered\n  \
wharfinger bench --url http://10.0.0.7:8080 --org TRK001 --key-id ID --key-file FILE"
)]
pub(super) struct Bench {
    /// Workloads to measure [default: p1 p2 p6]
    #[arg(value_name = "WORK")]
    works: Vec<Work>,
    /// Seconds to send orders to the server, for each workload; the bare program takes as long again.
    /// A sweep takes a quarter of this time for each point
    #[arg(long, env = "WHARFINGER_SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Vary the size of the store up to --fill, the size of batches, and the number of connections instead
    #[arg(long, conflicts_with_all = ["works", "dialect", "batch", "connections", "organisations", "keys", "postgres", "url"])]
    sweep: bool,
    /// Write a plot of the sweep to this SVG file
    #[arg(long, env = "WHARFINGER_PLOT", value_name = "FILE", requires = "sweep")]
    plot: Option<PathBuf>,
    /// Orders in the store before p4 and p7 start [default: 20000000], about 250 bytes of disk each; and before p11 and p12
    /// start [default: 5000000], about 1,000 bytes each, because the bare program stores them too
    #[arg(long, env = "WHARFINGER_FILL", value_name = "COUNT", conflicts_with_all = ["dialect", "batch", "connections", "organisations", "keys", "postgres", "url"], value_parser = clap::value_parser!(u64).range(1..=FILL_MAX))]
    fill: Option<u64>,
    /// Orders in the import of p5 [default: 10000000]
    #[arg(long, env = "WHARFINGER_IMPORT_ORDERS", value_name = "COUNT", requires = "works", value_parser = clap::value_parser!(u64).range(1..=FILL_MAX))]
    import_orders: Option<u64>,
    /// Bytes of each body that memory sends [default: 67000000]
    #[arg(long, env = "WHARFINGER_BODY_BYTES", value_name = "BYTES", requires = "works", value_parser = clap::value_parser!(u32).range(BODY_BYTES_MIN..=BODY_BYTES_MAX))]
    body_bytes: Option<u32>,
    /// PostgreSQL server on which p8, p12, servers and onward create and drop their databases, instead of starting their own. The
    /// user must be allowed to create databases and to run checkpoints. CPU time is counted only if it runs on this machine
    #[arg(
        long,
        env = "WHARFINGER_DATABASE_SERVER",
        hide_env_values = true,
        value_name = "URL",
        requires = "works"
    )]
    database_server: Option<String>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// Send batches in this dialect, instead of one of the workloads above
    #[arg(long, env = "WHARFINGER_DIALECT", conflicts_with = "works")]
    dialect: Option<String>,
    /// Orders in each batch [default: 500]
    #[arg(long, env = "WHARFINGER_BATCH", value_name = "COUNT", conflicts_with = "works", value_parser = count)]
    batch: Option<usize>,
    /// Connections that send batches [default: 16]
    #[arg(long, env = "WHARFINGER_CONNECTIONS", value_name = "COUNT", conflicts_with = "works", value_parser = count)]
    connections: Option<usize>,
    /// Spread the orders over this many organisations, in turns; only in dialects whose orders name their organisation. They are
    /// created in the started server. With --url they must exist, the key must act for all of them, and their codes are that of
    /// --org and five digits: TRK00001, TRK00002, … for TRK [default: 1]
    #[arg(long, env = "WHARFINGER_ORGANISATIONS", value_name = "COUNT", conflicts_with = "works", value_parser = clap::value_parser!(u32).range(1..=ORGANISATIONS_MAX))]
    organisations: Option<u32>,
    /// Order keys [default: ordered]
    #[arg(
        long,
        env = "WHARFINGER_KEYS",
        value_name = "KEYS",
        conflicts_with = "works"
    )]
    keys: Option<Keys>,
    /// Store the orders in PostgreSQL; the server and the bare program each get a temporary one
    #[arg(long, conflicts_with_all = ["works", "url"])]
    postgres: bool,
    /// Send batches to this server. The orders stay in its store!
    #[arg(long, env = "WHARFINGER_URL", conflicts_with = "works", requires_all = ["org", "key_id", "key_file"])]
    url: Option<String>,
    /// Organisation of the orders
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE", requires = "url")]
    org: Option<String>,
    /// Id of the API key
    #[arg(long, env = "WHARFINGER_KEY_ID", value_name = "ID", requires = "url")]
    key_id: Option<String>,
    /// File with the secret of the API key
    #[arg(
        long,
        env = "WHARFINGER_KEY_FILE",
        value_name = "FILE",
        requires = "url"
    )]
    key_file: Option<PathBuf>,
}

impl Bench {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let settings = Settings {
            length: Duration::from_secs(self.seconds.into()),
            fill_orders: self.fill.unwrap_or(FILL_DEFAULT),
            scattered_fill_orders: self.fill.unwrap_or(SCATTERED_FILL_DEFAULT),
            import_orders: self.import_orders.unwrap_or(IMPORT_DEFAULT),
            body_bytes: usize::try_from(self.body_bytes.unwrap_or(BODY_BYTES_DEFAULT))?,
            database_server: self.database_server.clone(),
            open_email_index: email_index::open,
            now_ms: clock::now_ms,
        };
        if self.sweep {
            return self.run_sweep(&settings, out);
        }
        let report = match self.own_work()? {
            Some(work) => bench::measure_own(&work, settings.length)?,
            None if self.works.is_empty() => bench::measure(&WORKS_DEFAULT, &settings)?,
            None => bench::measure(&self.works, &settings)?,
        };
        if self.json {
            return write_json(out, &report);
        }
        report.write(out)?;
        Ok(())
    }

    fn run_sweep(&self, settings: &Settings, out: &mut dyn Write) -> Result<()> {
        if let Some(file) = &self.plot {
            // Check that the file can be written, before the measurement takes minutes.
            std::fs::write(file, "")
                .with_context(|| format!("cannot write the plot {}", file.display()))?;
        }
        let sweep = bench::sweep(settings)?;
        if let Some(file) = &self.plot {
            sweep.plot(file)?;
        }
        if self.json {
            return write_json(out, &sweep);
        }
        sweep.write(out)?;
        Ok(())
    }

    fn own_work(&self) -> Result<Option<OwnWork>> {
        let is_own = self.dialect.is_some()
            || self.batch.is_some()
            || self.connections.is_some()
            || self.organisations.is_some()
            || self.keys.is_some()
            || self.postgres
            || self.url.is_some();
        if !is_own {
            return Ok(None);
        }
        let dialect = match &self.dialect {
            Some(dialect) => bench::find_dialect(dialect)?,
            None => bench::first_dialect(),
        };
        Ok(Some(OwnWork {
            dialect,
            batch: self.batch.unwrap_or(BATCH_DEFAULT),
            connections: self.connections.unwrap_or(CONNECTIONS_DEFAULT),
            spread: Spread {
                organisations: self.organisations.unwrap_or(1),
                keys: self.keys.unwrap_or_default(),
            },
            is_on_postgres: self.postgres,
            remote: self.remote()?,
        }))
    }

    fn remote(&self) -> Result<Option<Remote>> {
        let (Some(url), Some(organisation), Some(key_id), Some(key_file)) =
            (&self.url, &self.org, &self.key_id, &self.key_file)
        else {
            return Ok(None);
        };
        let secret = std::fs::read_to_string(key_file)
            .with_context(|| format!("cannot read the key file {}", key_file.display()))?;
        Ok(Some(Remote {
            url: url.clone(),
            organisation: organisation.clone(),
            key_id: key_id.clone(),
            secret: secret.trim().to_owned(),
            started_at_ms: clock::now_ms(),
        }))
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a number, at least 1".into()),
        Ok(count) => Ok(count),
    }
}

/// Run a part that benchmarks compare with
#[derive(Args, Debug)]
pub(super) struct BenchPart {
    #[command(subcommand)]
    part: PartCommand,
}

#[derive(Debug, Subcommand)]
enum PartCommand {
    /// Store as many orders as each line on stdin says
    Bare {
        /// Dialect of the orders
        #[arg(long)]
        dialect: String,
        /// Orders in each batch
        #[arg(long, value_parser = count)]
        batch: usize,
        /// Batches are objects with named orders
        #[arg(long)]
        named: bool,
        /// Organisations of the orders
        #[arg(long, default_value_t = 1)]
        organisations: u32,
        /// Order keys
        #[arg(long, default_value = "ordered")]
        keys: Keys,
        /// Batches that are committed together
        #[arg(long, default_value_t = 1, value_parser = count)]
        batches_per_commit: usize,
        /// Directory of its SQLite database
        #[arg(long, required_unless_present = "database")]
        data: Option<PathBuf>,
        /// URL of its PostgreSQL database
        #[arg(long, env = DATABASE, hide_env_values = true, conflicts_with = "data")]
        database: Option<String>,
    },
    /// Respond 202 to everything, until killed
    Http,
}

impl BenchPart {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let part = match self.part {
            PartCommand::Bare {
                dialect,
                batch,
                named,
                organisations,
                keys,
                batches_per_commit,
                data,
                database,
            } => Part::Bare {
                work: BareWork {
                    dialect: bench::find_dialect(&dialect)?,
                    batch,
                    is_named: named,
                    spread: Spread {
                        organisations,
                        keys,
                    },
                    batches_per_commit,
                },
                store: match database {
                    Some(url) => BareStore::Database(url),
                    None => BareStore::Directory(data.unwrap_or_default()),
                },
            },
            PartCommand::Http => Part::Http,
        };
        part.run(out).await
    }
}
