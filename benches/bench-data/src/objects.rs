//! Objects: small ones in one call, large ones as streams.

use std::io::{BufRead as _, Write as _};

use ostro::storage::{self, Put};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::{Outcome, answer};

/// Puts a content in one call; its etag.
pub fn put(key: &str, content: &[u8]) -> Outcome<Vec<u8>> {
    Ok(storage::bucket("bench")?.put(key, content)?.etag.into_bytes())
}

/// The content of an object, in one call.
pub fn get(key: &str) -> Outcome<Vec<u8>> {
    Ok(storage::bucket("bench")?.get(key)?.ok_or("there is no such object")?.1)
}

/// Puts the body as it comes; its etag.
pub fn upload(key: &str, request: &IncomingRequest) -> Outcome<Vec<u8>> {
    let mut upload = storage::bucket("bench")?.upload(key, &Put::default())?;
    answer::each_piece(request, |piece| Ok(upload.write_all(piece)?))?;
    Ok(upload.finish()?.etag.into_bytes())
}

/// Answers with an object as it is read.
pub fn download(key: &str, out: ResponseOutparam) -> Outcome<()> {
    let mut object = storage::bucket("bench")?.download(key)?.ok_or("there is no such object")?;
    answer::stream(out, |stream| {
        loop {
            let piece = object.fill_buf().expect("the object can be read");
            if piece.is_empty() {
                return Ok(());
            }
            answer::write(stream, piece)?;
            let bytes = piece.len();
            object.consume(bytes);
        }
    });
    Ok(())
}
