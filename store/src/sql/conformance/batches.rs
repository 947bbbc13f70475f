//! Several statements in one transaction.

use super::Opener;
use super::bench::{Bench, fails, named, text};
use crate::sql::{MAX_STATEMENTS, Result, Statement, Value};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    all_in_their_order(&opener.bench()?).await?;
    all_or_none(&opener.bench()?).await?;
    the_largest_batch(&opener.bench()?).await?;
    many_at_once(&opener.bench()?).await
}

async fn all_in_their_order(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.batch(&[]).await?, []);
    let statements = vec![
        Statement::new("CREATE TABLE t (id INTEGER PRIMARY KEY, n)", Vec::new()),
        Statement::new("INSERT INTO t (n) VALUES (?1), (?2)", vec![Value::Integer(1), text("b")]),
        named("UPDATE t SET n = :n WHERE id = :id", &[("id", Value::Integer(1)), ("n", Value::Real(0.5))]),
        Statement::new("SELECT n FROM t ORDER BY id", Vec::new()),
        Statement::new("DELETE FROM t WHERE id = 1 RETURNING id", Vec::new()),
    ];
    let done = bench.sql.batch(bench.project, "a", statements).await?;
    let affected: Vec<_> = done.iter().map(|done| (done.rows_affected, done.last_row_id)).collect();
    assert_eq!(affected, [(0, None), (2, Some(2)), (1, None), (0, None), (1, None)]);
    assert_eq!(done[3].rows.rows, [[Value::Real(0.5)], [text("b")]]);
    assert_eq!(done[4].rows.rows, [[Value::Integer(1)]]);
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 1);
    Ok(())
}

async fn all_or_none(bench: &Bench<'_>) -> Result<()> {
    bench
        .batch(&[
            "CREATE TABLE t (n UNIQUE)",
            "CREATE TABLE d (n REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)",
        ])
        .await?;
    let first = "INSERT INTO t VALUES (1)";
    for (statements, kind, words) in [
        (vec![first, first], "constraint", "statement 2: UNIQUE"),
        (vec![first, "SELEC"], "invalid", "statement 2: near"),
        (
            vec![first, "CREATE TABLE u (n)", "PRAGMA user_version = 3", "ATTACH 'x' AS y"],
            "denied",
            "statement 4: ATTACH",
        ),
        (vec![first, "COMMIT"], "denied", "statement 2: a call is a transaction"),
        (vec![first, "INSERT OR ROLLBACK INTO t VALUES (1)"], "constraint", "statement 2: UNIQUE"),
        (vec![first, "INSERT INTO d VALUES (9)"], "constraint", "FOREIGN KEY"),
        (vec![first, "SELECT 1; SELECT 2"], "invalid", "statement 2: one call"),
    ] {
        fails(bench.batch(&statements).await, kind, words);
        assert_eq!(bench.number("SELECT count(*) FROM t").await?, 0, "{statements:?}");
    }
    assert_eq!(bench.number("SELECT count(*) FROM sqlite_schema WHERE name = 'u'").await?, 0);
    assert_eq!(bench.number("PRAGMA user_version").await?, 0);
    bench.batch(&["INSERT INTO d VALUES (5)", "INSERT INTO t VALUES (5)"]).await?;
    Ok(())
}

async fn the_largest_batch(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (n)", Vec::new()).await?;
    let all = vec!["INSERT INTO t VALUES (1)"; MAX_STATEMENTS];
    assert_eq!(bench.batch(&all).await?.len(), MAX_STATEMENTS);
    let more = vec!["INSERT INTO t VALUES (1)"; MAX_STATEMENTS + 1];
    fails(bench.batch(&more).await, "limit", "1000 statements");
    let part = || Statement::new("INSERT INTO t VALUES (?1)", vec![Value::Blob(vec![0; 1_000_000])]);
    let large = (0..9).map(|_| part()).collect();
    fails(bench.sql.batch(bench.project, "a", large).await, "limit", "8 MiB");
    let fits = (0..8).map(|_| part()).collect();
    bench.sql.batch(bench.project, "a", fits).await?;
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 1_008);
    Ok(())
}

/// Calls that share a commit don't share their faults.
async fn many_at_once(bench: &Bench<'_>) -> Result<()> {
    bench
        .batch(&[
            "CREATE TABLE t (n UNIQUE)",
            "CREATE TABLE d (n REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)",
        ])
        .await?;
    let calls = (0..200).map(async |number: i64| {
        let insert = Statement::new("INSERT INTO t VALUES (?1)", vec![Value::Integer(number)]);
        let again = match number % 5 {
            0 => "INSERT OR ROLLBACK INTO t VALUES (?1)",
            1 => "INSERT INTO t VALUES (?1)",
            2 => "INSERT INTO d VALUES (?1 + 1000)",
            _ => "SELECT ?1",
        };
        let again = Statement::new(again, vec![Value::Integer(number)]);
        bench.sql.batch(bench.project, "a", vec![insert, again]).await
    });
    let answers = futures_util::future::join_all(calls).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match number % 5 {
            0 | 1 => fails(answer, "constraint", "UNIQUE"),
            2 => fails(answer, "constraint", "FOREIGN KEY"),
            _ => assert_eq!(answer?.len(), 2),
        }
    }
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 80);
    assert_eq!(bench.number("SELECT count(*) FROM t WHERE n % 5 < 3").await?, 0);
    Ok(())
}
