//! `wharfinger serve`: runs the server from start to shutdown.

mod first_start;
mod parts;
mod watchdog;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::parts::{onward, service};
use self::watchdog::feed;
use super::open_files;
use crate::access::Access;
use crate::http::connections::Service;
use crate::http::threads::Threads;
use crate::imports;
use crate::intake::app::App;
use crate::intake::claims::Imports;
use crate::intake::idempotency::Idempotency;
use crate::runtime::budget::Budget;
use crate::runtime::turns::Turns;
use crate::serve::config::{Config, ServeOptions};
use crate::serve::feed::Feed;
use crate::serve::readiness::Readiness;
use crate::serve::supervisor::Supervisor;
use crate::serve::tls::{Certificates, Files};
use crate::store::{self, EmailRuns, Location, Store, StoreError};
use crate::{clock, http, logging, otlp};

/// Run the server
#[derive(Args, Debug)]
#[command(
    after_help = "Settings come from flags, then environment variables, then the file, then the defaults.\n\n\
Examples:\n  wharfinger serve\n  wharfinger serve --listen 127.0.0.1:0 --data /var/lib/wharfinger\n  \
WHARFINGER_QUEUE_MAX=256 wharfinger serve --config wharfinger.toml"
)]
pub struct Serve {
    #[command(flatten)]
    options: ServeOptions,
    /// Create the organisation DEMO and a key for it if the store has no organisation, and print them. On a terminal this
    /// is the default for a data directory and a loopback address
    #[arg(long)]
    demo_key: bool,
    #[command(flatten)]
    tuning: Tuning,
}

/// How the store is run: a way out after damage, and what tests set.
#[derive(Args, Debug)]
struct Tuning {
    /// Number of blocks from which the e-mail index is built; low values are for tests
    #[arg(long, hide = true, value_name = "COUNT")]
    email_run_blocks: Option<u32>,
    /// Start with a damaged write-ahead log, and give up this many of its frames: the number that `wharfinger check` reported
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    accept_lost_frames: u64,
    /// Target length of the write-ahead log, in pages; low values are for tests
    #[arg(long, hide = true, value_name = "COUNT")]
    log_pages: Option<i32>,
    /// Number of recent changes from which they are merged into the tables; low values are for tests
    #[arg(long, hide = true, value_name = "COUNT")]
    recent_keys: Option<usize>,
}

impl Tuning {
    fn options(&self, config: &Config) -> store::Options {
        let default = store::Options::default();
        let email_runs = EmailRuns::default();
        store::Options {
            queue_max: config.settings.queue_max,
            disk_reserve_bytes: config.settings.disk_reserve_bytes,
            email_runs: Some(EmailRuns {
                blocks_min: self.email_run_blocks.unwrap_or(email_runs.blocks_min),
                ..email_runs
            }),
            log_pages: self.log_pages.unwrap_or(default.log_pages),
            recent_keys: self.recent_keys.unwrap_or(default.recent_keys),
            is_holder: true,
            lost_frames: self.accept_lost_frames,
            ..default
        }
    }
}

