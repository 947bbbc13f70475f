//! Who calls, and what they may do.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use store::catalog::{Project, ProjectId, Scope};
use subtle::ConstantTimeEq;

use super::ControlState;
use crate::bearer::bearer;
use crate::problem::Problem;

/// Public part of the server's own token, which is in no catalog.
pub(super) const ADMIN_PREFIX: &str = "admin000";
const PREFIX_CHARACTERS: usize = 8;

/// The hash of the server's own token.
#[derive(Clone)]
pub struct AdminToken {
    hash: [u8; 32],
}

impl AdminToken {
    /// From the token's text, `ostro_admin000_SECRET`.
    pub fn new(text: &str) -> Result<Self, Problem> {
        match TokenText::parse(text.trim()) {
            Some(token) if token.prefix == ADMIN_PREFIX => Ok(Self { hash: hash(token.secret) }),
            _ => {
                Err(Problem::new(500, "admin_token", "the file admin.token does not hold the server's token")
                    .hint("delete it and start the server again: it writes a new one"))
            }
        }
    }
}

/// Whoever made the request. As an argument of a handler it refuses the rest with 401.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// As the audit log names it.
    pub(super) actor: String,
    /// The project the token is limited to.
    pub(super) project: Option<ProjectId>,
    /// What it may do.
    pub(super) scopes: Vec<Scope>,
}

impl Caller {
    /// The named project, when the caller may do that in it. A foreign project gets the very answer of one
    /// that does not exist, after the same look-up.
    pub(super) async fn project(
        &self,
        state: &ControlState,
        name: &str,
        need: Scope,
    ) -> Result<Project, Problem> {
        let found = state.parts.projects.by_name(name).await?;
        let id = found.as_ref().map(|project| project.id);
        match (self.decide(Place::Project(id), need), found) {
            (Access::Granted, Some(project)) => Ok(project),
            (Access::Forbidden, _) => Err(forbidden(need)),
            (Access::Hidden | Access::Granted, _) => Err(Problem::not_found("project")),
        }
    }

    /// Whether the caller may do that on the whole server.
    pub(super) fn server(&self, need: Scope) -> Result<(), Problem> {
        match self.decide(Place::Server, need) {
            Access::Granted => Ok(()),
            Access::Hidden | Access::Forbidden => {
                Err(forbidden(need).hint("this takes a token of the server"))
            }
        }
    }

    fn decide(&self, place: Place, need: Scope) -> Access {
        let limited_to = self.project;
        let scoped = self.scopes.contains(&need) || self.scopes.contains(&Scope::Admin);
        match (place, limited_to) {
            (Place::Project(None), _) => Access::Hidden,
            (Place::Project(Some(place)), Some(own)) if place != own => Access::Hidden,
            (Place::Server, Some(_)) => Access::Forbidden,
            _ if scoped => Access::Granted,
            _ => Access::Forbidden,
        }
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
enum Place {
    Server,
    /// A project; `None` when there is none of that name.
    Project(Option<ProjectId>),
}

/// What the caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Granted,
    /// Theirs, but the token lacks the scope.
    Forbidden,
    /// Nothing that they may know of.
    Hidden,
}

impl FromRequestParts<ControlState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ControlState) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).and_then(TokenText::parse).ok_or_else(unauthenticated)?;
        let presented = hash(token.secret);
        if token.prefix == ADMIN_PREFIX {
            return match same(&presented, &state.parts.admin.hash) {
                true => Ok(Self { actor: "admin".to_owned(), project: None, scopes: vec![Scope::Admin] }),
                false => Err(unauthenticated()),
            };
        }
        let stored = state.parts.tokens.by_prefix(token.prefix).await?;
        // An unknown prefix takes the same comparison, against a hash that nothing has.
        let expected = stored.as_ref().map_or([0; 32], |stored| stored.hash);
        match (same(&presented, &expected), stored) {
            (true, Some(stored)) => Ok(Self {
                actor: format!("token:{}", stored.prefix),
                project: stored.project,
                scopes: stored.scopes,
            }),
            _ => Err(unauthenticated()),
        }
    }
}

/// The parts of `ostro_PREFIX_SECRET`.
#[derive(Debug, PartialEq, Eq)]
struct TokenText<'a> {
    prefix: &'a str,
    secret: &'a str,
}

impl<'a> TokenText<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (prefix, secret) = text.strip_prefix("ostro_")?.split_once('_')?;
        let well_formed = prefix.len() == PREFIX_CHARACTERS
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && !secret.is_empty();
        well_formed.then_some(Self { prefix, secret })
    }
}

/// What is kept of a token's secret part.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

fn unauthenticated() -> Problem {
    Problem::new(401, "unauthenticated", "the token is missing or not valid")
        .hint("send Authorization: Bearer TOKEN; `ostro login` stores one")
}

fn forbidden(need: Scope) -> Problem {
    let scope = match need {
        Scope::Deploy => "deploy",
        Scope::Read => "read",
        Scope::Invoke => "invoke",
        Scope::Admin => "admin",
    };
    Problem::new(403, "forbidden", format!("this takes a token with the scope `{scope}`"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn f8_scopes_by_place() {
        let (own, foreign) = (ProjectId(Uuid::from_u128(1)), ProjectId(Uuid::from_u128(2)));
        let needs = [Scope::Read, Scope::Deploy, Scope::Invoke, Scope::Admin];
        for held in needs {
            for need in needs {
                let expected = match held == need || held == Scope::Admin {
                    true => Access::Granted,
                    false => Access::Forbidden,
                };
                let caller = |project| Caller { actor: String::new(), project, scopes: vec![held] };
                let of_project = |place| caller(Some(own)).decide(place, need);
                let of_server = |place| caller(None).decide(place, need);
                let row = format!("{held:?} for {need:?}");
                assert_eq!(of_project(Place::Project(Some(own))), expected, "own project: {row}");
                assert_eq!(of_project(Place::Project(Some(foreign))), Access::Hidden, "foreign: {row}");
                assert_eq!(of_project(Place::Project(None)), Access::Hidden, "missing: {row}");
                assert_eq!(of_project(Place::Server), Access::Forbidden, "server: {row}");
                assert_eq!(of_server(Place::Project(Some(own))), expected, "server token: {row}");
                assert_eq!(of_server(Place::Project(None)), Access::Hidden, "server token: {row}");
                assert_eq!(of_server(Place::Server), expected, "server token: {row}");
            }
        }
    }

    #[test]
    fn token_texts() {
        let parsed = TokenText::parse("ostro_abcd1234_sec_ret").unwrap();
        assert_eq!((parsed.prefix, parsed.secret), ("abcd1234", "sec_ret"));
        for wrong in [
            "",
            "ostro_",
            "ostro_abcd1234",
            "ostro_abcd1234_",
            "ostro_ABCD1234_x",
            "ostro_abcd123_x",
            "ostro_abcd12345_x",
            "ostr_abcd1234_x",
            "ostro_abcd123'_x",
            "ostro__x",
        ] {
            assert_eq!(TokenText::parse(wrong), None, "{wrong}");
        }
        assert!(AdminToken::new("ostro_admin000_x\n").is_ok());
        assert!(AdminToken::new("ostro_abcd1234_x").is_err());
    }
}
