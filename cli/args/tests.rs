//! What can be typed, and what cannot.

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_visible_command_says_what_it_does() {
    for command in Cli::command().get_subcommands() {
        assert!(command.get_about().is_some(), "{} has no word about it", command.get_name());
    }
}

#[test]
fn global_options_may_stand_after_the_command() {
    let cli = Cli::try_parse_from(["ostro", "list", "--project", "shop", "--json"]).unwrap();
    assert_eq!(cli.global.project.as_deref(), Some("shop"));
    assert!(cli.global.json);
}

#[test]
fn wrong_use_exits_with_two() {
    for line in [
        &["ostro", "nonsense"][..],
        &["ostro", "show"],
        &["ostro", "show", ""],
        &["ostro", "deploy", "--env", "NOVALUE"],
        &["ostro", "deploy", "--route", "no-slash"],
        &["ostro", "logs", "hello", "--since", "soon"],
        &["ostro", "token", "create", "--label", "x", "--scope", "everything"],
        &["ostro", "rollback", "hello", "--to", "0"],
        &["ostro", "deploy", "a.wasm", "--timezone", "UTC"],
        &["ostro", "cron", "pause"],
        &["ostro", "cron", "start", "x"],
        &["ostro", "queue", "send", "mail"],
        &["ostro", "queue", "send", "mail", "--lines", "a.txt"],
        &["ostro", "queue", "send", "mail", "--lines", "-", "--data", "x"],
        &["ostro", "queue", "send", "mail", "--lines", "-", "--key", "x"],
        &["ostro", "queue", "peek", "mail", "--state", "pending"],
        &["ostro", "queue", "dead", "mail", "--limit", "101"],
        &["ostro", "queue", "redrive", "mail", "not-an-id"],
        &["ostro", "jobs", "show", "../tokens"],
        &["ostro", "jobs", "list"],
        &["ostro", "db", "find"],
        &["ostro", "db", "find", "users", "{}", "--limit", "0"],
        &["ostro", "db", "find", "users", "{}", "--limit", "5", "--all"],
        &["ostro", "db", "find", "users", "--skip", "1000001"],
        &["ostro", "db", "find", "users", "--sort", "{age: 1}"],
        &["ostro", "db", "find", "users", "--fields", ""],
        &["ostro", "db", "get", "users", ""],
        &["ostro", "db", "update", "users", "{}"],
        &["ostro", "db", "delete", "users"],
        &["ostro", "db", "import", "users"],
        &["ostro", "db", "import", "users", "-", "--upsert", "--skip-existing"],
        &["ostro", "db", "export"],
        &["ostro", "storage", "put", "avatars"],
        &["ostro", "storage", "get", "avatars", ""],
        &["ostro", "storage", "rm", "avatars"],
        &["ostro", "storage", "ls", "avatars", "--limit", "0"],
        &["ostro", "backup"],
        &["ostro", "restore"],
        &["ostro", "db", "export", "users", "--all", "dir"],
    ] {
        assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), 2, "{line:?}");
    }
}

#[test]
fn triggers_are_typed_as_the_help_says() {
    for line in [
        &["ostro", "deploy", "a.wasm", "--cron", "*/5 * * * *", "--cron", "@daily", "--timezone", "UTC"][..],
        &["ostro", "deploy", "a.wasm", "--queue", "mail", "--queue", "post", "--job-cpu", "5m"],
        &["ostro", "cron", "ls", "--json"],
        &["ostro", "cron", "run", "nightly-report"],
        &["ostro", "queue", "send", "mail", "--data", "-1", "--delay", "10s", "--order", "-a"],
        &["ostro", "queue", "send", "mail", "--lines", "-"],
        &["ostro", "queue", "redrive", "mail", "019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7d"],
        &["ostro", "queue", "purge", "mail", "--dead", "-y"],
        &["ostro", "invoke", "report", "--async", "--data", "{}"],
        &["ostro", "jobs", "list", "report", "--state", "dead", "--limit", "100"],
        &["ostro", "jobs", "redrive", "019c2f6e-8a41-7c30-9d52-6f1f0e6a3b7d"],
    ] {
        assert!(Cli::try_parse_from(line).is_ok(), "{line:?}: {:?}", Cli::try_parse_from(line).err());
    }
}

#[test]
fn documents_are_typed_as_the_help_says() {
    for line in [
        &["ostro", "db", "ls"][..],
        &[
            "ostro",
            "db",
            "create",
            "orders",
            "--index",
            "customer,placed",
            "--index",
            "state",
            "--unique",
            "number",
        ],
        &[
            "ostro",
            "db",
            "find",
            "users",
            "{\"age\": 1}",
            "--sort",
            "-age,name",
            "--limit",
            "10",
            "--skip",
            "1000000",
        ],
        &["ostro", "db", "find", "users", "@filter.json", "--fields", "-secret", "--all"],
        &["ostro", "db", "get", "users", "-1"],
        &["ostro", "db", "insert", "users"],
        &["ostro", "db", "insert", "users", "-"],
        &["ostro", "db", "update", "users", "{}", "{}", "--one", "--sort", "-age", "--upsert"],
        &["ostro", "db", "delete", "users", "{}", "-y"],
        &["ostro", "db", "import", "users", "-", "--upsert"],
        &["ostro", "db", "export", "users", "users.jsonl"],
        &["ostro", "db", "export", "--all", "dir"],
        &["ostro", "storage", "ls"],
        &["ostro", "storage", "ls", "avatars", "a/", "--all"],
        &["ostro", "storage", "put", "avatars", "../a b"],
        &["ostro", "storage", "put", "avatars", "a", "-", "--content-type", "image/png"],
        &["ostro", "storage", "get", "avatars", "a", "file"],
        &["ostro", "storage", "rm", "avatars", "a", "b"],
    ] {
        assert!(Cli::try_parse_from(line).is_ok(), "{line:?}: {:?}", Cli::try_parse_from(line).err());
    }
}

#[test]
fn every_command_below_another_says_what_it_does() {
    for parent in Cli::command().get_subcommands() {
        for command in parent.get_subcommands() {
            let path = format!("{} {}", parent.get_name(), command.get_name());
            assert!(command.get_about().is_some(), "{path} has no word about it");
        }
    }
}
