//! Small pictures: told of every picture that is put into the bucket `pictures`, makes a small one of it in `thumbnails`.

mod event;
mod picture;

use event::Change;
use ostro::storage::{self, Put};
use wstd::http::{Body, Error, Request, Response, StatusCode};

/// Why there is no small picture.
enum Refusal {
    /// The picture is none, or too large: trying again does not help.
    Unfit(String),
    /// The buckets can't be reached: trying again may help.
    Unavailable(storage::Error),
}

/// An event as a CloudEvents request in binary mode, at `/_ostro/event`, which no client can reach.
#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let Some(change) = Change::of(request.headers()) else {
        return Ok(answer(StatusCode::NOT_FOUND, "only events come here"));
    };
    let done = match &change {
        Change::Put(key) => make(key),
        Change::Deleted(key) => forget(key),
    };
    Ok(match done {
        Ok(()) => answer(StatusCode::OK, "done"),
        // An event that is answered with success is done, and this one always will be as it is now.
        Err(Refusal::Unfit(reason)) => {
            println!("{change:?}: {reason}");
            answer(StatusCode::OK, "no picture")
        }
        Err(Refusal::Unavailable(error)) => {
            eprintln!("{change:?}: {error}");
            answer(StatusCode::SERVICE_UNAVAILABLE, "not now")
        }
    })
}

/// Makes the small picture of what is there now, which may be another one than the event was about.
fn make(key: &str) -> Result<(), Refusal> {
    let found = match storage::bucket("pictures")?.get(key) {
        Err(storage::Error::TooLarge(text)) => return Err(Refusal::Unfit(text)),
        found => found?,
    };
    let Some((_, content)) = found else { return forget(key) };
    let (small, content_type) = picture::small(&content).map_err(Refusal::Unfit)?;
    let options = Put::default().content_type(content_type);
    storage::bucket("thumbnails")?.put_as(key, &small, &options)?;
    println!("{key}: {} to {} bytes", content.len(), small.len());
    Ok(())
}

fn forget(key: &str) -> Result<(), Refusal> {
    storage::bucket("thumbnails")?.delete(key)?;
    Ok(())
}

impl From<storage::Error> for Refusal {
    fn from(error: storage::Error) -> Self {
        Self::Unavailable(error)
    }
}

fn answer(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(format!("{text}\n").into());
    *response.status_mut() = status;
    response
}
