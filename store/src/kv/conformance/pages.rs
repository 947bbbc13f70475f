//! Keys come in order of their bytes, page by page.

use super::Opener;
use super::bench::{Bench, delete, owned, set};
use crate::kv::{MAX_PAGE, Page, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    in_order_of_bytes(&opener.bench().await?).await?;
    page_by_page(&opener.bench().await?).await?;
    what_changes_in_between(&opener.bench().await?).await
}

async fn in_order_of_bytes(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.page(None, 10).await?, Page::default());
    let mut keys = owned(&[
        "",
        "\0",
        " ",
        "/",
        "0",
        "10",
        "2",
        "A",
        "B",
        "Z",
        "_",
        "a",
        "a\0",
        "a/b",
        "aa",
        "ab",
        "b",
        "~",
        "\u{7f}",
        "\u{80}",
        "é",
        "ß",
        "Ω",
        "日本",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "🦀",
        "\u{10ffff}",
    ]);
    bench.write(keys.iter().rev().map(|key| set(key, "v")).collect()).await?;
    keys.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    assert_eq!(bench.keys().await?, keys);
    for (number, key) in keys.iter().enumerate() {
        let page = bench.page(Some(key), 3).await?;
        let last = (number + 4).min(keys.len());
        assert_eq!(page.keys, keys[number + 1..last], "behind {key:?}");
        assert_eq!(page.has_more, last < keys.len(), "behind {key:?}");
    }
    Ok(())
}

async fn page_by_page(bench: &Bench<'_>) -> Result<()> {
    let keys: Vec<String> = (0..2_500).map(|number| format!("{number:04}")).collect();
    for some in keys.chunks(1_000) {
        bench.write(some.iter().map(|key| set(key, "v")).collect()).await?;
    }
    for limit in [1, 7, 999, MAX_PAGE] {
        let (mut all, mut pages) = (Vec::new(), 0);
        loop {
            let page = bench.page(all.last().map(String::as_str), limit).await?;
            assert!(page.keys.len() == limit || !page.has_more, "a page is full unless it is the last");
            all.extend(page.keys);
            pages += 1;
            if !page.has_more || pages == 20 {
                break;
            }
        }
        assert_eq!(all, keys[..all.len()]);
        assert_eq!(all.len(), keys.len().min(limit * 20));
    }
    let last = bench.page(Some("1499"), MAX_PAGE).await?;
    assert_eq!((last.keys.len(), last.has_more), (1_000, false), "exactly as many as there are");
    assert_eq!(bench.page(None, 0).await?, Page { keys: Vec::new(), has_more: true });
    assert_eq!(bench.page(Some("9"), 0).await?, Page::default());
    Ok(())
}

async fn what_changes_in_between(bench: &Bench<'_>) -> Result<()> {
    bench.write(["a", "c", "e", "g"].map(|key| set(key, "v")).into()).await?;
    let first = bench.page(None, 2).await?;
    assert_eq!(first.keys, owned(&["a", "c"]));
    bench.write(vec![delete("c"), delete("e"), set("b", "v"), set("d", "v")]).await?;
    let rest = bench.page(Some("c"), 10).await?;
    assert_eq!(rest, Page { keys: owned(&["d", "g"]), has_more: false }, "behind a key that is gone");
    Ok(())
}
