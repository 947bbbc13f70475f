//! What is put is what is got: whole, in parts, replaced, copied, after a restart.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, all_of, at, done, noise};
use crate::buckets::{Attributes, BLOCK_BYTES, Condition, MAX_CHUNK_BYTES, Metadata, Outcome, Result};
use crate::jobs::conformance::START_MS;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    sizes(&opener.bench().await?).await?;
    in_pieces(&opener.bench().await?).await?;
    parts_of_it(&opener.bench().await?).await?;
    what_is_said_of_it(&opener.bench().await?).await?;
    replaced_while_it_is_read(&opener.bench().await?).await?;
    copies(&opener.bench().await?).await?;
    copies_with_other_attributes(&opener.bench().await?).await?;
    gone(&opener.bench().await?).await?;
    after_a_restart(opener.bench().await?).await
}

async fn sizes(bench: &Bench<'_>) -> Result<()> {
    let mut etags = Vec::new();
    for size in [0, 1, MAX_CHUNK_BYTES, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7] {
        let bytes = noise(size);
        let info = bench.put_bytes("k", bytes.clone()).await?;
        assert_eq!(info.size, size as u64);
        let mut found = bench.store.1.get(bench.project, "a", "k").await?.unwrap();
        assert_eq!(found.info, info);
        assert!(all_of(found.content.as_mut()).await? == bytes, "{size} bytes");
        assert_eq!(bench.head("k").await?, Some(info.clone()));
        etags.push(info.etag);
    }
    etags.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    etags.dedup();
    assert_eq!(etags.len(), 7, "other contents, other tags");
    Ok(())
}

/// Whatever pieces it comes in, it is the same object.
async fn in_pieces(bench: &Bench<'_>) -> Result<()> {
    let bytes = noise(2 * BLOCK_BYTES + 12_345);
    let whole = bench.put_bytes("whole", bytes.clone()).await?;
    for piece in [700_001, BLOCK_BYTES, BLOCK_BYTES + 1] {
        let mut upload = bench.upload("pieces").await?;
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            upload.write(rest.split_to(piece.min(rest.len()))).await?;
            upload.write(Bytes::new()).await?;
        }
        let info = done(upload.finish(Attributes::default(), Condition::Always).await?);
        assert_eq!((info.size, &info.etag), (whole.size, &whole.etag), "in pieces of {piece}");
    }
    Ok(())
}

async fn parts_of_it(bench: &Bench<'_>) -> Result<()> {
    let bytes = noise(2 * BLOCK_BYTES + 10);
    bench.put_bytes("k", bytes.clone()).await?;
    let mut content = bench.store.1.get(bench.project, "a", "k").await?.unwrap().content;
    let end = bytes.len();
    for (offset, most) in [
        (0, 1),
        (end - 1, 1),
        (end - 1, 100),
        (BLOCK_BYTES - 1, 1),
        (BLOCK_BYTES, 10),
        (5, MAX_CHUNK_BYTES),
        (end - 20, 20),
    ] {
        let mut got = Vec::new();
        while got.len() < most && offset + got.len() < end {
            let chunk = content.read((offset + got.len()) as u64, most - got.len()).await?;
            assert!(!chunk.is_empty() && chunk.len() <= MAX_CHUNK_BYTES);
            got.extend_from_slice(&chunk);
        }
        assert!(got == bytes[offset..(offset + most).min(end)], "{most} bytes from {offset}");
    }
    for offset in [end as u64, end as u64 + 1, u64::MAX] {
        assert!(content.read(offset, 10).await?.is_empty());
    }
    Ok(())
}

async fn what_is_said_of_it(bench: &Bench<'_>) -> Result<()> {
    let metadata =
        Metadata::from([("Owner".to_owned(), "Ánna\n\"x\"".to_owned()), (String::new(), String::new())]);
    let attributes =
        Attributes { content_type: "text/plain; charset=utf-8".to_owned(), metadata, owner: None };
    let upload = bench.upload("k").await?;
    let info = done(upload.finish(attributes.clone(), Condition::Always).await?);
    assert_eq!((info.attributes.clone(), info.written_ms), (attributes, START_MS));
    assert_eq!(bench.head("k").await?, Some(info));
    // Who puts it again says all of it again.
    bench.clock.turn(1_000);
    let again = bench.put("k", "text").await?;
    assert_eq!((again.attributes, again.written_ms), (Attributes::default(), START_MS + 1_000));
    Ok(())
}

