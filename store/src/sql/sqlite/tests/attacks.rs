//! C4 of the threats: statements that take too much end soon, with an error, and hold up nobody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::project::tests::project;
use crate::sql::Value;

/// Time that goes ten times as fast, so that half a second is what a call may run.
fn fast() -> StoreTimer {
    let real = real();
    Arc::new(move || real() * 10)
}

const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) ";
const MANY: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) ";

/// What is asked, how it must end, and a word of the text.
fn attacks() -> Vec<(String, &'static str, &'static str)> {
    let endless = |sql: &str| (format!("{ENDLESS}{sql}"), "limit", "run for 5 s");
    let large = |sql: &str| (sql.to_owned(), "limit", "too large");
    vec![
        endless("SELECT count(*) FROM n"),
        endless("SELECT x FROM n WHERE x < 0"),
        endless("SELECT x FROM n ORDER BY x DESC"),
        endless("SELECT randomblob(1000) FROM n ORDER BY 1"),
        endless("SELECT DISTINCT randomblob(1000) FROM n WHERE x < 0 OR random() IS NULL"),
        endless("SELECT count(*) FROM (SELECT randomblob(1000) FROM n UNION SELECT x FROM n)"),
        endless("SELECT count(*), max(length(randomblob(1000000))) FROM n"),
        endless("SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1000000 PRECEDING AND CURRENT ROW) FROM n"),
        endless("SELECT count(*) FROM n GROUP BY randomblob(100)"),
        endless(
            "SELECT count(*) FROM n WHERE hex(zeroblob(450000 + x % 2)) LIKE '%0000000000000000000000000000000000001'",
        ),
        (format!("{MANY}SELECT count(*) FROM n a, n b, n c"), "limit", "run for"),
        (format!("{MANY}SELECT count(*) FROM n a, n b, n c ORDER BY a.x + b.x + c.x"), "limit", "run for"),
        (
            "WITH RECURSIVE n(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM n) SELECT max(length(x)) FROM n"
                .to_owned(),
            "limit",
            "too large",
        ),
        (format!("{ENDLESS}SELECT group_concat(hex(zeroblob(10000))) FROM n"), "limit", ""),
        (format!("{ENDLESS}SELECT x FROM n"), "limit", ""),
        (format!("{ENDLESS}SELECT randomblob(1000000) FROM n"), "limit", "8 MiB"),
        large("SELECT randomblob(1000000000)"),
        large("SELECT zeroblob(1000000000)"),
        large("SELECT hex(zeroblob(2000000))"),
        large("SELECT printf('%1000000000d', 1)"),
        large("SELECT printf('%.100000000f', 1.0)"),
        large("SELECT replace(zeroblob(2000000), x'00', 'x')"),
        ("SELECT replace(hex(zeroblob(500000)), '0', 'xxx')".to_owned(), "invalid", "MiB"),
        ("SELECT length(json_quote(json('[' || hex(zeroblob(100)) )))".to_owned(), "invalid", "JSON"),
        (format!("SELECT json('{}')", "[".repeat(90_000)), "invalid", "JSON"),
        (format!("SELECT '{}'", "' || '".repeat(15_000)), "invalid", ""),
    ]
}

/// What is written without end.
fn writes() -> Vec<(String, &'static str, &'static str)> {
    vec![
        (format!("{ENDLESS}INSERT INTO t SELECT x FROM n"), "limit", ""),
        (format!("{ENDLESS}INSERT INTO t SELECT zeroblob(1000000) FROM n"), "limit", "no room"),
        (format!("{ENDLESS}UPDATE t SET n = (SELECT max(x) FROM n)"), "limit", "run for"),
        (format!("CREATE TABLE u AS {ENDLESS}SELECT x FROM n"), "limit", ""),
        ("INSERT INTO r VALUES (1)".to_owned(), "limit", "run for"),
    ]
}

/// Each ends, memory stays where it is, and the database is as it was: in a process where no other test uses memory.
#[test]
fn c4_statements_end_soon_and_memory_stays_flat() {
    let alone = ["--exact", "sql::sqlite::tests::attacks::alone", "--ignored"];
    let ran = std::process::Command::new(std::env::current_exe().unwrap()).args(alone).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "the test above runs it in a process of its own"]
