//! `ostro:db/sql`: what a function keeps in its databases, what it may say, and what is left after a crash.
//!
//! The guest is `tests/guests-rust/sql-script`: it does what the lines of its body say.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Control, Request, Server, example, shared};

/// Deploys the guest with these grants.
fn deploy(control: &Control, function: &str, grants: &[&str]) {
    control.deploy(function, &example::component("sql-script"), &json!({ "grants": grants }));
}

/// Has it do what the lines say, and returns its lines.
fn run(server: &Server, host: &str, lines: &str) -> Vec<String> {
    let answer = Request::new("POST", "/", &format!("{host}.localhost")).body(lines).send(server.listen);
    answer.expect_status(200).text().lines().map(str::to_owned).collect()
}

const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) ";

#[test]
fn what_is_written_is_read() {
    let server = shared();
    deploy(&server.control(), "sql-plain", &["sql:plain"]);
    let script = "open plain\n\
                  execute CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, v)\n\
                  execute INSERT INTO t (name, v) VALUES (?1, ?2) ## tAda | r0.5\n\
                  execute INSERT INTO t (name, v) VALUES (:name, :v) RETURNING id, name ## v=n | name=tBob\n\
                  query SELECT id, name, v FROM t WHERE id > ?1 ORDER BY id ## i0\n\
                  query SELECT name, count(*) AS n FROM t WHERE v IS :v ## :v=n\n\
                  batch UPDATE t SET v = ?1 ## ~1000 ;; DELETE FROM t WHERE name = ?1 ## tBob ;; SELECT v FROM t\n\
                  execute INSERT INTO t (name) VALUES (?1) ## tAda\n\
                  query SELEC\n\
                  query DELETE FROM t";
    assert_eq!(
        run(&server, "sql-plain", script),
        [
            "ok",
            "0",
            "1 id 1",
            "1 id 2 [id,name] 2,'Bob'",
            "[id,name,v] 1,'Ada',0.5 / 2,'Bob',null",
            "[name,n] 'Bob',1",
            "2; 1; 0 [v] 1000 bytes",
            "constraint: UNIQUE constraint failed: t.name",
            "invalid: near \"SELEC\": syntax error",
            "invalid: this statement writes: use `execute` or `batch`",
        ]
    );
    // Another invocation, in another instance.
    assert_eq!(run(&server, "sql-plain", "open plain\nquery SELECT name FROM t")[1], "[name] 'Ada'");
    let record = server.control().invocations("sql-plain", 2).remove(0);
    let calls = record["bill"]["host_calls"].as_array().unwrap();
    assert!(calls.iter().any(|call| call["interface"] == "ostro:db/sql" && call["calls"] == 2), "{record}");
}

