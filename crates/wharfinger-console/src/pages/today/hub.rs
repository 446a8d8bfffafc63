//! Who looks at the first page now, and the parts of the page that are computed for them together.
//!
//! ```text
//!  commits ──▶ follow (one task for each view) ──▶ stream ──▶ browser
//!              a view: rights, organisation, time span       stream ──▶ browser
//! ```
//!
//! A view is computed once for all who look at it, at most once in [`EVERY`], and only if something was stored or some time has
//! passed. Nothing runs while nobody looks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::{Notify, watch};

use super::{Parts, SPANS, parts};
use crate::host::Session;
use crate::visit::{Shared, Visit};

/// Least time between two computations of a view.
const EVERY: Duration = Duration::from_secs(2);
/// Most time between them: ages grow, also if nothing is stored.
const AT_LEAST: Duration = Duration::from_secs(20);
/// Streams of a key, at most.
const OF_A_KEY_MAX: usize = 20;
/// Streams, at most.
const STREAMS_MAX: usize = 200;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct View {
    /// What the viewers may see.
    pub(super) rights: Arc<str>,
    /// The chosen organisation. May be empty.
    pub(super) organisation: String,
    /// The position in [`SPANS`].
    pub(super) span: usize,
}

/// All views that are looked at.
#[derive(Default)]
pub(super) struct Hub {
    views: Mutex<Views>,
}

#[derive(Default)]
struct Views {
    groups: HashMap<View, Group>,
    next: u64,
}

/// Those who look at one view.
struct Group {
    parts: watch::Receiver<Arc<Parts>>,
    viewers: Vec<(u64, Session)>,
    left: Arc<Notify>,
}

/// There are too many streams.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The place of a viewer, who leaves when it is dropped.
pub(super) struct Place {
    hub: Arc<Hub>,
    view: View,
    number: u64,
}

impl Hub {
    fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a viewer. The first one of a view starts its computation.
    ///
    /// # Errors
    /// The key or the server has too many.
    pub(super) fn join(
        self: &Arc<Self>,
        host: &Shared,
        view: View,
        session: Session,
    ) -> Result<(Place, watch::Receiver<Arc<Parts>>), Full> {
        let mut views = self.views();
        let all = || views.groups.values().flat_map(|group| &group.viewers);
        let own = all().filter(|(_, other)| other.key_id == session.key_id);
        if all().count() >= STREAMS_MAX || own.count() >= OF_A_KEY_MAX {
            return Err(Full);
        }
        let number = views.next;
        views.next += 1;
        let group = views.groups.entry(view.clone()).or_insert_with(|| {
            let (sender, parts) = watch::channel(Arc::default());
            let left = Arc::<Notify>::default();
            let following = Following {
                hub: Arc::clone(self),
                view: view.clone(),
                left: Arc::clone(&left),
            };
            tokio::spawn(following.run(Arc::clone(host), sender));
            Group {
                parts,
                viewers: Vec::new(),
                left,
            }
        });
        group.viewers.push((number, session));
        let parts = group.parts.clone();
        let hub = Arc::clone(self);
        Ok((Place { hub, view, number }, parts))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut views = self.hub.views();
        if let Some(group) = views.groups.get_mut(&self.view) {
            group.viewers.retain(|(number, _)| *number != self.number);
            if group.viewers.is_empty() {
                group.left.notify_one();
            }
        }
    }
}

/// The computation of one view. When it ends, all streams of the view end.
struct Following {
    hub: Arc<Hub>,
    view: View,
    left: Arc<Notify>,
}

impl Following {
    async fn run(self, host: Shared, sender: watch::Sender<Arc<Parts>>) {
        let mut changes = host.changes();
        while self.has_viewers() && !host.is_stopping() {
            if let Some(session) = self.session(&host) {
                let visit = Visit::in_background(&host, session);
                let span = &SPANS[self.view.span];
                let parts = parts(&visit, &self.view.organisation, span).await;
                sender.send_if_modified(|before| {
                    let is_new = **before != parts;
                    *before = Arc::new(parts);
                    is_new
                });
            }
            host.pause(EVERY).await;
            let news = select(changes.next(), Box::pin(host.pause(AT_LEAST)));
            let left = Box::pin(self.left.notified());
            let (Either::Left(_) | Either::Right(_)) = select(news, left).await;
        }
    }

    /// Whether anybody looks. If not, the view is gone, and the next viewer starts another computation.
    fn has_viewers(&self) -> bool {
        let mut views = self.hub.views();
        let group = views.groups.get(&self.view);
        let has_viewers = group.is_some_and(|group| !group.viewers.is_empty());
        if !has_viewers {
            views.groups.remove(&self.view);
        }
        has_viewers
    }

    /// A viewer's session whose key is still valid. The view is computed in its rights, which are those of all viewers.
    fn session(&self, host: &Shared) -> Option<Session> {
        let views = self.hub.views();
        let mut viewers = views.groups.get(&self.view)?.viewers.iter();
        viewers.find_map(|(_, session)| {
            let now = host.renew(session)?;
            (now.rights == self.view.rights).then_some(now)
        })
    }
}

impl Drop for Following {
    /// Also after a panic: viewers must not wait for a computation that has ended.
    fn drop(&mut self) {
        let mut views = self.hub.views();
        let group = views.groups.get(&self.view);
        if group.is_some_and(|group| Arc::ptr_eq(&group.left, &self.left)) {
            views.groups.remove(&self.view);
        }
    }
}

#[cfg(test)]
mod tests;
