//! `ostro::storage`.

use std::io::{BufRead as _, Read as _, Write as _};
use std::time::{Duration, SystemTime};

use ostro::storage::{self, Bucket, Error, Part, Put, SignGet, SignPut};

use crate::Outcome;

/// A bucket with nothing in it.
fn empty(name: &str) -> storage::Result<Bucket> {
    let bucket = storage::bucket(name)?;
    for object in bucket.list("") {
        bucket.delete(&object?.key)?;
    }
    Ok(bucket)
}

pub fn change_and_find() -> Outcome {
    let (files, other) = (empty("files")?, empty("other")?);
    assert_eq!((files.get("a")?, files.head("a")?), (None, None));
    assert!(files.download("a")?.is_none() && !files.delete("a")?);
    let put = files.put("a", b"one")?;
    assert_eq!((put.key.as_str(), put.size, put.content_type.as_str()), ("a", 3, ""));
    assert!(put.written > SystemTime::UNIX_EPOCH && put.etag.starts_with('"'));
    assert_eq!(files.get("a")?, Some((put.clone(), b"one".to_vec())));

    let said = Put::default().content_type("text/plain").metadata("owner", "ann").if_match(&put.etag);
    let two = files.put_as("a", b"two", &said)?;
    assert_eq!((two.content_type.as_str(), two.metadata["owner"].as_str()), ("text/plain", "ann"));
    assert_eq!(files.head("a")?.as_ref(), Some(&two));
    assert_eq!(files.put_as("a", b"three", &said), Err(Error::Changed));
    assert_eq!(files.put_as("a", b"three", &Put::default().if_absent()), Err(Error::Changed));
    assert_eq!(files.delete_if("a", &put.etag), Err(Error::Changed));

    let copied = files.copy("a", &other, "../b")?.ok_or("there was nothing to copy")?;
    assert_eq!((copied.key.as_str(), &copied.etag, &copied.metadata), ("../b", &two.etag, &two.metadata));
    let renamed =
        files.copy_as("a", &files, "c", &Put::default().content_type("a/b"))?.ok_or("nothing to copy")?;
    assert_eq!((renamed.content_type.as_str(), renamed.metadata.len()), ("a/b", 0));
    assert_eq!(files.copy("none", &other, "x")?, None);

    for number in 0..3 {
        files.put(&format!("list/{number}"), b"")?;
    }
    let keys = |prefix: &str| -> storage::Result<Vec<String>> {
        files.list(prefix).map(|object| Ok(object?.key)).collect()
    };
    assert_eq!(keys("list/")?, ["list/0", "list/1", "list/2"]);
    assert_eq!(keys("")?.len(), 5);
    assert!(files.delete_if("a", &two.etag)? && !files.delete("a")?);
    assert!(matches!(files.put("", b""), Err(Error::Invalid(_))));
    assert!(matches!(files.put("large", &vec![0; (8 << 20) + 1]), Err(Error::Invalid(_))));
    Ok(())
}

/// More than a call may carry, piece by piece.
pub fn streams() -> Outcome {
    const PIECES: u32 = 160;
    let files = empty("streams")?;
    let piece = |number: u32| -> Vec<u8> { number.to_le_bytes().repeat(16_384) };
    let mut upload =
        files.upload("large", &Put::default().content_type("a/b").size(u64::from(PIECES) << 16))?;
    for number in 0..PIECES {
        upload.write_all(&piece(number))?;
    }
    upload.flush()?;
    assert_eq!(files.head("large")?, None, "it is not there before its end");
    let made = upload.finish()?;
    assert_eq!((made.size, made.content_type.as_str()), (10 << 20, "a/b"));

    let large = files.get("large");
    assert!(matches!(large, Err(Error::TooLarge(_))), "{large:?}");
    let mut download = files.download("large")?.ok_or("it is not there")?;
    assert_eq!(download.object(), &made);
    let mut read = vec![0; 1 << 16];
    for number in 0..PIECES {
        download.read_exact(&mut read)?;
        assert!(read == piece(number), "piece {number}");
    }
    assert_eq!((download.read(&mut read)?, download.fill_buf()?.len()), (0, 0));

    let mut text = String::new();
    files.put("text", "eins\nzwei\ndrei".as_bytes())?;
    let part = Part { offset: 5, length: Some(4), if_match: None };
    files.download_part("text", &part)?.ok_or("it is not there")?.read_to_string(&mut text)?;
    assert_eq!(text, "zwei");
    let lines: Vec<String> =
        files.download("text")?.ok_or("it is not there")?.lines().collect::<Result<_, _>>()?;
    assert_eq!(lines, ["eins", "zwei", "drei"]);
    let changed = files.download_part("text", &Part { if_match: Some(made.etag), ..Part::default() });
    assert!(matches!(changed, Err(Error::Changed)), "{changed:?}");

    drop(files.upload("dropped", &Put::default())?);
    assert_eq!(files.head("dropped")?, None);
    let taken = files.upload("text", &Put::default().if_absent());
    let taken = taken.and_then(storage::Upload::finish);
    assert!(matches!(taken, Err(Error::Changed)), "{taken:?}");
    Ok(())
}

/// Two URLs, a line each: to get an object, and to put one.
pub fn signed() -> storage::Result<String> {
    let files = empty("signed")?;
    files.put("here", b"as it is")?;
    let get = SignGet { content_type: Some("text/plain".to_owned()), content_disposition: None };
    let put = SignPut { max_bytes: Some(5), if_absent: true, ..SignPut::default() };
    let minute = Duration::from_secs(60);
    let eight_days = files.sign_get("here", Duration::from_secs(8 * 86_400), &get);
    assert!(matches!(eight_days, Err(Error::Invalid(_))), "{eight_days:?}");
    Ok(format!("{}\n{}\n", files.sign_get("here", minute, &get)?, files.sign_put("there", minute, &put)?))
}
