//! What was written is there, as it was written last.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, delete, owned, set};
use crate::StoreError;
use crate::kv::{MAX_CALL_BYTES, MAX_KEY_BYTES, MAX_KEYS, MAX_VALUE_BYTES, Result, Write};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    what_was_set_is_there(&opener.bench().await?).await?;
    any_bytes_under_any_key(&opener.bench().await?).await?;
    writes_are_done_in_their_order(&opener.bench().await?).await?;
    answers_are_in_the_order_of_the_keys(&opener.bench().await?).await?;
    versions_are_never_used_again(&opener.bench().await?).await?;
    the_largest_calls(&opener.bench().await?).await
}

async fn what_was_set_is_there(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.value("k").await?, None);
    bench.set("k", "one").await?;
    assert_eq!(bench.value("k").await?.as_deref(), Some("one"));
    bench.set("k", "two").await?;
    assert_eq!(bench.value("k").await?.as_deref(), Some("two"));
    assert_eq!(bench.value("K").await?, None, "case counts");
    bench.delete("k").await?;
    assert_eq!(bench.value("k").await?, None);
    bench.delete("k").await?;
    bench.write(Vec::new()).await?;
    assert_eq!(bench.keys().await?, owned(&[]));
    Ok(())
}

async fn any_bytes_under_any_key(bench: &Bench<'_>) -> Result<()> {
    let keys = ["", " ", "%", "'", "\0", "a\0b", "a\0c", "é", "e\u{301}", "日本", "🦀", "\u{10ffff}"];
    for (number, key) in keys.iter().enumerate() {
        let value = Bytes::from(vec![number as u8, 0, 0xff, 0xc3]);
        bench.write(vec![Write::Set((*key).to_owned(), value)]).await?;
    }
    for (number, key) in keys.iter().enumerate() {
        let found = bench.find(key).await?.map(|found| found.value);
        assert_eq!(found.as_deref(), Some(&[number as u8, 0, 0xff, 0xc3][..]), "{key:?}");
    }
    assert_eq!(bench.keys().await?.len(), keys.len());
    // An empty value is not the same as none.
    bench.set("empty", "").await?;
    assert_eq!(bench.value("empty").await?.as_deref(), Some(""));
    Ok(())
}

async fn writes_are_done_in_their_order(bench: &Bench<'_>) -> Result<()> {
    bench.set("old", "1").await?;
    bench
        .write(vec![
            set("k", "1"),
            set("k", "2"),
            delete("old"),
            set("old", "2"),
            set("gone", "1"),
            delete("gone"),
            delete("never"),
        ])
        .await?;
    let found = bench.kv.get(bench.project, "a", &owned(&["k", "old", "gone"])).await?;
    let values: Vec<_> = found.into_iter().map(|found| found.map(|found| found.value)).collect();
    assert_eq!(values, [Some(Bytes::from("2")), Some(Bytes::from("2")), None]);
    Ok(())
}

async fn answers_are_in_the_order_of_the_keys(bench: &Bench<'_>) -> Result<()> {
    bench.write(vec![set("1", "a"), set("2", "b")]).await?;
    let found = bench.kv.get(bench.project, "a", &owned(&["2", "none", "1", "2"])).await?;
    let values: Vec<_> = found.iter().map(|found| found.as_ref().map(|found| &found.value[..])).collect();
    assert_eq!(values, [Some(&b"b"[..]), None, Some(b"a"), Some(b"b")]);
    assert_eq!(bench.kv.get(bench.project, "a", &[]).await?, []);
    Ok(())
}

async fn versions_are_never_used_again(bench: &Bench<'_>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..3 {
        // The same value is a write, too.
        bench.set("k", "same").await?;
        assert!(seen.insert(bench.version("k").await?), "round {round}");
        assert_eq!(bench.version("k").await?, bench.version("k").await?);
        bench.write(vec![delete("k"), set("k", "same")]).await?;
        assert!(seen.insert(bench.version("k").await?), "round {round}");
        bench.add("n", 1).await?;
        bench.delete("k").await?;
        bench.swap("k", None, "same").await?;
        assert!(seen.insert(bench.version("k").await?), "round {round}");
        bench.delete("k").await?;
    }
    bench.set("k", "same").await?;
    let version = bench.version("k").await?;
    bench.set("other", "x").await?;
    assert_eq!(bench.version("k").await?, version, "somebody else's write is none of this key");
    Ok(())
}

async fn the_largest_calls(bench: &Bench<'_>) -> Result<()> {
    let key = |number: usize| format!("{number:0>width$}", width = MAX_KEY_BYTES);
    let keys: Vec<String> = (0..MAX_KEYS).map(key).collect();
    let sets = keys.iter().map(|key| Write::Set(key.clone(), Bytes::from_static(b"v")));
    bench.write(sets.collect()).await?;
    let found = bench.kv.get(bench.project, "a", &keys).await?;
    assert!(found.len() == MAX_KEYS && found.iter().flatten().all(|found| found.value == "v"));
    assert_eq!(bench.page(None, MAX_KEYS).await?.keys, keys);

    let large = |number: usize| Bytes::from(vec![number as u8; MAX_VALUE_BYTES]);
    let names: Vec<String> = (0..9).map(|number| format!("large{number}")).collect();
    let sets = names.iter().enumerate().map(|(number, name)| Write::Set(name.clone(), large(number)));
    for set in sets {
        bench.write(vec![set]).await?;
    }
    let fit = MAX_CALL_BYTES / MAX_VALUE_BYTES;
    let found = bench.kv.get(bench.project, "a", &names[..fit]).await?;
    for (number, found) in found.into_iter().enumerate() {
        assert!(found.is_some_and(|found| found.value == large(number)), "value {number}");
    }
    let more = bench.kv.get(bench.project, "a", &names).await;
    assert!(matches!(more, Err(StoreError::Full { .. })), "{:?}", more.map(drop));
    Ok(())
}