#[test]
fn what_is_not_granted_is_refused_with_the_line_to_add() {
    let server = shared();
    let control = server.control();
    deploy(&control, "sql-guest", &["sql:shared"]);
    run(&server, "sql-guest", "open shared\nexecute CREATE TABLE t (n)\nexecute INSERT INTO t VALUES (7)");
    deploy(&control, "sql-guest", &["sql:shared:read", "sql:put:write"]);
    let refused = run(&server, "sql-guest", "open other");
    assert!(refused[0].starts_with("denied: ") && refused[0].contains("sql:other:read"), "{refused:?}");
    let lines = control.log("sql-guest", 1);
    assert!(lines[0]["message"].as_str().unwrap().contains("sql:other:read"), "{lines:?}");
    let seen = run(
        &server,
        "sql-guest",
        "open shared\nquery SELECT n FROM t\nquery DELETE FROM t\nexecute DELETE FROM t\nexecute SELECT n FROM t\n\
         batch SELECT 1\nfill 2\nquery SELECT count(*) AS c FROM t",
    );
    assert_eq!([&seen[1], &seen[7]], ["[n] 7", "[c] 1"]);
    assert!(seen[2].contains("use `execute`"), "{seen:?}");
    assert!(seen[3..7].iter().all(|line| line.contains("sql:shared:write")), "{seen:?}");
    // What writes can always read.
    let put = run(&server, "sql-guest", "open put\nexecute CREATE TABLE t (n)\nquery SELECT 1");
    assert!(put[1..].iter().all(|line| line.contains("sql:put:read")), "{put:?}");
    let shown = server.cli().args(["show", "sql-guest"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("sql:shared:read") && shown.contains("sql:put:write"), "{shown}");
}

/// Canary bytes in the one project are seen by nothing that the other can do (threat C7).
#[test]
fn c7_projects_do_not_meet() {
    let server = shared();
    for (project, value) in [("sql-left", "canary"), ("sql-right", "other")] {
        deploy(&server.project(project), "keeper", &["sql:same"]);
        let script =
            format!("open same\nexecute CREATE TABLE t (v)\nexecute INSERT INTO t VALUES (?1) ## t{value}");
        assert_eq!(run(&server, &format!("keeper--{project}"), &script)[2], "1 id 1");
    }
    let left = server.data().join("projects");
    let other = walk(&left).into_iter().find(|file| file.ends_with("same.db")).unwrap();
    let seen = run(
        &server,
        "keeper--sql-right",
        &format!(
            "open same\nquery SELECT v FROM t\nquery SELECT * FROM main.t\nquery SELECT name, sql FROM sqlite_schema\n\
             execute ATTACH '{other}' AS left\nquery SELECT v FROM left.t\nexecute VACUUM INTO '/tmp/x'\n\
             query SELECT readfile('{other}')\nquery SELECT * FROM pragma_database_list\nopen ../same\nopen sql-left/same"
        ),
    );
    assert!(!seen.join("\n").contains("canary"), "{seen:?}");
    assert_eq!(seen[1], "[v] 'other'");
    assert!(seen[4..9].iter().all(|line| line.starts_with("invalid: ")), "{seen:?}");
    assert!(seen[9..].iter().all(|line| line.starts_with("denied: ")), "{seen:?}");
}

/// C4 by way of a guest: each is refused with a reason, and the neighbour and the guest itself go on.
#[test]
fn c4_what_no_statement_may() {
    let server = shared();
    deploy(&server.control(), "sql-attack", &["sql:attack"]);
    let memory = server.resident();
    let cases = [
        ("query SELECT name FROM t WHERE name = ?1 ## tx' OR 1 IS 1 --", "[name] "),
        ("query SELECT 1; DELETE FROM t", "invalid: one call runs one statement"),
        ("execute ATTACH ':memory:' AS x", "invalid: ATTACH"),
        ("execute DETACH main", "invalid: ATTACH"),
        ("execute PRAGMA journal_mode = DELETE", "invalid: `PRAGMA journal_mode`"),
        ("query SELECT * FROM pragma_compile_options", "invalid: `PRAGMA compile_options`"),
        ("query SELECT load_extension('x')", "invalid: functions have no SQL function `load_extension`"),
        ("execute VACUUM INTO '/tmp/ostro-stolen.db'", "invalid: cannot VACUUM"),
        ("execute BEGIN", "invalid: a call is a transaction"),
        ("execute CREATE VIRTUAL TABLE f USING fts5 (a)", "invalid: virtual tables"),
        ("execute UPDATE sqlite_schema SET sql = ''", "invalid: table sqlite_master may not be modified"),
        ("query SELECT readfile('/etc/passwd')", "invalid: no such function"),
        ("query SELECT writefile('/tmp/x', 'x')", "invalid: no such function"),
        ("query SELECT randomblob(1000000000)", "limit: a value"),
        ("query SELECT zeroblob(1000000000)", "limit: a value"),
        ("query EXPLAIN SELECT 1", "invalid: EXPLAIN"),
    ];
    let script: String = cases.iter().map(|(line, _)| format!("\n{line}")).collect();
    let script =
        format!("open attack\nexecute CREATE TABLE t (name){script}\nquery SELECT count(*) AS n FROM t");
    let seen = run(&server, "sql-attack", &script);
    for ((line, wanted), answer) in cases.iter().zip(&seen[2..]) {
        assert!(answer.starts_with(wanted), "{line}: {answer}");
    }
    assert_eq!(seen.last().unwrap(), "[n] 0");
    assert!(!std::path::Path::new("/tmp/ostro-stolen.db").exists());
    let grown = server.resident().saturating_sub(memory) >> 20;
    assert!(grown < 300, "memory has grown by {grown} MiB");
}

/// Statements without end hold up neither other functions nor other statements, and end after five seconds, or when a sort fills the disk.
#[test]
fn c4_statements_without_end() {
    let server = shared();
    deploy(&server.control(), "sql-endless", &["sql:endless"]);
    deploy(&server.project("sql-calm"), "calm", &["sql:calm"]);
    run(&server, "calm--sql-calm", "open calm\nexecute CREATE TABLE t (n)\nexecute INSERT INTO t VALUES (1)");
    run(&server, "sql-endless", "open endless\nexecute CREATE TABLE t (n)");
    let attacks = [
        "query @SELECT count(*) FROM n",
        "query @SELECT randomblob(1000) FROM n ORDER BY 1",
        "query @SELECT count(*) FROM n a, n b WHERE a.x < 0",
        "query @SELECT count(*) FROM n GROUP BY randomblob(100)",
        "query @SELECT group_concat(x) FROM n",
        "execute @INSERT INTO t SELECT x FROM n WHERE x < 0",
    ];
    std::thread::scope(|scope| {
        let running: Vec<_> = attacks
            .iter()
            .map(|attack| {
                let (server, script) = (&server, format!("open endless\n{}", attack.replace('@', ENDLESS)));
                scope.spawn(move || {
                    let begin = Instant::now();
                    (run(server, "sql-endless", &script).remove(1), begin.elapsed())
                })
            })
            .collect();
        let (mut slowest, mut asked) = (Duration::ZERO, 0);
        while running.iter().any(|attack| !attack.is_finished()) {
            let begin = Instant::now();
            let script = "open calm\nquery SELECT n FROM t\nexecute UPDATE t SET n = 1";
            assert_eq!(run(&server, "calm--sql-calm", script)[1..], ["[n] 1", "1"]);
            slowest = slowest.max(begin.elapsed());
            asked += 1;
        }
        assert!(asked > 20 && slowest < Duration::from_secs(3), "{asked} times, {slowest:?}");
        for (attack, ended) in attacks.iter().zip(running) {
            let (answer, took) = ended.join().unwrap();
            let is_late = answer.starts_with("limit: the statements of a call run for 5 s");
            // A sort may end before by what it writes: that depends on the disk.
            let is_full =
                attack.contains(" BY ") && answer.starts_with("limit: there is no more room for temporary");
            assert!(is_late || is_full, "{attack}: {answer}");
            assert!(took < Duration::from_secs(25), "{attack}: {took:?}");
        }
    });
    assert_eq!(run(&server, "sql-endless", "open endless\nquery SELECT count(*) AS n FROM t")[1], "[n] 0");
}

#[test]
fn limits_hold_at_their_edge() {
    let server = shared();
    deploy(&server.control(), "sql-edge", &["sql:edge"]);
    let script = "open edge\nexecute CREATE TABLE t (v)\n\
                  execute INSERT INTO t VALUES (?1) ## ~1048000\n\
                  execute INSERT INTO t VALUES (?1) ## ~1048577\n\
                  fill 1000\nfill 1001\n\
                  query WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100001) SELECT x FROM n\n\
                  query SELECT count(*) AS n FROM t";
    let seen = run(&server, "sql-edge", script);
    let is_limit: Vec<bool> = seen[2..7].iter().map(|line| line.starts_with("limit: ")).collect();
    assert_eq!(is_limit, [false, true, false, true, true], "{seen:?}");
    assert_eq!(seen[7], "[n] 1001");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut server = Server::start();
    deploy(&server.control(), "sql-kept", &["sql:kept"]);
    run(
        &server,
        "sql-kept",
        "open kept\nexecute CREATE TABLE t (n)\nfill 100\nexecute INSERT INTO t VALUES (7)",
    );
    server.kill9();
    server.restart();
    let seen = run(&server, "sql-kept", "open kept\nquery SELECT count(*) AS c, sum(n) AS s FROM t\nfill 1");
    assert_eq!(seen[1..], ["[c,s] 101,107", "1"]);
}

#[test]
fn a_database_goes_with_its_project() {
    let server = shared();
    let control = server.project("sql-gone");
    deploy(&control, "keeper", &["sql:same"]);
    run(&server, "keeper--sql-gone", "open same\nexecute CREATE TABLE t (n)");
    control.delete("/v1/projects/sql-gone").expect_status(204);
    let control = server.project("sql-gone");
    deploy(&control, "keeper", &["sql:same"]);
    let seen = run(&server, "keeper--sql-gone", "open same\nquery SELECT n FROM t");
    assert_eq!(seen[1], "invalid: no such table: t");
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path.display().to_string()),
        }
    }
    files
}
