//! Limits connections, and chooses which one to close when no place is left.
//!
//! The number of places is fixed. When all are taken, a new connection replaces another one. The oldest that never showed a
//! valid key goes first, then the oldest that is idle, then the oldest whose response is unread. No other connection is closed.
//! So clients without a key cannot keep out clients with one.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::runtime::budget::{Budget, Holders, Lease};

/// How long to wait for the chosen connection to close before choosing another one.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// Percent of the places on which one key or organisation is served while it is the only one.
const REQUESTS_SHARE_PERCENT: u8 = 50;

/// All places.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    places: Arc<Semaphore>,
    places_max: usize,
    per_address_max: usize,
    taken: Arc<Mutex<Taken>>,
    /// Authenticated requests in progress: as many as places, and one more so that the share of a single place is not zero.
    requests: Budget,
}

/// The open connections, oldest first.
#[derive(Debug, Default)]
struct Taken {
    next: u64,
    without_key: BTreeMap<u64, Arc<Seat>>,
    with_key: BTreeMap<u64, Arc<Seat>>,
    by_address: HashMap<IpAddr, usize>,
}

/// The current state of one connection.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    seats: Seats,
    has_key: AtomicBool,
    /// Requests in progress, until their responses are complete.
    requests: AtomicUsize,
    /// Whether a response is waiting to be read by the client.
    is_unread: AtomicBool,
    told_to_go: Notify,
}

/// The budget lease of an authenticated request. Requests of one connection that follow each other use the same one in turn.
#[derive(Debug, Default)]
pub(super) struct Share(Mutex<Option<Lease>>);

impl Share {
    fn lease(&self) -> MutexGuard<'_, Option<Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress: its connection and its share.
#[derive(Clone, Debug)]
pub(super) struct InProgress {
    seat: Arc<Seat>,
    share: Arc<Share>,
}

impl InProgress {
    pub(super) fn new(seat: &Arc<Seat>, share: &Arc<Share>) -> Self {
        Self {
            seat: Arc::clone(seat),
            share: Arc::clone(share),
        }
    }

    /// Records that the connection showed a valid key, and counts the request towards the shares of these holders. False if a
    /// share is exhausted.
    #[must_use]
    pub(super) fn is_served_for(&self, holders: Holders) -> bool {
        self.seat.note_key();
        let mut lease = self.seat.seats.requests.lease(holders);
        let has_share = lease.grow(1);
        *self.share.lease() = has_share.then_some(lease);
        has_share
    }
}

/// Guard for a request in progress.
#[derive(Debug)]
pub(super) struct Serving(InProgress);

impl Serving {
    pub(super) fn begin(request: InProgress) -> Self {
        request.seat.requests.fetch_add(1, Ordering::Relaxed);
        Self(request)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.share.lease().take());
        self.0.seat.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response body that keeps its request counted as in progress.
pub(super) struct ServedBody {
    body: axum::body::Body,
    _serving: Serving,
}

impl ServedBody {
    pub(super) fn new(body: axum::body::Body, serving: Serving) -> Self {
        Self {
            body,
            _serving: serving,
        }
    }
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Holds a connection's place until dropped.
#[derive(Debug)]
pub(super) struct Seated {
    pub(super) seat: Arc<Seat>,
    address: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Seats {
    pub(super) fn new(places_max: usize, per_address_max: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places_max)),
            places_max,
            per_address_max,
            taken: Arc::default(),
            requests: Budget::new(places_max.saturating_add(1), REQUESTS_SHARE_PERCENT),
        }
    }

    /// Whether an address has as many connections as allowed.
    pub(super) fn is_full_for(&self, address: SocketAddr) -> bool {
        let taken = self.taken().by_address.get(&counted_as(address)).copied();
        taken.unwrap_or_default() >= self.per_address_max
    }

    /// Waits for a place. If none is free, another connection is told to close.
    pub(super) async fn take(&self, address: SocketAddr) -> Option<Seated> {
        let place = loop {
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                break place;
            }
            self.make_room();
            let place = Arc::clone(&self.places).acquire_owned();
            if let Ok(place) = tokio::time::timeout(CLOSED_WITHIN, place).await {
                break place.ok()?;
            }
        };
        let address = counted_as(address);
        let mut taken = self.taken();
        taken.next += 1;
        let number = taken.next;
        let seat = Arc::new(Seat {
            number,
            seats: self.clone(),
            has_key: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            is_unread: AtomicBool::new(false),
            told_to_go: Notify::new(),
        });
        taken.without_key.insert(number, Arc::clone(&seat));
        *taken.by_address.entry(address).or_default() += 1;
        drop(taken);
        Some(Seated {
            seat,
            address,
            _place: place,
        })
    }

