//! What went wrong on the way to the server, in words.

use std::io::ErrorKind;

use crate::{
    connection::ServerUrl,
    failure::{Failure, Word},
};

/// Says why there is no answer and what to do next.
pub(super) fn explain(url: &ServerUrl, error: &ureq::Error) -> Failure {
    let failed = |code: &str, message: String| Failure::Failed(Box::new(Word::new(code, message)));
    match error {
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            let failure = failed("unreachable", format!("no server answers at {url}"));
            match url.is_this_machine() {
                true => failure.hint("start one with `ostro serve`, or name another with `--url`"),
                false => failure.hint("is it running there, and does it listen on that address (`--admin`)?"),
            }
        }
        ureq::Error::Io(error) if is_cut(error.kind()) => {
            failed("connection_lost", format!("the connection to {url} broke off"))
                .hint("the server's log may say why; it is safe to try again")
        }
        ureq::Error::Io(error) => failed("unreachable", format!("{url} can't be reached: {error}")),
        ureq::Error::HostNotFound => failed("unreachable", format!("there is no host `{}`", url.host()))
            .hint("check the name, and whether this machine is online"),
        ureq::Error::Timeout(which) => failed("timeout", format!("{url} did not answer in time ({which})"))
            .hint("it is safe to try again; the server's log may say more"),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            failed("tls", format!("the encrypted connection to {url} failed: {error}"))
                .hint("is the certificate valid for this name, and is it https there?")
        }
        ureq::Error::Protocol(_) => {
            failed("bad_answer", format!("{url} does not speak HTTP as expected: {error}"))
                .hint("is it http:// where the server wants https://, or another port?")
        }
        _ => failed("unreachable", format!("{url} can't be asked: {error}")),
    }
}

fn is_cut(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
