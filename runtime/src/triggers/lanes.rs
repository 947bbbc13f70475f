//! Whose jobs are claimed next: fair between projects, then between the lanes of a project, within every bound.
//! Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use store::catalog::ProjectId;
use store::jobs::{Lane, Suspects};

use super::pace::{Pace, Verdict};
use super::queue::Key;

/// How often a lane that is never empty is asked for jobs that have crashed.
const SUSPECTS_EVERY: Duration = Duration::from_secs(5);
/// Pause after a claim that gave nothing although jobs are due: others of their order key are before them.
const EMPTY_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_EMPTY_PAUSE: Duration = Duration::from_millis(250);
/// Lanes that are remembered beside those that have work.
const REMEMBERED: usize = 1_024;

/// Room for jobs. A project gets at most half of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// Deliveries at once: those that run, and those that a claim is made for. What is claimed and waits takes
    /// none, so that jobs that turn out to need many deliveries keep nobody else from running.
    pub deliveries: u32,
    /// Jobs at once, those that wait for their delivery included: payloads are in memory.
    pub jobs: u32,
}

impl Room {
    fn half(self) -> Self {
        Self { deliveries: self.deliveries.div_ceil(2), jobs: self.jobs.div_ceil(2) }
    }

    /// Jobs of one more delivery that fit, at most `batch`.
    fn fits(self, used: Self, batch: u32) -> u32 {
        if used.deliveries >= self.deliveries { 0 } else { self.jobs.saturating_sub(used.jobs).min(batch) }
    }

    fn add(&mut self, other: Self) {
        self.deliveries = self.deliveries.saturating_add(other.deliveries);
        self.jobs = self.jobs.saturating_add(other.jobs);
    }

    fn sub(&mut self, other: Self) {
        self.deliveries = self.deliveries.saturating_sub(other.deliveries);
        self.jobs = self.jobs.saturating_sub(other.jobs);
    }
}

/// A lane that has a consumer, and jobs that are due or claimed.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub key: Key,
    pub concurrency: u32,
    pub batch: u32,
    /// There are jobs to claim.
    pub due: bool,
}

/// What may be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub key: Key,
    pub room: Room,
    pub suspects: Suspects,
}

/// The lanes that have work, and the room that they use.
pub(super) struct Lanes {
    bounds: Room,
    used: Room,
    projects: HashMap<ProjectId, Project>,
    seats: HashMap<Key, Seat>,
    /// The lane whose suspect runs: one in the whole process. What has run for a while is none any more.
    suspect: Option<Key>,
    turn: u64,
}

#[derive(Default)]
struct Project {
    used: Room,
    served: u64,
}

struct Seat {
    concurrency: u32,
    /// Granted, and the claim has not answered yet.
    claiming: Option<Room>,
    /// Deliveries that are claimed and have not ended.
    held: u32,
    /// Those of them that have begun.
    running: u32,
    pace: Pace,
    rests_until: Option<Instant>,
    /// Claims in a row that gave nothing.
    empty: u32,
    empty_until: Option<Instant>,
    suspects_at: Instant,
    served: u64,
}

/// A lane in the round of [`Lanes::grant`].
struct Asking {
    wish: Wish,
    /// Deliveries that may begin: their jobs are claimed.
    ready: u32,
    /// Deliveries that may be claimed.
    places: u32,
    grant: Grant,
}

/// What [`Lanes::grant`] says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub grants: Vec<Grant>,
    /// One delivery of each of these lanes has begun, as [`Lanes::start`] says it.
    pub starts: Vec<(Key, Duration)>,
    /// When a lane that rests may ask again.
    pub again: Option<Instant>,
}

impl Lanes {
    pub(super) fn new(bounds: Room) -> Self {
        Self {
            bounds,
            used: Room::default(),
            projects: HashMap::new(),
            seats: HashMap::new(),
            suspect: None,
            turn: 0,
        }
    }

