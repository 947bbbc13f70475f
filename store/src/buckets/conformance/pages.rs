//! Lists: in order of bytes, by prefix, page by page.

use super::Opener;
use super::bench::{Bench, owned};
use crate::buckets::Result;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    prefixes(&opener.bench().await?).await?;
    pages(&opener.bench().await?).await?;
    what_is_listed(&opener.bench().await?).await
}

async fn prefixes(bench: &Bench<'_>) -> Result<()> {
    for key in ["b", "a", "ab", "a/1", "a/2", "A", "á", "a\u{10ffff}", "a%", "a_"] {
        bench.put(key, "").await?;
    }
    for (prefix, after, expected) in [
        ("", None, &["A", "a", "a%", "a/1", "a/2", "a_", "ab", "a\u{10ffff}", "b", "á"] as &[&str]),
        ("a", None, &["a", "a%", "a/1", "a/2", "a_", "ab", "a\u{10ffff}"]),
        ("a/", None, &["a/1", "a/2"]),
        ("a%", None, &["a%"]),
        ("a_", None, &["a_"]),
        ("a\u{10ffff}", None, &["a\u{10ffff}"]),
        ("c", None, &[]),
        ("a/", Some("a/1"), &["a/2"]),
        ("a/", Some("a/11"), &["a/2"]),
        ("a/", Some("A"), &["a/1", "a/2"]),
        ("a/", Some("b"), &[]),
        ("", Some("b"), &["á"]),
    ] {
        let page = bench.store.1.list(bench.project, "a", prefix, after, 100).await?;
        let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(keys, expected, "{prefix:?} behind {after:?}");
        assert!(!page.has_more);
    }
    Ok(())
}

async fn pages(bench: &Bench<'_>) -> Result<()> {
    let all: Vec<String> = (0..25).map(|number| format!("p/{number:02}")).collect();
    for key in all.iter().chain(&owned(&["o", "q"])) {
        bench.put(key, "").await?;
    }
    for limit in [1, 4, 5, 24, 25, 26] {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = bench.store.1.list(bench.project, "a", "p/", after.as_deref(), limit).await?;
            assert!(page.objects.len() <= limit);
            seen.extend(page.objects.into_iter().map(|object| object.key));
            after = seen.last().cloned();
            if !page.has_more {
                break;
            }
        }
        assert_eq!(seen, all, "{limit} at a time");
    }
    // A page goes on from where it ended, whatever became of that object.
    bench.delete("p/03").await?;
    let page = bench.store.1.list(bench.project, "a", "p/", Some("p/03"), 1).await?;
    assert_eq!((page.objects[0].key.as_str(), page.has_more), ("p/04", true));
    Ok(())
}

async fn what_is_listed(bench: &Bench<'_>) -> Result<()> {
    let put = bench.put("k", "text").await?;
    let page = bench.store.1.list(bench.project, "a", "", None, 10).await?;
    let [listed] = &page.objects[..] else { panic!("{page:?}") };
    assert_eq!((listed.key.as_str(), listed.size), ("k", 4));
    assert_eq!((&listed.etag, listed.written_ms), (&put.etag, put.written_ms));
    assert_eq!(bench.keys_of("b").await?, [""; 0]);
    Ok(())
}
