//! Bodies, both ways.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::Outcome;

/// What is read of a body at a time, bytes.
const PIECE_BYTES: u64 = 64 << 10;

/// The whole body of a request.
pub fn body(request: &IncomingRequest) -> Outcome<Vec<u8>> {
    let mut whole = Vec::new();
    each_piece(request, |piece| {
        whole.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(whole)
}

/// Hands over the body of a request as it comes.
pub fn each_piece(request: &IncomingRequest, mut take: impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
    let body = request.consume().map_err(|()| "the body was taken before")?;
    let stream: InputStream = body.stream().map_err(|()| "the stream was taken before")?;
    loop {
        match stream.blocking_read(PIECE_BYTES) {
            Ok(piece) => take(&piece)?,
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Answers with that content.
pub fn send(out: ResponseOutparam, content: &[u8]) {
    stream(out, |stream| write(stream, content));
}

/// Answers with what is written.
pub fn stream(out: ResponseOutparam, write: impl FnOnce(&OutputStream) -> Result<(), StreamError>) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("a new response has its body");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("a new body has its stream");
    if write(&stream).is_err() {
        return; // The client is gone: nobody is left to tell.
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None); // Fails only when the client is gone.
}

/// Writes in pieces as large as the stream takes. What it has taken goes out when the body is finished: to wait for that would
/// only keep the instance.
pub fn write(stream: &OutputStream, mut content: &[u8]) -> Result<(), StreamError> {
    while !content.is_empty() {
        let room = stream.check_write()? as usize;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (piece, rest) = content.split_at(room.min(content.len()));
        stream.write(piece)?;
        content = rest;
    }
    Ok(())
}
