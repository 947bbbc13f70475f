//! The life of jobs as a state machine, in the simplest words: what a driver is held against. Pure.
//!
//! The model is told what a driver answered. Where the driver is free to choose (ids, tokens, back-off) the
//! model checks the choice and takes it over; everything else it foretells.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Claim, DEAD_KEPT_MS, DEDUPE_WINDOW_MS, End, Enqueued, Extended, JobId, JobState, LEASE_MS, Lane, Lease,
    LeaseRef, LeaseToken, MAX_CRASHES, NewJob, Reaped, Settled, Suspects,
};

/// All jobs of one project.
#[derive(Debug, Default)]
pub(crate) struct Model {
    jobs: BTreeMap<JobId, Modelled>,
    /// Order of enqueueing; a redriven job gets a new one.
    next_place: u64,
    /// Jobs that ended and were forgotten or purged: nothing else may vanish.
    gone: BTreeSet<JobId>,
}

/// A job, as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Modelled {
    pub(crate) lane: Lane,
    pub(crate) state: JobState,
    pub(crate) run_at_ms: i64,
    pub(crate) starts: u32,
    pub(crate) failures: u32,
    pub(crate) crashes: u32,
    pub(crate) split: Option<u32>,
    place: u64,
    attempts: u32,
    /// The most attempts that any claim allowed.
    most_attempts: u32,
    lifetime_ms: i64,
    expires_ms: i64,
    lease: Option<(LeaseToken, i64)>,
    finished_ms: i64,
    dedupe_key: Option<String>,
    order_key: Option<String>,
}

impl Model {
    /// The jobs that are there, by id.
    pub(crate) fn jobs(&self) -> &BTreeMap<JobId, Modelled> {
        &self.jobs
    }

    /// A driver stored these and gave that answer.
    pub(crate) fn enqueued(&mut self, now: i64, new: &[NewJob], answers: &[Enqueued]) {
        assert_eq!(new.len(), answers.len());
        for (new, answer) in new.iter().zip(answers) {
            let holder = new.dedupe_key.as_ref().and_then(|key| self.holder(now, &new.lane, key));
            match (holder, answer) {
                (Some(holder), Enqueued::Duplicate(id)) => assert_eq!(holder, *id),
                (None, Enqueued::New(id)) => self.insert(now, new, *id),
                (holder, answer) => panic!("{answer:?}, but the key is held by {holder:?}"),
            }
        }
    }