async fn alone() {
    let folder = scratch();
    let limits = Limits { growth: 16 << 20, ..Limits::default() };
    let sql = open_in(folder.path(), fast(), limits);
    let big = format!("CREATE TABLE big AS {MANY}SELECT x FROM n");
    let setup = ["CREATE TABLE t (n)", "INSERT INTO t VALUES (1)", "CREATE TABLE r (n)", &big, TRIGGER];
    sql.batch(project(1), "a", setup.map(statement).into()).await.unwrap();
    let peak = Peak::watch();
    for (text, kind, words) in attacks() {
        let asked = sql.query(project(1), "a", statement(&text));
        ends(&asked.await.map(drop), kind, words, &text);
        let asked = sql.execute(project(1), "a", statement(&text));
        ends(&asked.await.map(drop), kind, words, &text);
    }
    for (text, kind, words) in writes() {
        ends(&sql.execute(project(1), "a", statement(&text)).await.map(drop), kind, words, &text);
    }
    let grown = peak.grown_mib();
    assert!(grown < 200, "memory has grown by {grown} MiB");
    let count = statement("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM r)");
    assert_eq!(sql.query(project(1), "a", count).await.unwrap().rows, [[Value::Integer(1)]]);
}

const TRIGGER: &str = "CREATE TRIGGER g AFTER INSERT ON r BEGIN
    DELETE FROM t WHERE n = (SELECT count(*) FROM big a, big b, big c); END";

/// One instruction can't be interrupted, so that none takes long, and a statement has few that do: the first three were hours
/// with SQLite's own functions.
#[tokio::test]
async fn c4_single_instructions_are_short() {
    let folder = scratch();
    let sql = open_in(folder.path(), fast(), Limits::default());
    let long = "hex(zeroblob(500000))";
    for (text, most_ms) in [
        (format!("SELECT instr({long}, hex(zeroblob(250000)) || '1')"), 20_000),
        (format!("SELECT replace({long}, hex(zeroblob(250000)) || '1', '')"), 20_000),
        (format!("SELECT length(trim({long}, {long} || '1'))"), 20_000),
        (format!("SELECT {long} LIKE '%{}1'", "0".repeat(62)), 20_000),
        (format!("SELECT {long} GLOB '*{}1'", "0".repeat(62)), 20_000),
        (format!("SELECT {long} GLOB '*{}1'", "[0-9]".repeat(12)), 20_000),
        (format!("SELECT {long} LIKE '{}1'", "%0".repeat(31)), 20_000),
    ] {
        let real = real();
        let begin = real();
        // How it ends is its own matter.
        let _ = sql.query(project(1), "a", statement(&text)).await;
        let took = (real() - begin).as_millis();
        println!("{took} ms: {}", &text[..60]);
        assert!(took < most_ms, "{took} ms: {text}");
    }
    let many = format!("SELECT {}", vec!["x LIKE 'a'"; 51].join(", "));
    let many = format!("WITH t(x) AS (SELECT 'a') {many} FROM t");
    ends(&sql.query(project(1), "a", statement(&many)).await.map(drop), "limit", "too many functions", &many);
}

/// However views stand for views, the stack is enough: a thread's as small as any that runs statements.
#[tokio::test]
async fn c4_views_of_views() {
    let folder = scratch();
    let sql = open_in(folder.path(), real(), Limits::default());
    sql.execute(project(1), "a", statement("CREATE TABLE v0 (n)")).await.unwrap();
    let mut made = 0;
    for number in 1..600 {
        let view = format!("CREATE VIEW v{number} AS SELECT n FROM v{} ", number - 1);
        match sql.execute(project(1), "a", statement(&view)).await {
            Ok(_) => made = number,
            Err(error) => {
                ends(&Err(error), "invalid", "too many schema objects", &view);
                break;
            }
        }
        if number % 50 == 0 {
            let read = format!("SELECT n FROM v{number}");
            // Whether it answers or says that it is too much: nothing breaks.
            let answer = sql.query(project(1), "a", statement(&read)).await;
            println!("{number}: {answer:?}");
            let answer = sql.execute(project(1), "a", statement(&read)).await;
            assert!(answer.is_ok() || number > 90, "{number}: {answer:?}");
        }
    }
    assert!((400..=600).contains(&made), "{made}");
    let twice: Vec<String> =
        (0..20).map(|n| format!("CREATE VIEW w{} AS SELECT a.n FROM w{n} a, w{n} b", n + 1)).collect();
    sql.execute(project(1), "b", statement("CREATE TABLE w0 (n)")).await.unwrap();
    for view in twice {
        sql.execute(project(1), "b", statement(&view)).await.unwrap();
    }
    let doubling = "SELECT n FROM w20";
    assert!(sql.query(project(1), "b", statement(doubling)).await.is_err());
}

