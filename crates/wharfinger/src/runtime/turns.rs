//! A fair semaphore for long work. Callers take turns, so that one caller's work does not delay another's.

use std::collections::{HashMap, VecDeque};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

tokio::task_local! {
    /// The API key whose request this task serves.
    static CALLER: Arc<str>;
}

/// Runs `work` on behalf of an API key. It waits in every [`Turns`] as that caller.
pub async fn on_behalf_of<T>(key_id: &Arc<str>, work: impl Future<Output = T>) -> T {
    CALLER.scope(Arc::clone(key_id), work).await
}

/// The API key that the current task serves. Empty for the server's own work.
fn caller() -> Arc<str> {
    CALLER.try_with(Arc::clone).unwrap_or_default()
}

/// A caller, for work that outlives the task that started it.
#[derive(Clone)]
pub struct Caller(Arc<str>);

impl Caller {
    /// The caller that the current task serves.
    #[must_use]
    pub fn current() -> Self {
        Self(caller())
    }

    /// Runs `work` on the caller's behalf.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        CALLER.scope(Arc::clone(&self.0), work).await
    }
}

/// A fair semaphore. Clones share its permits.
#[derive(Clone)]
pub struct Turns {
    places: Arc<Mutex<Places>>,
    each_max: usize,
}

/// A permit, returned when dropped.
pub struct Turn {
    turns: Turns,
    caller: Arc<str>,
}

#[derive(Default)]
struct Places {
    free: usize,
    is_closed: bool,
    /// Permits held by each caller that has any.
    taken: HashMap<Arc<str>, usize>,
    /// One queue of waiters per caller. The first caller is served next.
    waiting: VecDeque<Queue>,
}

struct Queue {
    caller: Arc<str>,
    waiters: VecDeque<oneshot::Sender<Turn>>,
}

/// Position of a new waiter in its caller's queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    First,
    Last,
}

/// The semaphore is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Turns {
    /// As many permits as the machine has cores. One caller may have all of them.
    #[must_use]
    pub fn one_a_core() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(cores, cores)
    }

    /// `places` permits, of which one caller holds at most `each_max` at a time.
    #[must_use]
    pub fn new(places: usize, each_max: usize) -> Self {
        Self {
            places: Arc::new(Mutex::new(Places {
                free: places.max(1),
                ..Places::default()
            })),
            each_max: each_max.max(1),
        }
    }

    /// Waits for a permit, behind the same caller's other waiters.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn take(&self) -> Result<Turn, Closed> {
        self.wait(caller(), Stand::Last).await
    }

    /// Waits for a permit, ahead of the same caller's other waiters. Use it to finish work that holds memory before new work
    /// begins.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn take_first(&self) -> Result<Turn, Closed> {
        self.wait(caller(), Stand::First).await
    }

    /// Closes the semaphore. All waiters get [`Closed`].
    pub fn close(&self) {
        let mut places = self.lock();
        places.is_closed = true;
        places.waiting.clear();
    }

    async fn wait(&self, caller: Arc<str>, stand: Stand) -> Result<Turn, Closed> {
        let waiter = {
            let mut places = self.lock();
            if places.is_closed {
                return Err(Closed);
            }
            // While a permit is free, only callers that already hold `each_max` have waiters. So this overtakes nobody.
            if places.may_take(&caller, self.each_max) {
                places.give_to(&caller);
                return Ok(self.turn(caller));
            }
            places.queue(&caller, stand)
        };
        waiter.await.map_err(|_| Closed)
    }

    fn turn(&self, caller: Arc<str>) -> Turn {
        Turn {
            turns: self.clone(),
            caller,
        }
    }

    /// Gives a free permit to the next waiter.
    fn hand_on(&self) {
        loop {
            let next = self.lock().next(self.each_max);
            let Some((caller, waiter)) = next else { return };
            // If the waiter is gone, `send` returns the turn and drops it. That frees the permit again; the loop then finds the
            // next waiter.
            if waiter.send(self.turn(caller)).is_ok() {
                return;
            }
        }
    }

    /// Ignores poisoning: the counts are never left half changed.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn may_take(&self, caller: &Arc<str>, each_max: usize) -> bool {
        self.free > 0 && self.taken.get(caller).copied().unwrap_or_default() < each_max
    }

    fn give_to(&mut self, caller: &Arc<str>) {
        self.free -= 1;
        *self.taken.entry(Arc::clone(caller)).or_default() += 1;
    }

    fn take_back(&mut self, caller: &Arc<str>) {
        self.free += 1;
        if let Some(taken) = self.taken.get_mut(caller) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(caller);
            }
        }
    }

    fn queue(&mut self, caller: &Arc<str>, stand: Stand) -> oneshot::Receiver<Turn> {
        let (waiter, receiver) = oneshot::channel();
        let is_own = |queue: &Queue| queue.caller == *caller;
        let at = self.waiting.iter().position(is_own);
        let at = at.unwrap_or_else(|| {
            self.waiting.push_back(Queue {
                caller: Arc::clone(caller),
                waiters: VecDeque::new(),
            });
            self.waiting.len() - 1
        });
        let waiters = &mut self.waiting[at].waiters;
        match stand {
            Stand::First => waiters.push_front(waiter),
            Stand::Last => waiters.push_back(waiter),
        }
        receiver
    }

    /// Takes a permit for the next waiter that may have one. The other waiters of that caller move behind all other callers.
    fn next(&mut self, each_max: usize) -> Option<(Arc<str>, oneshot::Sender<Turn>)> {
        for queue in &mut self.waiting {
            queue.waiters.retain(|waiter| !waiter.is_closed());
        }
        self.waiting.retain(|queue| !queue.waiters.is_empty());
        let mut callers = self.waiting.iter();
        let at = callers.position(|queue| self.may_take(&queue.caller, each_max))?;
        let mut queue = self.waiting.remove(at)?;
        let waiter = queue.waiters.pop_front()?;
        let caller = Arc::clone(&queue.caller);
        if !queue.waiters.is_empty() {
            self.waiting.push_back(queue);
        }
        self.give_to(&caller);
        Some((caller, waiter))
    }

    /// Moves the caller's queue behind all others, and puts a new waiter at its front. `None` if no other caller waits.
    fn queue_behind_others(&mut self, caller: &Arc<str>) -> Option<oneshot::Receiver<Turn>> {
        if self.waiting.iter().all(|queue| queue.caller == *caller) {
            return None;
        }
        let is_own = |queue: &Queue| queue.caller == *caller;
        if let Some(at) = self.waiting.iter().position(is_own)
            && let Some(own) = self.waiting.remove(at)
        {
            self.waiting.push_back(own);
        }
        Some(self.queue(caller, Stand::First))
    }
}

