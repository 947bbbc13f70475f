//! What is there, in pages: the checker has no other way to values and rows.

use std::collections::BTreeMap;

use ostro::sql::params;
use ostro::{json, kv, sql};

use crate::{Done, Refusal, part};

/// Rows of a page.
const ROWS: i64 = 1_000;

/// A page of a namespace: texts by their keys, and where the next one begins.
pub fn values(query: &str) -> Done {
    let name = part(query, "of").ok_or_else(|| Refusal::Failed("of which namespace?".to_owned()))?;
    let namespace = kv::namespace(name)?;
    let (keys, cursor) = namespace.list_page(part(query, "after"))?;
    let values = namespace.get_many(&keys)?.into_iter().map(Option::unwrap_or_default);
    let values: BTreeMap<&String, String> =
        keys.iter().zip(values.map(|value| String::from_utf8_lossy(&value).into_owned())).collect();
    Ok(json!({ "values": values, "after": cursor }).to_string())
}

/// A page of rows behind an id and a side: id, side, step, text.
pub fn rows(query: &str) -> Done {
    let select = "SELECT id, side, step, text FROM pairs WHERE (id, side) > (?, ?) ORDER BY id, side LIMIT ?";
    let [id, side] = ["after", "side"].map(|name| part(query, name).unwrap_or_default());
    let rows: Vec<(String, String, i64, String)> =
        sql::database("main")?.query(select, params![id, side, ROWS])?.read()?;
    Ok(json!({ "rows": rows }).to_string())
}
