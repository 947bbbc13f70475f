//! How fast the driver is: prints figures, asserts nothing about them.
//!
//! `cargo test -p store --release sql::sqlite::tests::speed -- --ignored --nocapture --test-threads 1`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::Instant;

use futures_util::future::try_join_all;

use super::*;
use crate::project::tests::project;
use crate::sql::Value;

const ROWS: i64 = 10_000;

#[tokio::test]
#[ignore = "prints figures; takes half a minute"]
async fn speed() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let sql = Arc::new(open_in(folder.path(), real(), Limits::default()));
    let fill = Statement::new(
        "INSERT INTO t SELECT value, 'user ' || value, zeroblob(100) FROM json_each(?1)",
        vec![Value::Text(format!("[{}]", (0..ROWS).map(|n| n.to_string()).collect::<Vec<_>>().join(",")))],
    );
    let setup = vec![statement("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB)"), fill];
    sql.batch(project(1), "a", setup).await.unwrap();
    queries(&sql, "SELECT name, data FROM t WHERE id = ?1", "point select, at hand", 100_000).await;
    queries(
        &sql,
        "SELECT upper(name) || ltrim('x'), data FROM t WHERE id = ?1",
        "point select, on another thread",
        20_000,
    )
    .await;
    queries(&sql, "SELECT name FROM t WHERE id >= ?1 LIMIT 100", "100 rows, at hand", 10_000).await;
    queries(&sql, "SELECT count(*) FROM t WHERE name > ?1", "scan of 10,000 rows", 500).await;
    for callers in [1, 8, 64] {
        writes(&sql, callers).await;
    }
}

async fn queries(sql: &Sqlite, text: &str, what: &str, count: i64) {
    let begin = Instant::now();
    for number in 0..count {
        let query = Statement::new(text, vec![Value::Integer(number * 7_919 % (ROWS - 100))]);
        let found = sql.query(project(1), "a", query).await.unwrap();
        assert!(!found.rows.is_empty());
    }
    report(what, count, begin);
}

async fn writes(sql: &Arc<Sqlite>, callers: i64) {
    let each = (2_000.min(200 * callers)) / callers;
    let begin = Instant::now();
    let tasks = (0..callers).map(|_| {
        let sql = sql.clone();
        tokio::spawn(async move {
            for number in 0..each {
                let values = vec![Value::Text(format!("new {number}")), Value::Blob(vec![7; 100])];
                let insert = Statement::new("INSERT INTO t (name, data) VALUES (?1, ?2)", values);
                sql.execute(project(1), "a", insert).await.unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report(&format!("insert, {callers} callers"), each * callers, begin);
}

fn report(what: &str, count: i64, begin: Instant) {
    let took = begin.elapsed();
    let each = took.as_secs_f64() / count as f64;
    println!("{what}: {:.0}/s, {:.1} us each ({count} in {took:?})", 1.0 / each, each * 1e6);
}
