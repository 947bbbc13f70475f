//! What is bound comes back as it was.

use super::Opener;
use super::bench::{Bench, fails, named, text};
use crate::sql::{MAX_PARAMETERS, MAX_VALUE_BYTES, Result, Statement, Value};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    values_come_back(&opener.bench()?).await?;
    what_is_bound_is_never_sql(&opener.bench()?).await?;
    parameters_have_places_or_names(&opener.bench()?).await?;
    parameters_that_do_not_fit(&opener.bench()?).await?;
    the_largest_values(&opener.bench()?).await
}

async fn values_come_back(bench: &Bench<'_>) -> Result<()> {
    let values = [
        Value::Null,
        Value::Integer(0),
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX),
        Value::Integer((1 << 53) + 1),
        Value::Real(0.1),
        Value::Real(-0.0),
        Value::Real(f64::MAX),
        Value::Real(f64::INFINITY),
        text(""),
        text("a\0b"),
        text("ä 日本 🦀"),
        text("1"),
        Value::Blob(Vec::new()),
        Value::Blob(vec![0, 0xff, 0xc3]),
    ];
    bench.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", Vec::new()).await?;
    for (number, value) in values.iter().enumerate() {
        let found = bench.query("SELECT ?1", vec![value.clone()]).await?;
        assert_eq!(found.rows, [[value.clone()]]);
        bench.execute("INSERT INTO t (v) VALUES (?1)", vec![value.clone()]).await?;
        let stored = bench.rows(&format!("SELECT v FROM t WHERE id = {}", number + 1)).await?;
        assert_eq!(stored, [[value.clone()]]);
    }
    let nan = bench.query("SELECT ?1", vec![Value::Real(f64::NAN)]).await?;
    assert_eq!(nan.rows, [[Value::Null]]);
    // Text that is none is not changed on the way.
    assert_eq!(bench.rows("SELECT CAST(x'c328' AS TEXT)").await?, [[Value::Blob(vec![0xc3, 0x28])]]);
    Ok(())
}

async fn what_is_bound_is_never_sql(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE users (name TEXT)", Vec::new()).await?;
    for evil in
        ["'; DROP TABLE users; --", "' OR 1=1 --", "\"", "?1", "a' UNION SELECT name FROM sqlite_master --"]
    {
        bench.execute("INSERT INTO users VALUES (?1)", vec![text(evil)]).await?;
        let found = bench.query("SELECT name FROM users WHERE name = ?1", vec![text(evil)]).await?;
        assert_eq!(found.rows, [[text(evil)]]);
        let none = bench.query("SELECT name FROM users WHERE name = ?1 || 'x'", vec![text(evil)]).await?;
        assert_eq!(none.rows.len(), 0, "{evil}");
    }
    assert_eq!(bench.number("SELECT count(*) FROM users").await?, 5);
    Ok(())
}

async fn parameters_have_places_or_names(bench: &Bench<'_>) -> Result<()> {
    let (a, b) = (Value::Integer(1), text("b"));
    let cases = [
        Statement::new("SELECT ?, ?", vec![a.clone(), b.clone()]),
        Statement::new("SELECT ?1, ?2", vec![a.clone(), b.clone()]),
        Statement::new("SELECT ?2, ?1", vec![b.clone(), a.clone()]),
        Statement::new("SELECT :x, @y", vec![a.clone(), b.clone()]),
        named("SELECT :x, :y", &[("x", a.clone()), ("y", b.clone())]),
        named("SELECT :x, :y", &[(":y", b.clone()), (":x", a.clone())]),
        named("SELECT $x, @y", &[("@y", b.clone()), ("x", a.clone())]),
        named("SELECT :x, :y WHERE :x = 1", &[("y", b.clone()), ("x", a.clone())]),
    ];
    for statement in cases {
        let found = bench.sql.query(bench.project, "a", statement.clone()).await?;
        assert_eq!(found.rows, [[a.clone(), b.clone()]], "{statement:?}");
    }
    Ok(())
}

async fn parameters_that_do_not_fit(bench: &Bench<'_>) -> Result<()> {
    let one = || vec![Value::Integer(1)];
    let cases = [
        (Statement::new("SELECT 1", one()), "has 0 parameters, and 1 were given"),
        (Statement::new("SELECT ?1, ?2", one()), "has 2 parameters, and 1 were given"),
        (Statement::new("SELECT ?3", one()), "has 3 parameters"),
        (named("SELECT :x", &[("y", Value::Null)]), "`:x` is missing"),
        (named("SELECT :x", &[("x", Value::Null), ("y", Value::Null)]), "has 1 parameters, and 2"),
        (named("SELECT ?", &[("x", Value::Null)]), "without a name"),
    ];
    for (statement, words) in cases {
        fails(bench.sql.query(bench.project, "a", statement.clone()).await, "invalid", words);
        fails(bench.sql.execute(bench.project, "a", statement).await, "invalid", words);
    }
    Ok(())
}

async fn the_largest_values(bench: &Bench<'_>) -> Result<()> {
    bench.execute("CREATE TABLE t (v)", Vec::new()).await?;
    // A row has a few bytes beside its values.
    let large = Value::Blob(vec![7; MAX_VALUE_BYTES - 64]);
    bench.execute("INSERT INTO t VALUES (?1)", vec![large.clone()]).await?;
    assert_eq!(bench.rows("SELECT v FROM t").await?, [[large]]);
    let too_large = text(&"x".repeat(MAX_VALUE_BYTES));
    fails(bench.execute("INSERT INTO t VALUES (?1)", vec![too_large]).await, "limit", "MiB");
    let all = vec![Value::Integer(1); MAX_PARAMETERS];
    let places = vec!["?"; MAX_PARAMETERS].join("), (");
    assert_eq!(bench.query(&format!("VALUES ({places})"), all.clone()).await?.rows.len(), MAX_PARAMETERS);
    let more = vec![Value::Integer(1); MAX_PARAMETERS + 1];
    fails(bench.query(&format!("VALUES ({places}), (?)"), more).await, "limit", "parameters");
    fails(bench.query("SELECT ?1001", all).await, "invalid", "variable number");
    Ok(())
}