    /// Deals out what room there is, one delivery at a time: projects take turns, and the lanes of each. Who was
    /// served longest ago comes first.
    pub(super) fn grant(&mut self, wishes: Vec<Wish>, at: Instant) -> Plan {
        self.forget(at);
        let mut plan = Plan::default();
        let mut projects: BTreeMap<(u64, ProjectId), BTreeMap<(u64, Lane), Asking>> = BTreeMap::new();
        for wish in wishes {
            let seat = self.seats.entry(wish.key.clone()).or_insert_with(|| Seat::new(at));
            seat.concurrency = wish.concurrency;
            if let Some(until) = seat.rests_until.filter(|until| *until > at) {
                plan.again = plan.again.into_iter().chain([until]).min();
                continue;
            }
            let mut places = if wish.due { seat.places() } else { 0 };
            if let Some(until) = seat.empty_until.filter(|until| places > 0 && *until > at) {
                plan.again = plan.again.into_iter().chain([until]).min();
                places = 0;
            }
            let ready = seat.ready();
            if ready + places == 0 {
                continue;
            }
            let (project, lane) = wish.key.clone();
            let turn = (self.projects.entry(project).or_default().served, project);
            let suspects = seat.suspects(at, self.suspect.is_none());
            let grant = Grant { key: wish.key.clone(), room: Room::default(), suspects };
            let asking = Asking { wish, ready, places, grant };
            projects.entry(turn).or_default().insert((seat.served, lane), asking);
        }
        let round = projects.into_values().map(|lanes| lanes.into_values().collect()).collect();
        self.deal(round, &mut plan);
        plan
    }

    fn deal(&mut self, mut round: VecDeque<VecDeque<Asking>>, plan: &mut Plan) {
        while let Some(mut lanes) = round.pop_front() {
            let Some(mut asking) = lanes.pop_front() else { continue };
            let taken = self.begin(&mut asking, plan) || self.take_place(&mut asking);
            if taken && asking.ready + asking.places > 0 {
                lanes.push_back(asking);
            } else if asking.grant.room.jobs > 0 {
                if let Some(seat) = self.seats.get_mut(&asking.grant.key) {
                    seat.claiming = Some(asking.grant.room);
                }
                plan.grants.push(asking.grant);
            }
            round.push_back(lanes);
        }
    }

    /// Begins one more delivery whose jobs are claimed, if there is room for it.
    fn begin(&mut self, asking: &mut Asking, plan: &mut Plan) -> bool {
        if asking.ready == 0 {
            return false;
        }
        let key = &asking.wish.key;
        let Some(pause) = self.start(key) else { return false };
        plan.starts.push((key.clone(), pause));
        asking.ready -= 1;
        self.serve(key);
        true
    }

    /// One delivery more for a lane, if there is room for it.
    fn take_place(&mut self, asking: &mut Asking) -> bool {
        let project = self.projects.entry(asking.wish.key.0).or_default();
        let grant = &mut asking.grant;
        if self.suspect.is_some() {
            // Another lane was first.
            grant.suspects = Suspects::Leave;
        }
        let alone = grant.suspects == Suspects::One;
        let batch = if alone { 1 } else { asking.wish.batch };
        let jobs = self.bounds.fits(self.used, batch).min(self.bounds.half().fits(project.used, batch));
        if jobs == 0 || asking.places == 0 {
            return false;
        }
        let place = Room { deliveries: 1, jobs };
        self.used.add(place);
        project.used.add(place);
        grant.room.add(place);
        asking.places -= 1;
        if alone {
            asking.places = 0;
            self.suspect = Some(asking.wish.key.clone());
        }
        self.serve(&asking.wish.key);
        true
    }

    fn serve(&mut self, key: &Key) {
        self.turn += 1;
        self.projects.entry(key.0).or_default().served = self.turn;
        if let Some(seat) = self.seats.get_mut(key) {
            seat.served = self.turn;
        }
    }

    /// A claim has given that much.
    pub(super) fn claimed(&mut self, grant: &Grant, got: Room, at: Instant) {
        let suspect_free = self.end_claim(grant, got.jobs > 0);
        let waiting = Room { deliveries: 0, jobs: got.jobs };
        self.used.add(waiting);
        self.projects.entry(grant.key.0).or_default().used.add(waiting);
        let Some(seat) = self.seats.get_mut(&grant.key) else { return };
        seat.held += got.deliveries;
        if grant.suspects == Suspects::One {
            // Where there was one there may be more: they come as soon as its place is free.
            seat.suspects_at = if got.jobs > 0 { at } else { at + SUSPECTS_EVERY };
        }
        if got.jobs > 0 {
            (seat.empty, seat.empty_until) = (0, None);
            return;
        }
        // A look at a lane that has others to run says nothing.
        if grant.suspects == Suspects::One && seat.empty == 0 {
            return;
        }
        // The next claim is for suspects, if nobody else's is running.
        let next_differs = grant.suspects == Suspects::Leave && suspect_free;
        seat.empty = seat.empty.saturating_add(1);
        if next_differs {
            seat.suspects_at = at;
        } else {
            let pause = EMPTY_PAUSE.saturating_mul(1 << seat.empty.min(16)).min(LONGEST_EMPTY_PAUSE);
            seat.empty_until = Some(at + pause);
        }
    }

    /// A claim has failed: the store's fault.
    pub(super) fn claim_failed(&mut self, grant: &Grant, at: Instant) {
        self.end_claim(grant, false);
        self.refused(&grant.key, at);
    }

