//! Single statements: what they answer, what they change.

use super::Opener;
use super::bench::{Bench, fails, text};
use crate::sql::{Result, Value};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    what_is_written_is_read(&opener.bench()?).await?;
    what_a_statement_has_done(&opener.bench()?).await?;
    row_ids_are_of_the_statement(&opener.bench()?).await?;
    a_query_only_reads(&opener.bench()?).await?;
    one_statement_a_call(&opener.bench()?).await?;
    faults_and_constraints(&opener.bench()?).await?;
    reopening(opener.bench()?).await
}

async fn what_is_written_is_read(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)", Vec::new()).await?;
    for number in 1..=20 {
        bench.execute("INSERT INTO notes (body) VALUES (?1)", vec![text(&format!("note {number}"))]).await?;
        assert_eq!(bench.number("SELECT count(*) FROM notes").await?, number, "what was answered is seen");
    }
    let found =
        bench.query("SELECT id, body AS b FROM notes WHERE id > ?1 ORDER BY id", vec![Value::Integer(18)]);
    let found = found.await?;
    assert_eq!(found.columns, ["id", "b"]);
    assert_eq!(found.rows, [[Value::Integer(19), text("note 19")], [Value::Integer(20), text("note 20")]]);
    let none = bench.query("SELECT id FROM notes WHERE id = 99", Vec::new()).await?;
    assert_eq!((none.columns.len(), none.rows.len()), (1, 0));
    let with =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) SELECT sum(x) FROM n";
    assert_eq!(bench.number(with).await?, 500_500);
    assert_eq!(bench.rows("SELECT json_extract('{\"a\":[1,2]}', '$.a[1]')").await?, [[Value::Integer(2)]]);
    Ok(())
}

async fn what_a_statement_has_done(bench: &Bench<'_>) -> Result<()> {
    let cases = [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)", 0, None),
        ("INSERT INTO t (n) VALUES (1), (2), (3)", 3, Some(3)),
        ("  insert into t (id, n) values (10, 4)", 1, Some(10)),
        ("REPLACE INTO t (id, n) VALUES (10, 5)", 1, Some(10)),
        ("INSERT OR IGNORE INTO t (id, n) VALUES (10, 5)", 0, None),
        ("UPDATE t SET n = n + 1 WHERE n > 1", 3, None),
        ("UPDATE t SET n = 0 WHERE n = 99", 0, None),
        ("DELETE FROM t WHERE id = 1", 1, None),
        ("CREATE INDEX t_n ON t (n)", 0, None),
        ("SELECT 1", 0, None),
        ("ANALYZE", 0, None),
        ("DROP TABLE t", 0, None),
    ];
    for (sql, rows, id) in cases {
        let done = bench.execute(sql, Vec::new()).await?;
        assert_eq!((done.rows_affected, done.last_row_id), (rows, id), "{sql}");
    }
    bench.execute("CREATE TABLE u (id INTEGER PRIMARY KEY, n INT)", Vec::new()).await?;
    let done =
        bench.execute("INSERT INTO u (n) VALUES (7), (8) RETURNING id, n * 2 AS twice", Vec::new()).await?;
    assert_eq!(done.rows.columns, ["id", "twice"]);
    assert_eq!(done.rows.rows, [[1, 14], [2, 16]].map(|row| row.map(Value::Integer).to_vec()));
    let read = bench.execute("SELECT n FROM u WHERE id = 2", Vec::new()).await?;
    assert_eq!(read.rows.rows, [[Value::Integer(8)]]);
    Ok(())
}

/// A row id is told by whoever has inserted that row, and by nobody after it.
async fn row_ids_are_of_the_statement(bench: &Bench<'_>) -> Result<()> {
    bench
        .batch(&[
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, n)",
            "CREATE TABLE counters (k PRIMARY KEY, n)",
            "CREATE TABLE keys (k PRIMARY KEY, n) WITHOUT ROWID",
            "CREATE TABLE log (id INTEGER PRIMARY KEY, n)",
            "CREATE TABLE told (n)",
            "CREATE TRIGGER t AFTER UPDATE ON told BEGIN INSERT INTO log VALUES (77, 1); DELETE FROM log; END",
            "CREATE TRIGGER i AFTER INSERT ON told BEGIN INSERT INTO log VALUES (78, 1); DELETE FROM log; END",
            "INSERT INTO counters VALUES ('x', 1)",
            "INSERT INTO told VALUES (1)",
        ])
        .await?;
    for (sql, wanted) in [
        ("INSERT INTO orders VALUES (77, 1)", Some(77)),
        ("INSERT INTO counters VALUES ('x', 1) ON CONFLICT (k) DO UPDATE SET n = n + 1", None),
        ("INSERT INTO counters VALUES ('y', 1) ON CONFLICT (k) DO UPDATE SET n = n + 1", Some(2)),
        ("INSERT INTO orders VALUES (77, 1) ON CONFLICT (id) DO UPDATE SET n = 2", None),
        ("REPLACE INTO orders VALUES (77, 1)", Some(77)),
        ("REPLACE INTO orders VALUES (77, 1)", Some(77)),
        ("WITH x AS (SELECT 1) UPDATE counters SET n = 2", None),
        ("WITH x AS (SELECT 1) DELETE FROM counters", None),
        ("INSERT OR IGNORE INTO orders VALUES (77, 1)", None),
        ("INSERT INTO keys VALUES (1, 1)", None),
        ("UPDATE told SET n = n + 1", None),
        ("INSERT INTO told VALUES (2)", Some(2)),
        ("/* first */ INSERT INTO orders VALUES (5, 1)", Some(5)),
        ("WITH x(n) AS (SELECT 6) INSERT INTO orders SELECT n, 1 FROM x", Some(6)),
        ("INSERT INTO orders SELECT id + 100, 1 FROM orders ORDER BY id", Some(177)),
        ("SELECT * FROM orders", None),
        ("UPDATE orders SET id = 300 WHERE id = 177", None),
    ] {
        assert_eq!(bench.execute(sql, Vec::new()).await?.last_row_id, wanted, "{sql}");
    }
    Ok(())
}

