//! Holds the leases of destinations, and runs a task for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use uuid::Uuid;

use super::Onward;
use super::runner::{Order, Runner};
use super::settings::Settings;
use super::sink_runner::SinkRunner;
use super::webhook::Webhook;
use crate::clock;
use crate::store::{Lease, Store, StoreError};

/// How often to look for free destinations, and for changes by other processes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often leases are renewed, in milliseconds. They last three times as long.
const RENEW_EVERY_MS: i64 = 5_000;

/// The destinations that this server delivers to.
pub(super) struct Manager {
    onward: Arc<Onward>,
    store: Arc<Store>,
    /// The name under which leases are held. Each start of a server has its own.
    owner: String,
    is_sole: bool,
    running: HashMap<Uuid, Running>,
    tasks: JoinSet<Ended>,
    renewed_at_ms: i64,
}

struct Running {
    number: i64,
    orders: watch::Sender<Order>,
    task: AbortHandle,
}

/// A task that has ended.
struct Ended {
    id: Uuid,
    number: i64,
    result: Result<(), StoreError>,
}

impl Manager {
    pub(super) fn new(onward: Arc<Onward>, store: Arc<Store>, is_sole: bool) -> Self {
        Self {
            onward,
            store,
            owner: Uuid::now_v7().to_string(),
            is_sole,
            running: HashMap::new(),
            tasks: JoinSet::new(),
            renewed_at_ms: i64::MIN,
        }
    }

    /// Delivers until the server stops, then gives the leases back.
    pub(super) async fn run(mut self) {
        let onward = Arc::clone(&self.onward);
        let mut stopped = onward.stopped.subscribe();
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "Could not look for destinations.");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = onward.changed.notified() => {}
                Some(ended) = self.tasks.join_next() => self.ended(ended.ok()).await,
                () = until_stopped(&mut stopped) => break,
            }
        }
        for running in self.running.values() {
            running.orders.send_replace(Order::Hurry);
        }
        while let Some(ended) = self.tasks.join_next().await {
            self.ended(ended.ok()).await;
        }
    }

    /// Renews leases, ends the work on destinations that have changed, and begins work on those that are free.
    async fn look(&mut self) -> Result<(), StoreError> {
        if !self.running.is_empty() {
            let now_ms = clock::now_ms();
            let is_due = now_ms >= self.renewed_at_ms.saturating_add(RENEW_EVERY_MS);
            let held = if is_due {
                self.renewed_at_ms = now_ms;
                self.store.renew_leases(&self.owner).await?
            } else {
                self.store.held_leases(&self.owner).await?
            };
            for (id, running) in &self.running {
                let mut held = held.iter();
                let held = held.find(|held| held.id == *id && held.number == running.number);
                // A lost lease ends by itself, with the next report; but there may be none.
                if !held.is_some_and(|held| held.is_current) {
                    running.orders.send_if_modified(|order| {
                        let is_running = *order == Order::Run;
                        *order = Order::Finish;
                        is_running
                    });
                }
            }
        }
        for lease in self.store.lease(&self.owner, self.is_sole).await? {
            self.renewed_at_ms = clock::now_ms();
            self.begin(lease);
        }
        Ok(())
    }

    fn begin(&mut self, lease: Lease) {
        let (id, number) = (lease.destination.id, lease.number);
        let (orders, told) = watch::channel(Order::Run);
        let (onward, store) = (Arc::clone(&self.onward), Arc::clone(&self.store));
        let task = self.tasks.spawn(async move {
            let result = deliver(onward, store, lease, told).await;
            Ended { id, number, result }
        });
        let running = Running {
            number,
            orders,
            task,
        };
        // The earlier lease was over before it was renewed. Its work would be refused.
        if let Some(earlier) = self.running.insert(id, running) {
            earlier.task.abort();
        }
    }

    async fn ended(&mut self, ended: Option<Ended>) {
        let Some(Ended { id, number, result }) = ended else {
            // It was aborted, or has panicked; then its lease ends by itself.
            self.running
                .retain(|_, running| !running.task.is_finished());
            return;
        };
        if self
            .running
            .get(&id)
            .is_some_and(|running| running.number == number)
        {
            self.running.remove(&id);
        }
        if let Err(error) = self.store.release_lease(id, number).await {
            tracing::warn!(%id, %error, "Could not give the lease of a destination back.");
        }
        match result {
            // It may be leased anew at once, as it is now.
            Ok(()) => self.onward.changed.notify_one(),
            Err(error) => tracing::warn!(%id, %error, "Deliveries to a destination broke off."),
        }
    }
}

async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // The sender is in `Onward`, so it is not dropped.
    let _is_stopped = stopped.wait_for(|is_stopped| *is_stopped).await;
}

/// Delivers to a destination as long as its lease is held.
async fn deliver(
    onward: Arc<Onward>,
    store: Arc<Store>,
    lease: Lease,
    mut orders: watch::Receiver<Order>,
) -> Result<(), StoreError> {
    let reach = Arc::clone(&onward.reach);
    let why = match Settings::of(&lease.destination) {
        Ok(Settings::Webhook(settings)) => {
            match Webhook::new(reach, &lease.destination, &settings) {
                Ok(webhook) => {
                    return Runner::new(onward, store, lease, webhook, orders)
                        .run()
                        .await;
                }
                Err(why) => why,
            }
        }
        Ok(Settings::Sink(settings)) => {
            return SinkRunner::new(onward, store, lease, settings, orders)
                .run()
                .await;
        }
        Err(why) => why.to_string(),
    };
    let id = lease.destination.id;
    tracing::error!(%id, why, "A destination cannot be used.");
    // A change of the destination ends this.
    let _ended = orders.wait_for(|order| *order != Order::Run).await;
    Ok(())
}
