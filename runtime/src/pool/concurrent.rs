//! Instances that serve several calls at once: who has room in which.
//!
//! An instance lives as long as anybody can send it calls: the pool's own entry, or a call that is inside. The pool gives its
//! entry up when the instance has served enough, when a call in it went wrong, and when it has been idle too long.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{Kept, Pool, policy};
use crate::instance::SharedCall;
use crate::registry::live::Live;

/// A shared instance that takes calls.
pub(super) struct Shared {
    id: u64,
    calls: mpsc::UnboundedSender<SharedCall>,
    inside: u32,
    served: u32,
    since: Instant,
}

impl Shared {
    /// Whether nobody is inside for long.
    pub(super) fn expired(&self, now: Instant, short: bool) -> bool {
        self.is_idle() && (short || policy::expired(now.saturating_duration_since(self.since)))
    }

    /// Whether nobody is inside.
    pub(super) fn is_idle(&self) -> bool {
        self.inside == 0
    }

    /// How long it has had nothing to do.
    pub(super) fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// A place in a shared instance. Dropped without [`Seat::leave`], it closes the instance to others.
pub struct Seat {
    pool: Arc<Pool>,
    generation: u64,
    id: u64,
    calls: mpsc::UnboundedSender<SharedCall>,
    left: bool,
}

impl Pool {
    /// A place in an instance of the function that has room: in the fullest, so that others can empty.
    pub fn seat(self: &Arc<Self>, live: &Live) -> Option<Seat> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let own = kept.shared.get_mut(&live.generation)?;
        let room = own.iter_mut().filter(|shared| policy::has_room(shared.inside, live.spec.concurrent));
        let shared = room.max_by_key(|shared| shared.inside)?;
        shared.inside += 1;
        shared.served += 1;
        let (id, calls) = (shared.id, shared.calls.clone());
        if shared.served >= live.spec.reuse {
            // The last one: whoever is inside ends there.
            own.retain(|shared| shared.id != id);
        }
        Some(self.seat_in(live.generation, id, calls))
    }

    /// Opens an instance, which takes what comes by `calls`, to others. The first seat is the caller's; `served` are the
    /// invocations that the instance has begun, this one included.
    pub fn open(
        self: &Arc<Self>,
        live: &Live,
        calls: mpsc::UnboundedSender<SharedCall>,
        served: u32,
    ) -> Seat {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.opened += 1;
        let id = kept.opened;
        if served < live.spec.reuse {
            let since = self.clock.instant();
            let shared = Shared { id, calls: calls.clone(), inside: 1, served, since };
            kept.shared.entry(live.generation).or_default().push(shared);
        }
        self.seat_in(live.generation, id, calls)
    }

    fn seat_in(self: &Arc<Self>, generation: u64, id: u64, calls: mpsc::UnboundedSender<SharedCall>) -> Seat {
        Seat { pool: self.clone(), generation, id, calls, left: false }
    }

    fn stand_up(&self, seat: &Seat) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = kept.shared.get_mut(&seat.generation) else { return };
        let Some(shared) = own.iter_mut().find(|shared| shared.id == seat.id) else { return };
        shared.inside = shared.inside.saturating_sub(1);
        shared.since = self.clock.instant();
        let idle = |shared: &&Shared| shared.is_idle();
        let own_idle = own.iter().filter(idle).count();
        let all_idle = kept.count + kept.shared.values().flatten().filter(idle).count();
        if !seat.left || !policy::may_idle(own_idle, all_idle, self.most_kept) {
            kept.close(seat.generation, seat.id);
        }
    }
}

impl Kept {
    /// Lets nobody else into that instance: it ends when those inside have ended.
    fn close(&mut self, generation: u64, id: u64) {
        let Some(own) = self.shared.get_mut(&generation) else { return };
        own.retain(|shared| shared.id != id);
        if own.is_empty() {
            self.shared.remove(&generation);
        }
    }
}

/// Closes a shared instance to others.
pub struct Closer {
    pool: Arc<Pool>,
    generation: u64,
    id: u64,
}

impl Closer {
    /// Nobody else is let in.
    pub fn close(&self) {
        let mut kept = self.pool.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.close(self.generation, self.id);
    }
}

impl Seat {
    /// For whoever runs the instance.
    pub fn closer(&self) -> Closer {
        Closer { pool: self.pool.clone(), generation: self.generation, id: self.id }
    }

    /// Hands the call in. Gives it back when the instance has ended.
    pub fn call(&self, call: SharedCall) -> Result<(), Box<SharedCall>> {
        self.calls.send(call).map_err(|unsent| Box::new(unsent.0))
    }

    /// The call has ended well: the place is free for another one.
    pub fn leave(mut self) {
        self.left = true;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        pool.stand_up(self);
    }
}