impl Serve {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let config = self.options.resolve()?;
        let _logging = logging::begin(&config)?;
        open_files::require(&config)?;
        let certificates = certificates(&config)?;
        let traces = otlp::start(&config.settings)?;
        let _hold = match &config.location {
            Location::Directory(data) => Some(store::hold(data, true)?),
            Location::Database(_) => None,
        };
        warn_of_database(&config);
        let options = self.tuning.options(&config);
        let store = super::open_store(&config.location, &options)?;
        let listener = listen(&config).await?;
        let address = listener.local_addr()?;
        let first_start =
            first_start::prepare(store.as_ref(), &config, address, self.demo_key).await?;
        let access = Access::new(super::directory(store.as_ref()).await?, config.rates);
        let access = Arc::new(access);
        let onward = onward(&config, &access)?;
        let app = Arc::new(App {
            access,
            store: Arc::clone(&store),
            limits: config.limits,
            transport: config.transport,
            body_budget: Budget::new(
                config.settings.body_bytes_in_flight_max,
                config.settings.share_percent,
            ),
            import_slots: Budget::new(imports::AT_ONCE_MAX, config.settings.share_percent),
            large_work: Turns::one_a_core(),
            feed: Feed::default(),
            onward,
            idempotency: Idempotency::new(Arc::clone(&store), config.answers_kept_for),
            imports: Imports::default(),
            readiness: Readiness::default(),
            rejected_days: config.settings.rejected_days,
        });
        let threads = Threads::start().context("cannot start the serving threads")?;
        // Must precede the ready message: a signal that arrives right after it needs its handler.
        let signals = Signals::listen()?;
        warn_if_reachable(address, &config);
        if let Err(error) = first_start::greet(out, &config, address, first_start) {
            // Nobody may be reading stdout. The server works without it.
            tracing::warn!(%error, "Could not write to standard output.");
        }
        let supervisor = Supervisor::of_environment();
        supervisor.ready(&first_start::url(&config, address));
        let delivering = {
            let (onward, store) = (Arc::clone(&app.onward), Arc::clone(&store));
            // A data directory is held by one server.
            let is_sole = matches!(&config.location, Location::Directory(_));
            tokio::spawn(async move { onward.run(&store, is_sole).await })
        };
        let service = service(&app, &config, certificates.as_ref())?;
        let following = tokio::spawn(follow(certificates, signals.hangups));
        let told = (&supervisor, signals.stop);
        let ended = tokio::select! {
            ended = serve(&app, listener, &threads, service, told) => ended,
            () = feed(&supervisor, &store, &threads) => Ok(()),
        };
        following.abort();
        app.onward.stop();
        // The leases are given back before the store is closed.
        let _ended = delivering.await;
        app.access.write_last_used(store.as_ref()).await;
        if let Some(traces) = traces {
            traces.finish().await;
        }
        store.close().await;
        // Requests that did not finish in time could still be answered until here.
        drop(threads);
        ended
    }
}

/// Starts to listen.
async fn listen(config: &Config) -> Result<TcpListener> {
    let listen = &config.settings.listen;
    let listener = listen.bind().await;
    listener.with_context(|| format!("cannot listen on {listen}"))
}

/// Warns if the database's password or its content can be read by others, or the data directory is open to them.
fn warn_of_database(config: &Config) {
    warn_of_open_directory(config);
    if config.location.is_exposed() {
        tracing::warn!("{}", super::EXPOSED);
    }
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    if config.location.has_password_among(arguments) {
        tracing::warn!(
            "The database password is on the command line, where every user of this machine can read it. \
             Use --database-password-file or WHARFINGER_DATABASE_PASSWORD instead."
        );
    }
}

/// Warns if other users of the machine have access to the data directory.
fn warn_of_open_directory(config: &Config) {
    if let Location::Directory(data) = &config.location
        && let Some(mode) = store::open_mode(data)
    {
        let data = data.display();
        tracing::warn!(
            "Other users of this machine have access to the data directory {data} (mode {mode:o}). Its files are readable only \
             by their owner, but others may see, or even replace them. Use `chmod 700 {data}`."
        );
    }
}

/// Warns if other machines can reach the server, and nothing protects what they send.
fn warn_if_reachable(address: SocketAddr, config: &Config) {
    let settings = &config.settings;
    let is_protected = settings.tls_cert.is_some() || !settings.behind_proxy.is_empty();
    if !address.ip().is_loopback() && !is_protected {
        tracing::warn!("{address} {REACHABLE}");
    }
}

/// What the log says after an address that other machines can reach, if nothing protects it.
const REACHABLE: &str = "can be reached from other machines, and keys and orders cross the network unencrypted. Give the server \
                         a certificate (--tls-cert and --tls-key), or listen on a loopback address behind a proxy with TLS; if \
                         the proxy is another machine, name it with --behind-proxy.";

/// The certificate for clients, if the settings name one.
fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>> {
    let settings = &config.settings;
    let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Ok(None);
    };
    let files = Files {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let certificates = Certificates::load(files).map_err(anyhow::Error::msg)?;
    Ok(Some(certificates))
}

/// Keeps the certificate current until the task is dropped. Without one, SIGHUP has no effect.
async fn follow(certificates: Option<Arc<Certificates>>, mut hangups: Signal) {
    match certificates {
        Some(certificates) => certificates.follow(hangups).await,
        None => while hangups.recv().await.is_some() {},
    }
}

