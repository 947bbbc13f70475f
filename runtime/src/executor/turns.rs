//! Whose turn it is: deficit round robin over projects (Shreedhar and Varghese, 1995). Pure.
//!
//! Every project with ready work gets `quantum` of CPU a round; what a turn took too much is paid back in the
//! rounds that follow, so that a project with a hundred tasks gets no more than one with a single task.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Ready tasks by project, and who is next.
#[derive(Debug)]
pub(super) struct Turns<P, T> {
    quantum_us: i64,
    ring: VecDeque<P>,
    queues: HashMap<P, Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    ready: VecDeque<T>,
    credit_us: i64,
}

impl<P: Copy + Eq + Hash, T> Turns<P, T> {
    pub(super) fn new(quantum_us: i64) -> Self {
        Self { quantum_us, ring: VecDeque::new(), queues: HashMap::new() }
    }

    /// A task of that project can run.
    pub(super) fn ready(&mut self, project: P, task: T) {
        let ring = &mut self.ring;
        let quantum_us = self.quantum_us;
        let queue = self.queues.entry(project).or_insert_with(|| {
            ring.push_back(project);
            Queue { ready: VecDeque::new(), credit_us: quantum_us }
        });
        queue.ready.push_back(task);
    }

    /// The next task to run, of the project whose turn it is.
    pub(super) fn next(&mut self) -> Option<(P, T)> {
        while let Some(project) = self.ring.front().copied() {
            let Some(queue) = self.queues.get_mut(&project) else {
                self.ring.pop_front();
                continue;
            };
            if queue.credit_us <= 0 {
                queue.credit_us += self.quantum_us;
                self.ring.rotate_left(1);
                continue;
            }
            match queue.ready.pop_front() {
                Some(task) => return Some((project, task)),
                None => {
                    // Whoever has nothing to run saves no credit, but what it took too much is not forgiven
                    // within a burst: it re-enters at the end of the ring.
                    self.queues.remove(&project);
                    self.ring.pop_front();
                }
            }
        }
        None
    }

    /// The task just run took that much CPU.
    pub(super) fn charge(&mut self, project: P, taken_us: i64) {
        if let Some(queue) = self.queues.get_mut(&project) {
            queue.credit_us -= taken_us;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_project_with_many_tasks_gets_no_more_than_one_with_few() {
        let mut turns = Turns::new(2_000);
        (0..100).for_each(|task| turns.ready('a', task));
        turns.ready('b', 1_000);
        let mut taken = HashMap::from([('a', 0), ('b', 0)]);
        for _ in 0..1_000 {
            let (project, task) = turns.next().unwrap();
            turns.charge(project, 1_000);
            *taken.get_mut(&project).unwrap() += 1;
            turns.ready(project, task);
        }
        assert!((480..=520).contains(&taken[&'a']), "{taken:?}");
    }

    proptest! {
        #[test]
        fn nothing_ready_is_ever_lost(
            tasks in prop::collection::vec((0u8..5, 0i64..5_000), 0..200)
        ) {
            let mut turns = Turns::new(1_000);
            for (task, (project, _)) in tasks.iter().enumerate() {
                turns.ready(*project, task);
            }
            let mut seen = Vec::new();
            while let Some((project, task)) = turns.next() {
                turns.charge(project, tasks[task].1);
                seen.push(task);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..tasks.len()).collect::<Vec<_>>());
        }
    }
}
