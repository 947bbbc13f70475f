//! What an answer, a call and a project have room for.

use super::Opener;
use super::bench::{Bench, fails};
use crate::sql::{MAX_DATABASES, MAX_ROWS, Result, Statement, Value};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    answers(&opener.bench()?).await?;
    databases(&opener.bench()?).await?;
    a_project_is_full(&opener.bench_with(4 << 20, 8 << 20)?).await?;
    a_call_adds_only_so_much(&opener.bench_with(64 << 20, 1 << 20)?).await
}

const COUNT: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?1) ";

async fn answers(bench: &Bench<'_>) -> Result<()> {
    let (count, most) = (|n: usize| vec![Value::Integer(n as i64)], MAX_ROWS);
    let numbers = format!("{COUNT} SELECT x FROM n");
    assert_eq!(bench.query(&numbers, count(most)).await?.rows.len(), most);
    fails(bench.query(&numbers, count(most + 1)).await, "limit", "100000 rows");
    let blobs = format!("{COUNT} SELECT zeroblob(1000000) FROM n");
    assert_eq!(bench.query(&blobs, count(8)).await?.rows.len(), 8);
    fails(bench.query(&blobs, count(9)).await, "limit", "8 MiB");
    // The answers of a batch have it together, and what they wrote is undone.
    bench.execute("CREATE TABLE t (n)", Vec::new()).await?;
    let insert = Statement::new("INSERT INTO t VALUES (1) RETURNING zeroblob(1000000)", Vec::new());
    fails(bench.sql.batch(bench.project, "a", vec![insert; 9]).await, "limit", "8 MiB");
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 0);
    Ok(())
}

async fn databases(bench: &Bench<'_>) -> Result<()> {
    let select = || Statement::new("SELECT 1", Vec::new());
    for number in 0..MAX_DATABASES {
        bench.sql.query(bench.project, &format!("d{number:02}"), select()).await?;
    }
    fails(bench.sql.query(bench.project, "more", select()).await, "limit", "50 databases");
    fails(bench.sql.execute(bench.project, "more", select()).await, "limit", "50 databases");
    let list = bench.sql.list(bench.project).await?;
    assert_eq!(list.len(), MAX_DATABASES);
    assert!(list.is_sorted_by(|a, b| a.name < b.name) && list.iter().all(|database| database.bytes > 0));
    bench.sql.query(bench.project, "d00", select()).await?;
    Ok(())
}

/// All databases of a project have its room together; what makes them smaller is always done.
async fn a_project_is_full(bench: &Bench<'_>) -> Result<()> {
    let fill = |database: &'static str, kib: i64| {
        let sql = format!("{COUNT} INSERT INTO t SELECT zeroblob(1024) FROM n");
        bench.sql.execute(bench.project, database, Statement::new(sql, vec![Value::Integer(kib)]))
    };
    for database in ["a", "b"] {
        let table = Statement::new("CREATE TABLE t (v)", Vec::new());
        bench.sql.execute(bench.project, database, table).await?;
    }
    fill("a", 1_500).await?;
    fill("b", 700).await?;
    fails(fill("a", 1_500).await, "limit", "no room");
    fails(fill("b", 1_500).await, "limit", "no room");
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 1_500, "nothing of it was done");
    fill("b", 300).await?;
    let total: u64 = bench.sql.list(bench.project).await?.iter().map(|database| database.bytes).sum();
    assert!(total <= 4 << 20, "{total}");
    bench.execute("DELETE FROM t WHERE rowid % 2 = 0", Vec::new()).await?;
    // What is free in a file is used again.
    fill("a", 600).await?;
    Ok(())
}

async fn a_call_adds_only_so_much(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (v)", Vec::new()).await?;
    let sql = format!("{COUNT} INSERT INTO t SELECT zeroblob(1024) FROM n");
    let fill = |kib: i64| bench.execute(&sql, vec![Value::Integer(kib)]);
    for _ in 0..5 {
        fill(500).await?;
    }
    fails(fill(1_500).await, "limit", "a call adds");
    assert_eq!(bench.number("SELECT count(*) FROM t").await?, 2_500);
    Ok(())
}
