//! `ostro serve`: from flags to a running server, and what to say once it answers.

pub(super) mod log;

use std::{ffi::OsString, path::Path};

use runtime::{
    app::{self, Ready},
    config::{Config, Flags},
    problem::Problem,
};
use serde_json::json;

use super::Context;
use crate::{
    args::ServeArgs,
    connection::{Connection, Connections, LOCAL, ServerUrl, Token},
    failure::{Failure, Word},
    output::Form,
};

/// `ostro serve`. Returns when the server has drained.
pub(super) fn run(context: &Context, args: ServeArgs) -> Result<(), Failure> {
    let format = args.log_format;
    let flags = Flags { smtp_password: secret("OSTRO_SMTP_PASSWORD")?, ..flags(args, master_key()?) };
    let config = Config::new(flags).map_err(failure)?;
    log::start(config.log.as_deref(), format, context.out.word_paint())?;
    app::run(config, |ready| announce(context, ready)).map_err(failure)
}

/// The key that seals secrets.
pub(super) fn master_key() -> Result<Option<String>, Failure> {
    secret("OSTRO_MASTER_KEY").map_err(|failure| failure.hint("`openssl rand -hex 32` makes a key"))
}

/// What is secret has no flag: a command line can be seen by others.
fn secret(variable: &str) -> Result<Option<String>, Failure> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    let value = value.map(OsString::into_string).transpose();
    value.map_err(|_| Failure::usage(format!("{variable} is not UTF-8 text")))
}

fn flags(args: ServeArgs, master_key: Option<String>) -> Flags {
    Flags {
        data: args.data,
        listen: args.listen,
        admin: args.admin,
        domain: args.domain,
        config: args.config,
        key_file: args.key_file,
        master_key,
        executors: args.executors,
        trusted_proxies: args.trusted_proxies,
        admin_hosts: args.admin_hosts,
        log: args.log,
        max_memory: args.max_memory,
        max_instances: args.max_instances,
        project_rate: args.project_rate,
        object_quota: args.object_quota,
        smtp: args.smtp,
        smtp_user: args.smtp_user,
        smtp_password: None,
        mail_from: args.mail_from,
        header_timeout: args.header_timeout,
        drain_timeout: args.drain_timeout,
    }
}

/// A setting that makes no sense is wrong use.
pub(super) fn failure(problem: Problem) -> Failure {
    let Problem { code, message, hint, detail, .. } = problem;
    let word = Box::new(Word { code: code.to_owned(), message, hint, detail, excerpt: None });
    match code {
        "config" => Failure::Usage(word),
        _ => Failure::Failed(word),
    }
}

/// Says where the server is and what to do next. Nothing here can stop the server.
fn announce(context: &Context, ready: &Ready) {
    let out = &context.out;
    // Saved before anybody is told that the server is up: who then calls it finds this one and no other.
    let saved = save(ready);
    if out.form() == Form::Json {
        // A reader that has gone does not matter to the server.
        let _ =
            out.json_line(&json!({ "listen": ready.listen.to_string(), "admin": ready.admin.to_string() }));
    }
    let domain = ready.domain.as_deref().unwrap_or("localhost");
    out.word(&format!("Ostro {} is up", env!("CARGO_PKG_VERSION")));
    out.word(&format!(
        "  functions    http://NAME.{domain}:{}/ and http://{}/NAME/",
        ready.listen.port(),
        ready.listen
    ));
    out.word(&format!("  control API  http://{}", ready.admin));
    if ready.first_start {
        out.word(&format!("  admin token  in {}", ready.token_file.display()));
    }
    next_steps(ready, saved).iter().for_each(|step| out.word(step));
}

/// Whether commands of this user find the server.
#[derive(Debug, PartialEq, Eq)]
enum Saved {
    /// They use it.
    Current,
    /// They use another one unless told otherwise.
    BesideCurrent(String),
    /// It listens for other machines: a connection is made by `ostro login`.
    NotLoopback,
    /// It could not be saved.
    Failed(String),
}

