//! `ostro token`: create, list, revoke.

use runtime::control::wire::{CreatedToken, NewToken, Scope, TokenList};

use super::Context;
use crate::{
    args::TokenCommand,
    client::{self, Client},
    failure::Failure,
    output::{Table, units},
};

/// `ostro token`.
pub(super) fn run(context: &Context, command: &TokenCommand) -> Result<(), Failure> {
    let (TokenCommand::Create { server, .. }
    | TokenCommand::List { server }
    | TokenCommand::Revoke { server, .. }) = command;
    let place = if *server { Place::of_server(context)? } else { Place::of_project(context)? };
    match command {
        TokenCommand::Create { label, scopes, .. } => {
            let new = NewToken { label: label.clone(), scopes: scopes.clone() };
            create(context, &place, &new)
        }
        TokenCommand::List { .. } => list(context, &place),
        TokenCommand::Revoke { prefix, .. } => revoke(context, &place, prefix),
    }
}

/// Whose tokens: the server's or a project's.
#[derive(Debug)]
struct Place {
    client: Client,
    parents: Vec<String>,
    name: String,
}

impl Place {
    fn of_server(context: &Context) -> Result<Self, Failure> {
        Ok(Self { client: context.client()?, parents: Vec::new(), name: "the server".to_owned() })
    }

    fn of_project(context: &Context) -> Result<Self, Failure> {
        let session = context.session()?;
        let name = format!("project {}", session.project);
        Ok(Self { client: session.client, parents: vec!["projects".to_owned(), session.project], name })
    }

    fn path(&self, below: &[&str]) -> String {
        let mut segments: Vec<&str> = self.parents.iter().map(String::as_str).collect();
        segments.push("tokens");
        segments.extend(below);
        client::path(&segments)
    }
}

fn create(context: &Context, place: &Place, new: &NewToken) -> Result<(), Failure> {
    let token: CreatedToken = place.client.post(&place.path(&[]), new)?;
    context.out.show(&token, |token| {
        context.out.word(&format!(
            "created token {} for {} ({}); its text is shown only now:",
            token.prefix,
            place.name,
            scopes_text(&token.scopes)
        ));
        context.out.line(&token.token)
    })
}

fn list(context: &Context, place: &Place) -> Result<(), Failure> {
    let list: TokenList = place.client.get(&place.path(&[]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["PREFIX", "LABEL", "SCOPES", "CREATED"]);
        for token in &list.tokens {
            table.row([
                token.prefix.clone(),
                token.label.clone(),
                scopes_text(&token.scopes),
                units::time_to_second(token.created_ms),
            ]);
        }
        context.out.table(&table, &format!("no tokens of {}", place.name))
    })
}

fn revoke(context: &Context, place: &Place, prefix: &str) -> Result<(), Failure> {
    place.client.delete(&place.path(&[prefix]))?;
    context.out.word(&format!("revoked token {prefix} of {}", place.name));
    Ok(())
}

/// As `--scope` takes them.
pub(super) fn scopes_text(scopes: &[Scope]) -> String {
    let words: Vec<&str> = scopes
        .iter()
        .map(|scope| match scope {
            Scope::Deploy => "deploy",
            Scope::Read => "read",
            Scope::Invoke => "invoke",
            Scope::Admin => "admin",
        })
        .collect();
    words.join(",")
}
