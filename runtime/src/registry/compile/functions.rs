//! Machine code of single functions, kept from one compilation to the next of the same project: a component of which
//! only data or a few functions have changed is compiled in a fraction of the time.
//!
//! Who may use which code is the parent's matter (`artifact/shelves.rs`). Here are the form of a set of functions, and
//! what the child does with one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasmtime::CacheStore;

use crate::instance::Lane;

/// Largest set of functions, bytes: QuickJS takes about a tenth of it.
pub(crate) const MAX_FUNCTIONS_BYTES: usize = 64 << 20;
/// A SHA-256: of what the function is compiled from, of the target and of all flags.
const KEY_BYTES: usize = 32;
/// The key, then the length of the code, little-endian u32.
const HEAD_BYTES: usize = KEY_BYTES + 4;

/// Functions that a project has had compiled before, in one set for each lane: their configurations differ, and code
/// of one would never be found by the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// For [`Lane::Plain`].
    pub plain: Vec<u8>,
    /// For [`Lane::Concurrent`].
    pub concurrent: Vec<u8>,
}

impl Known {
    /// Keeps one set only.
    pub(super) fn of(self, lane: Lane) -> Vec<u8> {
        match lane {
            Lane::Plain => self.plain,
            Lane::Concurrent => self.concurrent,
        }
    }
}

/// One function of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: [u8; KEY_BYTES],
    /// Where its code stands in the set.
    code: Range<usize>,
}

/// What the compiler asks for known code, and gives new code to.
pub(super) struct Shelf {
    known: Vec<u8>,
    index: HashMap<[u8; KEY_BYTES], Range<usize>>,
    added: Mutex<Added>,
    reused: AtomicU32,
    compiled: AtomicU32,
}

#[derive(Default)]
struct Added {
    set: Vec<u8>,
    keys: HashSet<[u8; KEY_BYTES]>,
}

impl Shelf {
    /// Over a set of functions. One that does not read as such is as good as none.
    pub(super) fn new(known: Vec<u8>) -> Self {
        let entries = entries(&known).unwrap_or_default();
        let index = entries.into_iter().map(|entry| (entry.key, entry.code)).collect();
        Self { known, index, added: Mutex::default(), reused: AtomicU32::new(0), compiled: AtomicU32::new(0) }
    }

    /// Functions whose code was known.
    pub(super) fn reused(&self) -> u32 {
        self.reused.load(Relaxed)
    }

    /// Functions that had to be compiled.
    pub(super) fn compiled(&self) -> u32 {
        self.compiled.load(Relaxed)
    }

    /// The set of functions that were compiled, as many as fit in [`MAX_FUNCTIONS_BYTES`]. Takes it.
    pub(super) fn take_added(&self) -> Vec<u8> {
        self.added.lock().map(|mut added| std::mem::take(&mut added.set)).unwrap_or_default()
    }
}

impl CacheStore for Shelf {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let code = self.known.get(self.index.get(key)?.clone())?;
        self.reused.fetch_add(1, Relaxed);
        Some(Cow::Borrowed(code))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        self.compiled.fetch_add(1, Relaxed);
        let (Ok(key), Ok(length)) = (<[u8; KEY_BYTES]>::try_from(key), u32::try_from(code.len())) else {
            return false;
        };
        let Ok(mut added) = self.added.lock() else { return false };
        let fits = added.set.len() + HEAD_BYTES + code.len() <= MAX_FUNCTIONS_BYTES;
        let new = fits && added.keys.insert(key);
        if new {
            added.set.extend_from_slice(&key);
            added.set.extend_from_slice(&length.to_le_bytes());
            added.set.extend_from_slice(&code);
        }
        new
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("known", &self.index.len()).finish_non_exhaustive()
    }
}

/// The functions of `new`, then those of `old` that it has not, until there is no more room: what was not compiled for
/// longest is last and falls out first. `None` when either is no set of functions.
pub(crate) fn merge(new: &[u8], old: &[u8]) -> Option<Vec<u8>> {
    let sets = [(new, entries(new)?), (old, entries(old)?)];
    let mut merged = Vec::with_capacity((new.len() + old.len()).min(MAX_FUNCTIONS_BYTES));
    let mut keys = HashSet::new();
    for (set, entries) in sets {
        for Entry { key, code } in entries {
            let whole = set.get(code.start.checked_sub(HEAD_BYTES)?..code.end)?;
            if merged.len() + whole.len() <= MAX_FUNCTIONS_BYTES && keys.insert(key) {
                merged.extend_from_slice(whole);
            }
        }
    }
    Some(merged)
}

/// Reads a set of functions: `None` when it is none.
fn entries(set: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut at = 0;
    while at < set.len() {
        let (key, rest) = set.get(at..)?.split_first_chunk::<KEY_BYTES>()?;
        let length = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?;
        let start = at + HEAD_BYTES;
        at = start.checked_add(length).filter(|end| *end <= set.len())?;
        entries.push(Entry { key: *key, code: start..at });
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(functions: &[(u8, &[u8])]) -> Vec<u8> {
        let shelf = Shelf::new(Vec::new());
        functions.iter().for_each(|(key, code)| assert!(shelf.insert(&[*key; 32], code.to_vec())));
        assert_eq!(shelf.compiled(), u32::try_from(functions.len()).unwrap());
        shelf.take_added()
    }

    #[test]
    fn what_was_added_is_found() {
        let set = shelf(&[(1, b"one"), (2, b""), (3, b"three")]);
        let shelf = Shelf::new(set.clone());
        for (key, code) in [(1, Some(&b"one"[..])), (2, Some(b"")), (3, Some(b"three")), (4, None)] {
            assert_eq!(shelf.get(&[key; 32]).as_deref(), code);
        }
        assert_eq!(shelf.reused(), 3);
        assert!(!shelf.insert(b"short", Vec::new()), "no key of ours");
        assert!(shelf.insert(&[9; 32], vec![9]) && !shelf.insert(&[9; 32], vec![9]), "once is enough");
        for cut in 1..set.len() {
            let known = Shelf::new(set[..cut].to_vec());
            let whole = [HEAD_BYTES + 3, 2 * HEAD_BYTES + 3].contains(&cut);
            assert_eq!(known.get(&[1; 32]).is_some(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn the_oldest_falls_out() {
        let (old, new) = (shelf(&[(1, b"old"), (2, b"both")]), shelf(&[(2, b"both"), (3, b"new")]));
        assert_eq!(merge(&new, &old).unwrap(), shelf(&[(2, b"both"), (3, b"new"), (1, b"old")]));
        assert_eq!(merge(&[], &old).unwrap(), old);
        assert!(merge(&old[1..], &new).is_none() && merge(&new, &old[1..]).is_none());
        let large = vec![7; MAX_FUNCTIONS_BYTES - HEAD_BYTES];
        let large = shelf(&[(7, &large)]);
        assert_eq!(merge(&large, &old).unwrap(), large, "no room is left");
        let fuller = Shelf::new(Vec::new());
        assert!(!fuller.insert(&[7; 32], vec![7; MAX_FUNCTIONS_BYTES]), "too large by itself");
    }
}
