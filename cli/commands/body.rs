//! Bodies of requests: typed, from a file, or from standard input.

use std::io::{self, Read};

use crate::{args::Data, failure::Failure};

/// Longest body, bytes.
const MAX_BODY_BYTES: u64 = 256 << 20;

/// Reads what was typed, or what it names.
pub(super) fn load(data: &Data) -> Result<Vec<u8>, Failure> {
    match data {
        Data::Text(text) => Ok(text.clone().into_bytes()),
        Data::Stdin => read_limited("standard input", &mut io::stdin().lock()),
        Data::File(path) => {
            let what = path.display().to_string();
            let mut file = std::fs::File::open(path).map_err(|error| Failure::io(&what, &error))?;
            read_limited(&what, &mut file)
        }
    }
}

/// Everything of a stream that is not too long.
pub(super) fn read_limited(what: &str, reader: &mut impl Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    reader.take(MAX_BODY_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(what, &error))?;
    match bytes.len() as u64 {
        ..=MAX_BODY_BYTES => Ok(bytes),
        _ => Err(Failure::local(format!("{what} is larger than {} MiB", MAX_BODY_BYTES >> 20))),
    }
}

/// The type that fits what the bytes look like; none for no bytes.
pub(super) fn content_type(body: &[u8]) -> &'static str {
    match std::str::from_utf8(body) {
        Ok("") => "",
        Ok(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => "application/json",
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed() {
        assert_eq!(content_type(b""), "");
        assert_eq!(content_type(b"{\"a\":1}"), "application/json");
        assert_eq!(content_type("grüße".as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(content_type(b"\xff\xd8"), "application/octet-stream");
    }
}
