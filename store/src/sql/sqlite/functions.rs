//! The SQL functions that strangers may call, and those of SQLite's that are replaced: one call of them may take hours.

use std::collections::HashSet;

use memchr::memmem;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use super::watch::Weight;

/// Work that is small or grows with its values alone.
const PLAIN: &[&str] = &[
    "abs",
    "avg",
    "changes",
    "char",
    "coalesce",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "hex",
    "if",
    "ifnull",
    "iif",
    "julianday",
    "last_insert_rowid",
    "length",
    "lower",
    "max",
    "min",
    "nullif",
    "octet_length",
    "round",
    "sign",
    "strftime",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "total_changes",
    "typeof",
    "unicode",
    "unixepoch",
    "upper",
];

/// One instruction of it counts the rows of a whole table.
const WIDE: &[&str] = &["count"];

/// Work that takes long, or a deep stack.
const HEAVY: &[&str] = &[
    "->",
    "->>",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "ceiling",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "cume_dist",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_error_position",
    "json_extract",
    "json_insert",
    "json_object",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "lag",
    "last_value",
    "lead",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "ltrim",
    "mod",
    "nth_value",
    "ntile",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "random",
    "randomblob",
    "rank",
    "replace",
    "row_number",
    "rtrim",
    "sin",
    "sinh",
    "soundex",
    "sqlite_version",
    "sqrt",
    "string_agg",
    "subtype",
    "tan",
    "tanh",
    "trim",
    "trunc",
    "unhex",
    "unistr",
    "unistr_quote",
    "unlikely",
    "zeroblob",
];

/// What SQLite calls for ALTER TABLE. It lets nobody else call them.
const ITS_OWN: &[&str] = &[
    "sqlite_add_constraint",
    "sqlite_drop_column",
    "sqlite_drop_constraint",
    "sqlite_fail",
    "sqlite_find_constraint",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
];

/// Bytes of one result; as for every value of the connection.
const MAX_BYTES: usize = crate::sql::MAX_VALUE_BYTES;

/// What a function asks for; none: there is none of that name for strangers. `json_patch` is not there because its work grows
/// with the product of its arguments, `json_group_array` and `json_group_object` because nothing bounds what they gather.
pub(super) fn weight(name: &str) -> Option<Weight> {
    let name = name.to_ascii_lowercase();
    let has = |names: &[&str]| names.binary_search(&name.as_str()).is_ok();
    match () {
        () if has(PLAIN) => Some(Weight::Plain),
        () if has(WIDE) => Some(Weight::Wide),
        () if has(HEAVY) || has(ITS_OWN) => Some(Weight::Heavy),
        () => None,
    }
}