    /// Gives back what was granted. True if no suspect runs.
    fn end_claim(&mut self, grant: &Grant, got_any: bool) -> bool {
        if let Some(room) = self.seats.get_mut(&grant.key).and_then(|seat| seat.claiming.take()) {
            self.give_back(grant.key.0, room);
        }
        if grant.suspects == Suspects::One && !got_any {
            self.suspect = None;
        }
        self.suspect.is_none()
    }

    /// Begins a delivery that was claimed, if there is room and the lane's pace allows it. Says how long its jobs
    /// would pause if it were refused.
    pub(super) fn start(&mut self, key: &Key) -> Option<Duration> {
        let seat = self.seats.get_mut(key)?;
        let project = self.projects.entry(key.0).or_default();
        let most = self.bounds.half().deliveries;
        if seat.ready() == 0
            || self.used.deliveries >= self.bounds.deliveries
            || project.used.deliveries >= most
        {
            return None;
        }
        let place = Room { deliveries: 1, jobs: 0 };
        self.used.add(place);
        project.used.add(place);
        seat.running += 1;
        Some(seat.pace.pause())
    }

    /// A delivery of that many jobs that was claimed is not going to begin.
    pub(super) fn withdrawn(&mut self, key: &Key, jobs: u32) {
        self.give_back(key.0, Room { deliveries: 0, jobs });
        if let Some(seat) = self.seats.get_mut(key) {
            seat.held = seat.held.saturating_sub(1);
        }
    }

    /// A delivery of that many jobs that had begun has ended: its place is free.
    pub(super) fn ended(&mut self, key: &Key, jobs: u32, verdict: Verdict, at: Instant) {
        self.give_back(key.0, Room { deliveries: 1, jobs });
        let Some(seat) = self.seats.get_mut(key) else { return };
        seat.running = seat.running.saturating_sub(1);
        seat.held = seat.held.saturating_sub(1);
        match verdict {
            Verdict::Refused => self.refused(key, at),
            verdict => seat.pace.ended(verdict, seat.concurrency),
        }
    }

    /// The jobs of a delivery are settled, or given up: others may be due now. Or its suspect has proved to be none.
    pub(super) fn settled(&mut self, key: &Key, suspects: Suspects) {
        if suspects == Suspects::One {
            self.suspect = None;
        }
        if let Some(seat) = self.seats.get_mut(key) {
            (seat.empty, seat.empty_until) = (0, None);
        }
    }

    /// The lane rests. Deliveries that are refused together count once.
    fn refused(&mut self, key: &Key, at: Instant) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        if seat.rests_until.is_none_or(|until| until <= at) {
            seat.rests_until = Some(at + seat.pace.pause());
            seat.pace.ended(Verdict::Refused, seat.concurrency);
        }
    }

    fn give_back(&mut self, project: ProjectId, room: Room) {
        self.used.sub(room);
        if let Some(project) = self.projects.get_mut(&project) {
            project.used.sub(room);
        }
    }

    fn forget(&mut self, at: Instant) {
        if self.seats.len() > REMEMBERED {
            self.seats.retain(|_, seat| !seat.is_idle(at));
        }
        if self.projects.len() > REMEMBERED {
            self.projects.retain(|_, project| project.used != Room::default());
        }
    }
}

impl Seat {
    fn new(at: Instant) -> Self {
        Self {
            concurrency: 0,
            claiming: None,
            held: 0,
            running: 0,
            pace: Pace::default(),
            rests_until: None,
            empty: 0,
            empty_until: None,
            suspects_at: at + SUSPECTS_EVERY,
            served: 0,
        }
    }

    fn resting(&self, at: Instant) -> Option<Instant> {
        self.rests_until.max(self.empty_until).filter(|until| *until > at)
    }

    /// Deliveries that may be claimed. One claim at a time, so that it takes what has gathered meanwhile.
    fn places(&self) -> u32 {
        match self.claiming {
            Some(_) => 0,
            None => self.pace.allows(self.concurrency).saturating_sub(self.held),
        }
    }

    /// Deliveries that are claimed, wait, and may begin by the lane's pace.
    fn ready(&self) -> u32 {
        self.held.min(self.pace.allows(self.concurrency)).saturating_sub(self.running)
    }

    fn suspects(&self, at: Instant, free: bool) -> Suspects {
        if free && self.suspects_at <= at { Suspects::One } else { Suspects::Leave }
    }

    fn is_idle(&self, at: Instant) -> bool {
        self.claiming.is_none() && self.held == 0 && self.pace.is_even() && self.resting(at).is_none()
    }
}

#[cfg(test)]
mod tests;