/// The signals that the server listens to.
struct Signals {
    stop: Stop,
    hangups: Signal,
}

/// The signals that stop the server.
struct Stop {
    terminated: Signal,
    interrupted: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            stop: Stop {
                terminated: signal(SignalKind::terminate())?,
                interrupted: signal(SignalKind::interrupt())?,
            },
            hangups: signal(SignalKind::hangup())?,
        })
    }
}

/// How often expired data is removed.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(60);
/// The pause between roll-ups of statistics, at least. Requests read what is not rolled up yet as well.
const ROLLED_UP_EVERY: Duration = Duration::from_secs(5);
/// Time for requests to be answered after the store has failed. They do no more work, but some clients read slowly.
const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// Milliseconds per day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Serves until the server is told to stop, or the store can no longer be written.
async fn serve(
    app: &Arc<App>,
    listener: TcpListener,
    threads: &Threads,
    service: Service,
    (supervisor, stop): (&Supervisor, Stop),
) -> Result<()> {
    let Stop {
        mut terminated,
        mut interrupted,
    } = stop;
    let follower = Arc::clone(app);
    let following =
        tokio::spawn(async move { follower.access.follow(follower.store.as_ref()).await });
    let keeper = Arc::clone(app);
    let housekeeping = tokio::spawn(async move { keep_house(&keeper).await });
    let counting = Arc::clone(app);
    let rolling_up = tokio::spawn(async move { roll_up(&counting.store).await });
    let reader = Arc::clone(app);
    let watching = tokio::spawn(async move { reader.feed.follow(reader.store.as_ref()).await });
    let stopping = Arc::clone(app);
    let stopped = async move {
        let signal = async {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        };
        tokio::select! {
            () = signal => tracing::info!("Shutting down; finishing the requests in flight."),
            // Requests waiting for the store are still answered, so that their senders know what they can rely on.
            _ = stopping.store.failed() => {}
        }
        supervisor.stopping();
        stopping.feed.stop();
        stopping.onward.stop();
    };
    let serving = http::connections::serve(listener, threads, service, stopped);
    tokio::select! {
        () = serving => {}
        () = failed_long_enough(app.store.as_ref()) => {}
    }
    let ended = match app.store.failed().now_or_never() {
        None => Ok(()),
        Some(why) => Err(anyhow::anyhow!(
            "the store no longer accepts writes, and nothing was acknowledged since it failed: {why}"
        )),
    };
    following.abort();
    housekeeping.abort();
    rolling_up.abort();
    watching.abort();
    ended
}

/// Waits until the store has failed, and then for the waiting requests to be answered.
async fn failed_long_enough(store: &Store) {
    store.failed().await;
    tokio::time::sleep(LAST_ANSWERS_WITHIN).await;
}

/// Removes expired data periodically, until the task is dropped.
async fn keep_house(app: &App) {
    loop {
        if let Err(error) = app.store.drop_expired().await {
            tracing::warn!(%error, "Could not delete expired saved responses.");
        }
        if let Err(error) = app.store.drop_expired_sessions().await {
            tracing::warn!(%error, "Could not delete expired sessions of the console.");
        }
        let received_before_ms = clock::now_ms() - i64::from(app.rejected_days) * DAY_MS;
        let dropped = app.store.drop_rejected_texts(received_before_ms).await;
        if let Err(error) = dropped {
            tracing::warn!(%error, "Could not delete expired texts of rejected orders.");
        }
        tokio::time::sleep(HOUSEKEEPING_EVERY).await;
    }
}

/// Rolls up statistics periodically, until the task is dropped.
async fn roll_up(store: &Store) {
    loop {
        let began = Instant::now();
        match store.roll_up_stats().await {
            Ok(()) | Err(StoreError::Overloaded) => {}
            Err(error) => {
                tracing::warn!(%error, "Could not roll up statistics; it will be retried.");
            }
        }
        // Whatever the load is, this takes at most 2 % of the time.
        let pause = ROLLED_UP_EVERY.max(began.elapsed() * 50);
        tokio::time::sleep(pause.min(HOUSEKEEPING_EVERY)).await;
    }
}
