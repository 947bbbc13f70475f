//! Extended JSON: values as text, with words for dates, bytes and numbers that JSON has none for.

mod read;
mod write;

mod dates;

pub(crate) use dates::civil;
pub(crate) use read::{Names, patterns, read, read_query};
pub(crate) use write::write;