    /// A driver gave out these leases.
    pub(crate) fn claimed(&mut self, now: i64, claim: &Claim, leases: &[Lease]) {
        self.expire(now);
        let limit = match claim.suspects {
            Suspects::Leave => claim.limit,
            Suspects::One => claim.limit.min(1),
        };
        let mut claimable: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.lane == claim.lane && job.run_at_ms <= now && self.is_head(job))
            .filter(|(_, job)| (job.crashes > 0) == (claim.suspects == Suspects::One))
            .map(|(id, job)| (job.run_at_ms, job.place, *id))
            .collect();
        claimable.sort_unstable();
        claimable.truncate(usize::try_from(limit).unwrap());
        let expected: Vec<_> = claimable.into_iter().map(|(_, _, id)| id).collect();
        assert_eq!(leases.iter().map(|lease| lease.job.id).collect::<Vec<_>>(), expected);
        for lease in leases {
            let job = self.jobs.get_mut(&lease.job.id).unwrap();
            job.state = JobState::Running;
            job.starts += 1;
            job.attempts = claim.attempts;
            job.most_attempts = job.most_attempts.max(claim.attempts);
            job.lease = Some((lease.token, now + LEASE_MS));
        }
    }

    /// A driver settled a lease so.
    pub(crate) fn settled(&mut self, now: i64, lease: LeaseRef, end: &End, settled: Settled) {
        let Some(job) = self.holding(lease) else {
            assert_eq!(settled, Settled::Stale, "a stale token changes nothing");
            return;
        };
        let (before, attempts) = (job.run_at_ms, job.attempts);
        let again = match end {
            End::Done(_) => None,
            End::Failed { delay_ms, .. } => {
                job.failures += 1;
                let pause = match delay_ms {
                    Some(asked) => (*asked, *asked),
                    None => (0, longest_pause(job.failures)),
                };
                (job.failures < attempts).then_some((now + signed(pause.0), now + signed(pause.1)))
            }
            End::Split { split, .. } => {
                job.split = Some((*split).max(1));
                Some((before, before))
            }
            End::Released { delay_ms, .. } => Some((now + signed(*delay_ms), now + signed(*delay_ms))),
        };
        match (again, end, settled) {
            (Some((first, last)), _, Settled::Pending { run_at_ms }) => {
                assert!((first..=last).contains(&run_at_ms), "{run_at_ms} is not in {first}..={last}");
                job.pend(run_at_ms);
            }
            (None, End::Done(_), Settled::Done) => job.end(now, JobState::Done),
            (None, End::Failed { .. }, Settled::Dead) => job.end(now, JobState::Dead),
            (again, end, settled) => panic!("{settled:?} after {end:?}, may wait {again:?}"),
        }
    }

    /// A driver extended a lease so.
    pub(crate) fn extended(&mut self, now: i64, lease: LeaseRef, extended: Extended) {
        match self.holding(lease) {
            Some(job) => {
                assert_eq!(extended, Extended::Held);
                job.lease = Some((lease.token, now + LEASE_MS));
            }
            None => assert_eq!(extended, Extended::Stale),
        }
    }

    /// A driver was closed and opened again: who held a lease is lost.
    pub(crate) fn reopened(&mut self) {
        for (_, until) in self.jobs.values_mut().filter_map(|job| job.lease.as_mut()) {
            *until = 0;
        }
    }

    /// A driver looked through everything, found so many, and says when those that crashed are due.
    pub(crate) fn reaped(&mut self, now: i64, reaped: Reaped, run_at_of: impl Fn(JobId) -> Option<i64>) {
        let mut expected = Reaped::default();
        for (id, job) in &mut self.jobs {
            let lapsed = job.lease.is_some_and(|(_, until)| until <= now);
            if !lapsed {
                continue;
            }
            job.crashes += 1;
            if job.crashes >= MAX_CRASHES {
                job.end(now, JobState::Dead);
                expected.dead += 1;
                continue;
            }
            expected.crashed += 1;
            let run_at = run_at_of(*id).unwrap();
            assert!((now..=now + signed(longest_pause(job.crashes))).contains(&run_at));
            job.pend(run_at);
        }
        expected.dead += self.expire(now);
        let kept_enough = |job: &Modelled| match job.state {
            JobState::Done => job.finished_ms + DEDUPE_WINDOW_MS <= now,
            JobState::Dead => job.finished_ms + DEAD_KEPT_MS <= now,
            JobState::Pending | JobState::Running => false,
        };
        expected.forgotten = self.remove(kept_enough);
        assert_eq!(reaped, expected);
    }

    /// A driver redrove that many of the lane's dead jobs.
    pub(crate) fn redriven(&mut self, now: i64, lane: &Lane, count: u64) {
        let mut dead: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.lane == *lane && job.state == JobState::Dead)
            .map(|(id, job)| (job.place, *id))
            .collect();
        dead.sort_unstable();
        let mut expected = 0;
        for (_, id) in dead {
            let key = self.jobs.get(&id).unwrap().dedupe_key.clone();
            if key.is_some_and(|key| self.holder(now, lane, &key).is_some()) {
                continue;
            }
            expected += 1;
            self.next_place += 1;
            let job = self.jobs.get_mut(&id).unwrap();
            job.pend(now);
            job.place = self.next_place;
            (job.starts, job.failures, job.crashes, job.split) = (0, 0, 0, None);
            job.most_attempts = 0;
            job.expires_ms = now.saturating_add(job.lifetime_ms);
        }
        assert_eq!(count, expected);
    }

    /// A driver purged that many of the lane's jobs in that state.
    pub(crate) fn purged(&mut self, lane: &Lane, state: JobState, count: u64) {
        assert_eq!(self.remove(|job| job.lane == *lane && job.state == state), count);
    }

    /// When the first job of the lane can be claimed, the clock permitting.
    pub(crate) fn due_at(&self, lane: &Lane) -> Option<i64> {
        let heads = self.jobs.values().filter(|job| job.lane == *lane && self.is_head(job));
        heads.map(|job| job.run_at_ms).min()
    }

    /// The promises, whatever happened.
    pub(crate) fn check(&self) {
        let mut keys = BTreeSet::new();
        for job in self.jobs.values() {
            assert!(job.failures <= job.most_attempts && job.crashes <= MAX_CRASHES, "{job:?}");
            assert_eq!(job.lease.is_some(), job.state == JobState::Running);
            if let (JobState::Running, Some(key)) = (job.state, &job.order_key) {
                assert!(keys.insert((&job.lane, key)), "two in flight of {key:?}");
            }
        }
    }

    fn insert(&mut self, now: i64, new: &NewJob, id: JobId) {
        self.next_place += 1;
        let run_at_ms = now + signed(new.delay_ms);
        let lifetime_ms = new.expires_after_ms.map_or(DEAD_KEPT_MS, signed);
        let job = Modelled {
            lane: new.lane.clone(),
            state: JobState::Pending,
            run_at_ms,
            starts: 0,
            failures: 0,
            crashes: 0,
            split: None,
            place: self.next_place,
            attempts: 0,
            most_attempts: 0,
            lifetime_ms,
            expires_ms: run_at_ms.saturating_add(lifetime_ms),
            lease: None,
            finished_ms: 0,
            dedupe_key: new.dedupe_key.clone(),
            order_key: new.order_key.clone(),
        };
        assert!(!self.gone.contains(&id) && self.jobs.insert(id, job).is_none(), "an id is used once");
    }

    /// Whose the dedupe key is. One that was done a window ago makes way.
    fn holder(&mut self, now: i64, lane: &Lane, key: &str) -> Option<JobId> {
        let is_of = |job: &Modelled| job.lane == *lane && job.dedupe_key.as_deref() == Some(key);
        self.remove(|job| {
            is_of(job) && job.state == JobState::Done && job.finished_ms + DEDUPE_WINDOW_MS <= now
        });
        let holder = self.jobs.iter().find(|(_, job)| is_of(job) && job.state != JobState::Dead);
        holder.map(|(id, _)| *id)
    }

    /// Pending, and nothing before it in its order key.
    fn is_head(&self, job: &Modelled) -> bool {
        let is_before = |other: &&Modelled| {
            other.lane == job.lane
                && other.order_key == job.order_key
                && other.place < job.place
                && matches!(other.state, JobState::Pending | JobState::Running)
        };
        let alone = job.order_key.is_none() || !self.jobs.values().any(|other| is_before(&other));
        job.state == JobState::Pending && alone
    }

    fn holding(&mut self, lease: LeaseRef) -> Option<&mut Modelled> {
        let job = self.jobs.get_mut(&lease.id)?;
        job.lease.is_some_and(|(token, _)| token == lease.token).then_some(job)
    }

    fn expire(&mut self, now: i64) -> u64 {
        let mut expired = 0;
        for job in self.jobs.values_mut() {
            if job.state == JobState::Pending && job.expires_ms <= now {
                job.end(now, JobState::Dead);
                expired += 1;
            }
        }
        expired
    }

    fn remove(&mut self, condition: impl Fn(&Modelled) -> bool) -> u64 {
        let gone: Vec<_> = self.jobs.iter().filter(|(_, job)| condition(job)).map(|(id, _)| *id).collect();
        for id in &gone {
            self.jobs.remove(id);
        }
        self.gone.extend(&gone);
        gone.len() as u64
    }
}

impl Modelled {
    fn pend(&mut self, run_at_ms: i64) {
        (self.state, self.run_at_ms, self.lease) = (JobState::Pending, run_at_ms, None);
    }

    fn end(&mut self, now: i64, state: JobState) {
        (self.state, self.finished_ms, self.lease) = (state, now, None);
    }
}

/// `min(15 min, 2^failures × 5 s)`.
fn longest_pause(failures: u32) -> u64 {
    (5_000 << failures.min(20)).min(15 * 60_000)
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap()
}