/// Puts ours in place of SQLite's whose work grows with the product of their arguments: a gigabyte of comparisons for each
/// kilobyte, and nobody is asked whether it goes on. They answer the same, but for numbers with a fraction, which they don't
/// take.
pub(super) fn replace(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("instr", 2, flags, instr)?;
    connection.create_scalar_function("replace", 3, flags, replaced)?;
    for (name, ends) in [("trim", Ends::Both), ("ltrim", Ends::Left), ("rtrim", Ends::Right)] {
        connection.create_scalar_function(name, 2, flags, move |context| trimmed(context, ends))?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Ends {
    Both,
    Left,
    Right,
}

/// Where the second begins in the first, from 1: in bytes if both are bytes, otherwise in characters; 0 if it is not there.
fn instr(context: &Context<'_>) -> Result<Option<i64>> {
    let (all, part) = (context.get_raw(0), context.get_raw(1));
    if let (ValueRef::Blob(all), ValueRef::Blob(part)) = (all, part) {
        return Ok(Some(place(memmem::find(all, part))));
    }
    let (Some(all), Some(part)) = (text(all)?, text(part)?) else { return Ok(None) };
    let characters = |bytes: usize| all.get(..bytes).map_or(0, |before| before.chars().count());
    Ok(Some(place(memmem::find(all.as_bytes(), part.as_bytes()).map(characters))))
}

fn place(found: Option<usize>) -> i64 {
    found.map_or(0, |before| i64::try_from(before).unwrap_or(i64::MAX).saturating_add(1))
}

/// The first, with the third wherever the second stands.
fn replaced(context: &Context<'_>) -> Result<Value> {
    let (all, part, new) = (context.get_raw(0), context.get_raw(1), context.get_raw(2));
    let (Some(all), Some(part)) = (text(all)?, text(part)?) else { return Ok(Value::Null) };
    if part.is_empty() {
        return Ok(Value::Text(all.into_owned()));
    }
    let Some(new) = text(new)? else { return Ok(Value::Null) };
    let mut result = String::new();
    let mut done = 0;
    for at in memmem::find_iter(all.as_bytes(), part.as_bytes()) {
        result.push_str(all.get(done..at).unwrap_or_default());
        result.push_str(&new);
        if result.len() > MAX_BYTES {
            return Err(too_big());
        }
        done = at + part.len();
    }
    result.push_str(all.get(done..).unwrap_or_default());
    Ok(Value::Text(result))
}

/// The first without the characters of the second at its ends.
fn trimmed(context: &Context<'_>, ends: Ends) -> Result<Option<String>> {
    let (Some(all), Some(away)) = (text(context.get_raw(0))?, text(context.get_raw(1))?) else {
        return Ok(None);
    };
    let away: HashSet<char> = away.chars().collect();
    let goes = |character: char| away.contains(&character);
    let rest = match ends {
        Ends::Both => all.trim_matches(goes),
        Ends::Left => all.trim_start_matches(goes),
        Ends::Right => all.trim_end_matches(goes),
    };
    Ok(Some(rest.to_owned()))
}

/// A value as text; none where it is nothing.
fn text(value: ValueRef<'_>) -> Result<Option<std::borrow::Cow<'_, str>>> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number.to_string().into())),
        ValueRef::Real(_) => Err(Error::UserFunctionError(
            "instr, replace and trim take text: write CAST(… AS TEXT) around the number".into(),
        )),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Some(String::from_utf8_lossy(bytes))),
    }
}

fn too_big() -> Error {
    let most = MAX_BYTES >> 20;
    Error::UserFunctionError(format!("what replace makes has more than {most} MiB").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_of_one_weight() {
        for names in [PLAIN, WIDE, HEAVY, ITS_OWN] {
            assert!(names.is_sorted());
        }
        assert!(PLAIN.iter().all(|name| !HEAVY.contains(name) && !WIDE.contains(name)));
        assert_eq!(weight("LOWER"), Some(Weight::Plain));
        for name in [
            "load_extension",
            "readfile",
            "writefile",
            "edit",
            "fts3_tokenizer",
            "json_patch",
            "json_group_array",
            "nothing",
        ] {
            assert_eq!(weight(name), None, "{name}");
        }
    }

    /// Ours answer what SQLite's do.
    #[test]
    fn what_is_replaced_stays_the_same() {
        let (ours, theirs) = (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        replace(&ours).unwrap();
        let values = [
            "NULL",
            "''",
            "'a'",
            "'aab'",
            "'abaabaaab'",
            "' a '",
            "'äöä'",
            "'ö'",
            "'aä'",
            "12",
            "-1",
            "121",
            "x''",
            "x'61'",
            "x'616261'",
            "'日本日'",
            "x'c3b6'",
        ];
        let mut compared = 0;
        let mut same = |call: String| {
            let sql = format!("SELECT {call}, typeof({call})");
            let answer = |connection: &Connection| {
                connection.query_row(&sql, [], |row| Ok((row.get::<_, Value>(0)?, row.get::<_, String>(1)?)))
            };
            assert_eq!(answer(&ours).unwrap(), answer(&theirs).unwrap(), "{call}");
            compared += 1;
        };
        for a in values {
            for b in values {
                for name in ["instr", "trim", "ltrim", "rtrim"] {
                    same(format!("{name}({a}, {b})"));
                }
                for c in values {
                    same(format!("replace({a}, {b}, {c})"));
                }
            }
        }
        assert!(compared > 5_000);
    }
}
