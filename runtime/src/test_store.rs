//! The real store in a folder of its own, for tests.

use std::path::Path;
use std::sync::Arc;

use store::{KeySource, Store};

use crate::clock::Clock;

/// A new store in that folder, which sees that clock.
pub(crate) fn test_store(folder: &Path, clock: &Clock) -> Arc<Store> {
    let (wall, timer, begin) = (clock.clone(), clock.clone(), clock.instant());
    let config = store::Config {
        data: folder.join("data"),
        key: KeySource::Text("a master key for tests, long enough to be taken".to_owned()),
        clock: Arc::new(move || wall.now_ms()),
        timer: Arc::new(move || timer.instant().saturating_duration_since(begin)),
    };
    Arc::new(store::open(config).unwrap())
}
