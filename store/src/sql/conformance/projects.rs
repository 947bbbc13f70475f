//! Projects and databases are apart.

use super::Opener;
use super::bench::{Bench, fails, project, text};
use crate::sql::{Result, Statement, Value};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    projects_are_apart(&opener.bench()?).await?;
    databases_are_apart(&opener.bench()?).await
}

async fn projects_are_apart(bench: &Bench<'_>) -> Result<()> {
    let (mine, other) = (bench.project, project(2));
    assert_eq!(bench.sql.list(other).await?, []);
    for (project, canary) in [(mine, "mine"), (other, "theirs")] {
        let statements = vec![
            Statement::new("CREATE TABLE t (v)", Vec::new()),
            Statement::new("INSERT INTO t VALUES (?1)", vec![text(canary)]),
        ];
        bench.sql.batch(project, "a", statements).await?;
    }
    let select = || Statement::new("SELECT v FROM t", Vec::new());
    assert_eq!(bench.sql.query(mine, "a", select()).await?.rows, [[text("mine")]]);
    assert_eq!(bench.sql.query(other, "a", select()).await?.rows, [[text("theirs")]]);
    let ids = bench.sql.execute(other, "a", Statement::new("INSERT INTO t VALUES (1)", Vec::new())).await?;
    assert_eq!(ids.last_row_id, Some(2));
    assert_eq!(bench.sql.list(mine).await?.len(), 1);
    Ok(())
}

async fn databases_are_apart(bench: &Bench<'_>) -> Result<()> {
    bench.batch(&["CREATE TABLE t (v)", "INSERT INTO t VALUES (1)"]).await?;
    let in_b = |sql: &str| bench.sql.query(bench.project, "b", Statement::new(sql, Vec::new()));
    fails(in_b("SELECT v FROM t").await, "invalid", "no such table");
    fails(in_b("SELECT v FROM a.t").await, "invalid", "no such table");
    assert_eq!(in_b("SELECT count(*) FROM sqlite_schema").await?.rows, [[Value::Integer(0)]]);
    let names: Vec<_> =
        bench.sql.list(bench.project).await?.into_iter().map(|database| database.name).collect();
    assert_eq!(names, ["a", "b"]);
    Ok(())
}
