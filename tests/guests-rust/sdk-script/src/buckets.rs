//! What `tests/identity/buckets.rs` asks for: objects, as the function or as whoever calls it. What came of a put is the owner.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use ostro::json;
use ostro::storage::{self, Bucket, Part, Put, Result, SignGet, SignPut};
use serde_json::Value;

/// How long a URL is good, unless it is said.
const A_MINUTE: u64 = 60;

/// What came of an operation.
pub fn operation(deed: &Value) -> Result<Value> {
    let word = |name: &str| deed[name].as_str().unwrap_or_default();
    let bucket = open(word("bucket"), word("as"))?;
    let (key, content) = (word("key"), word("content").as_bytes());
    Ok(match word("operation") {
        "put" => json!(bucket.put_as(key, content, &put(deed))?.owner),
        "upload" => {
            let mut upload = bucket.upload(key, &put(deed))?;
            upload.write_all(content).map_err(astray)?;
            json!(upload.finish()?.owner)
        }
        "get" => json!(bucket.get(key)?.map(|(_, content)| text(content))),
        "head" => json!(bucket.head(key)?.map(|object| object.size)),
        "range" => part(&bucket, key)?,
        "list" => {
            let keys: Result<Vec<_>> = bucket.list(word("prefix")).map(|object| Ok(object?.key)).collect();
            json!(keys?)
        }
        "delete" => json!(bucket.delete(key)?),
        "copy" => {
            let to = open(word("to"), word("to_as"))?;
            json!(bucket.copy_as(key, &to, word("to_key"), &put(deed))?.map(|copy| copy.owner))
        }
        "sign" => sign(&bucket, deed)?,
        _ => Value::Null,
    })
}

fn open(name: &str, by: &str) -> Result<Bucket> {
    if by == "caller" { storage::bucket_as_caller(name) } else { storage::bucket(name) }
}

fn put(deed: &Value) -> Put {
    let mut put = Put::default();
    for (name, value) in deed["metadata"].as_object().into_iter().flatten() {
        put = put.metadata(name, value.as_str().unwrap_or_default());
    }
    put.owner = deed["owner"].as_str().map(str::to_owned);
    put
}

/// Its second and third byte.
fn part(bucket: &Bucket, key: &str) -> Result<Value> {
    let part = Part { offset: 1, length: Some(2), if_match: None };
    let Some(mut download) = bucket.download_part(key, &part)? else { return Ok(Value::Null) };
    let mut content = Vec::new();
    download.read_to_end(&mut content).map_err(astray)?;
    Ok(json!(text(content)))
}

fn sign(bucket: &Bucket, deed: &Value) -> Result<Value> {
    let key = deed["key"].as_str().unwrap_or_default();
    let expires = Duration::from_secs(deed["expires"].as_u64().unwrap_or(A_MINUTE));
    Ok(json!(match deed["method"].as_str() {
        Some("put") => bucket.sign_put(key, expires, &SignPut::default())?,
        _ => bucket.sign_get(key, expires, &SignGet::default())?,
    }))
}

fn text(content: Vec<u8>) -> String {
    String::from_utf8_lossy(&content).into_owned()
}

/// What a stream fails with is the bucket's own error.
fn astray(error: std::io::Error) -> storage::Error {
    error.downcast().unwrap_or_else(|other| storage::Error::Unavailable(other.to_string()))
}
