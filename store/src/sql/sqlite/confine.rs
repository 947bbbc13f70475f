//! A connection that strangers write statements for: what they may name and use, and how much of it.

use rusqlite::config::DbConfig;
use rusqlite::hooks::{Action, AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, Result};

use super::functions;
use super::watch::{STEPS_BETWEEN_LOOKS, VALUE_AT_HAND, Watch};
use crate::sql::{MAX_COLUMNS, MAX_PARAMETERS, MAX_SQL_BYTES, MAX_VALUE_BYTES};

/// Statements that stay prepared. Each holds what its program needs.
const STATEMENTS: usize = 32;

/// Most of each thing in a statement. What a program holds at once is at most its instructions' number of values.
const LIMITS: &[(Limit, usize)] = &[
    (Limit::SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_PARSER_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
    (Limit::SQLITE_LIMIT_VDBE_OP, 10_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, MAX_PARAMETERS),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 20),
    (Limit::SQLITE_LIMIT_TRIGGER_STEPS, 100),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    // Every view may stand for the one before it, and each needs some of the stack.
    (Limit::SQLITE_LIMIT_SCHEMA, 500),
];

const CONFIG: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
    // Otherwise a statement with `LIMIT ?` is prepared anew for each of its runs, and so never runs at hand.
    (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
];

/// Pragmas that only tell, whatever they are told.
const TELLING: &[&str] = &[
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
];

const TEMPORARY: &str = "there is nothing temporary: calls share no connection";

/// Confines a connection, which the watch is of.
pub(super) fn confine(connection: &mut Connection, watch: &Watch) -> Result<()> {
    // What a sort or a temporary table needs beyond the cache goes to files, which are nobody's as soon as they are open.
    connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA cache_size = -2048; PRAGMA mmap_size = 0")?;
    for (config, on) in CONFIG {
        connection.set_db_config(*config, *on)?;
    }
    for (limit, most) in LIMITS {
        connection.set_limit(*limit, i32::try_from(*most).unwrap_or(i32::MAX))?;
    }
    confine_apart(connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    functions::replace(connection)?;
    let looking = watch.clone();
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || !looking.goes_on()))?;
    let inserting = watch.clone();
    connection.update_hook(Some(move |action: Action, _: &str, table: &str, row: i64| {
        if action == Action::SQLITE_INSERT {
            inserting.inserted(table, row);
        }
    }))?;
    let watch = watch.clone();
    connection.authorizer(Some(move |asked: AuthContext<'_>| authorize(&watch, &asked)))
}

/// What a statement may work on that runs on its caller's thread: small values, and nothing is prepared, because what a text
/// needs of the stack is known afterwards only, and the schema may have to be read first.
pub(super) fn confine_at_hand(connection: &Connection) -> Result<()> {
    limit(connection, VALUE_AT_HAND, 0)
}

/// What every other one may.
pub(super) fn confine_apart(connection: &Connection) -> Result<()> {
    limit(connection, MAX_VALUE_BYTES, MAX_SQL_BYTES)
}

fn limit(connection: &Connection, value: usize, sql: usize) -> Result<()> {
    for (limit, most) in [(Limit::SQLITE_LIMIT_LENGTH, value), (Limit::SQLITE_LIMIT_SQL_LENGTH, sql)] {
        connection.set_limit(limit, i32::try_from(most).unwrap_or(i32::MAX))?;
    }
    Ok(())
}

fn authorize(watch: &Watch, asked: &AuthContext<'_>) -> Authorization {
    if watch.is_ours() {
        return Authorization::Allow;
    }
    match (asked.accessor, &asked.action) {
        (Some(_), _) => watch.involved(),
        (None, AuthAction::Insert { table_name }) => watch.inserts(table_name),
        _ => {}
    }
    let judged = match asked.database_name {
        // `temp.` before a name makes it temporary as well.
        Some("temp") if makes(&asked.action) => Err(TEMPORARY.to_owned()),
        _ => judge(watch, &asked.action),
    };
    match judged {
        Ok(true) => Authorization::Allow,
        Ok(false) => Authorization::Deny,
        Err(refusal) => {
            watch.refuse(&refusal);
            Authorization::Deny
        }
    }
}

fn makes(action: &AuthAction<'_>) -> bool {
    use AuthAction as A;
    matches!(
        action,
        A::CreateTable { .. } | A::CreateIndex { .. } | A::CreateView { .. } | A::CreateTrigger { .. }
    )
}

/// Whether the statement may go on; an error is what it may not name.
fn judge(watch: &Watch, action: &AuthAction<'_>) -> std::result::Result<bool, String> {
    use AuthAction as A;
    let refused = match action {
        A::Select => return Ok(watch.select()),
        A::Function { function_name } => {
            return match functions::weight(function_name) {
                Some(weight) => Ok(watch.function(weight)),
                None => Err(format!("functions have no SQL function `{function_name}`")),
            };
        }
        A::Read { table_name, .. } if table_name.eq_ignore_ascii_case("dbstat") => {
            "`dbstat` is not for functions"
        }
        A::Pragma { pragma_name, pragma_value } => return pragma(pragma_name, *pragma_value).map(|()| true),
        A::Read { .. } | A::Recursive => return Ok(true),
        A::Insert { .. } | A::Update { .. } | A::Delete { .. } | A::Reindex { .. } | A::Analyze { .. } => {
            watch.writes();
            return Ok(true);
        }
        A::CreateTable { .. }
        | A::CreateIndex { .. }
        | A::CreateView { .. }
        | A::CreateTrigger { .. }
        | A::DropTable { .. }
        | A::DropIndex { .. }
        | A::DropView { .. }
        | A::DropTrigger { .. }
        | A::AlterTable { .. } => {
            watch.makes();
            return Ok(true);
        }
        A::Transaction { .. } | A::Savepoint { .. } => {
            "a call is a transaction of its own: use `batch` for several statements in one"
        }
        A::Attach { .. } | A::Detach { .. } => "ATTACH and DETACH are not for functions",
        A::CreateTempTable { .. }
        | A::CreateTempIndex { .. }
        | A::CreateTempView { .. }
        | A::CreateTempTrigger { .. }
        | A::DropTempTable { .. }
        | A::DropTempIndex { .. }
        | A::DropTempView { .. }
        | A::DropTempTrigger { .. } => TEMPORARY,
        A::CreateVtable { .. } | A::DropVtable { .. } => "virtual tables are not for functions",
        _ => "this statement is not for functions",
    };
    Err(refused.to_owned())
}

fn pragma(name: &str, value: Option<&str>) -> std::result::Result<(), String> {
    let name = name.to_ascii_lowercase();
    match (name.as_str(), value) {
        ("user_version", _) | ("foreign_keys", None) => Ok(()),
        (telling, _) if TELLING.contains(&telling) => Ok(()),
        _ => {
            let with = if value.is_some() { " with a value" } else { "" };
            Err(format!(
                "`PRAGMA {name}`{with} is not for functions: they have {}, user_version and foreign_keys without a value",
                TELLING.join(", ")
            ))
        }
    }
}
