//! What strangers may not: C4 of the threats, as far as it is a matter of what is named.

use super::Opener;
use super::bench::{Bench, fails, fails_as};
use crate::sql::{MAX_SQL_BYTES, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    what_is_denied(&opener.bench()?).await?;
    what_sqlite_itself_refuses(&opener.bench()?).await?;
    what_is_allowed(&opener.bench()?).await?;
    names_of_databases(&opener.bench()?).await?;
    texts_that_are_too_much(&opener.bench()?).await
}

/// Statements, and a word of why not.
const DENIED: &[(&str, &str)] = &[
    ("ATTACH 'other.db' AS other", "ATTACH"),
    ("ATTACH ':memory:' AS other", "ATTACH"),
    ("ATTACH '' AS other", "ATTACH"),
    ("DETACH main", "ATTACH"),
    ("BEGIN", "batch"),
    ("BEGIN IMMEDIATE", "batch"),
    ("COMMIT", "batch"),
    ("END", "batch"),
    ("ROLLBACK", "batch"),
    ("SAVEPOINT call", "batch"),
    ("RELEASE call", "batch"),
    ("ROLLBACK TO call", "batch"),
    ("EXPLAIN SELECT 1", "QUERY PLAN"),
    ("EXPLAIN SELECT * FROM pragma_database_list", "QUERY PLAN"),
    ("CREATE TEMP TABLE x (n)", "temporary"),
    ("CREATE TEMP VIEW x AS SELECT 1", "temporary"),
    ("CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "temporary"),
    ("CREATE TABLE temp.x (n)", "temporary"),
    ("CREATE VIRTUAL TABLE x USING fts5 (a)", "virtual"),
    ("CREATE VIRTUAL TABLE x USING fts4 (a)", "virtual"),
    ("CREATE VIRTUAL TABLE x USING rtree (a, b, c)", "virtual"),
    ("CREATE VIRTUAL TABLE x USING dbstat", "virtual"),
    ("SELECT * FROM dbstat", "dbstat"),
    ("SELECT count(*) FROM dbstat", "dbstat"),
    ("PRAGMA journal_mode = DELETE", "journal_mode"),
    ("PRAGMA journal_mode", "journal_mode"),
    ("PRAGMA synchronous = OFF", "synchronous"),
    ("PRAGMA writable_schema = ON", "writable_schema"),
    ("PRAGMA trusted_schema = ON", "trusted_schema"),
    ("PRAGMA foreign_keys = OFF", "foreign_keys"),
    ("PRAGMA max_page_count = 1000000000", "max_page_count"),
    ("PRAGMA cache_size = 1000000000", "cache_size"),
    ("PRAGMA temp_store = MEMORY", "temp_store"),
    ("PRAGMA temp_store_directory = '/'", "temp_store_directory"),
    ("PRAGMA hard_heap_limit = 1", "hard_heap_limit"),
    ("PRAGMA soft_heap_limit = 1", "soft_heap_limit"),
    ("PRAGMA mmap_size = 1000000000", "mmap_size"),
    ("PRAGMA wal_checkpoint(TRUNCATE)", "wal_checkpoint"),
    ("PRAGMA locking_mode = EXCLUSIVE", "locking_mode"),
    ("PRAGMA database_list", "database_list"),
    ("PRAGMA application_id = 1", "application_id"),
    ("PRAGMA schema_version = 1", "schema_version"),
    ("PRAGMA page_size = 512", "page_size"),
    ("PRAGMA encoding = 'UTF-16'", "encoding"),
    ("PRAGMA integrity_check", "integrity_check"),
    ("PRAGMA optimize", "optimize"),
    ("PRAGMA compile_options", "compile_options"),
    ("PRAGMA function_list", "function_list"),
    ("PRAGMA nonsense", "nonsense"),
    ("SELECT * FROM pragma_database_list", "database_list"),
    ("SELECT * FROM pragma_journal_mode", "journal_mode"),
    ("SELECT load_extension('x')", "load_extension"),
    ("SELECT fts3_tokenizer('simple')", "fts3_tokenizer"),
    ("SELECT sqlite_compileoption_get(1)", "sqlite_compileoption_get"),
    ("SELECT json_patch('{}', '{}')", "json_patch"),
    ("SELECT json_group_array(1)", "json_group_array"),
    ("SELECT json_group_object('a', 1)", "json_group_object"),
];

async fn what_is_denied(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (n)", Vec::new()).await?;
    // Twice, and behind statements that went through: what is kept prepared was judged.
    for _ in 0..2 {
        bench.batch(&["INSERT INTO t VALUES (1)", "DELETE FROM t"]).await?;
        for (sql, words) in DENIED {
            fails_as(bench.query(sql, Vec::new()).await, "denied", words, sql);
            fails_as(bench.execute(sql, Vec::new()).await, "denied", words, sql);
            let long = format!("{sql} -- {}", "x".repeat(3_000));
            fails_as(bench.execute(&long, Vec::new()).await, "denied", words, sql);
        }
    }
    assert_eq!(bench.rows("SELECT name FROM sqlite_schema").await?.len(), 1);
    // What a view or a trigger does is judged where it is used.
    bench
        .batch(&[
            "CREATE VIEW v AS SELECT load_extension('x')",
            "CREATE VIEW w AS SELECT json_patch('{}', '{}')",
        ])
        .await?;
    fails(bench.query("SELECT * FROM v", Vec::new()).await, "invalid", "unsafe use of load_extension");
    fails(bench.query("SELECT * FROM w", Vec::new()).await, "denied", "json_patch");
    Ok(())
}

async fn what_sqlite_itself_refuses(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (n)", Vec::new()).await?;
    for (sql, words) in [
        (
            "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (n)')",
            "may not be modified",
        ),
        ("UPDATE sqlite_schema SET sql = 'CREATE TABLE t (m)'", "may not be modified"),
        ("DELETE FROM sqlite_schema", "may not be modified"),
        ("VACUUM", "cannot VACUUM"),
        ("VACUUM INTO '/tmp/copy.db'", "cannot VACUUM"),
        ("DROP TABLE sqlite_schema", "may not be dropped"),
        ("CREATE TABLE sqlite_x (n)", "reserved"),
        ("SELECT sqlite_rename_test('main', 'x', 1, 1, 1, 1, 1)", "no such function"),
        ("SELECT sqlite_fail('x', 1)", "no such function"),
        ("SELECT readfile('/etc/passwd')", "no such function: readfile"),
        ("SELECT writefile('/tmp/x', 'x')", "no such function: writefile"),
        ("SELECT edit('x')", "no such function: edit"),
        ("SELECT * FROM fsdir('/')", "no such table: fsdir"),
        ("SELECT * FROM generate_series(1, 10)", "no such table"),
        ("SELECT * FROM sqlite_dbpage", "no such table"),
        ("SELECT * FROM other.t", "no such table"),
    ] {
        fails_as(bench.execute(sql, Vec::new()).await, "invalid", words, sql);
    }
    Ok(())
}

async fn what_is_allowed(bench: &Bench<'_>) -> Result<()> {
    bench
        .batch(&[
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, body TEXT)",
            "CREATE UNIQUE INDEX t_n ON t (n)",
            "CREATE VIEW v AS SELECT n, upper(body) AS b FROM t",
            "CREATE TABLE log (n)",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.n); END",
            "ALTER TABLE t ADD COLUMN extra",
            "ALTER TABLE t RENAME COLUMN extra TO more",
            "INSERT INTO t (n, body) VALUES (1, 'a'), (2, 'b')",
            "ANALYZE",
            "REINDEX",
            "CREATE TABLE copy AS SELECT * FROM t",
            "DROP TABLE copy",
        ])
        .await?;
    for (sql, rows) in [
        ("SELECT b FROM v", 2),
        ("SELECT n FROM log", 2),
        ("PRAGMA table_info(t)", 4),
        ("PRAGMA table_xinfo('t')", 4),
        ("PRAGMA index_list(t)", 1),
        ("PRAGMA index_info(t_n)", 1),
        ("PRAGMA foreign_key_list(t)", 0),
        ("PRAGMA foreign_keys", 1),
        ("SELECT name FROM pragma_table_info('t')", 4),
        ("SELECT key FROM json_each('[1,2,3]')", 3),
        ("SELECT n, row_number() OVER (ORDER BY n) FROM t", 2),
        ("SELECT n FROM t WHERE body LIKE 'A%'", 1),
        ("SELECT group_concat(body, ', ') FROM t", 1),
        ("SELECT replace(trim(' x '), 'x', 'y'), instr('abc', 'c'), date('2026-01-01', '+1 day')", 1),
        ("SELECT random(), randomblob(16), hex(zeroblob(4))", 1),
        ("EXPLAIN QUERY PLAN SELECT * FROM t WHERE n = 1", 1),
        ("SELECT name FROM sqlite_schema WHERE name = 't'", 1),
    ] {
        assert_eq!(bench.rows(sql).await?.len(), rows, "{sql}");
    }
    Ok(())
}