/// A thread that answers requests is never held up, and neither is another project, nor the others of the same.
#[tokio::test]
async fn c4_nobody_waits_for_a_slow_statement() {
    let folder = scratch();
    let sql = Arc::new(open_in(folder.path(), fast(), Limits::default()));
    for number in [1, 2] {
        let setup = ["CREATE TABLE t (id INTEGER PRIMARY KEY, n)", "INSERT INTO t VALUES (1, 1), (2, 2)"];
        sql.batch(project(number), "a", setup.map(statement).into()).await.unwrap();
    }
    let slow: Vec<_> = (0..12)
        .map(|number| {
            let sql = sql.clone();
            let text = format!("{ENDLESS}SELECT count(*) FROM n");
            tokio::spawn(async move {
                match number % 3 {
                    0 => sql.execute(project(1), "a", statement(&text)).await.map(drop),
                    _ => sql.query(project(1), "a", statement(&text)).await.map(drop),
                }
            })
        })
        .collect();
    let (real, mut longest, mut asked) = (real(), 0, 0);
    while slow.iter().any(|task| !task.is_finished()) {
        for number in [1, 2] {
            let begin = real();
            let point = Statement::new("SELECT n FROM t WHERE id = ?1", vec![Value::Integer(2)]);
            let found = sql.query(project(number), "a", point).await.unwrap();
            assert_eq!(found.rows, [[Value::Integer(2)]]);
            longest = longest.max((real() - begin).as_millis());
        }
        let begin = real();
        sql.execute(project(2), "a", statement("UPDATE t SET n = 2")).await.unwrap();
        longest = longest.max((real() - begin).as_millis());
        asked += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{asked} rounds, the longest call took {longest} ms");
    assert!(asked > 50 && longest < 250, "{asked} rounds, {longest} ms");
    for task in slow {
        ends(&task.await.unwrap(), "limit", "run for", "slow");
    }
}

/// What nobody waits for any more stops, and leaves its place.
#[tokio::test]
async fn c4_what_is_given_up_stops() {
    let folder = scratch();
    let limits = Limits { running: 1, waiting: 1, ..Limits::default() };
    let sql = open_in(folder.path(), real(), limits);
    sql.execute(project(1), "a", statement("CREATE TABLE t (n)")).await.unwrap();
    let endless = format!("{ENDLESS}SELECT count(*) FROM n");
    let insert = format!("{ENDLESS}INSERT INTO t SELECT x FROM n WHERE x < 0");
    for _ in 0..3 {
        let soon = Duration::from_millis(20);
        let query = sql.query(project(1), "a", statement(&endless));
        tokio::time::timeout(soon, query).await.expect_err("it has no end");
        let execute = sql.execute(project(1), "a", statement(&insert));
        tokio::time::timeout(soon, execute).await.expect_err("it has no end");
    }
    let real = real();
    let begin = real();
    let count = format!("{MANY}SELECT count(*) FROM n a, n b");
    sql.query(project(1), "a", statement(&count)).await.unwrap();
    sql.execute(project(1), "a", statement("INSERT INTO t VALUES (1)")).await.unwrap();
    let took = (real() - begin).as_millis();
    assert!(took < 2_000, "{took} ms");
    let all = (0..3).map(|_| sql.query(project(1), "a", statement(&endless)));
    let busy =
        tokio::time::timeout(Duration::from_millis(50), futures_util::future::select_all(all.map(Box::pin)));
    let (answer, ..) = busy.await.unwrap();
    assert!(matches!(answer, Err(SqlError::Busy)), "{answer:?}");
}

#[track_caller]
fn ends(result: &Result<()>, kind: &str, words: &str, case: &str) {
    let case = &case[..case.floor_char_boundary(120)];
    let (is, text) = match result {
        Err(SqlError::Limit(text)) => ("limit", text),
        Err(SqlError::Invalid(text)) => ("invalid", text),
        other => panic!("{case}: {other:?}"),
    };
    // On a busy machine the time may be over first.
    assert!(is == kind && (text.contains(words) || text.contains("run for")), "{case}: {is} {text:?}");
}

/// How much memory the process has at most, while it is watched.
struct Peak {
    begin: u64,
    peak: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Peak {
    fn watch() -> Self {
        let (peak, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, over) = (peak.clone(), done.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                seen.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { begin: resident(), peak, done }
    }

    fn grown_mib(&self) -> u64 {
        self.done.store(true, Ordering::Relaxed);
        self.peak.load(Ordering::Relaxed).saturating_sub(self.begin) >> 20
    }
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