/// Keeps the user's connection `local` up to date.
fn save(ready: &Ready) -> Saved {
    if !ready.admin.ip().is_loopback() {
        return Saved::NotLoopback;
    }
    match Connections::file().and_then(|file| put(ready, &file)) {
        Ok(saved) => saved,
        Err(failure) => Saved::Failed(failure.word().map(|word| word.message.clone()).unwrap_or_default()),
    }
}

fn put(ready: &Ready, file: &Path) -> Result<Saved, Failure> {
    let before = Connections::load(file)?;
    let mut connections = before.clone();
    connections.put(Connection {
        name: LOCAL.to_owned(),
        url: ServerUrl::parse(&format!("http://{}", ready.admin))?,
        token: Token::from(ready.token.clone()),
        project: None,
    });
    if connections != before {
        connections.save(file)?;
    }
    Ok(match connections.current {
        Some(current) if current != LOCAL => Saved::BesideCurrent(current),
        _ => Saved::Current,
    })
}

fn next_steps(ready: &Ready, saved: Saved) -> Vec<String> {
    let token = ready.token_file.display();
    match saved {
        Saved::Current => {
            vec!["Next, in another terminal: `ostro deploy FILE.wasm`. Ctrl-C stops the server.".to_owned()]
        }
        Saved::BesideCurrent(current) => vec![
            format!("Your commands go to the connection `{current}`; `--url {LOCAL}` sends them here."),
            format!(
                "Next, in another terminal: `ostro --url {LOCAL} deploy FILE.wasm`. Ctrl-C stops the server."
            ),
        ],
        Saved::NotLoopback => vec![
            format!("The control API listens for other machines on {}; put TLS before it.", ready.admin),
            format!("Next, where you work: `ostro login URL < {token}`. Ctrl-C stops the server."),
        ],
        Saved::Failed(reason) => vec![
            format!("The connection for your user was not saved: {reason}"),
            format!(
                "Next, in another terminal: set OSTRO_URL=http://{} and OSTRO_TOKEN (it is in {token}), then \
                 `ostro deploy FILE.wasm`.",
                ready.admin
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Server, Typed};

    fn ready(admin: &str) -> Ready {
        Ready {
            listen: "127.0.0.1:8700".parse().unwrap(),
            admin: admin.parse().unwrap(),
            token: "ostro_admin000_x".to_owned(),
            token_file: "/srv/ostro/admin.token".into(),
            domain: None,
            first_start: true,
        }
    }

    #[test]
    fn commands_find_the_server_and_other_connections_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connections.toml");
        assert_eq!(put(&ready("127.0.0.1:8701"), &file).unwrap(), Saved::Current);
        assert_eq!(put(&ready("[::1]:9"), &file).unwrap(), Saved::Current);

        let mut connections = Connections::load(&file).unwrap();
        let server = Server::from(Typed::default(), &connections).unwrap();
        assert_eq!(server.url.to_string(), "http://[::1]:9");
        assert_eq!(server.token.unwrap().text(), "ostro_admin000_x");

        connections.put(Connection {
            name: "far".to_owned(),
            url: ServerUrl::parse("https://example.com").unwrap(),
            token: Token::from("t".to_owned()),
            project: None,
        });
        connections.current = Some("far".to_owned());
        connections.save(&file).unwrap();
        let saved = put(&ready("127.0.0.1:8701"), &file).unwrap();
        assert_eq!(saved, Saved::BesideCurrent("far".to_owned()));
        let connections = Connections::load(&file).unwrap();
        let chosen = Server::from(Typed::default(), &connections).unwrap();
        assert_eq!(chosen.url.to_string(), "https://example.com");
        assert!(next_steps(&ready("127.0.0.1:8701"), saved).concat().contains("--url local deploy"));
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connections.toml");
        std::fs::write(&file, "broken").unwrap();
        assert!(put(&ready("127.0.0.1:8701"), &file).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "broken");
    }

    #[test]
    fn a_public_control_api_is_not_saved_and_its_token_not_shown() {
        let ready = ready("0.0.0.0:8701");
        assert_eq!(save(&ready), Saved::NotLoopback);
        let text = next_steps(&ready, Saved::NotLoopback).concat();
        assert!(text.contains("/srv/ostro/admin.token") && !text.contains("ostro_admin000_x"), "{text}");
    }
}
