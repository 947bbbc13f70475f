//! Signing keys: the newest signs, the one before it stays as long as its tokens may live.

use super::Opener;
use super::bench::{Bench, project};
use crate::accounts::{NewKey, RETIRED_KEY_MS, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench()?;
    assert_eq!(bench.accounts.keys(bench.project, None).await?, []);
    assert_eq!(add(&bench, "a", None).await?, ["a"]);
    assert_eq!(add(&bench, "late", None).await?, ["a"], "two who make the first one at once");
    assert_eq!(bench.accounts.keys(project(2), None).await?, []);
    bench.clock.turn(5);
    assert_eq!(add(&bench, "b", Some("a")).await?, ["b", "a"]);
    let bench = bench.reopen()?;
    let keys = bench.accounts.keys(bench.project, None).await?;
    assert_eq!((&*keys[0].public, &*keys[0].sealed), (b"b".as_slice(), b"sealed".as_slice()));
    assert_eq!(keys[0].created_ms - keys[1].created_ms, 5);
    bench.clock.turn(RETIRED_KEY_MS);
    assert_eq!(add(&bench, "c", Some("b")).await?, ["c", "b", "a"], "its tokens may live");
    bench.clock.turn(1);
    assert_eq!(add(&bench, "d", Some("c")).await?, ["d", "c", "b"]);
    assert_eq!(add(&bench, "e", Some("a")).await?, ["d", "c", "b"]);
    Ok(())
}

/// The names of all keys after one was added.
async fn add(bench: &Bench<'_>, kid: &str, after: Option<&str>) -> Result<Vec<String>> {
    let new = NewKey {
        kid: kid.to_owned(),
        public: kid.as_bytes().to_vec(),
        sealed: b"sealed".to_vec(),
        after: after.map(str::to_owned),
    };
    let keys = bench.accounts.keys(bench.project, Some(new)).await?;
    Ok(keys.into_iter().map(|key| key.kid).collect())
}