async fn replaced_while_it_is_read(bench: &Bench<'_>) -> Result<()> {
    let bytes = noise(3 * BLOCK_BYTES);
    bench.put_bytes("k", bytes.clone()).await?;
    let mut first = bench.store.1.get(bench.project, "a", "k").await?.unwrap().content;
    let mut second = bench.store.1.get(bench.project, "a", "k").await?.unwrap().content;
    assert!(first.read(0, 10).await? == bytes[..10]);
    bench.put("k", "new").await?;
    assert_eq!(bench.text("k").await?.as_deref(), Some("new"));
    assert!(all_of(first.as_mut()).await? == bytes);
    bench.delete("k").await?;
    assert_eq!(bench.text("k").await?, None);
    assert!(all_of(second.as_mut()).await? == bytes);
    Ok(())
}

async fn copies(bench: &Bench<'_>) -> Result<()> {
    let put = bench.put("k", "text").await?;
    bench.clock.turn(5);
    let copied = done(bench.copy(at("a", "k"), at("b", "l")).await?);
    assert_eq!((copied.size, &copied.etag, copied.written_ms), (put.size, &put.etag, START_MS + 5));
    done(bench.copy(at("b", "l"), at("a", "m")).await?);
    // Each is an object of its own.
    bench.put("k", "other").await?;
    done(bench.store.1.delete(bench.project, "b", "l", Condition::Always).await?);
    assert_eq!(bench.text("m").await?.as_deref(), Some("text"));
    assert_eq!(bench.text("k").await?.as_deref(), Some("other"));
    done(bench.copy(at("a", "k"), at("a", "m")).await?);
    assert_eq!(bench.text("m").await?.as_deref(), Some("other"));
    assert_eq!(bench.copy(at("a", "none"), at("a", "m")).await?, Outcome::Missing);
    assert_eq!(bench.text("m").await?.as_deref(), Some("other"));
    Ok(())
}

async fn copies_with_other_attributes(bench: &Bench<'_>) -> Result<()> {
    bench.put("k", "text").await?;
    let html = Attributes { content_type: "text/html".to_owned(), ..Attributes::default() };
    for _ in 0..2 {
        let (place, html) = (at("a", "k"), Some(html.clone()));
        done(bench.store.1.copy(bench.project, place, place, html, Condition::Always).await?);
    }
    assert_eq!(bench.head("k").await?.unwrap().attributes, html);
    assert_eq!(bench.text("k").await?.as_deref(), Some("text"));
    assert_eq!(done(bench.copy(at("a", "k"), at("a", "l")).await?).attributes, html);
    Ok(())
}

async fn gone(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.delete("k").await?, Outcome::Missing);
    let put = bench.put("k", "text").await?;
    assert_eq!(bench.delete("k").await?, Outcome::Done(put));
    assert_eq!((bench.text("k").await?, bench.head("k").await?), (None, None));
    assert_eq!(bench.delete("k").await?, Outcome::Missing);
    Ok(())
}

async fn after_a_restart(bench: Bench<'_>) -> Result<()> {
    let bytes = noise(BLOCK_BYTES + 1);
    let put = bench.put_bytes("k", bytes.clone()).await?;
    bench.copy(at("a", "k"), at("a", "l")).await?;
    let bench = bench.reopen().await?;
    assert_eq!(bench.head("k").await?, Some(put));
    bench.delete("k").await?;
    let bench = bench.reopen().await?;
    let mut found = bench.store.1.get(bench.project, "a", "l").await?.unwrap();
    assert!(all_of(found.content.as_mut()).await? == bytes);
    Ok(())
}
