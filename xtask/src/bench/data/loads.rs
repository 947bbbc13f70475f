//! The operations: what a request of each asks the guest for, as a script for `wrk`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Documents and keys that there are, and the step from one that is asked for to the next: as the guest has them.
pub(super) const DOCUMENTS: usize = 100_000;
pub(super) const KEYS: usize = 1_000;
const STEP: usize = 7_919;
/// Different requests of a load; they repeat.
const REQUESTS: usize = 20_000;
/// Operations of a request that has several.
pub(super) const AT_ONCE: usize = 10;

/// An operation under load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// What people call it.
    pub(super) what: &'static str,
    /// The guest's path without the slash, and the name that the store's side has for it.
    pub(super) name: &'static str,
    /// Connections, each with one request at a time.
    pub(super) connections: u32,
    /// Callers of the store's side that this is compared with: threads for what is read on the caller's, else tasks.
    pub(super) callers: u64,
    /// Operations of a request.
    pub(super) at_once: usize,
    /// What the goals say, operations a second: through HTTP and a guest, and at the store.
    pub(super) goals: (Option<u32>, Option<u32>),
}

const fn load(what: &'static str, name: &'static str, connections: u32, callers: u64) -> Load {
    Load { what, name, connections, callers, at_once: 1, goals: (None, None) }
}

const fn several(what: &'static str, name: &'static str, connections: u32, callers: u64) -> Load {
    Load { at_once: AT_ONCE, ..load(what, name, connections, callers) }
}

/// In the order of the table.
pub(super) const LOADS: [Load; 18] = [
    load("empty request", "empty", 32, 0),
    load("insert", "insert", 1, 1),
    load("insert", "insert", 8, 8),
    Load { goals: (Some(15_000), Some(100_000)), ..load("insert", "insert", 64, 64) },
    several("insert, 10 in one call", "insert-many", 64, 64),
    load("get by _id", "get", 1, 1),
    Load { goals: (Some(40_000), None), ..load("get by _id", "get", 32, 2) },
    several("get by _id, 10 calls a request", "get-many", 32, 2),
    load("indexed find, 1 of 100,000", "find", 32, 2),
    load("key-value get, 100 B", "kv-get", 32, 2),
    load("key-value set, 100 B", "kv-set", 1, 1),
    load("key-value set, 100 B", "kv-set", 8, 8),
    load("key-value set, 100 B", "kv-set", 64, 64),
    load("object put, 1 KB", "object-put", 1, 1),
    load("object put, 1 KB", "object-put", 8, 8),
    load("object get, 1 KB", "object-get", 8, 8),
    load("object put, 10 MB (stream)", "upload", 2, 2),
    load("object get, 10 MB (stream)", "download", 2, 2),
];

/// Writes the script of a load; its place. An empty request needs none.
pub(super) fn script(load: &Load, folder: &Path) -> Result<Option<PathBuf>> {
    if load.name == "empty" {
        return Ok(None);
    }
    let (method, query, body) = match load.name {
        "insert" => ("POST", String::new(), Some(format!("({})", document()))),
        "insert-many" => ("POST", String::new(), Some(documents())),
        "get" => ("GET", id("i"), None),
        "get-many" => {
            let ids: Vec<String> =
                (0..AT_ONCE).map(|place| id(&format!("i * {AT_ONCE} + {place}"))).collect();
            ("GET", ids.join(" .. ',' .. "), None)
        }
        "find" => ("GET", format!("'user' .. (i * {STEP} % {DOCUMENTS})"), None),
        "kv-get" => ("GET", format!("'key' .. (i * {STEP} % {DOCUMENTS} % {KEYS})"), None),
        "kv-set" => {
            ("POST", format!("'key' .. (i * {STEP} % {KEYS})"), Some("string.rep('x', 100)".to_owned()))
        }
        "object-put" => {
            ("POST", "'small' .. (i % 1000)".to_owned(), Some("string.rep('x', 1024)".to_owned()))
        }
        "object-get" => ("GET", "'small0'".to_owned(), None),
        "upload" => ("POST", "'large' .. (i % 8)".to_owned(), Some("string.rep('x', 10485760)".to_owned())),
        _ => ("GET", "'large0'".to_owned(), None),
    };
    let mut text = String::from("local n, requests = 0, {}\nfunction init(args)\n");
    if let Some(body) = body {
        writeln!(text, "  wrk.body = {body}")?;
    }
    // Made before the clock counts. Ten megabytes are not kept many times over.
    let count = if load.name == "upload" { 8 } else { REQUESTS };
    writeln!(text, "  for i = 0, {} do", count - 1)?;
    let query = if query.is_empty() { "''".to_owned() } else { query };
    writeln!(text, "    requests[i] = wrk.format('{method}', '/{}?' .. {query})", load.name)?;
    writeln!(text, "  end\nend\nfunction request()\n  n = n + 1\n  return requests[n % {count}]\nend")?;
    let file = folder.join(format!("{}.lua", load.name));
    std::fs::write(&file, text)?;
    Ok(Some(file))
}

/// Of a number, in Lua.
fn id(number: &str) -> String {
    format!("string.format('%08d', ({number}) * {STEP} % {DOCUMENTS})")
}

/// A document without `_id`, in Lua.
fn document() -> &'static str {
    r#"'{"name":"ann","age":41,"text":"' .. string.rep('x', 100) .. '"}'"#
}

fn documents() -> String {
    let all = [document(); AT_ONCE].join(" .. ',' .. ");
    format!("'[' .. {all} .. ']'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_one_of_the_guest() {
        let folder = std::env::temp_dir().join(format!("ostro-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let guest = include_str!("../../../../benches/bench-data/src/lib.rs");
        for load in LOADS {
            assert!(guest.contains(&format!("\"/{}\" =>", load.name)), "{}", load.name);
            let script = script(&load, &folder).unwrap();
            assert_eq!(script.is_none(), load.name == "empty");
            if let Some(script) = script {
                assert!(std::fs::read_to_string(script).unwrap().contains(&format!("'/{}?'", load.name)));
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
