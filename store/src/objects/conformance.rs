//! What every driver of [`Blobs`] must do. Each suite is given a new, empty store of objects.

use std::sync::Arc;

use bytes::Bytes;

use super::{Area, Blobs};
use crate::StoreError;
use crate::catalog::Digest;

/// Runs every suite; `open` makes a new, empty store of objects each time it is called.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn() -> Result<Arc<dyn Blobs>, StoreError>) -> Result<(), StoreError> {
    blobs(&open()?).await?;
    parts(&open()?).await?;
    areas_are_apart(&open()?).await
}

/// Put, get, exists, list and delete of single objects, from empty ones to 3 MiB.
async fn blobs(blobs: &Arc<dyn Blobs>) -> Result<(), StoreError> {
    assert_eq!(blobs.list(Area::Wasm).await?, []);
    let contents = [Bytes::new(), Bytes::from_static(b"\0asm"), Bytes::from(vec![7; 3 << 20])];
    for bytes in &contents {
        let digest = Digest::of(bytes);
        assert!(!blobs.exists(Area::Wasm, &digest).await?);
        assert_eq!(blobs.get(Area::Wasm, &digest).await?, None);
        // Twice: the second time changes nothing.
        blobs.put(Area::Wasm, &digest, bytes.clone()).await?;
        blobs.put(Area::Wasm, &digest, bytes.clone()).await?;
        assert!(blobs.exists(Area::Wasm, &digest).await?);
        assert_eq!(blobs.get(Area::Wasm, &digest).await?.as_ref(), Some(bytes));
    }
    let mut expected = contents.each_ref().map(|bytes| Digest::of(bytes));
    let mut listed = blobs.list(Area::Wasm).await?;
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);

    for digest in &expected {
        blobs.delete(Area::Wasm, digest).await?;
        blobs.delete(Area::Wasm, digest).await?;
        assert_eq!(blobs.get(Area::Wasm, digest).await?, None);
    }
    assert_eq!(blobs.list(Area::Wasm).await?, []);

    let wrong = blobs.put(Area::Wasm, &Digest::of(b"one"), Bytes::from_static(b"other")).await;
    assert!(matches!(wrong, Err(StoreError::Damaged(_))), "the digest must be that of the bytes");
    assert_eq!(blobs.list(Area::Wasm).await?, []);
    Ok(())
}

/// An object is read from any place on, to its end and not behind it.
async fn parts(blobs: &Arc<dyn Blobs>) -> Result<(), StoreError> {
    let bytes: Bytes = (0..300_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let digest = Digest::of(&bytes);
    assert!(blobs.open(Area::Site, &digest).await?.is_none());
    blobs.put(Area::Site, &digest, bytes.clone()).await?;
    let Some(mut content) = blobs.open(Area::Site, &digest).await? else {
        return Err(StoreError::NotFound { what: "object" });
    };
    for start in [0_usize, 1, 299_999] {
        let mut read = Vec::new();
        while read.len() < bytes.len() - start {
            let part = content.read((start + read.len()) as u64, bytes.len()).await?;
            assert!(!part.is_empty(), "there is more");
            read.extend_from_slice(&part);
        }
        assert!(bytes.get(start..) == Some(read.as_slice()), "what is behind {start}");
    }
    assert_eq!(content.read(7, 1).await?.as_ref(), [7]);
    assert!(content.read(300_000, 1).await?.is_empty());
    assert!(blobs.open(Area::Wasm, &digest).await?.is_none(), "areas are apart");
    Ok(())
}

/// The same digest in two areas is two objects.
async fn areas_are_apart(blobs: &Arc<dyn Blobs>) -> Result<(), StoreError> {
    let bytes = Bytes::from_static(b"shared");
    let digest = Digest::of(&bytes);
    blobs.put(Area::Assets, &digest, bytes.clone()).await?;
    assert!(!blobs.exists(Area::Wasm, &digest).await?);
    blobs.put(Area::Wasm, &digest, bytes.clone()).await?;
    blobs.delete(Area::Assets, &digest).await?;
    assert_eq!(blobs.get(Area::Wasm, &digest).await?, Some(bytes));
    assert_eq!(blobs.list(Area::Assets).await?, []);
    Ok(())
}