impl Turn {
    /// Yields the permit if another caller waits, and waits for the next one.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn pass(self) -> Result<Self, Closed> {
        let Some(waiter) = self.turns.lock().queue_behind_others(&self.caller) else {
            return Ok(self);
        };
        drop(self);
        waiter.await.map_err(|_| Closed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().take_back(&self.caller);
        self.turns.hand_on();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use futures_util::future::BoxFuture;

    use super::*;

    type Waiter<'t> = BoxFuture<'t, Result<Turn, Closed>>;

    fn waiter<'t>(turns: &'t Turns, caller: &str, stand: Stand) -> Waiter<'t> {
        let mut waiter: Waiter<'t> = Box::pin(turns.wait(caller.into(), stand));
        assert!(got(&mut waiter).is_none(), "it has to wait");
        waiter
    }

    fn got(waiter: &mut Waiter<'_>) -> Option<Turn> {
        let mut context = Context::from_waker(Waker::noop());
        match waiter.as_mut().poll(&mut context) {
            Poll::Ready(turn) => Some(turn.expect("it is open")),
            Poll::Pending => None,
        }
    }

    fn now(turns: &Turns, caller: &str) -> Turn {
        let mut waiter: Waiter<'_> = Box::pin(turns.wait(caller.into(), Stand::Last));
        got(&mut waiter).expect("there is a place")
    }

    #[test]
    fn callers_take_turns_however_many_wait_for_one_of_them() {
        let turns = Turns::new(1, 1);
        let first = now(&turns, "a");
        let mut a = [(); 3].map(|()| waiter(&turns, "a", Stand::Last));
        let mut b = waiter(&turns, "b", Stand::Last);
        drop(first);
        let second = got(&mut a[0]).expect("a waited first");
        drop(second);
        let third = got(&mut b).expect("then it is b's turn");
        assert!(got(&mut a[1]).is_none());
        drop(third);
        assert!(got(&mut a[1]).is_some());
    }

    #[test]
    fn one_caller_has_no_more_than_its_share() {
        let turns = Turns::new(4, 2);
        let _two = [now(&turns, "a"), now(&turns, "a")];
        let mut third = waiter(&turns, "a", Stand::Last);
        let of_b = now(&turns, "b");
        drop(of_b);
        assert!(got(&mut third).is_none(), "two places are free, for others");
    }

    #[test]
    fn what_is_to_be_finished_comes_before_what_is_to_be_begun() {
        let turns = Turns::new(1, 1);
        let first = now(&turns, "a");
        let mut begun = waiter(&turns, "a", Stand::Last);
        let mut finishing = waiter(&turns, "a", Stand::First);
        drop(first);
        assert!(got(&mut begun).is_none());
        assert!(got(&mut finishing).is_some());
    }

    #[test]
    fn a_place_is_passed_on_only_to_another_caller() {
        let turns = Turns::new(1, 1);
        let first = now(&turns, "a");
        let _own = waiter(&turns, "a", Stand::Last);
        let mut passing: Waiter<'_> = Box::pin(first.pass());
        let first = got(&mut passing).expect("only its own caller waits");
        let mut b = waiter(&turns, "b", Stand::Last);
        let mut passing: Waiter<'_> = Box::pin(first.pass());
        assert!(got(&mut passing).is_none());
        let of_a = got(&mut passing);
        assert!(of_a.is_none());
        let of_b = got(&mut b);
        assert!(of_b.is_some());
        drop(of_b);
        assert!(got(&mut passing).is_some());
    }

    #[test]
    fn who_gave_up_waiting_costs_no_place() {
        let turns = Turns::new(1, 1);
        let first = now(&turns, "a");
        let gone = waiter(&turns, "b", Stand::Last);
        let mut c = waiter(&turns, "c", Stand::Last);
        drop(gone);
        drop(first);
        assert!(got(&mut c).is_some());
        // A turn that was sent but never received is returned too.
        let first = now(&turns, "a");
        let given = waiter(&turns, "b", Stand::Last);
        drop(first);
        drop(given);
        assert!(turns.lock().taken.is_empty());
    }
}
