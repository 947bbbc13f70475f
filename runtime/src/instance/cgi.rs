//! CGI/1.1 (RFC 3875) as far as it is words: a request as variables, and the header block of an answer. Pure.

mod head;
mod variables;

pub(super) use head::{Fed, Head, HeadReader, Malformed};
pub(super) use variables::variables;