async fn a_query_only_reads(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (n UNIQUE)", Vec::new()).await?;
    for sql in [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (1) RETURNING n",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "UPDATE t SET n = 1",
        "DELETE FROM t",
        "CREATE TABLE u (n)",
        "DROP TABLE t",
        "PRAGMA user_version = 3",
        "REINDEX",
        "ANALYZE",
    ] {
        fails(bench.query(sql, Vec::new()).await, "invalid", "execute");
    }
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 0);
    assert_eq!(bench.number("PRAGMA user_version").await?, 0);
    Ok(())
}

async fn one_statement_a_call(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (n)", Vec::new()).await?;
    let many = "SELECT 1; ".repeat(5_000);
    for sql in ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t", "DELETE FROM t; DELETE FROM t", many.as_str()]
    {
        fails(bench.query(sql, Vec::new()).await, "invalid", "batch");
        fails(bench.execute(sql, Vec::new()).await, "invalid", "batch");
    }
    let padded = format!("SELECT 1; -- {}", "x".repeat(3_000));
    for sql in
        ["SELECT 1;", " ; SELECT 1 ; ; ", "SELECT 1; -- the end", "/* one */ SELECT 1", padded.as_str()]
    {
        assert_eq!(bench.number(sql).await?, 1, "{sql}");
    }
    for sql in ["", " ", ";", "-- nothing", "/* nothing */"] {
        fails(bench.query(sql, Vec::new()).await, "invalid", "no statement");
        fails(bench.execute(sql, Vec::new()).await, "invalid", "no statement");
    }
    fails(bench.query("SELECT 1\0; DROP TABLE t", Vec::new()).await, "invalid", "code 0");
    // A trigger has statements of its own.
    let trigger =
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE n = 1; DELETE FROM t WHERE n = 2; END";
    bench.execute(trigger, Vec::new()).await?;
    bench.execute("INSERT INTO t VALUES (1), (2), (3)", Vec::new()).await?;
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 1);
    Ok(())
}

async fn faults_and_constraints(bench: &Bench<'_>) -> Result<()> {
    bench
        .batch(&[
            "CREATE TABLE p (id INTEGER PRIMARY KEY, n INT UNIQUE CHECK (n > 0), t TEXT NOT NULL DEFAULT 'x') STRICT",
            "CREATE TABLE c (p REFERENCES p (id), later REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO p (id, n) VALUES (1, 1)",
        ])
        .await?;
    for (sql, kind, words) in [
        ("SELEC 1", "invalid", "syntax error"),
        ("SELECT none FROM p", "invalid", "no such column: none"),
        ("SELECT * FROM none", "invalid", "no such table: none"),
        ("SELECT \"text\"", "invalid", "no such column"),
        ("INSERT INTO p (n) VALUES (1)", "constraint", "UNIQUE constraint failed: p.n"),
        ("INSERT INTO p (n) VALUES (0)", "constraint", "CHECK"),
        ("INSERT INTO p (n, t) VALUES (2, NULL)", "constraint", "NOT NULL"),
        ("INSERT INTO p (n) VALUES ('a')", "constraint", "cannot store TEXT"),
        ("INSERT INTO c (p) VALUES (9)", "constraint", "FOREIGN KEY"),
        ("INSERT INTO c (later) VALUES (9)", "constraint", "FOREIGN KEY"),
        ("INSERT OR ROLLBACK INTO p (n) VALUES (1)", "constraint", "UNIQUE"),
        ("UPDATE p SET n = 'a'", "constraint", "cannot store TEXT"),
    ] {
        fails(bench.execute(sql, Vec::new()).await, kind, words);
    }
    assert_eq!(bench.number("SELECT count(*) FROM p").await?, 1);
    assert_eq!(bench.number("SELECT count(*) FROM c").await?, 0);
    bench.execute("INSERT INTO c (p, later) VALUES (1, 1)", Vec::new()).await?;
    Ok(())
}

async fn reopening(bench: Bench<'_>) -> Result<()> {
    bench.batch(&["CREATE TABLE t (n)", "INSERT INTO t VALUES (1)", "PRAGMA user_version = 7"]).await?;
    let before = bench.sql.list(bench.project).await?;
    let bench = bench.reopen()?;
    let after = bench.sql.list(bench.project).await?;
    assert_eq!((before, after.len(), after[0].name.as_str()), (after.clone(), 1, "a"));
    assert_eq!(bench.number("SELECT n FROM t").await?, 1);
    assert_eq!(bench.number("PRAGMA user_version").await?, 7);
    bench.execute("INSERT INTO t VALUES (2)", Vec::new()).await?;
    let bench = bench.reopen()?;
    assert_eq!(bench.number("SELECT sum(n) FROM t").await?, 3);
    Ok(())
}
