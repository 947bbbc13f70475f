//! SQL databases in backups: they come back with their rows, also when they are written meanwhile.

use super::*;
use crate::sql::{Rows, Statement, Value};

async fn execute(store: &Store, project: &Project, sql: &str, values: Vec<Value>) {
    store.sql.execute(project.id, "db", Statement::new(sql, values)).await.unwrap();
}

async fn query(store: &Store, project: &Project, database: &str, sql: &str) -> Rows {
    store.sql.query(project.id, database, Statement::new(sql, Vec::new())).await.unwrap()
}

#[tokio::test]
async fn sql_databases_come_back_with_their_rows() {
    let bench = Bench::new();
    let (shop, post) = (bench.project("shop").await, bench.project("post").await);
    let values = vec![Value::Integer(7), Value::Text("seven".to_owned()), Value::Blob(vec![0, 255])];
    for project in [&shop, &post] {
        execute(&bench.store, project, "CREATE TABLE t (n, word, bytes)", Vec::new()).await;
    }
    execute(&bench.store, &shop, "INSERT INTO t VALUES (?1, ?2, ?3)", values.clone()).await;
    let other = Statement::new("CREATE TABLE other AS SELECT 'second' AS word", Vec::new());
    bench.store.sql.execute(shop.id, "db-2", other).await.unwrap();
    let look = async |store: &Store| {
        assert_eq!(query(store, &shop, "db", "SELECT * FROM t").await.rows, std::slice::from_ref(&values));
        let second = query(store, &shop, "db-2", "SELECT word FROM other").await.rows;
        assert_eq!(second, [[Value::Text("second".to_owned())]]);
        let names: Vec<_> =
            store.sql.list(shop.id).await.unwrap().into_iter().map(|info| info.name).collect();
        assert_eq!(names, ["db", "db-2"]);
    };
    bench.make("saved", &Scope::Whole).unwrap();
    restore(&bench.path("saved"), &bench.path("again")).unwrap();
    let again = open_at(&bench.path("again"), KEY).unwrap();
    look(&again).await;
    assert!(query(&again, &post, "db", "SELECT * FROM t").await.rows.is_empty());
    bench.make("one", &Scope::Project("shop".to_owned())).unwrap();
    let other = open_at(&bench.path("other"), KEY).unwrap();
    let (data, keys) = (other.data.clone(), other.keys.clone());
    drop(other);
    let place = Place { data: &data, keys: &keys, name: Some("shop-2"), now_ms: 9 };
    restore_project(&bench.path("one"), "shop", &place).unwrap();
    drop(data);
    look(&open_at(&bench.path("other"), KEY).unwrap()).await;
}

/// Two tables that every call changes together agree in each of several backups, and the file is sound.
#[tokio::test]
async fn a_sql_database_that_is_written_is_of_one_moment() {
    let bench = Bench::new();
    let shop = bench.project("shop").await;
    for table in ["a", "b"] {
        execute(&bench.store, &shop, &format!("CREATE TABLE {table} (n, filler)"), Vec::new()).await;
    }
    let (stop, written) = (AtomicBool::new(false), std::sync::atomic::AtomicU64::new(0));
    let busy = async {
        while !stop.load(Ordering::Relaxed) {
            let pair = ["a", "b"].map(|table| {
                let sql = format!("INSERT INTO {table} SELECT count(*), randomblob(3000) FROM {table}");
                Statement::new(sql, Vec::new())
            });
            bench.store.sql.batch(shop.id, "db", pair.to_vec()).await.unwrap();
            written.fetch_add(1, Ordering::Relaxed);
        }
    };
    let saves = async {
        let mut before = 0;
        for round in 0..3 {
            while written.load(Ordering::Relaxed) <= before {
                tokio::task::yield_now().await;
            }
            before = written.load(Ordering::Relaxed);
            let (data, path) = (bench.store.data.clone(), bench.path(&format!("saved-{round}")));
            let made = tokio::task::spawn_blocking(move || make(&data, &path, &Scope::Whole, &ABOUT));
            let made = made.await.unwrap().unwrap();
            assert_eq!(made.missing, []);
            let again = bench.path(&format!("again-{round}"));
            restore(&bench.path(&format!("saved-{round}")), &again).unwrap();
            let again = open_at(&again, KEY).unwrap();
            let counts = "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)";
            let rows = query(&again, &shop, "db", counts).await.rows;
            let [Value::Integer(a), Value::Integer(b)] = rows[0][..] else { panic!("{rows:?}") };
            let after = written.load(Ordering::Relaxed);
            assert!(a == b && a >= before.cast_signed() && a <= after.cast_signed() + 1, "{a} {b} {before}");
            // It goes on to be written.
            execute(&again, &shop, "INSERT INTO a VALUES (-1, zeroblob(5000))", Vec::new()).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(busy, saves);
}
