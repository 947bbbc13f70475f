//! The integration tests: one executable that runs the product as its users do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]
#![allow(clippy::print_stderr, reason = "a failing test tells what the server said")]
#![allow(clippy::disallowed_methods, reason = "tests measure time and read their environment")]
#![allow(unreachable_pub, reason = "nothing of a test executable can be reached from outside")]

mod support;

mod accounts;
mod backup;
mod canary;
mod cgi;
mod cli;
mod client_description;
mod client_documents;
mod client_objects;
mod client_sdk;
mod clock;
mod contract;
mod crash;
mod cron;
mod db;
mod deploy;
mod dev;
mod events;
mod examples_js;
mod floods;
mod front_door;
mod full_disk;
mod functions;
mod identity;
mod invoke;
mod isolation;
mod jobs;
mod js;
mod js_build;
mod keyvalue;
mod limits;
mod logs;
mod new;
mod objects;
mod outbound;
mod p3;
mod producer;
mod projects;
mod queue;
mod ready_made;
mod realtime;
mod rollback;
mod rules;
mod sdk_rust;
mod secrets;
mod shutdown;
mod site;
mod smuggling;
mod sql;
mod storage;
mod streams;
mod thumbnails;
mod tidy;
mod upload;

use support::guest;

/// The sources of the tests, to see which guests they use.
const SOURCES: &[&str] = &[
    include_str!("backup.rs"),
    include_str!("cgi.rs"),
    include_str!("cli.rs"),
    include_str!("clock.rs"),
    include_str!("crash.rs"),
    include_str!("cron.rs"),
    include_str!("deploy.rs"),
    include_str!("dev.rs"),
    include_str!("front_door.rs"),
    include_str!("functions.rs"),
    include_str!("invoke.rs"),
    include_str!("isolation.rs"),
    include_str!("jobs.rs"),
    include_str!("limits.rs"),
    include_str!("logs.rs"),
    include_str!("outbound.rs"),
    include_str!("p3.rs"),
    include_str!("producer.rs"),
    include_str!("projects.rs"),
    include_str!("queue.rs"),
    include_str!("rollback.rs"),
    include_str!("secrets.rs"),
    include_str!("shutdown.rs"),
    include_str!("streams.rs"),
    include_str!("upload.rs"),
];

#[test]
fn every_guest_is_valid_and_has_a_test() {
    for name in guest::names() {
        let quoted = format!("\"{name}\"");
        assert!(SOURCES.iter().any(|source| source.contains(&quoted)), "no test uses the guest {name}");
        assert!(guest::component(&name).starts_with(b"\0asm\x0d\0\x01\0"), "{name} is no component");
        assert!(guest::core_module(&name).starts_with(b"\0asm\x01\0\0\0"), "{name} is no module");
    }
    for name in guest::commands() {
        let call = format!("guest::command(\"{name}\")");
        let listed = format!("(\"{name}\", json!");
        let used = |source: &&str| source.contains(&call) || source.contains(&listed);
        assert!(SOURCES.iter().any(used), "no test uses the command {name}");
        assert!(guest::command(&name).starts_with(b"\0asm\x01\0\0\0"), "{name} is no module");
    }
}
