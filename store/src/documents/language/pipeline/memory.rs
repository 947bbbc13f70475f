//! How much the stages of a pipeline may use.

use std::cell::Cell;
use std::rc::Rc;

use super::super::Fault;

/// A count that all stages share.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    room: Rc<Cell<usize>>,
    max_bytes: usize,
    /// What is done with it, for the fault.
    purpose: &'static str,
}

impl Memory {
    pub(super) fn new(max_bytes: usize, purpose: &'static str) -> Self {
        Self { room: Rc::new(Cell::new(max_bytes)), max_bytes, purpose }
    }

    /// Uses so many bytes more.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Fault> {
        match self.room.get().checked_sub(bytes) {
            Some(left) => {
                self.room.set(left);
                Ok(())
            }
            None => Err(Fault::new(format!(
                "pipeline: it would {} more than {} bytes; match more closely first",
                self.purpose, self.max_bytes
            ))),
        }
    }

    /// Uses so many bytes less.
    pub(super) fn give_back(&self, bytes: usize) {
        self.room.set(self.room.get().saturating_add(bytes).min(self.max_bytes));
    }
}
