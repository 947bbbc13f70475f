//! `ostro login`: saves a connection, once the server has accepted the token.

use std::io::{self, IsTerminal as _, Read as _};

use runtime::control::wire::Whoami;
use serde_json::json;

use super::{Context, token::scopes_text};
use crate::{
    args::LoginArgs,
    client::{self, Client},
    connection::{Connection, Connections, Server, ServerUrl, Token, Typed},
    failure::Failure,
};

/// Longest token that is read, bytes.
const MAX_TOKEN_BYTES: u64 = 4 << 10;

/// `ostro login`.
pub(super) fn run(context: &Context, args: &LoginArgs) -> Result<(), Failure> {
    let url = ServerUrl::parse(&args.server)?;
    let name = match &args.name {
        Some(name) => checked(name)?.to_owned(),
        None => url.host().to_owned(),
    };
    let token = match context.typed().token.filter(|token| !token.text().is_empty()) {
        Some(token) => token.clone(),
        None => read_token(context)?,
    };
    let typed = Typed { url: Some(&url.to_string()), token: Some(&token), ..context.typed() };
    let client = Client::new(Server::choose(typed)?);
    let who: Whoami = client.get(&client::path(&["whoami"]), &[])?;

    let file = Connections::file()?;
    let mut connections = Connections::load(&file)?;
    connections.put(Connection { name: name.clone(), url, token, project: who.project.clone() });
    connections.current = Some(name.clone());
    connections.save(&file)?;

    let saved = json!({ "name": name, "url": client.url().to_string(), "whoami": who });
    context.out.show(&saved, |_| {
        let place =
            who.project.as_ref().map_or("the server".to_owned(), |project| format!("project {project}"));
        context.out.word(&format!(
            "logged in to {} (Ostro {}) as {}: {} for {place}",
            client.url(),
            who.server_version,
            who.actor,
            scopes_text(&who.scopes)
        ));
        context
            .out
            .word(&format!("saved as `{name}`, which commands use from now on, in {}", file.display()));
        Ok(())
    })
}

/// A name has to be told from a URL.
fn checked(name: &str) -> Result<&str, Failure> {
    match !name.is_empty() && !name.contains(['/', ':']) && !name.contains(char::is_whitespace) {
        true => Ok(name),
        false => Err(Failure::usage("the name of a connection has no `/`, `:` or space")),
    }
}

fn read_token(context: &Context) -> Result<Token, Failure> {
    let mut text = String::new();
    let stdin = io::stdin();
    let read = if stdin.is_terminal() {
        context.out.word("paste the token, then Enter:");
        stdin.read_line(&mut text)
    } else {
        stdin.lock().take(MAX_TOKEN_BYTES).read_to_string(&mut text)
    };
    read.map_err(|error| Failure::io("standard input", &error))?;
    let token = Token::from(text);
    match token.text().is_empty() {
        false => Ok(token),
        true => Err(Failure::usage("there is no token on standard input")
            .hint("`ostro login URL < FILE`, or OSTRO_TOKEN")),
    }
}
