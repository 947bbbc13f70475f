//! Handles that nobody has handed out: their numbers are guessed.

use crate::ostro::db::documents::Collection;
use crate::ostro::db::sql::{Database, Parameters, Statement};
use crate::ostro::db::transactions::Transaction;
use crate::ostro::storage::objects::{Bucket as Objects, Download, Upload};
use crate::shown;
use crate::wasi::keyvalue::atomics::Cas;
use crate::wasi::keyvalue::store::Bucket;

/// Uses a handle of that number. The engine ends the instance where there is none.
pub fn make(kind: &str, rest: &[&str]) -> String {
    let handle: u32 = rest[0].parse().expect("a number");
    // SAFETY: it is not; that is what is tried.
    unsafe {
        match kind {
            "collection" => shown(Collection::from_handle(handle).find("{}", "")),
            "transaction" => shown(Transaction::from_handle(handle).commit()),
            "database" => {
                let sql = "SELECT * FROM things".to_owned();
                let statement = Statement { sql, parameters: Parameters::Positional(Vec::new()) };
                format!("{:?}", Database::from_handle(handle).query(&statement))
            }
            "bucket" => shown(Objects::from_handle(handle).list("")),
            "download" => shown(Download::from_handle(handle).read(1 << 18)),
            "upload" => shown(Upload::from_handle(handle).finish()),
            "namespace" => shown(Bucket::from_handle(handle).get("same")),
            "cas" => shown(Cas::from_handle(handle).current()),
            _ => panic!("{kind:?} is no kind of handle"),
        }
    }
}