    /// Tells one connection to close, if one may be closed.
    pub(super) fn make_room(&self) {
        let mut taken = self.taken();
        let without_key = taken.without_key.pop_first();
        let going = without_key.map(|(_, seat)| seat).or_else(|| {
            let of_those = |may_go: fn(&Seat) -> bool| {
                let mut seats = taken.with_key.values();
                seats.find(|seat| may_go(seat)).map(|seat| seat.number)
            };
            let number = of_those(Seat::is_idle).or_else(|| of_those(Seat::is_unread))?;
            taken.with_key.remove(&number)
        });
        if let Some(seat) = going {
            seat.told_to_go.notify_one();
        }
    }

    /// Waits until all connections are closed.
    pub(super) async fn all_left(&self) {
        let all = u32::try_from(self.places_max).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.places.acquire_many(all).await;
    }

    /// Ignores poisoning: the maps change in single steps, and nothing panics in between.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Records that the connection showed a valid key.
    pub(super) fn note_key(&self) {
        if self.has_key.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut taken = self.seats.taken();
        // It may have been told to close in the meantime.
        if let Some(seat) = taken.without_key.remove(&self.number) {
            taken.with_key.insert(self.number, seat);
        }
    }

    pub(super) fn set_unread(&self, is_unread: bool) {
        self.is_unread.store(is_unread, Ordering::Relaxed);
    }

    fn is_unread(&self) -> bool {
        self.is_unread.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0 && !self.is_unread()
    }

    /// Whether the connection may be cut at once instead of finishing: it has shown no key, or its response is unread.
    pub(super) fn may_be_cut(&self) -> bool {
        !self.has_key.load(Ordering::Relaxed) || self.is_unread()
    }

    /// Resolves when another connection needs the place.
    pub(super) async fn told_to_go(&self) {
        self.told_to_go.notified().await;
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut taken = self.seat.seats.taken();
        taken.without_key.remove(&self.seat.number);
        taken.with_key.remove(&self.seat.number);
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// The address under which a connection is counted. For IPv6 it is the /64, because each customer of a network has one.
pub(super) fn counted_as(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 1))
    }

    fn is_told_to_go(seated: &Seated) -> bool {
        seated.seat.told_to_go().now_or_never().is_some()
    }

    #[tokio::test]
    async fn those_without_a_key_go_first_then_idle_ones_then_those_who_do_not_read() {
        let seats = Seats::new(4, 4);
        let mut seated = Vec::new();
        for number in 0..4 {
            seated.push(seats.take(address(number)).await.unwrap());
        }
        for number in [0, 1, 3] {
            seated[number].seat.note_key();
        }
        let begin = |number: usize| {
            let share = Arc::default();
            Serving::begin(InProgress::new(&seated[number].seat, &share))
        };
        let serving = begin(0);
        let _others = [1, 2].map(begin);
        seated[1].seat.set_unread(true);
        for next in [2, 3, 1] {
            seats.make_room();
            let told: Vec<_> = seated.iter().map(is_told_to_go).collect();
            let expected: Vec<_> = (0..4).map(|number| number == next).collect();
            assert_eq!(told, expected);
        }
        // The connection with a request in progress stays.
        seats.make_room();
        assert!(!seated.iter().any(is_told_to_go));
        drop(serving);
        seats.make_room();
        assert!(is_told_to_go(&seated[0]));
        drop(seated);
        assert!(seats.taken().by_address.is_empty());
    }

    #[tokio::test]
    async fn an_address_has_so_many_and_a_network_of_ipv6_counts_as_one() {
        let seats = Seats::new(4, 1);
        let seated = seats.take(address(1)).await;
        assert!(seats.is_full_for(address(1)) && !seats.is_full_for(address(2)));
        drop(seated);
        assert!(!seats.is_full_for(address(1)));
        let counted = |text: &str| counted_as(SocketAddr::new(text.parse().unwrap(), 1));
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::ffff:1"));
        assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
    }
}