async fn names_of_databases(bench: &Bench<'_>) -> Result<()> {
    for name in ["", "A", "a_b", "../a", "a/b", "a.db", "a\0", ".", "..", "a--b", "ä", &"x".repeat(41)] {
        let select = crate::sql::Statement::new("SELECT 1", Vec::new());
        fails(bench.sql.query(bench.project, name, select.clone()).await, "invalid", "names no database");
        fails(bench.sql.execute(bench.project, name, select).await, "invalid", "names no database");
    }
    assert_eq!(bench.sql.list(bench.project).await?, []);
    Ok(())
}

async fn texts_that_are_too_much(bench: &Bench<'_>) -> Result<()> {
    let deep = format!("SELECT {}1{}", "(".repeat(2_000), ")".repeat(2_000));
    let nested = format!("SELECT {}1{}", "(SELECT ".repeat(500), ")".repeat(500));
    let not = format!("SELECT {} 1", "NOT ".repeat(5_000));
    let compound = vec!["SELECT 1"; 51].join(" UNION ALL ");
    let columns = format!("SELECT {}", vec!["1"; 101].join(", "));
    let table =
        format!("CREATE TABLE t ({})", (0..101).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", "));
    let calls = format!("SELECT {}", vec!["abs(1), abs(1), abs(1)"; 67].join(", "));
    let schema =
        |number: usize| format!("CREATE VIEW v{number} AS SELECT 1 IN ({})", vec!["1"; 40_000].join(","));
    for sql in [&deep, &nested, &not, &compound, &columns, &table, &calls] {
        let (kind, text) = super::bench::kind(bench.execute(sql, Vec::new()).await);
        assert!(kind == "invalid" || kind == "limit", "{kind}: {text}");
    }
    for number in 0..3 {
        bench.execute(&schema(number), Vec::new()).await?;
    }
    fails(bench.execute(&schema(3), Vec::new()).await, "limit", "256 KiB");
    assert_eq!(bench.number("SELECT count(*) FROM sqlite_schema").await?, 3);
    let sql = |bytes: usize| format!("SELECT 1 -- {}", "x".repeat(bytes - 12));
    assert_eq!(bench.number(&sql(MAX_SQL_BYTES)).await?, 1);
    fails(bench.query(&sql(MAX_SQL_BYTES + 1), Vec::new()).await, "limit", "100 KiB");
    Ok(())
}
